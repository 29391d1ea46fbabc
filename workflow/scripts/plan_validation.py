from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.validation.schemes import SCHEMES

    trait, scheme = settings.pop("trait"), SCHEMES[settings.pop("scheme")]
    if structure := snakemake.input.get("structure"):
        settings["structure"] = read_table(structure)
    plan = scheme(**settings).make_plan(read_table(snakemake.input.phenotypes), trait)
    write_table(plan, snakemake.output.plan)
