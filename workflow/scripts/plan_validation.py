from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.validation.schemes import SCHEMES

    trait, scheme = settings.pop("trait"), SCHEMES[settings.pop("scheme")]
    if structure := snakemake.input.get("structure"):
        settings["structure"] = read_table(structure)
    alike = snakemake.input.get("alike")
    lines, pairs = read_table(snakemake.input.phenotypes), alike and read_table(alike)
    plan = scheme(**settings).make_plan(lines, trait, pairs)
    write_table(plan, snakemake.output.plan)
