from breedcast.script import job

with job(snakemake) as settings:
    from functools import partial

    from breedcast.files import read_parquet, read_table, write_table
    from breedcast.scoring.scores import score
    from breedcast.validation.control import permuted

    lines = read_table(snakemake.input.phenotypes)
    plan = read_table(snakemake.input.plan)
    values = partial(permuted, lines, settings["seed"], settings["trait"])
    for predictions, scores in zip(
        snakemake.input.predictions, snakemake.output.scores, strict=True
    ):
        write_table(score(read_parquet(predictions), plan, values, settings["direction"]), scores)
