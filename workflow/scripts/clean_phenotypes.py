from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.genotypes.store import read_samples
    from breedcast.phenotypes.clean import clean_phenotypes, read_candidates
    from breedcast.phenotypes.in_environments import read_trait_table
    from breedcast.phenotypes.labels import labels_of
    from breedcast.phenotypes.line_values import line_table

    genotyped = read_samples(snakemake.input.codes)
    filtered = read_table(snakemake.input.dropped_samples)
    excluded = dict(zip(filtered["sample"], filtered["reason"], strict=True))
    named = snakemake.input.get("candidates")
    trait, weights, labels = (settings[key] for key in ("trait", "weights", "labels"))
    adjusted = snakemake.input.get("adjusted")
    table = read_trait_table(
        snakemake.input.phenotypes, settings["plots"], settings["environments"]
    )
    if adjusted:
        of_lines = [*dict.fromkeys([*settings["covariates"], *labels.values()])]
        table, weights = line_table(table, read_table(adjusted), trait, of_lines)
    cleaned = clean_phenotypes(
        table,
        trait,
        settings["covariates"],
        weights,
        genotyped,
        excluded,
        named and read_candidates(named, set(genotyped), excluded),
    )
    write_table(cleaned.lines, snakemake.output.phenotypes)
    told = labels_of(table, labels, cleaned.lines)
    write_table(told, snakemake.output.labels)
    write_table(cleaned.dropped, snakemake.output.dropped)
