from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.environment import check_environment

    # what models there are is read from the config, not a parameter: that would run everything
    # again for each that is added
    check_environment(**settings, models=snakemake.config["models"])
