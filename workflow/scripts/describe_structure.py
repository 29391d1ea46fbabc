from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import write_json, write_table
    from breedcast.genotypes.store import read_codes
    from breedcast.genotypes.structure import find_structure

    genotypes = read_codes(snakemake.input.codes)
    structure = find_structure(genotypes.codes, genotypes.ploidy, **settings)
    write_table(structure.table(genotypes.samples), snakemake.output.table)
    write_json(structure.facts(), snakemake.output.facts)
