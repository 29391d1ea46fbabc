from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_parquet, read_table, write_table
    from breedcast.selection.candidates import expected_response, rank_candidates

    predictions = dict(
        zip(settings["models"], map(read_parquet, snakemake.input.predictions), strict=True)
    )
    phenotypes = read_table(snakemake.input.phenotypes)
    wanted = {name: settings[name] for name in ("fraction", "direction")}
    structure = read_table(snakemake.input.structure)
    candidates = rank_candidates(
        predictions, phenotypes, structure, level=settings["interval"], **wanted
    )
    write_table(candidates.assign(scheme=settings["scheme"]), snakemake.output.candidates)
    write_table(expected_response(predictions, phenotypes, **wanted), snakemake.output.response)
