rule train_model:
    input:
        **inputs.families,
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
        plan="<results>/{trait}/plan.tsv",
        helpers=lambda wildcards: inputs.helpers(wildcards.trait, wildcards.model),
        conditions=lambda wildcards: inputs.conditions(wildcards.model),
        pretrained=lambda wildcards: inputs.pretrained(wildcards.model),
        parts=expand(
            "<checkpoints>/{{trait}}/{{model}}.part_{part}_of_{parts}",
            part=project.parts,
            parts=len(project.parts),
        ),
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
        f"../../envs/{project.training_environment}.yaml"
    threads: project.config["threads"]
    resources:
        **demands.training_devices(),
        mem_mb=memory(
            lambda wildcards, input: demands.training_mb(
                wildcards.model,
                input.codes_summary,
                input.phenotypes,
                input.helpers,
            )
        ),
        runtime=lambda wildcards: demands.training_minutes(wildcards.model),
    params:
        settings=lambda wildcards: job_settings.train_model(
            wildcards.trait, wildcards.model
        ),
        given=lambda wildcards: fingerprints(
            [
                *inputs.conditions(wildcards.model),
                *inputs.pretrained(wildcards.model),
            ]
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


# Where a training is cut: its fits, which train_model then finds among the checkpoints.
use rule train_model as train_part with:
    input:
        **inputs.families,
        codes=ancient("<results>/genotypes/codes.zarr"),
        codes_summary="<results>/genotypes/codes.json",
        phenotypes="<results>/{trait}/phenotypes.tsv",
        plan="<results>/{trait}/plan.tsv",
        helpers=lambda wildcards: inputs.helpers(wildcards.trait, wildcards.model),
        conditions=lambda wildcards: inputs.conditions(wildcards.model),
        pretrained=lambda wildcards: inputs.pretrained(wildcards.model),
    output:
        temp(touch("<checkpoints>/{trait}/{model}.part_{part}_of_{parts}")),
    log:
        "<logs>/{trait}/{model}/train_part_{part}_of_{parts}.log",
    benchmark:
        "<benchmarks>/{trait}/{model}/train_part_{part}_of_{parts}.tsv"
    wildcard_constraints:
        model="|".join(project.models),
        part="[0-9]+",
        parts="[0-9]+",
    message:
        "Train {wildcards.model} on {wildcards.trait}, part {wildcards.part} of {wildcards.parts}"
