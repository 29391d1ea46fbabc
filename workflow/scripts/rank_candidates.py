from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.scoring.predictions import read_predictions
    from breedcast.selection.candidates import expected_response, rank_candidates
    from breedcast.selection.in_environments import (
        in_each_environment,
        on_one_level,
        several_values,
    )
    from breedcast.validation.names import scheme_of_candidates

    predictions = read_predictions(settings["models"], snakemake.input.predictions, candidates=True)
    phenotypes = read_table(snakemake.input.phenotypes)
    if by_environment := snakemake.output.get("by_environment"):
        each = in_each_environment(
            predictions, phenotypes, level=settings["interval"], direction=settings["direction"]
        )
        write_table(each, by_environment)
    scheme = scheme_of_candidates(settings["scheme"], several_values(phenotypes))
    predictions, phenotypes = on_one_level(predictions, phenotypes)
    wanted = {name: settings[name] for name in ("fraction", "direction")}
    structure = read_table(snakemake.input.structure)
    candidates = rank_candidates(
        predictions, phenotypes, structure, level=settings["interval"], **wanted
    )
    write_table(expected_response(predictions, phenotypes, **wanted), snakemake.output.response)
    write_table(candidates.assign(scheme=scheme), snakemake.output.candidates)
