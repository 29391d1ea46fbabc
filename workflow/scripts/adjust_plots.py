from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import write_table
    from breedcast.phenotypes.adjust import adjust_plots
    from breedcast.phenotypes.table import read_phenotypes

    table = read_phenotypes(snakemake.input.phenotypes, of_plots=True)
    adjusted = adjust_plots(table, settings["design"], settings["trait"])
    write_table(adjusted.means, snakemake.output.adjusted)
    write_table(adjusted.heritability, snakemake.output.heritability)
