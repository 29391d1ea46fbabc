"""All filters together against a plain reading of their description, in lists and fractions."""

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.files import read_table
from breedcast.genotypes import duplicates, pruning, store
from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.store import read_codes
from tests.unit.vcf_files import call, import_vcf, record, vcf

Rows = list[list[int]]


class Reference:
    """The steps of the filters, one after another. rows: markers x lines, -1 = missing."""

    def __init__(self, rows: Rows, contig: list[str], ploidy: int, config: dict[str, Any]) -> None:
        self.rows, self.contig, self.ploidy, self.config = rows, contig, ploidy, config
        self.lines, self.markers = list(range(len(rows[0]))), list(range(len(rows)))
        self.dropped_lines: dict[int, str] = {}
        self.dropped_markers: dict[int, str] = {}
        self.pairs: list[tuple[int, int]] = []

    def limit(self, key: str) -> Fraction:
        return Fraction(str(self.config[key]))

    def run(self) -> None:
        """Raises ValueError where nothing is left."""
        self.by_name()
        few = self.limit("max_missing_marker")
        self.drop_markers("missing calls", lambda calls: share(calls, missing) > few)
        few_lines, mixed = self.limit("max_missing_line"), self.limit("max_heterozygosity_line")
        counted = self.markers
        for line in list(self.lines):
            calls = [self.rows[marker][line] for marker in counted]
            if share(calls, missing) > few_lines:
                self.drop_line(line, "missing calls")
            elif share([it for it in calls if it >= 0], self.between) > mixed:
                self.drop_line(line, "heterozygous")
        self.repeated_lines()
        for marker in list(self.markers):
            if reason := self.fault(self.calls(marker)):
                self.drop_marker(marker, reason)
        if self.config["duplicated_markers"] == "drop":
            self.repeated_markers()
        if self.config["ld_prune"]:
            self.prune(**self.config["ld_prune"])

    def drop_line(self, line: int, reason: str) -> None:
        self.lines = [it for it in self.lines if it != line]
        self.dropped_lines[line] = reason
        if not self.lines:
            raise ValueError

    def drop_marker(self, marker: int, reason: str) -> None:
        self.markers = [it for it in self.markers if it != marker]
        self.dropped_markers[marker] = reason
        if not self.markers:
            raise ValueError

    def drop_markers(self, reason: str, bad: Callable[[list[int]], bool]) -> None:
        for marker in list(self.markers):
            if bad(self.calls(marker)):
                self.drop_marker(marker, reason)

    def calls(self, marker: int) -> list[int]:
        return [self.rows[marker][line] for line in self.lines]

    def between(self, dosage: int) -> bool:
        return 0 < dosage < self.ploidy

    def by_name(self) -> None:
        lists = self.config["lists"]
        for line in list(self.lines):
            if f"line{line}" in lists.get("exclude_lines", []):
                self.drop_line(line, "excluded by name")
            elif f"line{line}" not in lists.get("lines", [f"line{line}"]):
                self.drop_line(line, "not listed")
        for marker in list(self.markers):
            if f"m{marker}" in lists.get("exclude_markers", []):
                self.drop_marker(marker, "excluded by name")
            elif f"m{marker}" not in lists.get("markers", [f"m{marker}"]):
                self.drop_marker(marker, "not listed")

    def fault(self, calls: list[int]) -> str:
        """Why a marker with these calls is dropped, by its alleles."""
        called = [it for it in calls if it >= 0]
        if not called:
            return "missing calls"
        if minor(called, self.ploidy) == 0:
            return "monomorphic"
        if minor(called, self.ploidy) < self.limit("min_maf"):
            return "rare allele"
        if share(called, self.between) > self.limit("max_heterozygosity_marker"):
            return "heterozygous"
        return ""

    def repeated_lines(self) -> None:
        compared = [marker for marker in self.markers if not self.fault(self.calls(marker))]
        for first, second in combinations(self.lines, 2):
            both = [
                (self.rows[marker][first], self.rows[marker][second])
                for marker in compared
                if min(self.rows[marker][first], self.rows[marker][second]) >= 0
            ]
            same = share(both, lambda calls: calls[0] == calls[1])
            enough = both and len(both) >= min(100, Fraction(len(compared), 2))
            if enough and same >= self.limit("identity"):
                self.pairs.append((first, second))
        if self.config["duplicated_lines"] == "drop":
            for line in list(self.lines):
                if any((kept, line) in self.pairs for kept in self.lines if kept < line):
                    self.drop_line(line, "duplicated")

    def repeated_markers(self) -> None:
        seen = []
        for marker in list(self.markers):
            calls = self.calls(marker)
            if calls in seen:
                self.drop_marker(marker, "duplicated")
            seen += [calls, [it if it < 0 else self.ploidy - it for it in calls]]

    def prune(self, r2: float, window: int, step: int) -> None:
        for contig in dict.fromkeys(self.contig):
            here = [marker for marker in self.markers if self.contig[marker] == contig]
            for start in range(0, len(here), step):
                while self.prune_once(here[start : start + window], Fraction(str(r2))):
                    pass

    def prune_once(self, window: list[int], r2: Fraction) -> bool:
        pruned = False
        for first in window:
            for second in window[window.index(first) + 1 :]:
                live = first in self.markers and second in self.markers
                if live and linked(self.calls(first), self.calls(second), r2):
                    mafs = [
                        minor([it for it in self.calls(marker) if it >= 0], self.ploidy)
                        for marker in (first, second)
                    ]
                    self.drop_marker(first if mafs[0] < mafs[1] else second, "linked")
                    pruned = True
                    break
        return pruned


