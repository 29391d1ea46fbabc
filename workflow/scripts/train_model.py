from dataclasses import replace

from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.checkpoint import Checkpoints
    from breedcast.files import (
        read_table,
        write_arrays,
        write_json,
        write_parquet,
        write_table,
        write_yaml,
    )
    from breedcast.genotypes.store import read_codes
    from breedcast.models.base import Parents, model_class
    from breedcast.models.importance import genome_windows
    from breedcast.models.job import TrainingJob
    from breedcast.models.tuning import Tuning
    from breedcast.phenotypes.conditions import conditions_of, read_conditions
    from breedcast.phenotypes.helpers import helper_values, with_helper_lines
    from breedcast.phenotypes.hybrids import parents_of
    from breedcast.phenotypes.labels import families_of, read_labels

    genotypes = read_codes(snakemake.input.codes)
    given = snakemake.input
    lines = read_table(given.phenotypes)
    helpers = dict(zip(settings.pop("helpers"), map(read_table, given.helpers), strict=True))
    if settings.pop("helper_lines"):
        lines = with_helper_lines(lines, helpers)
    model = model_class(settings.pop("model"))(**settings.pop("options"))
    tune = settings.pop("tune")
    conditions = [
        conditions_of(lines["environment"], read_conditions(path, lines["environment"]))
        for path in given.conditions
    ]
    labels, parents = snakemake.input.get("labels"), parents_of(lines)
    training = TrainingJob(
        model=model,
        tuning=tune and Tuning(**tune),
        lines=lines,
        codes=genotypes.of(lines["sample"], parents),
        parents=None if parents is None else Parents.of(genotypes, parents),
        ploidy=genotypes.ploidy,
        plan=read_table(snakemake.input.plan),
        families=families_of(read_labels(labels)) if labels else None,
        helpers=helper_values(lines["sample"], helpers) if helpers else None,
        conditions=next(iter(conditions), None),
        windows=genome_windows(genotypes.markers["contig"], settings.pop("windows")),
        **settings,
    )
    tables = [given.phenotypes, given.plan, *given.helpers, *given.conditions]
    files = [given.codes_summary, *tables, *given.pretrained]
    checkpoints = Checkpoints.of(
        snakemake.params.checkpoints,
        settings=[snakemake.params.settings, snakemake.params.code, training.computed_on],
        files=[*files, labels] if labels else files,
    )
    if snakemake.rule.endswith("train_part"):
        part, parts = int(snakemake.wildcards.part), int(snakemake.wildcards.parts)
        training.run_part(part, parts, snakemake.threads, checkpoints)
    else:
        tables = training.run(snakemake.threads, checkpoints)
        write_parquet(tables.predictions, snakemake.output.predictions)
        write_parquet(tables.history, snakemake.output.history)
        write_parquet(tables.saliency, snakemake.output.saliency)
        write_table(tables.facts, snakemake.output.facts)
        write_table(tables.studies, snakemake.output.studies)
        write_yaml(training.chosen(tables.model), snakemake.output.options)
        made_with = replace(training, model=tables.model).made_with()
        write_arrays(tables.weights, snakemake.output.weights, made_with)
        write_json(training.run_facts(), snakemake.output.run)
        checkpoints.remove()
