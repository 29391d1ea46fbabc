"""Panels joined: against plain loops over markers, the matrix they were cut from, and PLINK."""

import itertools
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cyvcf2 import VCF
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.genotypes import join, store
from breedcast.genotypes.join import UNPLACED, How, Joined, Panel, join_panels
from breedcast.genotypes.source import MARKERS

Marker = tuple[str, int, str, str, str]
COMPLEMENT = dict(zip("ACGT.", "TGCA.", strict=True))
BASES = np.array(list("ACGT"))


def panel(
    name: str,
    markers: Sequence[Marker],
    dosage: np.ndarray | None = None,
    ploidy: int = 2,
    samples: Sequence[str] | None = None,
) -> Panel:
    """A panel in memory; without dosages every marker has its own pattern of calls."""
    if dosage is None:
        calls = itertools.islice(itertools.product(range(-1, ploidy + 1), repeat=3), 1, None)
        dosage = np.array([next(calls) for _ in markers], np.int8).reshape(-1, 3)
    samples = samples or [f"{name}_{line}" for line in range(dosage.shape[1])]
    columns = list(zip(*markers, strict=True)) or [[] for _ in MARKERS]
    table = pa.table(dict(zip(MARKERS.names, columns, strict=True)), schema=MARKERS)

    def read(rows: np.ndarray) -> np.ndarray:
        assert (np.diff(rows) > 0).all()
        return dosage[rows]

    return Panel(name, samples, table, ploidy, read)


def dosages(joined: Joined) -> np.ndarray:
    return np.concatenate([block.dosage for block in joined.blocks()])


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*table.to_pydict().values(), strict=True))


def changes(joined: Joined, *columns: str) -> list[tuple[Any, ...]]:
    return rows_of(joined.changes.select(columns or joined.changes.column_names))


def snps(number: int, contig: str = "chr1") -> list[Marker]:
    """A/C markers that show that panels are on one strand."""
    return [(contig, 1000 + at, f"s{at}", "A", "C") for at in range(number)]


# against plain loops


