from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.genotypes.columns import StoredCodes
    from breedcast.phenotypes.line_means import line_means
    from breedcast.selection.contribution import choose_contributions
    from breedcast.selection.merit import Merit

    genotypes = StoredCodes.open(snakemake.input.codes)
    lines = line_means(read_table(snakemake.input.phenotypes))
    merit = Merit.fit(genotypes.of(lines["sample"]), lines, settings.pop("family"))
    contributions, frontier = choose_contributions(merit, **settings)
    write_table(contributions, snakemake.output.contributions)
    write_table(frontier, snakemake.output.frontier)
