rule render_report:
    input:
        *map(results_of, project.traits),
        *project.index_files,
        genotypes="<results>/genotypes/codes.json",
        structure=expand(
            "<results>/genotypes/{file}", file=["structure.tsv", "structure.json"]
        ),
        phenotypes=project.config["phenotypes"]["path"],
    output:
        report=shown(
            "<results>/report.html", "page", "Report", "The report", ALL_TRAITS
        ),
        summary="<results>/summary.json",
        figures=shown(
            directory("<results>/figures"),
            "figures",
            "Figures",
            "{figure}",
            ALL_TRAITS,
            patterns=["{figure}.svg"],
        ),
    log:
        "<logs>/render_report.log",
    benchmark:
        "<benchmarks>/render_report.tsv"
    # before the figures, where both can be made
    priority: 1
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory_by_candidates(2000),
        runtime=time_by_candidates,
    params:
        settings=lambda wildcards: job_settings.render_report(
            steps_before(rules.render_report.rule)
        ),
        code=code_of("render_report"),
        page=lambda wildcards: file_hash(
            PACKAGE.parent / "report", "*.html", "*.css", "*.js"
        ),
    message:
        "Write the report, and draw the figures of all traits together"
    script:
        "../scripts/render_report.py"


# A trait's figures as files: beside the report, which does not wait for them.
rule render_figures:
    input:
        lambda wildcards: results_of(wildcards.trait),
    output:
        figures=shown(
            directory("<results>/{trait}/figures"),
            "figures",
            "Figures",
            "{figure}",
            patterns=["{figure}.svg"],
        ),
    log:
        "<logs>/{trait}/render_figures.log",
    benchmark:
        "<benchmarks>/{trait}/render_figures.tsv"
    group:
        "figures"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory_by_candidates(2000),
        runtime=time_by_candidates,
    params:
        settings=lambda wildcards: job_settings.render_figures(wildcards.trait),
        code=code_of("render_figures"),
    message:
        "Draw the figures of {wildcards.trait}"
    script:
        "../scripts/render_figures.py"
