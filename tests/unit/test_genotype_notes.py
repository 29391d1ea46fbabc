"""What the report says of the filters' findings."""

import html
from types import SimpleNamespace

import pytest

from breedcast.report.data import genotype_notes, kept_table

QUIET = {
    "absent_names": {},
    "duplicated_pairs": 0,
    "split_heterozygosity": [],
    "thresholds": {"duplicated_lines": "keep", "identity": 0.99},
}
SPLIT = {
    "contig": "X",
    "lines_few": 1200,
    "lines_usual": 40,
    "here_few": 0.0,
    "here_usual": 0.31,
    "elsewhere_few": 0.333,
}


def test_nothing_found_nothing_said() -> None:
    assert genotype_notes(QUIET) == []


def test_a_sex_chromosome_is_named_with_what_to_do() -> None:
    (note,) = genotype_notes(QUIET | {"split_heterozygosity": [SPLIT]})
    assert "Contig X looks like a sex chromosome: 1,200 lines" in note
    assert "(0 %, and 33 % elsewhere), 40 lines have 31 %" in note
    assert "genotypes: contigs: {X: exclude}" in html.unescape(note)


@pytest.mark.parametrize(
    ("kept", "words"),
    [("keep", "drop keeps the first of each"), ("drop", "first of each was kept")],
)
def test_pairs_and_unknown_names_are_counted(kept: str, words: str) -> None:
    found = QUIET | {
        "absent_names": {"exclude_markers": 7},
        "duplicated_pairs": 3,
        "thresholds": {"duplicated_lines": kept, "identity": 0.99},
    }
    names, pairs = genotype_notes(found)
    assert names.startswith("7 of the names in filter: exclude_markers")
    assert pairs.startswith("3 pairs of lines share 99 % of their calls or more")
    assert words in pairs


def test_every_reason_of_the_filters_is_explained() -> None:
    from breedcast.genotypes.verdicts import KEYS

    limits = {
        **dict.fromkeys(("max_missing_marker", "max_missing_line", "min_maf", "identity"), 0.5),
        **dict.fromkeys(("max_heterozygosity_marker", "max_heterozygosity_line"), 0.25),
        "ld_prune": {"r2": 0.3, "window": 60, "step": 5},
    }
    genotypes = {
        "imported": {"markers": 20, "lines": 9},
        "thresholds": limits,
        "dropped_markers": dict.fromkeys(KEYS, 2),
        "dropped_lines": {"duplicated": 1},
        "markers": 4,
        "lines": 8,
    }
    rows = kept_table(SimpleNamespace(genotypes=genotypes)).rows
    assert [row[0].text for row in rows[1:-1]] == [f"Dropped: {reason}" for reason in KEYS]
    assert all(row[0].note for row in rows[1:-1])
    (linked,) = [row[0].note for row in rows if row[0].text == "Dropped: linked"]
    assert "above 0.3" in linked
    assert "within 60 markers" in linked
