rule plan_validation:
    input:
        **project.structure_file(),
        **project.alike_lines(),
        **project.own_plan(),
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
        settings=lambda wildcards: settings(
            trait=project.traits[wildcards.trait], **project.scheme()
        ),
        given=fingerprints(project.own_plan().values()),
        code=code_of("plan_validation"),
    message:
        "Plan who trains and who is tested for {wildcards.trait}"
    script:
        "../scripts/plan_validation.py"
