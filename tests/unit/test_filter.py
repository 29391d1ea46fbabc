"""The filters on cases that can be counted by hand (test_filter_reference.py: at random)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from breedcast.errors import UserError
from breedcast.files import read_table
from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.store import Codes, CodesSummary, read_codes
from tests.unit.vcf_files import import_vcf, vcf_of_dosages

OPEN = {"min_maf": 0.0, "max_missing_marker": 1.0, "max_missing_line": 1.0}


def filtered(
    dosages: Sequence[Sequence[int]],
    folder: Path,
    ploidy: int = 2,
    lists: dict[str, list[str]] | None = None,
    **limits: Any,
) -> tuple[CodesSummary, Codes]:
    """Codes left of these dosages (markers x lines, -1 = missing)."""
    paths = {}
    for key, names in (lists or {}).items():
        paths[key] = folder / f"{key}.txt"
        paths[key].write_text("\n".join(names))
    (folder / "input.vcf").write_text(vcf_of_dosages(dosages, ploidy))
    import_vcf(folder / "input.vcf", folder / "imported")
    summary = filter_genotypes(folder / "imported", folder, lists=paths, **(OPEN | limits))
    return summary, read_codes(folder / "codes.zarr")


def dropped(folder: Path, what: str) -> list[tuple[str, str]]:
    table = read_table(folder / f"dropped_{what}.tsv")
    name = "id" if what == "markers" else "sample"
    return list(zip(table[name], table["reason"], strict=True))


def test_codes_are_the_dosages_with_lines_in_rows(tmp_path: Path) -> None:
    summary, codes = filtered([[0, 1, 4], [2, -1, 3]], tmp_path, ploidy=4)
    assert codes.codes.dtype == np.uint8
    assert codes.codes.tolist() == [[0, 2], [1, 5], [4, 3]]
    assert (codes.ploidy, codes.samples) == (4, ["line0", "line1", "line2"])
    assert codes.markers["id"].tolist() == ["m1", "m2"]
    assert codes.markers["frequency"].tolist() == [5 / 12, 5 / 8]
    assert summary.missing_share == 1 / 6
    assert not summary.dropped_lines
    assert not summary.dropped_markers


def test_missing_calls_at_the_limit_are_kept(tmp_path: Path) -> None:
    at_limit, above = [-1] * 3 + [0, 1] * 3 + [0], [-1] * 4 + [0, 1] * 3
    _, codes = filtered([at_limit, above], tmp_path, max_missing_marker=0.3)
    assert codes.markers["id"].tolist() == ["m1"]
    assert dropped(tmp_path, "markers") == [("m2", "missing calls")]


def test_lines_are_judged_on_the_markers_that_are_left(tmp_path: Path) -> None:
    """Line 0 misses half of all calls, but none of the marker that passed the first step."""
    rows = [[-1, -1, -1, 1], [0, 1, 2, 1]]
    _, codes = filtered(rows, tmp_path, max_missing_marker=0.5, max_missing_line=0.4)
    assert codes.samples == ["line0", "line1", "line2", "line3"]
    assert dropped(tmp_path, "samples") == []


def test_alleles_are_counted_in_the_lines_that_are_left(tmp_path: Path) -> None:
    """The alternate allele of m1 is in line 0 alone, which misses too many calls."""
    rows = [[2, 0, 0, 0], [-1, 0, 1, 2], [-1, 0, 2, 0]]
    _, codes = filtered(rows, tmp_path, max_missing_line=0.5)
    assert codes.samples == ["line1", "line2", "line3"]
    assert dropped(tmp_path, "samples") == [("line0", "missing calls")]
    assert dropped(tmp_path, "markers") == [("m1", "monomorphic")]
    assert codes.markers["frequency"].tolist() == [1 / 2, 1 / 3]


def test_a_marker_whose_only_calls_were_in_dropped_lines(tmp_path: Path) -> None:
    rows = [[1, -1, -1, -1], [-1, 0, 1, 2], [-1, 0, 2, 0]]
    filtered(rows, tmp_path, max_missing_line=0.5)
    assert dropped(tmp_path, "markers") == [("m1", "missing calls")]


@pytest.mark.parametrize("flip", [False, True])
def test_minor_alleles_at_the_limit_are_kept_on_both_sides(flip: bool, tmp_path: Path) -> None:
    rows = np.array([[1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0] * 5])
    _, codes = filtered((2 - rows if flip else rows).tolist(), tmp_path, min_maf=0.2)
    assert codes.markers["id"].tolist() == ["m1"]
    assert dropped(tmp_path, "markers") == [("m2", "rare allele"), ("m3", "monomorphic")]
    table = read_table(tmp_path / "dropped_markers.tsv")
    assert table[["marker", "contig", "position", "value"]].to_numpy().tolist() == [
        [1, "chr1", 2, 0.1],
        [2, "chr1", 3, 0.0],
    ]


def test_all_heterozygous_is_polymorphic(tmp_path: Path) -> None:
    _, codes = filtered([[1, 1, 1]], tmp_path)
    assert codes.markers["frequency"].tolist() == [0.5]


def test_heterozygous_calls_lie_strictly_between_0_and_the_ploidy(tmp_path: Path) -> None:
    """Of the calls at m1 half, at m2 two thirds; line 3 is heterozygous at 2 of 3."""
    rows = [[0, 4, 1, 3], [0, 3, -1, 2], [0, 4, 0, 0]]
    _, codes = filtered(rows, tmp_path, ploidy=4, max_heterozygosity_marker=0.5)
    assert dropped(tmp_path, "markers") == [("m2", "heterozygous")]
    assert read_table(tmp_path / "dropped_markers.tsv")["value"].tolist() == [2 / 3]
    _, codes = filtered(rows, tmp_path, ploidy=4, max_heterozygosity_line=0.5)
    assert dropped(tmp_path, "samples") == [("line3", "heterozygous")]
    assert codes.samples == ["line0", "line1", "line2"]


def test_dropped_repeats_name_the_first(tmp_path: Path) -> None:
    """Line 2 repeats line 0; m3 is m1 mirrored once line 3 is left out."""
    rows = [[0, 1, 0, 2], [1, 0, 1, 1], [2, 1, 2, 2], [0, 2, 0, 1]]
    every = {"duplicated_lines": "drop", "duplicated_markers": "drop"}
    summary, codes = filtered(rows, tmp_path, lists={"exclude_lines": ["line3"]}, **every)
    assert codes.samples == ["line0", "line1"]
    samples = read_table(tmp_path / "dropped_samples.tsv")
    assert samples.to_dict("list") == {
        "sample": ["line2", "line3"],
        "reason": ["duplicated", "excluded by name"],
        "value": [1.0, pytest.approx(np.nan, nan_ok=True)],
        "partner": ["line0", ""],
    }
    assert dropped(tmp_path, "markers") == [("m3", "duplicated")]
    assert read_table(tmp_path / "dropped_markers.tsv")["partner"].tolist() == ["m1"]
    pairs = read_table(tmp_path / "duplicated_lines.tsv")
    assert pairs.to_numpy().tolist() == [["line0", "line2", 1.0, 4]]
    assert summary.duplicated_pairs == 1
    assert summary.dropped_lines == {"excluded by name": 1, "duplicated": 1}


def test_pairs_are_told_where_they_are_kept(tmp_path: Path) -> None:
    summary, codes = filtered([[0, 1, 0], [1, 0, 1]], tmp_path)
    assert (summary.duplicated_pairs, len(codes.samples)) == (1, 3)
    assert len(read_table(tmp_path / "duplicated_lines.tsv")) == 1


def test_lists_come_first_and_their_unknown_names_are_counted(tmp_path: Path) -> None:
    """Without line 0, m1 does not vary; m3 is left out although its calls would do."""
    rows = [[2, 0, 0, 0], [0, 1, 2, 0], [0, 1, 2, 1], [0, 1, 0, 2]]
    lists = {
        "lines": ["line1", "line2", "line3", "other"],
        "exclude_lines": ["line3", "line0"],
        "markers": ["m1", "m2", "m3"],
        "exclude_markers": ["m3"],
    }
    summary, codes = filtered(rows, tmp_path, lists=lists)
    assert codes.samples == ["line1", "line2"]
    assert codes.markers["id"].tolist() == ["m2"]
    assert dropped(tmp_path, "samples") == [
        ("line0", "excluded by name"),
        ("line3", "excluded by name"),
    ]
    assert dropped(tmp_path, "markers") == [
        ("m1", "monomorphic"),
        ("m3", "excluded by name"),
        ("m4", "not listed"),
    ]
    assert summary.absent_names == {"lines": 1}


def test_linked_markers_name_what_stays(tmp_path: Path) -> None:
    rows = [[0, 0, 1, 0, 2], [0, 0, 1, 1, 2], [2, 0, 1, 2, 0]]
    filtered(rows, tmp_path, ld_prune={"r2": 0.5, "window": 3, "step": 1})
    assert dropped(tmp_path, "markers") == [("m1", "linked")]
    row = read_table(tmp_path / "dropped_markers.tsv").iloc[0]
    assert row["partner"] == "m2"
    assert row["value"] == pytest.approx(np.corrcoef(rows[0], rows[1])[0, 1] ** 2)


@pytest.mark.parametrize(
    ("rows", "limits", "words"),
    [
        ([[-1, 1], [-1, 0]], {"max_missing_marker": 0.1}, "no marker of 2.*max_missing_marker"),
        ([[-1, 1], [1, -1]], {"max_missing_line": 0.1}, "no line of 2.*max_missing_line"),
        ([[0, 1, 0], [0, 0, 0]], {"min_maf": 0.4}, "1 monomorphic, 1 rare allele.*min_maf"),
        ([[0, 0, 0], [2, 2, -1]], {}, r"\(2 monomorphic\): none varies among the lines; give"),
        (
            [[0, 0, 0], [-1, -1, 0]],
            {"max_missing_marker": 0.5},
            r"1 missing calls, 1 monomorphic\): change filter: max_missing_marker in the config",
        ),
        ([[1, 1]], {"max_heterozygosity_line": 0.9}, "no line of 2.*max_heterozygosity_line"),
        ([[1, 1, 0]], {"max_heterozygosity_marker": 0.5}, "1 hetero.*max_heterozygosity_marker"),
        ([[0, 1]], {"lists": {"exclude_lines": ["line0", "line1"]}}, "filter: exclude_lines"),
    ],
)
def test_nothing_left_is_an_error_that_names_the_key(
    rows: list[list[int]], limits: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        filtered(rows, tmp_path, **limits)
    assert not (tmp_path / "codes.zarr").exists()


def test_monomorphic_markers_as_the_readmes_count_them(shared_data: Path, tmp_path: Path) -> None:
    """139 of the maize markers and 149 of the soybean markers; every line stays."""
    import_vcf(shared_data / "maize281" / "genotypes.vcf.gz", tmp_path / "imported")
    summary = filter_genotypes(tmp_path / "imported", tmp_path, **OPEN)
    assert (summary.lines, summary.dropped_markers) == (281, {"monomorphic": 139})
    import_vcf(shared_data / "soynam" / "genotypes.vcf.gz", tmp_path / "imported")
    summary = filter_genotypes(tmp_path / "imported", tmp_path, **OPEN)
    assert (summary.lines, sum(summary.dropped_markers.values())) == (5590, 149)
    assert read_codes(tmp_path / "codes.zarr").codes.shape == (5590, 4611 - 149)
