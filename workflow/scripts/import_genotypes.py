from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.genotypes.importing import import_genotypes
    from breedcast.genotypes.source import Reading
    from breedcast.workers import keep_freed_memory

    keep_freed_memory()
    paths, join = settings.pop("paths"), settings.pop("join")
    reading = Reading(threads=snakemake.threads, **settings)
    import_genotypes(paths, snakemake.output.store, reading, join)
