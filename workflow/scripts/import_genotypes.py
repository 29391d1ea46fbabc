from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.genotypes.importing import import_genotypes
    from breedcast.genotypes.source import Reading

    paths = settings.pop("paths")
    import_genotypes(paths, snakemake.output.store, Reading(**settings))
