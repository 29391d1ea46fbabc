rule import_genotypes:
    input:
        genotypes=inputs.genotypes,
        # nothing is computed before every environment is known to work
        checked=expand(rules.check_environment.output, environment=sorted(software)),
    output:
        store=temp(directory("<results>/genotypes/imported")),
        joined="<results>/genotypes/joined_markers.tsv",
    log:
        "<logs>/genotypes/import.log",
    benchmark:
        "<benchmarks>/genotypes/import.tsv"
    conda:
        "../../envs/genotypes.yaml"
    threads: 2
    resources:
        mem_mb=memory(1000),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.import_genotypes,
        given=fingerprints_of(inputs.genotypes),
        code=code_of("import_genotypes"),
    message:
        "Read {input.genotypes}"
    script:
        "../scripts/import_genotypes.py"


rule filter_genotypes:
    input:
        **inputs.filter_lists,
        store="<results>/genotypes/imported",
    output:
        codes=directory("<results>/genotypes/codes.zarr"),
        summary="<results>/genotypes/codes.json",
        dropped_markers="<results>/genotypes/dropped_markers.tsv",
        dropped_samples="<results>/genotypes/dropped_samples.tsv",
        duplicated_lines="<results>/genotypes/duplicated_lines.tsv",
        split="<results>/genotypes/split_heterozygosity.tsv",
        split_lines="<results>/genotypes/split_heterozygosity_lines.tsv",
    log:
        "<logs>/genotypes/filter.log",
    benchmark:
        "<benchmarks>/genotypes/filter.tsv"
    conda:
        "../../envs/genotypes.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.filter_genotypes,
        given=fingerprints_of(inputs.filter_lists.values()),
        code=code_of("filter_genotypes"),
    message:
        "Filter the genotypes"
    script:
        "../scripts/filter_genotypes.py"


# codes.zarr is ancient to all that read it: codes.json beside it has its checksum, and a folder that
# was deleted and made again is the same.
rule describe_structure:
    input:
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
    output:
        table=shown(
            "<results>/genotypes/structure.tsv",
            "structure",
            "Genotypes",
            "Structure of the lines",
            ALL_TRAITS,
        ),
        facts="<results>/genotypes/structure.json",
    log:
        "<logs>/genotypes/structure.log",
    benchmark:
        "<benchmarks>/genotypes/structure.tsv"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(
            lambda wildcards, input: structure_mb(CodesShape.read(input.codes_summary))
        ),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.describe_structure,
        code=code_of("describe_structure"),
    message:
        "Describe the structure of the lines"
    script:
        "../scripts/describe_structure.py"
