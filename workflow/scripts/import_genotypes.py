from breedcast.script import job

with job(snakemake):
    from breedcast.genotypes.vcf import import_vcf

    import_vcf(snakemake.input.genotypes, snakemake.output.store)
