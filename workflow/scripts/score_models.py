from breedcast.script import job

with job(snakemake) as settings:
    from functools import partial

    from breedcast.files import read_parquet, read_table, write_table
    from breedcast.phenotypes.line_values import heritability_of_values
    from breedcast.scoring.scores import score
    from breedcast.validation.control import permuted

    lines = read_table(snakemake.input.phenotypes)
    plan = read_table(snakemake.input.plan)
    alike = read_table(snakemake.input.alike)
    values = partial(permuted, lines, settings["seed"], settings["trait"])
    of_plots = snakemake.input.get("heritability")
    told = {"heritability": heritability_of_values(read_table(of_plots))} if of_plots else {}
    for predictions, scores in zip(
        snakemake.input.predictions, snakemake.output.scores, strict=True
    ):
        found = score(read_parquet(predictions), plan, values, settings["direction"], alike, **told)
        write_table(found, scores)
