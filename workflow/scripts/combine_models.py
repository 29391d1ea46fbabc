from breedcast.script import job

with job(snakemake) as settings:
    from functools import partial

    from breedcast.files import read_parquet, read_table, write_parquet, write_table
    from breedcast.phenotypes.labels import families_of, read_labels
    from breedcast.scoring.ensemble import combine
    from breedcast.validation.control import permuted

    lines, labels = read_table(snakemake.input.phenotypes), snakemake.input.get("labels")
    families = labels and families_of(read_labels(labels))
    predictions, weights = combine(
        dict(zip(settings["models"], map(read_parquet, snakemake.input.predictions), strict=True)),
        partial(permuted, lines, settings["seed"], settings["trait"], families=families),
        settings["method"],
        settings["direction"],
        settings["seed"],
        read_table(snakemake.input.plan),
    )
    write_parquet(predictions, snakemake.output.predictions)
    write_table(weights, snakemake.output.weights)
