from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_parquet, read_table, write_table
    from breedcast.scoring.intervals import try_intervals

    predictions = dict(
        zip(settings["models"], map(read_parquet, snakemake.input.predictions), strict=True)
    )
    intervals = try_intervals(
        predictions,
        read_table(snakemake.input.phenotypes),
        read_table(snakemake.input.structure),
        settings["interval"],
    )
    write_table(intervals.assign(scheme=settings["scheme"]), snakemake.output.intervals)
