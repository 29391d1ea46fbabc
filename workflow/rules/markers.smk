rule scan_association:
    input:
        codes="<results>/genotypes/codes.zarr",
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
    output:
        association="<results>/{trait}/association.parquet",
    log:
        "<logs>/{trait}/scan_association.log",
    benchmark:
        "<benchmarks>/{trait}/scan_association.tsv"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=lambda wildcards, input: project.association_mb(input.codes_summary),
        runtime=30,
    params:
        settings=lambda wildcards: settings(**project.config["association"]),
        code=code_hash("scan_association"),
    message:
        "Test every marker for {wildcards.trait}"
    script:
        "../scripts/scan_association.py"
