from breedcast.script import job

with job(snakemake):
    from breedcast.files import read_table, write_parquet
    from breedcast.genotypes.store import read_codes
    from breedcast.markers.association import scan_association
    from breedcast.phenotypes.clean import phenotyped_lines

    genotypes = read_codes(snakemake.input.codes)
    lines = phenotyped_lines(read_table(snakemake.input.phenotypes))
    association = scan_association(
        genotypes.of(lines["sample"]), genotypes.ploidy, genotypes.markers, lines
    )
    write_parquet(association, snakemake.output.association)
