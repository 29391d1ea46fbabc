from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.environment import check_environment

    check_environment(**settings)
