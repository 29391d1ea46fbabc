from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.genotypes.store import read_codes, read_samples
    from breedcast.phenotypes.in_environments import read_trait_table
    from breedcast.phenotypes.trait_lines import trait_lines

    given, parents = snakemake.input, settings["parents"]
    filtered = read_table(given.dropped_samples)
    adjusted = given.get("adjusted")
    lines, labels, dropped = trait_lines(
        read_trait_table(given.phenotypes, settings["plots"], settings["environments"]),
        settings["trait"],
        covariates=settings["covariates"],
        weights=settings["weights"],
        labels=settings["labels"],
        parents=parents,
        adjusted=read_table(adjusted) if adjusted else None,
        genotyped=read_samples(given.codes),
        codes=read_codes(given.codes) if parents else None,
        excluded=dict(zip(filtered["sample"], filtered["reason"], strict=True)),
        candidates=given.get("candidates") or settings["all_crosses"],
    )
    write_table(lines, snakemake.output.phenotypes)
    write_table(labels, snakemake.output.labels)
    write_table(dropped, snakemake.output.dropped)
