# The trait table is ancient: what it tells of a trait (`told`) re-runs the trait's jobs.
rule adjust_plots:
    input:
        phenotypes=ancient(project.config["phenotypes"]["path"]),
    output:
        adjusted=shown(
            "<results>/{trait}/adjusted.tsv", "adjusted", "Data", "Adjusted means"
        ),
        heritability=shown(
            "<results>/{trait}/heritability.tsv",
            "heritability",
            "Data",
            "Variances and heritability in the trials",
        ),
    log:
        "<logs>/{trait}/adjust_plots.log",
    benchmark:
        "<benchmarks>/{trait}/adjust_plots.tsv"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.adjust_plots(wildcards.trait),
        told=lambda wildcards: project.told[wildcards.trait],
        code=code_of("adjust_plots"),
    message:
        "Adjust the plots of {wildcards.trait}"
    script:
        "../scripts/adjust_plots.py"


rule clean_phenotypes:
    input:
        **inputs.candidates,
        **inputs.adjusted,
        phenotypes=ancient(project.config["phenotypes"]["path"]),
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        dropped_samples="<results>/genotypes/dropped_samples.tsv",
    output:
        phenotypes="<results>/{trait}/phenotypes.tsv",
        labels="<results>/{trait}/labels.tsv",
        dropped=shown(
            "<results>/{trait}/dropped.tsv", "dropped", "Data", "Lines left out"
        ),
    log:
        "<logs>/{trait}/clean_phenotypes.log",
    benchmark:
        "<benchmarks>/{trait}/clean_phenotypes.tsv"
    group:
        "plans"
    conda:
        "../../envs/genotypes.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=5,
    params:
        settings=lambda wildcards: job_settings.clean_phenotypes(wildcards.trait),
        given=fingerprints_of(inputs.candidates.values()),
        told=lambda wildcards: project.told[wildcards.trait],
        code=code_of("clean_phenotypes"),
    message:
        "Read trait {wildcards.trait}"
    script:
        "../scripts/clean_phenotypes.py"
