rule plan_validation:
    input:
        **inputs.structure,
        **inputs.alike_lines,
        **inputs.own_plan,
        phenotypes="<results>/{trait}/phenotypes.tsv",
        labels="<results>/{trait}/labels.tsv",
    output:
        plan="<results>/{trait}/plan.tsv",
    log:
        "<logs>/{trait}/plan_validation.log",
    benchmark:
        "<benchmarks>/{trait}/plan_validation.tsv"
    group:
        "plans"
    conda:
        "../../envs/models.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=5,
    params:
        settings=lambda wildcards: job_settings.plan_validation(wildcards.trait),
        given=fingerprints_of(inputs.own_plan.values()),
        code=code_of("plan_validation"),
    message:
        "Plan who trains and who is tested for {wildcards.trait}"
    script:
        "../scripts/plan_validation.py"
