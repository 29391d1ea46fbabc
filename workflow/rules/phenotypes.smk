localrules:
    clean_phenotypes,


rule clean_phenotypes:
    input:
        **project.candidate_file(),
        phenotypes=project.config["phenotypes"]["path"],
        codes="<results>/genotypes/codes.zarr",
        codes_summary="<results>/genotypes/codes.json",
        dropped_samples="<results>/genotypes/dropped_samples.tsv",
    output:
        phenotypes="<results>/{trait}/phenotypes.tsv",
        dropped=shown(
            "<results>/{trait}/dropped.tsv", "dropped", "Data", "Lines left out"
        ),
    log:
        "<logs>/{trait}/clean_phenotypes.log",
    benchmark:
        "<benchmarks>/{trait}/clean_phenotypes.tsv"
    conda:
        "../../envs/genotypes.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=lambda wildcards: settings(
            trait=project.traits[wildcards.trait],
            covariates=project.config["phenotypes"]["covariates"],
            weights=project.weights(wildcards.trait),
        ),
        code=code_hash("clean_phenotypes"),
    message:
        "Read trait {wildcards.trait}"
    script:
        "../scripts/clean_phenotypes.py"
