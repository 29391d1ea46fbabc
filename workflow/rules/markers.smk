rule scan_association:
    input:
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
    output:
        association="<results>/{trait}/association.parquet",
    log:
        "<logs>/{trait}/scan_association.log",
    benchmark:
        "<benchmarks>/{trait}/scan_association.tsv"
    group:
        "scans"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(by_codes(ASSOCIATION)),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.scan_association,
        code=code_of("scan_association"),
    message:
        "Test every marker for {wildcards.trait}"
    script:
        "../scripts/scan_association.py"


rule name_regions:
    input:
        **inputs.genes,
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
        association="<results>/{trait}/association.parquet",
        saliencies=expand(
            "<results>/{{trait}}/{model}/saliency.parquet", model=project.models
        ),
    output:
        regions=shown("<results>/{trait}/regions.tsv", "regions", "Markers", "Regions"),
        csv="<results>/{trait}/regions.csv",
        bed="<results>/{trait}/regions.bed",
        methods=shown(
            "<results>/{trait}/region_methods.tsv",
            "region_methods",
            "Markers",
            "Thresholds of the methods",
        ),
    log:
        "<logs>/{trait}/name_regions.log",
    benchmark:
        "<benchmarks>/{trait}/name_regions.tsv"
    group:
        "regions"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(by_codes(demands.regions_law)),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.name_regions,
        given=fingerprints_of(inputs.genes.values()),
        code=code_of("name_regions"),
    message:
        "Name the regions of {wildcards.trait}"
    script:
        "../scripts/name_regions.py"
