localrules:
    clean_phenotypes,


rule clean_phenotypes:
    message:
        "Read trait {wildcards.trait}"
    input:
        **project.candidate_file(),
        phenotypes=project.config["phenotypes"]["path"],
        codes="<results>/genotypes/codes.zarr",
        codes_summary="<results>/genotypes/codes.json",
        dropped_samples="<results>/genotypes/dropped_samples.tsv",
    output:
        phenotypes="<results>/{trait}/phenotypes.tsv",
        dropped="<results>/{trait}/dropped.tsv",
    params:
        settings=lambda wildcards: settings(
            trait=project.traits[wildcards.trait],
            covariates=project.config["phenotypes"]["covariates"],
        ),
        code=code_hash("clean_phenotypes"),
    resources:
        mem_mb=1000,
        runtime=10,
    log:
        "<logs>/{trait}/clean_phenotypes.log",
    benchmark:
        "<benchmarks>/{trait}/clean_phenotypes.tsv"
    conda:
        "../../envs/genotypes.yaml"
    script:
        "../scripts/clean_phenotypes.py"
