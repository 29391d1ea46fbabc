rule train_model:
    message:
        "Train {wildcards.model} on {wildcards.trait}: every fold, the control and the candidates"
    input:
        codes="<results>/genotypes/codes.zarr",
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
        plan="<results>/{trait}/plan.tsv",
    output:
        predictions="<results>/{trait}/{model}/predictions.parquet",
        history="<results>/{trait}/{model}/history.parquet",
        saliency="<results>/{trait}/{model}/saliency.parquet",
        facts="<results>/{trait}/{model}/facts.tsv",
        weights="<results>/{trait}/{model}/weights.safetensors",
        run="<results>/{trait}/{model}/run.json",
    params:
        settings=lambda wildcards: project.training_settings(
            wildcards.trait, wildcards.model
        ),
        # only its own model's file, so that editing one model retrains no other
        code=lambda wildcards: code_hash(
            "train_model", project.models[wildcards.model].module
        ),
    wildcard_constraints:
        model="|".join(project.models),
    threads: project.config["threads"]
    resources:
        mem_mb=lambda wildcards, input: project.training_mb(input.codes_summary),
        runtime=project.training_minutes(),
        **project.training_devices(),
    log:
        "<logs>/{trait}/{model}/train.log",
    benchmark:
        "<benchmarks>/{trait}/{model}/train.tsv"
    conda:
        "../../envs/models.yaml"
    script:
        "../scripts/train_model.py"
