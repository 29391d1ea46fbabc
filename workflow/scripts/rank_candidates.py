from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_parquet, read_table, write_table
    from breedcast.selection.candidates import rank_candidates

    predictions = dict(
        zip(settings["models"], map(read_parquet, snakemake.input.predictions), strict=True)
    )
    candidates = rank_candidates(
        predictions,
        read_table(snakemake.input.phenotypes),
        settings["interval"],
        settings["direction"],
    )
    write_table(candidates.assign(scheme=settings["scheme"]), snakemake.output.candidates)
