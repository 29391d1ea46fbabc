rule rank_candidates:
    input:
        predictions=for_all_models("<results>/{trait}/{model}/predictions.parquet"),
        phenotypes="<results>/{trait}/phenotypes.tsv",
        structure="<results>/genotypes/structure.tsv",
    output:
        **candidates_by_environment(),
        candidates=shown(
            "<results>/{trait}/candidates.tsv", "candidates", "Selection", "Candidates"
        ),
        response=shown(
            "<results>/{trait}/response.tsv",
            "response",
            "Selection",
            "Response to selection",
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
        mem_mb=memory_by_records(RANKING),
        runtime=time_by_records(RANKING),
    params:
        settings=lambda wildcards: job_settings.rank_candidates(wildcards.trait),
        code=code_of("rank_candidates"),
    message:
        "Rank the candidates for {wildcards.trait}"
    script:
        "../scripts/rank_candidates.py"


rule rate_parents:
    input:
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
    output:
        parents=shown(
            "<results>/{trait}/parents.tsv",
            "parents",
            "Selection",
            "Parents of hybrids",
        ),
        hybrids=shown(
            "<results>/{trait}/hybrids.tsv", "hybrids", "Selection", "Hybrids"
        ),
        variances=shown(
            "<results>/{trait}/hybrid_variances.tsv",
            "hybrid_variances",
            "Selection",
            "Variances between hybrids",
        ),
    log:
        "<logs>/{trait}/rate_parents.log",
    benchmark:
        "<benchmarks>/{trait}/rate_parents.tsv"
    group:
        "selection"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(by_codes(MERIT)),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.rate_parents(wildcards.trait),
        code=code_of("rate_parents"),
    message:
        "Rate the parents of hybrids for {wildcards.trait}"
    script:
        "../scripts/rate_parents.py"


rule predict_crosses:
    input:
        **inputs.genetic_map,
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
    output:
        crosses=shown(
            "<results>/{trait}/crosses.tsv", "crosses", "Selection", "Crosses"
        ),
    log:
        "<logs>/{trait}/predict_crosses.log",
    benchmark:
        "<benchmarks>/{trait}/predict_crosses.tsv"
    group:
        "selection"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(by_codes(CROSSES)),
        runtime=120,
    params:
        settings=lambda wildcards: job_settings.predict_crosses(wildcards.trait),
        given=fingerprints_of(inputs.genetic_map.values()),
        code=code_of("predict_crosses"),
    message:
        "Predict crosses for {wildcards.trait}"
    script:
        "../scripts/predict_crosses.py"


rule choose_contributions:
    input:
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
    output:
        contributions=shown(
            "<results>/{trait}/contributions.tsv",
            "contributions",
            "Selection",
            "Contributions of lines",
        ),
        frontier=shown(
            "<results>/{trait}/frontier.tsv",
            "frontier",
            "Selection",
            "Gain against diversity",
        ),
    log:
        "<logs>/{trait}/choose_contributions.log",
    benchmark:
        "<benchmarks>/{trait}/choose_contributions.tsv"
    group:
        "selection"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(by_codes(MERIT)),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.choose_contributions(wildcards.trait),
        code=code_of("choose_contributions"),
    message:
        "Weigh gain against relationship for {wildcards.trait}"
    script:
        "../scripts/choose_contributions.py"


rule advise_training_set:
    input:
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
        plan="<results>/{trait}/plan.tsv",
    output:
        curve=shown(
            "<results>/{trait}/learning_curve.tsv",
            "learning_curve",
            "Selection",
            "Learning curve",
        ),
        next=shown(
            "<results>/{trait}/phenotype_next.tsv",
            "phenotype_next",
            "Selection",
            "Lines to measure next",
        ),
    log:
        "<logs>/{trait}/advise_training_set.log",
    benchmark:
        "<benchmarks>/{trait}/advise_training_set.tsv"
    group:
        "selection"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(by_codes(ADVICE)),
        runtime=240,
    params:
        settings=lambda wildcards: job_settings.advise_training_set(wildcards.trait),
        code=code_of("advise_training_set"),
    message:
        "See what more lines and markers are worth for {wildcards.trait}"
    script:
        "../scripts/advise_training_set.py"


# Over the traits: made only where the config asks for an index.
rule rank_index:
    input:
        candidates=expand(
            "<results>/{trait}/candidates.tsv", trait=project.index_traits
        ),
        response=expand("<results>/{trait}/response.tsv", trait=project.index_traits),
        facts=expand(
            "<results>/{trait}/{model}/facts.tsv",
            trait=project.index_traits if project.joint_model else [],
            model=project.joint_model,
        ),
    output:
        index=shown(
            "<results>/index.tsv", "index", "Selection", "Selection index", ALL_TRAITS
        ),
        gains=shown(
            "<results>/index_gains.tsv",
            "index_gains",
            "Selection",
            "Gains by the index",
            ALL_TRAITS,
        ),
        correlations=shown(
            "<results>/index_correlations.tsv",
            "index_correlations",
            "Selection",
            "Correlations of the traits",
            ALL_TRAITS,
        ),
    log:
        "<logs>/rank_index.log",
    benchmark:
        "<benchmarks>/rank_index.tsv"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory_by_candidates(500),
        runtime=time_by_candidates,
    params:
        settings=lambda wildcards: job_settings.rank_index,
        code=code_of("rank_index"),
    message:
        "Rank the candidates on several traits at once"
    script:
        "../scripts/rank_index.py"