def missing(dosage: int) -> bool:
    return dosage < 0


def share(items: list[Any], is_one: Callable[[Any], bool]) -> Fraction:
    return Fraction(sum(map(is_one, items)), max(1, len(items)))


def minor(called: list[int], ploidy: int) -> Fraction:
    """Minor allele frequency."""
    alternate = Fraction(sum(called), ploidy * len(called))
    return min(alternate, 1 - alternate)


def linked(one: list[int], other: list[int], r2: Fraction) -> bool:
    """Whether the squared correlation of the calls made in both exceeds r2."""
    both = [(x, y) for x, y in zip(one, other, strict=True) if min(x, y) >= 0]
    if not both:
        return False
    mean_x, mean_y = (Fraction(sum(values), len(both)) for values in zip(*both, strict=True))
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in both)
    variance_x = sum((x - mean_x) ** 2 for x, _ in both)
    variance_y = sum((y - mean_y) ** 2 for _, y in both)
    return covariance**2 > r2 * variance_x * variance_y


def a_limit(data: st.DataObject, key: str, *values: float) -> float:
    return data.draw(st.sampled_from(values), label=key)


def a_config(data: st.DataObject, lines: int, markers: int) -> dict[str, Any]:
    """Limits that often drop something, and lists of some names."""
    shares = (0.0, 0.1, 0.25, 0.5, 1.0, 1.0)
    config: dict[str, Any] = {
        key: a_limit(data, key, *shares)
        for key in (
            *("max_missing_marker", "max_missing_line"),
            *("max_heterozygosity_marker", "max_heterozygosity_line"),
        )
    }
    config["min_maf"] = a_limit(data, "min_maf", 0.0, 0.05, 0.25, 0.5)
    config["identity"] = a_limit(data, "identity", 0.5, 0.75, 0.8, 1.0)
    for key in ("duplicated_lines", "duplicated_markers"):
        config[key] = data.draw(st.sampled_from(["keep", "drop"]), label=key)
    window = st.fixed_dictionaries(
        {
            "r2": st.sampled_from([0.1, 0.25, 0.5, 0.9]),
            "window": st.integers(2, 9),
            "step": st.integers(1, 4),
        }
    )
    config["ld_prune"] = data.draw(st.none() | window, label="ld_prune")
    config["lists"] = {}
    for key, name, number in (("lines", "line", lines), ("markers", "m", markers)):
        for prefix in ("", "exclude_"):
            names = st.lists(st.integers(0, number - 1), min_size=1, unique=True)
            if chosen := data.draw(st.none() | names, label=prefix + key):
                config["lists"][prefix + key] = [f"{name}{it}" for it in chosen]
    return config


