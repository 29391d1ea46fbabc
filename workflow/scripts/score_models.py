from breedcast.script import job

with job(snakemake) as settings:
    from functools import partial

    from breedcast.files import read_table, write_table
    from breedcast.phenotypes.hybrids import parents_by_sample
    from breedcast.phenotypes.labels import families_of, read_labels
    from breedcast.phenotypes.line_values import heritability_of_values
    from breedcast.phenotypes.records import has_environments
    from breedcast.scoring.groups import group_scores, groups_of
    from breedcast.scoring.predictions import read_predictions
    from breedcast.scoring.scores import score
    from breedcast.validation.classes import hybrid_classes
    from breedcast.validation.control import permuted

    lines, labels = read_table(snakemake.input.phenotypes), read_labels(snakemake.input.labels)
    plan, families = read_table(snakemake.input.plan), families_of(labels)
    alike = read_table(snakemake.input.alike)
    values = partial(permuted, lines, settings["seed"], settings["trait"], families=families)
    of_values = partial(heritability_of_values, apart=has_environments(lines))
    of_plots = snakemake.input.get("heritability")
    told = {"heritability": of_values(read_table(of_plots))} if of_plots else {}
    predictions = read_predictions(
        settings["models"], snakemake.input.predictions, candidates=False
    )
    for table, scores in zip(predictions.values(), snakemake.output.scores, strict=True):
        found = score(table, plan, values, settings["direction"], alike, families=families, **told)
        write_table(found, scores)
    groups = groups_of(lines, read_table(snakemake.input.structure), labels)
    parents = parents_by_sample(lines)
    classes = None if parents is None else hybrid_classes(plan, parents)
    write_table(group_scores(predictions, lines, groups, classes), snakemake.output.groups)
