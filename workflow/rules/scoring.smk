rule score_models:
    input:
        **inputs.heritability,
        predictions=for_all_models("<results>/{trait}/{model}/predictions.parquet"),
        phenotypes="<results>/{trait}/phenotypes.tsv",
        labels="<results>/{trait}/labels.tsv",
        structure="<results>/genotypes/structure.tsv",
        plan="<results>/{trait}/plan.tsv",
        alike="<results>/genotypes/duplicated_lines.tsv",
    output:
        scores=[
            shown(
                f"<results>/{{trait}}/{model}/scores.tsv",
                "scores",
                "Accuracy",
                "Scores by fold",
                model=model,
            )
            for model in project.scored_models
        ],
        groups=shown(
            "<results>/{trait}/group_scores.tsv",
            "group_scores",
            "Accuracy",
            "Scores by group of lines",
        ),
    log:
        "<logs>/{trait}/score_models.log",
    benchmark:
        "<benchmarks>/{trait}/score_models.tsv"
    group:
        "scores"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory_by_records(SCORES),
        runtime=time_by_records(SCORES),
    params:
        settings=lambda wildcards: job_settings.score_models(wildcards.trait),
        code=code_of("score_models"),
    message:
        "Score the models of {wildcards.trait}"
    script:
        "../scripts/score_models.py"


rule combine_models:
    input:
        **inputs.families,
        predictions=lambda wildcards: expand(
            "<results>/{trait}/{model}/predictions.parquet",
            trait=wildcards.trait,
            model=project.models,
        ),
        phenotypes="<results>/{trait}/phenotypes.tsv",
        plan="<results>/{trait}/plan.tsv",
    output:
        predictions=f"<results>/{{trait}}/{ENSEMBLE}/predictions.parquet",
        weights=shown(
            f"<results>/{{trait}}/{ENSEMBLE}/weights.tsv",
            "weights",
            "Accuracy",
            "Weights of the models",
            model=ENSEMBLE,
        ),
    log:
        "<logs>/{trait}/combine_models.log",
    benchmark:
        "<benchmarks>/{trait}/combine_models.tsv"
    group:
        "scores"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory_by_records(COMBINATION),
        runtime=time_by_records(COMBINATION),
    params:
        settings=lambda wildcards: job_settings.combine_models(wildcards.trait),
        code=code_of("combine_models"),
    message:
        "Combine the models of {wildcards.trait}"
    script:
        "../scripts/combine_models.py"


rule compare_models:
    input:
        scores=for_all_models("<results>/{trait}/{model}/scores.tsv"),
        plan="<results>/{trait}/plan.tsv",
    output:
        comparison=shown(
            "<results>/{trait}/comparison.tsv",
            "comparison",
            "Accuracy",
            "Models compared in pairs",
        ),
    log:
        "<logs>/{trait}/compare_models.log",
    benchmark:
        "<benchmarks>/{trait}/compare_models.tsv"
    group:
        "scores"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=5,
    params:
        settings=lambda wildcards: job_settings.compare_models,
        code=code_of("compare_models"),
    message:
        "Compare the models of {wildcards.trait}"
    script:
        "../scripts/compare_models.py"


rule try_intervals:
    input:
        predictions=for_all_models("<results>/{trait}/{model}/predictions.parquet"),
        phenotypes="<results>/{trait}/phenotypes.tsv",
        labels="<results>/{trait}/labels.tsv",
        structure="<results>/genotypes/structure.tsv",
        plan="<results>/{trait}/plan.tsv",
    output:
        intervals=shown(
            "<results>/{trait}/intervals.tsv",
            "intervals",
            "Accuracy",
            "What the intervals held",
        ),
        tested="<results>/{trait}/tested.parquet",
    log:
        "<logs>/{trait}/try_intervals.log",
    benchmark:
        "<benchmarks>/{trait}/try_intervals.tsv"
    group:
        "scores"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory_by_records(TRIED),
        runtime=time_by_records(TRIED),
    params:
        settings=lambda wildcards: job_settings.try_intervals,
        code=code_of("try_intervals"),
    message:
        "Try the intervals for {wildcards.trait}"
    script:
        "../scripts/try_intervals.py"
