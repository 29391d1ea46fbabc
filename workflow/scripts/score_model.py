from breedcast.script import job

with job(snakemake) as settings:
    from functools import partial

    from breedcast.files import read_parquet, read_table, write_table
    from breedcast.phenotypes.line_values import heritability_of_values
    from breedcast.scoring.scores import score
    from breedcast.validation.control import permuted

    lines = read_table(snakemake.input.phenotypes)
    of_plots = snakemake.input.get("heritability")
    told = {"heritability": heritability_of_values(read_table(of_plots))} if of_plots else {}
    scores = score(
        read_parquet(snakemake.input.predictions),
        read_table(snakemake.input.plan),
        partial(permuted, lines, settings["seed"], settings["trait"]),
        settings["direction"],
        read_table(snakemake.input.alike),
        **told,
    )
    write_table(scores, snakemake.output.scores)
