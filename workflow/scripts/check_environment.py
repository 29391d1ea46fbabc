from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.environment import check_imports

    check_imports(**settings)
