from pathlib import Path

from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.genotypes.filter import filter_genotypes

    lists = dict(snakemake.input.items())
    store = lists.pop("store")
    filter_genotypes(store, Path(snakemake.output.codes).parent, lists=lists, **settings)
