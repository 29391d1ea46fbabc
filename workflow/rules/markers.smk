rule scan_association:
    message:
        "Test every marker for {wildcards.trait}"
    input:
        codes="<results>/genotypes/codes.zarr",
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
    output:
        association="<results>/{trait}/association.parquet",
    params:
        settings=settings(),
        code=code_hash("scan_association"),
    resources:
        mem_mb=lambda wildcards, input: project.association_mb(input.codes_summary),
        runtime=30,
    log:
        "<logs>/{trait}/scan_association.log",
    benchmark:
        "<benchmarks>/{trait}/scan_association.tsv"
    conda:
        "../../envs/models.yaml"
    script:
        "../scripts/scan_association.py"
