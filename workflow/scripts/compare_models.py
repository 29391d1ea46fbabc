from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.scoring.comparison import compare_models

    scores = dict(zip(settings["models"], map(read_table, snakemake.input.scores), strict=True))
    plan = read_table(snakemake.input.plan)
    comparison = compare_models(scores, plan, settings["standard"])
    write_table(comparison, snakemake.output.comparison)
