rule train_model:
    input:
        codes="<results>/genotypes/codes.zarr",
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
        plan="<results>/{trait}/plan.tsv",
        pretrained=lambda wildcards: project.pretrained(wildcards.model),
    output:
        predictions="<results>/{trait}/{model}/predictions.parquet",
        history="<results>/{trait}/{model}/history.parquet",
        saliency="<results>/{trait}/{model}/saliency.parquet",
        facts="<results>/{trait}/{model}/facts.tsv",
        weights="<results>/{trait}/{model}/weights.safetensors",
        run="<results>/{trait}/{model}/run.json",
        studies="<results>/{trait}/{model}/studies.tsv",
        options="<results>/{trait}/{model}/options.yaml",
    log:
        "<logs>/{trait}/{model}/train.log",
    benchmark:
        "<benchmarks>/{trait}/{model}/train.tsv"
    wildcard_constraints:
        model="|".join(project.models),
    conda:
        "../../envs/models.yaml"
    threads: project.config["threads"]
    resources:
        **project.training_devices(),
        mem_mb=lambda wildcards, input: project.training_mb(input.codes_summary),
        runtime=lambda wildcards: project.training_minutes(wildcards.model),
    params:
        settings=lambda wildcards: project.training_settings(
            wildcards.trait, wildcards.model
        ),
        checkpoints=lambda wildcards: project.checkpoints(
            wildcards.trait, wildcards.model
        ),
        # only its own model's file, so that editing one model retrains no other
        code=lambda wildcards: code_hash(
            "train_model", project.models[wildcards.model].module
        ),
    message:
        "Train {wildcards.model} on {wildcards.trait}: every fold, the control and the candidates"
    script:
        "../scripts/train_model.py"
