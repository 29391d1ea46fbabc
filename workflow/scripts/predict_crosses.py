from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.genotypes.columns import StoredCodes
    from breedcast.phenotypes.line_means import line_means
    from breedcast.seeds import derive_seed
    from breedcast.selection.crosses import predict_crosses
    from breedcast.selection.linkage import distances, read_map
    from breedcast.selection.merit import Merit

    genotypes = StoredCodes.open(snakemake.input.codes)
    lines = line_means(read_table(snakemake.input.phenotypes))
    given = snakemake.input.get("map")
    genetic_map = None if given is None else read_map(given)
    distance = distances(genotypes.markers, genetic_map, settings.pop("cm_per_mb"))
    seed = derive_seed(settings.pop("seed"), settings.pop("trait"), "crosses")
    merit = Merit.fit(genotypes.of(lines["sample"]), lines, settings.pop("family"))
    write_table(predict_crosses(merit, distance, seed=seed, **settings), snakemake.output.crosses)
