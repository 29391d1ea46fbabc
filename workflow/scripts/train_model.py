from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.checkpoint import Checkpoints
    from breedcast.files import read_table, write_arrays, write_json, write_parquet, write_table
    from breedcast.genotypes.store import read_codes
    from breedcast.models.base import model_class
    from breedcast.models.job import TrainingJob

    genotypes = read_codes(snakemake.input.codes)
    lines = read_table(snakemake.input.phenotypes)
    model = model_class(settings.pop("model"))(**settings.pop("options"))
    training = TrainingJob(
        model=model,
        lines=lines,
        codes=genotypes.of(lines["sample"]),
        ploidy=genotypes.ploidy,
        plan=read_table(snakemake.input.plan),
        **settings,
    )
    given = snakemake.input
    checkpoints = Checkpoints.of(
        snakemake.params.checkpoints,
        settings=[snakemake.params.settings, snakemake.params.code, training.computed_on],
        files=[given.codes_summary, given.phenotypes, given.plan, *given.pretrained],
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
        write_arrays(tables.weights, snakemake.output.weights, training.made_with())
        write_json(training.run_facts(), snakemake.output.run)
        checkpoints.remove()
