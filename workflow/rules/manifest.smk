# Every table and store that the other rules leave under the results; what people look at (report,
# figures) is made from these.
results_of_rules = [
    *rules.import_genotypes.output[1:],
    *rules.filter_genotypes.output,
    *rules.describe_structure.output,
    *(rules.adjust_plots.output if project.design else []),
    *rules.clean_phenotypes.output,
    *rules.plan_validation.output,
    *rules.train_model.output,
    *rules.score_models.output,
    *(rules.combine_models.output if project.has_ensemble else []),
    *rules.compare_models.output,
    *rules.try_intervals.output,
    *rules.scan_association.output,
    *rules.name_regions.output,
    *rules.rank_candidates.output,
    *expand("<results>/{{trait}}/{file}", file=project.asked_tables),
    *project.index_files,
]


rule write_manifest:
    input:
        inputs=inputs.every,
        results=expand(results_of_rules, trait=project.traits, model=project.models),
        summary="<results>/summary.json",
    output:
        manifest="<results>/manifest.json",
    log:
        "<logs>/write_manifest.log",
    benchmark:
        "<benchmarks>/write_manifest.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(500),
        runtime=60,
    params:
        settings=lambda wildcards: job_settings.write_manifest,
        code=code_of("write_manifest"),
    message:
        "Write the manifest"
    script:
        "../scripts/write_manifest.py"
