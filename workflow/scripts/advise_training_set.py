from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.genotypes.columns import CodeColumns
    from breedcast.genotypes.store import read_codes
    from breedcast.seeds import derive_seed
    from breedcast.selection.merit import Merit
    from breedcast.selection.training_set import learning_curve, phenotype_next

    genotypes = read_codes(snakemake.input.codes)
    lines = read_table(snakemake.input.phenotypes)
    codes, ploidy = genotypes.of(lines["sample"]), genotypes.ploidy
    merit = Merit.fit(CodeColumns.of(codes, ploidy), lines)
    write_table(phenotype_next(merit, settings["measure"]), snakemake.output.next)
    curve = learning_curve(
        lines,
        codes,
        ploidy,
        read_table(snakemake.input.plan),
        line_shares=settings["line_shares"],
        marker_shares=settings["marker_shares"],
        seed=derive_seed(settings["seed"], settings["trait"]),
    )
    write_table(curve, snakemake.output.curve)
