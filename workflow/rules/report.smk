rule render_report:
    input:
        expand(
            "<results>/{trait}/{file}",
            trait=project.traits,
            file=[
                "phenotypes.tsv",
                "dropped.tsv",
                "plan.tsv",
                "comparison.tsv",
                "candidates.tsv",
                "intervals.tsv",
                "association.parquet",
                "regions.tsv",
                "region_methods.tsv",
                *project.selection_tables,
            ],
        ),
        expand(
            "<results>/{trait}/{model}/{file}",
            trait=project.traits,
            model=project.scored_models,
            file=["predictions.parquet", "scores.tsv"],
        ),
        expand(
            "<results>/{trait}/{model}/{file}",
            trait=project.traits,
            model=project.models,
            file=["history.parquet", "saliency.parquet", "facts.tsv", "run.json"],
        ),
        expand(
            f"<results>/{{trait}}/{ENSEMBLE}/weights.tsv",
            trait=project.traits if project.has_ensemble else [],
        ),
        genotypes="<results>/genotypes/codes.json",
        structure=expand(
            "<results>/genotypes/{file}", file=["structure.tsv", "structure.json"]
        ),
        phenotypes=project.config["phenotypes"]["path"],
        template=expand(
            f"{PACKAGE.parent}/report/{{file}}",
            file=["page.html", "style.css", "charts.js", "tables.js", "traits.js"],
        ),
    output:
        report="<results>/report.html",
        summary="<results>/summary.json",
    log:
        "<logs>/render_report.log",
    benchmark:
        "<benchmarks>/render_report.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=5,
    params:
        settings=lambda wildcards: project.report_settings(),
        code=code_hash("render_report"),
    message:
        "Write the report"
    script:
        "../scripts/render_report.py"
