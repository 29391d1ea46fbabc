from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.selection.index import index_of_candidates
    from breedcast.several_traits import genetic_correlations

    given = snakemake.input
    # pairs, since the order of the traits is the config's
    directions = dict(settings.pop("directions"))
    tables = (map(read_table, paths) for paths in (given.candidates, given.response))
    facts = zip(directions, map(read_table, given.facts), strict=bool(given.facts))
    index = index_of_candidates(
        zip(directions, *tables, strict=True),
        directions,
        genetic_correlations(dict(facts)),
        **settings,
    )
    write_table(index.lines, snakemake.output.index)
    write_table(index.gains, snakemake.output.gains)
    write_table(index.correlations, snakemake.output.correlations)
