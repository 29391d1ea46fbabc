from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_parquet, write_table
    from breedcast.phenotypes.hybrids import parents_by_sample
    from breedcast.phenotypes.labels import read_labels
    from breedcast.scoring.groups import groups_of
    from breedcast.scoring.intervals import each_tested_line, try_intervals
    from breedcast.scoring.predictions import read_predictions
    from breedcast.validation.classes import hybrid_classes

    lines, labels = read_table(snakemake.input.phenotypes), read_labels(snakemake.input.labels)
    groups = groups_of(lines, read_table(snakemake.input.structure), labels)
    predictions = read_predictions(
        settings["models"], snakemake.input.predictions, candidates=False
    )
    parents = parents_by_sample(lines)
    classes = None
    if parents is not None:
        classes = hybrid_classes(read_table(snakemake.input.plan), parents)
    tested = each_tested_line(predictions, lines, settings["interval"])
    write_parquet(tested, snakemake.output.tested)
    intervals = try_intervals(tested, lines, groups, settings["interval"], classes)
    write_table(intervals.assign(scheme=settings["scheme"]), snakemake.output.intervals)