@settings(max_examples=60, deadline=None)
@given(data=st.data(), ploidy=st.sampled_from([1, 2, 4]))
def test_filters_equal_a_plain_reading(
    data: st.DataObject, ploidy: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same decisions and reasons, however the file is cut into blocks."""
    lines, markers = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 12))
    # few distinct rows, so that markers repeat and are linked
    row = st.lists(st.integers(-1, ploidy), min_size=lines, max_size=lines)
    distinct = data.draw(st.lists(row, min_size=1, max_size=markers).filter(np.ptp))
    picks = st.lists(st.sampled_from(distinct), min_size=markers, max_size=markers)
    rows = data.draw(picks.filter(lambda chosen: np.max(chosen) >= 0))
    on_first = data.draw(st.integers(0, markers))
    contig = ["chr1"] * on_first + ["chr2"] * (markers - on_first)
    config = a_config(data, lines, markers)
    reference = Reference(rows, contig, ploidy, config)
    try:
        reference.run()
        left = True
    except ValueError:
        left = False
    folder = tmp_path_factory.mktemp("filter")
    write_input(rows, contig, ploidy, config["lists"], folder)
    limits = {key: value for key, value in config.items() if key != "lists"}
    lists = {key: folder / f"{key}.txt" for key in config["lists"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "BLOCK_BYTES", data.draw(st.sampled_from([1, 20, 50, 1 << 24])))
        patch.setattr(duplicates, "TILE", data.draw(st.sampled_from([2, 1024])))
        patch.setattr(pruning, "BATCH", data.draw(st.sampled_from([1, 3, 64])))
        import_vcf(folder / "input.vcf", folder / "imported")
        if not left:
            with pytest.raises(UserError, match="the filters leave no"):
                filter_genotypes(folder / "imported", folder, lists=lists, **limits)
            assert not (folder / "codes.zarr").exists()
            return
        filter_genotypes(folder / "imported", folder, lists=lists, **limits)
    agree(reference, folder)


def agree(reference: Reference, folder: Path) -> None:
    """What was written is what the reference says."""
    codes = read_codes(folder / "codes.zarr")
    expected = np.array(reference.rows)[np.ix_(reference.markers, reference.lines)].T
    assert codes.codes.tolist() == np.where(expected < 0, reference.ploidy + 1, expected).tolist()
    assert codes.samples == [f"line{line}" for line in reference.lines]
    assert codes.markers["id"].tolist() == [f"m{marker}" for marker in reference.markers]
    table = read_table(folder / "dropped_markers.tsv")
    assert dict(zip(table["marker"], table["reason"], strict=True)) == reference.dropped_markers
    table = read_table(folder / "dropped_samples.tsv")
    dropped = {f"line{line}": reason for line, reason in reference.dropped_lines.items()}
    assert dict(zip(table["sample"], table["reason"], strict=True)) == dropped
    table = read_table(folder / "duplicated_lines.tsv")
    assert list(zip(table["line_1"], table["line_2"], strict=True)) == [
        (f"line{first}", f"line{second}") for first, second in reference.pairs
    ]


def write_input(
    rows: Rows, contig: list[str], ploidy: int, lists: dict[str, list[str]], folder: Path
) -> None:
    """input.vcf and the lists."""
    records = [
        record([call(it, ploidy) for it in row], position=number, name=f"m{number}", contig=where)
        for number, (row, where) in enumerate(zip(rows, contig, strict=True))
    ]
    text = vcf([f"line{number}" for number in range(len(rows[0]))], records)
    header = "##contig=<ID=chr2>\n##FORMAT"
    (folder / "input.vcf").write_text(text.replace("##FORMAT", header, 1))
    for key, names in lists.items():
        (folder / f"{key}.txt").write_text("\n".join(names))