class Plain:
    """The policies, a marker at a time: sites are dicts, found by looking at all of them."""

    def __init__(self, panels: Sequence[Panel], how: str, evidence: int) -> None:
        self.panels = panels
        self.tables = [panel.markers.to_pylist() for panel in panels]
        self.apart = {"un"} if any(m["contig"] == "un" for t in self.tables for m in t) else set()
        for table in self.tables:
            names = {marker["contig"] for marker in table}
            keys = Counter(self.key(name) for name in names)
            self.apart |= {key for key, number in keys.items() if number > 1}
        self.sites: list[dict[str, Any]] = [self.site(0, row) for row in range(len(self.tables[0]))]
        for number in range(1, len(panels)):
            self.add(number, how, evidence)

    @staticmethod
    def key(name: str) -> str:
        return name.lower().removeprefix("chr").lstrip("0") or "0"

    def place(self, marker: dict[str, Any]) -> tuple[str, int] | None:
        if marker["contig"] == UNPLACED or marker["position"] < 1:
            return None
        key = self.key(marker["contig"])
        return (marker["contig"] if key in self.apart else key, marker["position"])

    def id(self, number: int, marker: dict[str, Any]) -> str | None:
        if sum(marker["id"] == other["id"] for other in self.tables[number]) > 1:
            return None
        invented = f"{marker['contig']}_{marker['position']}"
        return None if self.place(marker) is None and marker["id"] == invented else marker["id"]

    def site(self, number: int, row: int) -> dict[str, Any]:
        marker = self.tables[number][row]
        return {
            "place": self.place(marker),
            "id": self.id(number, marker),
            "letters": (marker["ref"], marker["alt"]),
            "from": number,
            "members": {number: (row, False)},
            "dropped": False,
        }

    @staticmethod
    def normal(allele: str) -> str:
        return ",".join(sorted(allele.upper().split(",")))

    def ways(self, mine: tuple[str, str], its: tuple[str, str]) -> list[tuple[bool, bool]]:
        """All (turned, swapped) that make its letters mine, the plainest first."""
        mine, its = (
            tuple(map(self.normal, mine)),
            tuple(map(self.normal, its)),
        )  # type: ignore[assignment]
        named, its_named = (sum(allele != "." for allele in pair) for pair in (mine, its))
        if not named or not its_named:
            return [(False, False)]
        if named == its_named == 1:
            return [(False, False)] if mine == its else []
        found = []
        for turned, swapped in itertools.product([False, True], repeat=2):
            letters = [COMPLEMENT.get(allele, "?") if turned else allele for allele in its]
            letters = letters[::-1] if swapped else letters
            if all(
                "?" not in b and ("." in (a, b) or a == b)
                for a, b in zip(mine, letters, strict=True)
            ) and all(found_turned != turned for found_turned, _ in found):
                found.append((turned, swapped))
        return found

    def rank(self, site: dict[str, Any], its: tuple[str, str], id_agrees: bool) -> int:
        named = [sum(allele != "." for allele in pair) for pair in (site["letters"], its)]
        turned, swapped = self.ways(site["letters"], its)[0]
        grade = 4 if 0 in named else 3 if 1 in named else 2 if turned else int(swapped)
        return grade if id_agrees else grade + 10

    def add(self, number: int, how: str, evidence: int) -> None:
        table, sites = self.tables[number], list(self.sites)
        mine = [self.site(number, row) for row in range(len(table))]
        candidates, moved = [], []
        for site, marker in itertools.product(sites, mine):
            same_id = site["id"] is not None and site["id"] == marker["id"]
            if site["place"] and marker["place"]:
                if site["place"] == marker["place"]:
                    candidates.append((site, marker, same_id))
                elif same_id:
                    moved.append((site, marker))
            elif same_id:
                candidates.append((site, marker, True))
        fitting = [c for c in candidates if self.ways(c[0]["letters"], c[1]["letters"])]
        used: list[int] = []
        taken = []
        for rank in range(20):
            now = [
                (site, marker)
                for site, marker, same_id in fitting
                if self.rank(site, marker["letters"], same_id) == rank
                and id(site) not in used
                and id(marker) not in used
            ]
            ends = Counter(id(end) for pair in now for end in pair)
            for site, marker in now:
                if ends[id(site)] == ends[id(marker)] == 1:
                    taken.append((site, marker))
                else:
                    site["dropped"] = marker["dropped"] = True
            used += list(ends)
        other = [c[:2] for c in candidates if id(c[0]) not in used and id(c[1]) not in used]
        moved = [pair for pair in moved if id(pair[0]) not in used and id(pair[1]) not in used]
        if not taken or len(other) > len(taken) or len(moved) > len(taken):
            raise UserError("not to be joined")
        for site, marker in other + moved:
            site["dropped"] = marker["dropped"] = True
        ways = [self.ways(site["letters"], marker["letters"]) for site, marker in taken]
        strands: dict[int, set[bool]] = {}
        for earlier in range(number):
            turned = [
                way[0][0]
                for (site, marker), way in zip(taken, ways, strict=True)
                if site["from"] == earlier
                and len(way) == 1
                and all(a.upper() in "ACGT" for a in site["letters"] + marker["letters"])
            ]
            strands[earlier] = set(turned) if len(turned) >= evidence else set()
        for (site, marker), way in zip(taken, ways, strict=True):
            if len(way) == 2 and len(strands[site["from"]]) != 1:
                site["dropped"] = True
            turned, swapped = way[-1] if strands[site["from"]] == {True} else way[0]
            its = marker["letters"]
            if turned:
                its = tuple(COMPLEMENT[allele.upper()] for allele in its)
            if swapped:
                its = its[::-1]
            if site["letters"] == (".", "."):
                site["from"] = number
            site["letters"] = tuple(
                b if a == "." else a for a, b in zip(site["letters"], its, strict=True)
            )
            site["place"] = site["place"] or marker["place"]
            site["members"][number] = (marker["members"][number][0], swapped)
        new = [marker for marker in mine if all(marker is not pair[1] for pair in taken)]
        if how == "intersection":
            for site in sites:
                site["dropped"] |= number not in site["members"]
            for marker in new:
                marker["dropped"] = True
        self.sites += new

    def kept(self) -> dict[tuple[int, int], tuple[int, bool]]:
        """(panel, row) -> (the site's first panel and row), swapped."""
        kept = {}
        for site in self.sites:
            first = min(site["members"])
            for number, (row, swapped) in site["members"].items():
                if not site["dropped"]:
                    kept[number, row] = (first, site["members"][first][0], swapped)
        return kept  # type: ignore[return-value]


