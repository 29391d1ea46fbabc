localrules:
    plan_validation,


rule plan_validation:
    message:
        "Plan who trains and who is tested for {wildcards.trait}"
    input:
        phenotypes="<results>/{trait}/phenotypes.tsv",
    output:
        plan="<results>/{trait}/plan.tsv",
    params:
        settings=lambda wildcards: settings(
            trait=project.traits[wildcards.trait], **project.config["validation"]
        ),
        code=code_hash("plan_validation"),
    resources:
        mem_mb=1000,
        runtime=10,
    log:
        "<logs>/{trait}/plan_validation.log",
    benchmark:
        "<benchmarks>/{trait}/plan_validation.tsv"
    conda:
        "../../envs/models.yaml"
    script:
        "../scripts/plan_validation.py"
