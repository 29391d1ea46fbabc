rule import_genotypes:
    message:
        "Read {input.genotypes}"
    input:
        genotypes=project.config["genotypes"]["path"],
    output:
        store=temp(directory("<results>/genotypes/imported.zarr")),
    params:
        settings=settings(),
        code=code_hash("import_genotypes"),
    resources:
        mem_mb=1000,
        runtime=60,
    log:
        "<logs>/genotypes/import.log",
    benchmark:
        "<benchmarks>/genotypes/import.tsv"
    conda:
        "../../envs/genotypes.yaml"
    script:
        "../scripts/import_genotypes.py"


rule filter_genotypes:
    message:
        "Filter the genotypes"
    input:
        store="<results>/genotypes/imported.zarr",
    output:
        codes=directory("<results>/genotypes/codes.zarr"),
        summary="<results>/genotypes/codes.json",
        dropped_markers="<results>/genotypes/dropped_markers.tsv",
        dropped_samples="<results>/genotypes/dropped_samples.tsv",
    params:
        settings=settings(**project.config["filter"]),
        code=code_hash("filter_genotypes"),
    resources:
        mem_mb=1000,
        runtime=60,
    log:
        "<logs>/genotypes/filter.log",
    benchmark:
        "<benchmarks>/genotypes/filter.tsv"
    conda:
        "../../envs/genotypes.yaml"
    script:
        "../scripts/filter_genotypes.py"
