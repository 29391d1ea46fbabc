from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.phenotypes.hybrids import parents_by_sample
    from breedcast.phenotypes.labels import read_labels
    from breedcast.validation.groups import LineGroups
    from breedcast.validation.names import BY_PARENTS, FOLLOWED
    from breedcast.validation.own_file import read_own_plan
    from breedcast.validation.schemes import SCHEMES

    trait, scheme = settings.pop("trait"), settings.pop("scheme")
    if structure := snakemake.input.get("structure"):
        labels = read_labels(snakemake.input.labels)
        settings["known"] = LineGroups.of(FOLLOWED[scheme], read_table(structure), labels)
    if own := snakemake.input.get("own"):
        settings["plan"] = read_own_plan(own)
    alike = snakemake.input.get("alike")
    lines, pairs = read_table(snakemake.input.phenotypes), alike and read_table(alike)
    if scheme in BY_PARENTS:
        settings["parents"] = parents_by_sample(lines)
    plan = SCHEMES[scheme](**settings).make_plan(lines, trait, pairs)
    write_table(plan, snakemake.output.plan)
