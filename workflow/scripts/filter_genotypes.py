from pathlib import Path

from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.genotypes.filter import filter_genotypes

    filter_genotypes(snakemake.input.store, Path(snakemake.output.codes).parent, **settings)
