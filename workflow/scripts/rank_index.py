from breedcast.script import job

with job(snakemake) as settings:
    import pandas as pd

    from breedcast.files import read_table, write_table
    from breedcast.selection.index import rank_by_index
    from breedcast.several_traits import genetic_correlations

    given = snakemake.input
    # pairs, since the order of the traits is the config's
    directions, model = dict(settings.pop("directions")), settings.pop("model")
    values, slopes = {}, {}
    for trait, candidates, response in zip(
        directions, given.candidates, given.response, strict=True
    ):
        table, gained = read_table(candidates), read_table(response)
        own = table[table["model"] == model].set_index("sample")
        values[trait] = own["predicted"]
        slopes[trait] = gained.loc[gained["model"] == model, "slope"].max()
    # only lines that are candidates for every trait
    predicted = pd.concat(values, axis=1, join="inner")
    facts = zip(directions, map(read_table, given.facts), strict=bool(given.facts))
    genetic = genetic_correlations(dict(facts))
    index = rank_by_index(predicted, directions, slopes, genetic, **settings)
    write_table(index.lines, snakemake.output.index)
    write_table(index.gains, snakemake.output.gains)
    write_table(index.correlations, snakemake.output.correlations)
