from breedcast.script import job

with job(snakemake) as settings:
    import numpy as np
    import pandas as pd

    from breedcast.files import read_table, write_table
    from breedcast.genotypes.columns import CodeColumns
    from breedcast.genotypes.store import read_codes
    from breedcast.phenotypes.hybrids import parents_of
    from breedcast.phenotypes.line_means import line_means
    from breedcast.seeds import derive_seed
    from breedcast.selection.merit import Merit
    from breedcast.selection.training_set import learning_curve, phenotype_next

    genotypes = read_codes(snakemake.input.codes)
    records, ploidy = read_table(snakemake.input.phenotypes), genotypes.ploidy
    lines = line_means(records)

    def codes_of(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(genotypes.of(rows["sample"], parents_of(rows)))

    merit = Merit.fit(CodeColumns.of(codes_of(lines), ploidy), lines)
    write_table(phenotype_next(merit, settings["measure"]), snakemake.output.next)
    curve = learning_curve(
        records,
        codes_of(records),
        ploidy,
        read_table(snakemake.input.plan),
        line_shares=settings["line_shares"],
        marker_shares=settings["marker_shares"],
        seed=derive_seed(settings["seed"], settings["trait"]),
    )
    write_table(curve, snakemake.output.curve)
