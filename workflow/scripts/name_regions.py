from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_parquet, read_table, whole, write_table
    from breedcast.genotypes.columns import StoredCodes
    from breedcast.markers.genes import read_genes
    from breedcast.markers.regions import as_bed, as_csv, find_regions, name_markers
    from breedcast.markers.saliency import standings
    from breedcast.phenotypes.clean import phenotyped_lines
    from breedcast.phenotypes.hybrids import parents_of
    from breedcast.phenotypes.line_means import line_means

    genotypes = StoredCodes.open(snakemake.input.codes)
    lines = phenotyped_lines(line_means(read_table(snakemake.input.phenotypes)))
    association = read_parquet(snakemake.input.association)
    given = zip(settings["models"], snakemake.input.saliencies, strict=True)
    naming = name_markers(association, ((model, standings(path)) for model, path in given))
    genes = snakemake.input.get("genes")
    if genes is not None:
        genes = read_genes(genes, genotypes.markers["contig"].unique())
    regions = find_regions(
        genotypes.of(lines["sample"], parents_of(lines)), association, naming, genes
    )
    write_table(naming.methods, snakemake.output.methods)
    write_table(regions, snakemake.output.regions)
    for text, path in (
        (as_csv(regions), snakemake.output.csv),
        (as_bed(regions), snakemake.output.bed),
    ):
        with whole(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
