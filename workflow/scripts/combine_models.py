from breedcast.script import job

with job(snakemake) as settings:
    from functools import partial

    from breedcast.files import read_table, write_parquet, write_table
    from breedcast.phenotypes.labels import families_of, read_labels
    from breedcast.scoring.ensemble import combine
    from breedcast.scoring.predictions import read_predictions
    from breedcast.validation.control import permuted

    lines, labels = read_table(snakemake.input.phenotypes), snakemake.input.get("labels")
    families = labels and families_of(read_labels(labels))
    predictions, weights = combine(
        read_predictions(settings["models"], snakemake.input.predictions),
        partial(permuted, lines, settings["seed"], settings["trait"], families=families),
        settings["method"],
        settings["direction"],
        settings["seed"],
        read_table(snakemake.input.plan),
    )
    write_parquet(predictions, snakemake.output.predictions)
    write_table(weights, snakemake.output.weights)
