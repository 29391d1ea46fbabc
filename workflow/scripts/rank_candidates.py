from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_parquet, read_table, write_table
    from breedcast.selection.candidates import expected_response, rank_candidates
    from breedcast.selection.in_environments import in_each_environment, on_one_level
    from breedcast.validation.names import scheme_of_candidates

    predictions = dict(
        zip(settings["models"], map(read_parquet, snakemake.input.predictions), strict=True)
    )
    phenotypes = read_table(snakemake.input.phenotypes)
    if by_environment := snakemake.output.get("by_environment"):
        each = in_each_environment(
            predictions, phenotypes, level=settings["interval"], direction=settings["direction"]
        )
        write_table(each, by_environment)
    several = bool(phenotypes.dropna(subset="value")["sample"].duplicated().any())
    scheme = scheme_of_candidates(settings["scheme"], several)
    predictions, phenotypes = on_one_level(predictions, phenotypes)
    wanted = {name: settings[name] for name in ("fraction", "direction")}
    structure = read_table(snakemake.input.structure)
    candidates = rank_candidates(
        predictions, phenotypes, structure, level=settings["interval"], **wanted
    )
    write_table(expected_response(predictions, phenotypes, **wanted), snakemake.output.response)
    write_table(candidates.assign(scheme=scheme), snakemake.output.candidates)
