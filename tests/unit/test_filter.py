"""The filters on cases that can be counted by hand, and against a plain count in fractions."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.files import read_table
from breedcast.genotypes import store
from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.store import Codes, CodesSummary, read_codes
from tests.unit.vcf_files import import_vcf, vcf_of_dosages

OPEN = {"min_maf": 0.0, "max_missing_marker": 1.0, "max_missing_line": 1.0}


def filtered(
    dosages: Sequence[Sequence[int]], folder: Path, ploidy: int = 2, **limits: float
) -> tuple[CodesSummary, Codes]:
    """Codes left of these dosages (markers x lines, -1 = missing)."""
    (folder / "input.vcf").write_text(vcf_of_dosages(dosages, ploidy))
    import_vcf(folder / "input.vcf", folder / "imported.zarr")
    summary = filter_genotypes(folder / "imported.zarr", folder, **(OPEN | limits))
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


@pytest.mark.parametrize(
    ("rows", "limits", "words"),
    [
        ([[-1, 1], [-1, 0]], {"max_missing_marker": 0.1}, "no marker of 2.*max_missing_marker"),
        ([[-1, 1], [1, -1]], {"max_missing_line": 0.1}, "no line of 2.*max_missing_line"),
        ([[0, 1, 0], [0, 0, 0]], {"min_maf": 0.4}, "1 monomorphic, 1 rare allele.*min_maf"),
    ],
)
def test_nothing_left_is_an_error_that_names_the_key(
    rows: list[list[int]], limits: dict[str, float], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        filtered(rows, tmp_path, **limits)
    assert not (tmp_path / "codes.zarr").exists()


@settings(max_examples=40, deadline=None)
@given(data=st.data(), ploidy=st.sampled_from([1, 2, 4]))
def test_filters_equal_a_plain_count(
    data: st.DataObject, ploidy: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same decisions from lists and fractions, however the file is cut into blocks."""
    lines, markers = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    row = st.lists(st.integers(-1, ploidy), min_size=lines, max_size=lines)
    rows = data.draw(st.lists(row, min_size=markers, max_size=markers).filter(np.ptp))
    limits = {
        key: data.draw(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), label=key)
        for key in ("max_missing_marker", "max_missing_line")
    }
    limits["min_maf"] = data.draw(st.sampled_from([0.0, 0.05, 0.25, 0.5]), label="min_maf")
    kept_markers, kept_lines = count_by_hand(rows, ploidy, limits)
    folder = tmp_path_factory.mktemp("filter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "BLOCK_BYTES", data.draw(st.sampled_from([1, 20, 1 << 24])))
        if not kept_markers or not kept_lines:
            with pytest.raises(UserError, match="the filters leave no"):
                filtered(rows, folder, ploidy, **limits)
            return
        summary, codes = filtered(rows, folder, ploidy, **limits)
    expected = np.array(rows)[np.ix_(kept_markers, kept_lines)].T
    assert (codes.codes == np.where(expected < 0, ploidy + 1, expected)).all()
    assert codes.samples == [f"line{line}" for line in kept_lines]
    assert codes.markers["id"].tolist() == [f"m{marker + 1}" for marker in kept_markers]
    assert sum(summary.dropped_markers.values()) == markers - len(kept_markers)
    assert sum(summary.dropped_lines.values()) == lines - len(kept_lines)
    assert len(dropped(folder, "markers")) == markers - len(kept_markers)


def count_by_hand(
    rows: list[list[int]], ploidy: int, limits: dict[str, float]
) -> tuple[list[int], list[int]]:
    """Positions of the markers and lines that the documented steps keep."""
    limit = {key: Fraction(str(value)) for key, value in limits.items()}
    lines = range(len(rows[0]))
    passed = [
        marker
        for marker, row in enumerate(rows)
        if Fraction(row.count(-1), len(row)) <= limit["max_missing_marker"]
    ]
    kept_lines = [
        line
        for line in lines
        if passed
        and Fraction(sum(rows[marker][line] == -1 for marker in passed), len(passed))
        <= limit["max_missing_line"]
    ]
    kept = []
    for marker in passed:
        called = [rows[marker][line] for line in kept_lines if rows[marker][line] >= 0]
        minor = min(sum(called), ploidy * len(called) - sum(called))
        if minor and Fraction(minor, ploidy * len(called)) >= limit["min_maf"]:
            kept.append(marker)
    return kept, kept_lines


def test_monomorphic_markers_as_the_readmes_count_them(shared_data: Path, tmp_path: Path) -> None:
    """139 of the maize markers and 149 of the soybean markers; every line stays."""
    import_vcf(shared_data / "maize281" / "genotypes.vcf.gz", tmp_path / "imported.zarr")
    summary = filter_genotypes(tmp_path / "imported.zarr", tmp_path, **OPEN)
    assert (summary.lines, summary.dropped_markers) == (281, {"monomorphic": 139})
    import_vcf(shared_data / "soynam" / "genotypes.vcf.gz", tmp_path / "imported.zarr")
    summary = filter_genotypes(tmp_path / "imported.zarr", tmp_path, **OPEN)
    assert (summary.lines, sum(summary.dropped_markers.values())) == (5590, 149)
    assert read_codes(tmp_path / "codes.zarr").codes.shape == (5590, 4611 - 149)
