localrules:
    score_model,
    compare_models,
    combine_models,


rule score_model:
    message:
        "Score {wildcards.model} on {wildcards.trait}"
    input:
        predictions="<results>/{trait}/{model}/predictions.parquet",
        phenotypes="<results>/{trait}/phenotypes.tsv",
        plan="<results>/{trait}/plan.tsv",
    output:
        scores="<results>/{trait}/{model}/scores.tsv",
    params:
        settings=lambda wildcards: settings(
            trait=wildcards.trait,
            direction=project.direction(wildcards.trait),
            seed=project.config["validation"]["seed"],
        ),
        code=code_hash("score_model"),
    resources:
        mem_mb=1000,
        runtime=10,
    log:
        "<logs>/{trait}/{model}/score.log",
    benchmark:
        "<benchmarks>/{trait}/{model}/score.tsv"
    conda:
        "../../envs/models.yaml"
    script:
        "../scripts/score_model.py"


rule combine_models:
    message:
        "Combine the models of {wildcards.trait}"
    input:
        predictions=lambda wildcards: expand(
            "<results>/{trait}/{model}/predictions.parquet",
            trait=wildcards.trait,
            model=project.models,
        ),
        phenotypes="<results>/{trait}/phenotypes.tsv",
        plan="<results>/{trait}/plan.tsv",
    output:
        predictions=f"<results>/{{trait}}/{ENSEMBLE}/predictions.parquet",
        weights=f"<results>/{{trait}}/{ENSEMBLE}/weights.tsv",
    params:
        settings=lambda wildcards: settings(
            trait=wildcards.trait,
            models=list(project.models),
            method=project.config["ensemble"],
            seed=project.config["validation"]["seed"],
        ),
        code=code_hash("combine_models"),
    resources:
        mem_mb=1000,
        runtime=10,
    log:
        "<logs>/{trait}/combine_models.log",
    benchmark:
        "<benchmarks>/{trait}/combine_models.tsv"
    conda:
        "../../envs/models.yaml"
    script:
        "../scripts/combine_models.py"


rule compare_models:
    message:
        "Compare the models of {wildcards.trait}"
    input:
        scores=for_all_models("<results>/{trait}/{model}/scores.tsv"),
        plan="<results>/{trait}/plan.tsv",
    output:
        comparison="<results>/{trait}/comparison.tsv",
    params:
        settings=settings(models=project.scored_models),
        code=code_hash("compare_models"),
    resources:
        mem_mb=1000,
        runtime=10,
    log:
        "<logs>/{trait}/compare_models.log",
    benchmark:
        "<benchmarks>/{trait}/compare_models.tsv"
    conda:
        "../../envs/models.yaml"
    script:
        "../scripts/compare_models.py"