LETTERS = [("A", "C"), ("A", "G"), ("G", "T"), ("T", "C"), ("A", "T"), ("C", "G"), ("a", "g")]
OTHERS = [("A", "AT"), ("A", "<DEL>"), ("A", "T,G"), ("A", "G,T"), ("A", "."), ("C", "."), (".", ".")]


@st.composite
def marker_lists(draw: st.DrawFn) -> list[list[Marker]]:
    """Markers of two or three panels, most of them the same ones, written in different ways."""
    base = [
        (at, draw(st.integers(1, 6)), f"m{at}", *draw(st.sampled_from(LETTERS * 2 + OTHERS)))
        for at in range(draw(st.integers(1, 8)))
    ]
    alike = draw(st.booleans())
    lists = []
    for _ in range(draw(st.integers(2, 3))):
        chance = st.integers(0, 9)
        prefix = draw(st.sampled_from(["chr", "", "Chr0"]))
        opposite = draw(st.booleans()) and draw(st.booleans())
        markers = []
        for at, position, name, ref, alt in base:
            for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 1, 1, 1, 2]))):
                if opposite ^ (not alike and draw(chance) == 0):
                    turned = [COMPLEMENT.get(allele.upper(), allele) for allele in (ref, alt)]
                    ref, alt = turned if turned != [ref, alt] else (ref, alt)
                if draw(chance) < 3 and "." not in (ref, alt):
                    ref, alt = alt, ref
                unusual = draw(chance)
                if unusual == 0:
                    ref, alt = draw(st.sampled_from(LETTERS + OTHERS))
                elif unusual == 1:
                    ref, alt = draw(st.sampled_from([(ref, "."), (alt, "."), (".", ".")]))
                contig, place = f"{prefix}{1 + at % 2}", position
                unusual = draw(chance)
                if unusual == 0:
                    contig = draw(st.sampled_from([UNPLACED, "1", "chr1"]))
                elif unusual == 1:
                    place = draw(st.integers(0, 6))
                name = draw(st.sampled_from([name] * 6 + ["m0", f"{contig}_{place}"]))
                markers.append((contig, place, name, ref, alt))
        lists.append(draw(st.permutations(markers)))
    return lists


def outcome(joined: Joined) -> dict[tuple[int, int], tuple[int, int, bool]]:
    """As `Plain.kept`."""
    kept = {}
    for rows, swapped in zip(joined.rows, joined.mirrored, strict=True):
        first = int(np.flatnonzero(rows >= 0)[0])
        for number in np.flatnonzero(rows >= 0):
            kept[int(number), int(rows[number])] = (first, int(rows[first]), bool(swapped[number]))
    return kept


@settings(max_examples=600, deadline=None)
@given(lists=marker_lists(), how=st.sampled_from(["intersection", "union"]), evidence=st.integers(1, 3))
def test_joins_as_plain_loops_do(lists: list[list[Marker]], how: How, evidence: int) -> None:
    panels = [panel(f"p{number}", markers) for number, markers in enumerate(lists)]
    assume(all(lists))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join, "STRAND_EVIDENCE", evidence)
        patch.setattr(store, "BLOCK_BYTES", 16)
        try:
            expected = Plain(panels, how, evidence).kept()
        except UserError:
            expected = {}
        if not expected:
            with pytest.raises(UserError):
                join_panels(panels, how)
            return
        joined = join_panels(panels, how)
        assert outcome(joined) == expected
        check_books(joined)


def check_books(joined: Joined) -> None:
    """Every marker is joined or dropped by name; the dosages are those of the panels."""
    dropped = Counter(changes(joined, "panel", "action"))
    for number, each in enumerate(joined.panels):
        rows = joined.rows[:, number]
        present = rows[rows >= 0]
        assert len(present) == len(set(present))
        assert len(present) + dropped[each.name, "dropped"] == len(each.markers)
        assert dropped[each.name, "missing"] == (rows < 0).sum()
    result, at = dosages(joined), 0
    for number, each in enumerate(joined.panels):
        here = result[:, at : at + len(each.samples)]
        at += len(each.samples)
        for row, swapped, calls in zip(
            joined.rows[:, number], joined.mirrored[:, number], here, strict=True
        ):
            own = [-1] * len(calls) if row < 0 else each.read(np.array([row]))[0].tolist()
            assert calls.tolist() == [2 - x if swapped and x >= 0 and row >= 0 else x for x in own]
    assert sum(joined.counts.values()) == len(joined.changes)
