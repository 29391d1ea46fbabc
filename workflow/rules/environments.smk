# What is imported in each of these environments is imported before anything is computed.
software = sorted({"genotypes", "models", "report", project.training_environment})


rule check_environment:
    output:
        temp(touch("<checkpoints>/.environment_{environment}")),
    log:
        "<logs>/environments/{environment}.log",
    benchmark:
        "<benchmarks>/environments/{environment}.tsv"
    wildcard_constraints:
        environment="|".join(software),
    group:
        "environments"
    conda:
        "../../envs/{environment}.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        settings=lambda wildcards: settings(environment=wildcards.environment),
    message:
        "Try what the scripts import from {wildcards.environment}"
    script:
        "../scripts/check_environment.py"
