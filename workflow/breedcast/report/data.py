"""What was read, dropped and kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from breedcast.genotypes.source import COUNTS
from breedcast.report.collect import Report
from breedcast.report.tables import Cell, Table, table, whole


def kept_table(report: Report) -> Table:
    """Markers and lines read, dropped by reason, and kept."""
    genotypes = report.genotypes
    read, limits = genotypes["imported"], genotypes["thresholds"]
    told = {
        "missing calls": (
            f"more than {100 * limits['max_missing_marker']:g} % of a marker's calls missing, or "
            f"{100 * limits['max_missing_line']:g} % of a line's"
        ),
        "rare allele": f"minor allele frequency below {limits['min_maf']:g}",
        "monomorphic": "the marker does not vary",
        "heterozygous": (
            f"more than {100 * limits['max_heterozygosity_marker']:g} % of a marker's calls "
            f"heterozygous, or {100 * limits['max_heterozygosity_line']:g} % of a line's"
        ),
        "duplicated": (
            "the same calls as an earlier marker, or as an earlier line at "
            f"{100 * limits['identity']:g} % of the calls"
        ),
        "not listed": "not named in the list of those to use",
        "excluded by name": "named in the list of those to leave out",
    }
    if limits["ld_prune"] is not None:
        told["linked"] = (
            "squared correlation above {r2:g} with a marker of higher minor allele frequency, "
            "within {window} markers".format(**limits["ld_prune"])
        )
    dropped_markers, dropped_lines = genotypes["dropped_markers"], genotypes["dropped_lines"]
    reasons = list(dict.fromkeys([*dropped_markers, *dropped_lines]))
    return table(
        "Markers and lines by the genotype filters, which never look at a trait.",
        ["", "Markers", "Lines"],
        [
            ["Read", whole(read["markers"]), whole(read["lines"])],
            *(
                (
                    Cell(f"Dropped: {reason}", told.get(reason, "")),
                    whole(dropped_markers.get(reason, 0)),
                    whole(dropped_lines.get(reason, 0)),
                )
                for reason in reasons
            ),
            ["Kept", whole(genotypes["markers"]), whole(genotypes["lines"])],
        ],
        marked=[1 + len(reasons)],
    )


def import_table(report: Report) -> Table | None:
    """What the import met in the genotype files; None where that is plain calls alone."""
    read = report.genotypes["imported"]
    calls = read["lines"] * read["markers"]
    counts: Mapping[str, int] = read["counts"]
    if not counts.keys() & COUNTS.keys():
        return None
    shares = {"missing_calls": f"{100 * counts.get('missing_calls', 0) / calls:.2g} %"}
    return table(
        "What the genotype files held besides plain calls.",
        ["", "Number", "Remark"],
        [
            [label, Cell(whole(counts[name]), shares.get(name, "")), done]
            for name, (label, done) in COUNTS.items()
            if name in counts
        ],
        text=(0, 2),
    )


def dropped_table(report: Report) -> Table:
    """Lines with and without a value by trait, and those left out, by reason."""
    counts = {trait.id: Counter(trait.dropped["reason"]) for trait in report.traits}
    reasons = list(dict.fromkeys(reason for counter in counts.values() for reason in counter))
    passed_over = ", ".join(report.settings["passed_over"])
    return table(
        "Lines of each trait. Those with genotype and value are trained and tested on; candidates "
        "have a genotype and no value. The genotypes of hybrids follow from their parents'."
        + f" Columns of the table without numbers, which are no traits: {passed_over}."
        * bool(passed_over),
        ["Trait", "Genotype and value", "Candidates", *(f"Left out: {why}" for why in reasons)],
        [
            [
                trait.name,
                whole(trait.lines),
                whole(trait.new_lines),
                *(whole(counts[trait.id][reason]) for reason in reasons),
            ]
            for trait in report.traits
        ],
    )


def genotype_notes(genotypes: Mapping[str, Any]) -> list[str]:
    """What the filters noticed that a breeder should know. genotypes: codes.json."""
    said = [
        f"{whole(number)} of the names in filter: {key} are not in the genotypes."
        for key, number in genotypes["absent_names"].items()
    ]
    pairs, limits = genotypes["duplicated_pairs"], genotypes["thresholds"]
    if pairs:
        kept = limits["duplicated_lines"] == "keep"
        said.append(
            f"{whole(pairs)} {'pair' if pairs == 1 else 'pairs'} of lines share "
            f"{100 * limits['identity']:g} % of their calls or more "
            "(genotypes/duplicated_lines.tsv): "
            + (
                "look for samples that were mixed up or named twice. A line whose twin trains is "
                "predicted too well; filter: duplicated_lines: drop keeps the first of each."
                if kept
                else "the first of each was kept."
            )
        )
    for split in genotypes["split_heterozygosity"]:
        few, usual = split["lines_few"], split["lines_usual"]
        said.append(
            f"Contig {split['contig']} looks like a sex chromosome: {whole(few)} lines have next "
            f"to no heterozygous calls there ({100 * split['here_few']:.2g} %, and "
            f"{100 * split['elsewhere_few']:.2g} % elsewhere), {whole(usual)} lines have "
            f"{100 * split['here_usual']:.2g} % (genotypes/split_heterozygosity_lines.tsv names "
            "them). Its single copies were read as two; to leave it out, set genotypes: contigs: "
            f"{{{split['contig']}: exclude}}."
        )
    return said
