# The scripts of each environment: what they import is imported before anything is computed.
scripts_of = {
    "genotypes": ["import_genotypes", "filter_genotypes", "clean_phenotypes"],
    "models": [
        "describe_structure",
        "adjust_plots",
        "plan_validation",
        "score_models",
        "combine_models",
        "compare_models",
        "try_intervals",
        "scan_association",
        "name_regions",
        "rank_candidates",
        "rank_index",
        "rate_parents",
        "predict_crosses",
        "choose_contributions",
        "advise_training_set",
    ],
    "report": [
        "render_report",
        "render_figures",
        "render_overall_figures",
        "write_manifest",
    ],
}
scripts_of.setdefault(project.training_environment, []).append("train_model")


rule check_environment:
    output:
        temp(touch("<checkpoints>/.environment_{environment}")),
    log:
        "<logs>/environments/{environment}.log",
    benchmark:
        "<benchmarks>/environments/{environment}.tsv"
    wildcard_constraints:
        environment="|".join(scripts_of),
    group:
        "environments"
    conda:
        "../../envs/{environment}.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        settings=lambda wildcards: settings(
            environment=wildcards.environment,
            scripts=scripts_of[wildcards.environment],
            models=[model.module for model in project.models.values()],
        ),
    message:
        "Try what the scripts import from {wildcards.environment}"
    script:
        "../scripts/check_environment.py"
