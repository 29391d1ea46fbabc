from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_parquet
    from breedcast.genotypes.columns import StoredCodes
    from breedcast.markers.association import scan_association
    from breedcast.phenotypes.clean import phenotyped_lines
    from breedcast.phenotypes.hybrids import parents_of
    from breedcast.phenotypes.line_means import line_means

    genotypes = StoredCodes.open(snakemake.input.codes)
    lines = phenotyped_lines(line_means(read_table(snakemake.input.phenotypes)))
    association = scan_association(
        genotypes.of(lines["sample"], parents_of(lines)), genotypes.markers, lines, **settings
    )
    write_parquet(association, snakemake.output.association)
