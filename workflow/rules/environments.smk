# What is imported is imported before anything is computed: in the environment of each rule, or,
# without conda and containers, once in the Python that all scripts run in.
if workflow.deployment_settings.deployment_method:
    software = {
        environment: [environment]
        for environment in {
            "genotypes",
            "models",
            "report",
            project.training_environment,
        }
    }
else:
    software = {"models": ["genotypes", "models", "report"]}


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
        settings=lambda wildcards: job_settings.check_environment(
            software[wildcards.environment]
        ),
    message:
        "Try what the scripts import"
    script:
        "../scripts/check_environment.py"
