rule rank_candidates:
    input:
        predictions=for_all_models("<results>/{trait}/{model}/predictions.parquet"),
        phenotypes="<results>/{trait}/phenotypes.tsv",
    output:
        candidates=shown(
            "<results>/{trait}/candidates.tsv", "candidates", "Selection", "Candidates"
        ),
    log:
        "<logs>/{trait}/rank_candidates.log",
    benchmark:
        "<benchmarks>/{trait}/rank_candidates.tsv"
    group:
        "scores"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=5,
    params:
        settings=lambda wildcards: settings(
            models=project.scored_models,
            direction=project.direction(wildcards.trait),
            interval=project.config["interval"],
            scheme=project.config["validation"]["scheme"],
        ),
        code=code_hash("rank_candidates"),
    message:
        "Rank the candidates for {wildcards.trait}"
    script:
        "../scripts/rank_candidates.py"
