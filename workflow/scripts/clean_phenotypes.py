from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import read_table, write_table
    from breedcast.genotypes.hybrids import check_own_calls, check_parents, heterozygous_shares
    from breedcast.genotypes.store import read_codes, read_samples
    from breedcast.phenotypes.clean import (
        clean_phenotypes,
        read_candidates,
        warn_of_missing_codes,
    )
    from breedcast.phenotypes.covariates import at_average
    from breedcast.phenotypes.hybrids import Hybrids, parents_by_sample
    from breedcast.phenotypes.in_environments import read_trait_table
    from breedcast.phenotypes.labels import labels_of
    from breedcast.phenotypes.line_values import line_table

    filtered = read_table(snakemake.input.dropped_samples)
    excluded = dict(zip(filtered["sample"], filtered["reason"], strict=True))
    named = snakemake.input.get("candidates")
    trait, weights, labels = (settings[key] for key in ("trait", "weights", "labels"))
    parents = settings["parents"]
    adjusted = snakemake.input.get("adjusted")
    table = read_trait_table(
        snakemake.input.phenotypes, settings["plots"], settings["environments"]
    )
    warn_of_missing_codes(table, [trait, *settings["covariates"]])
    if adjusted:
        of_lines = [*dict.fromkeys([*settings["covariates"], *labels.values(), *parents])]
        table, weights = line_table(table, read_table(adjusted), trait, of_lines)
    if parents:
        genotypes = read_codes(snakemake.input.codes)
        check_parents(genotypes.ploidy)
        shares = heterozygous_shares([genotypes.codes])
        heterozygous = dict(zip(genotypes.samples, shares, strict=True))
        candidates = named or settings["all_crosses"]
        hybrids = Hybrids.of(table, parents, candidates, heterozygous, excluded)
        genotyped, excluded, names = hybrids.known, hybrids.reasons, hybrids.candidates
    else:
        genotyped = read_samples(snakemake.input.codes)
        names = named and read_candidates(named, set(genotyped), excluded)
    cleaned = clean_phenotypes(
        table, trait, settings["covariates"], weights, genotyped, excluded, names
    )
    lines = at_average(cleaned.lines, labels.get("family"))
    if parents:
        lines = hybrids.with_parents(lines)
        check_own_calls(genotypes.codes, genotypes.samples, parents_by_sample(lines))
    write_table(lines, snakemake.output.phenotypes)
    told = labels_of(table, labels, lines)
    write_table(told, snakemake.output.labels)
    write_table(cleaned.dropped, snakemake.output.dropped)
