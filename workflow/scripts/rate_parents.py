from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.genotypes.store import read_codes
    from breedcast.seeds import derive_seed
    from breedcast.selection.parents import rate_parents

    lines = read_table(snakemake.input.phenotypes)
    seed = derive_seed(settings["seed"], settings["trait"], "parents")
    parents, hybrids, variances = rate_parents(
        read_codes(snakemake.input.codes), lines, settings["direction"], seed
    )
    write_table(parents, snakemake.output.parents)
    write_table(hybrids, snakemake.output.hybrids)
    write_table(variances, snakemake.output.variances)
