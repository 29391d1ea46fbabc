from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.environment import check_environments

    # what models there are is read from the config, not a parameter: that would run everything
    # again for each that is added
    check_environments(**settings, models=snakemake.config["models"])
