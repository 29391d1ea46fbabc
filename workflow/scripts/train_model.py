from dataclasses import replace
from pathlib import Path

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
    from breedcast.models.base import model_class
    from breedcast.models.job import TrainingJob
    from breedcast.models.tuning import Tuning

    genotypes = read_codes(snakemake.input.codes)
    lines = read_table(snakemake.input.phenotypes)
    model = model_class(settings.pop("model"))(**settings.pop("options"))
    tune = settings.pop("tune")
    training = TrainingJob(
        model=model,
        tuning=tune and Tuning(**tune),
        lines=lines,
        codes=genotypes.of(lines["sample"]),
        ploidy=genotypes.ploidy,
        plan=read_table(snakemake.input.plan),
        **settings,
    )
    checkpoints = Checkpoints.of(
        snakemake.params.checkpoints,
        settings=[snakemake.params.settings, snakemake.params.code, training.computed_on],
        files=[path for path in snakemake.input if Path(path).is_file()],
    )
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
