"""What `join_panels` is to do, a marker at a time, sharing none of its code."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from breedcast.errors import UserError
from breedcast.genotypes.join import UNPLACED
from breedcast.genotypes.panels import Panel

COMPLEMENT = dict(zip("ACGT.", "TGCA.", strict=True))


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
        mine, its = tuple(map(self.normal, mine)), tuple(map(self.normal, its))
        named, its_named = (sum(allele != "." for allele in pair) for pair in (mine, its))
        if not named or not its_named:
            return [(False, False)]
        if named == its_named == 1:
            alike = all("." in pair or len(set(pair)) == 1 for pair in zip(mine, its, strict=True))
            return [(False, False)] if alike else []
        found: dict[bool, bool] = {}
        can_turn = all(allele in COMPLEMENT for allele in mine + its)
        for turned, swapped in itertools.product([False, True][: 1 + can_turn], [False, True]):
            letters = [COMPLEMENT[allele] if turned else allele for allele in its]
            letters = letters[::-1] if swapped else letters
            if all("." in pair or len(set(pair)) == 1 for pair in zip(mine, letters, strict=True)):
                found.setdefault(turned, swapped)
        return list(found.items())

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

    def joined(self) -> dict[tuple[int, int], tuple[Any, ...]]:
        """First panel and row -> place, alleles, and panel -> row and whether it is swapped."""
        return {
            (first, site["members"][first][0]): (
                site["place"],
                *map(self.normal, site["letters"]),
                site["members"],
            )
            for site in self.sites
            if not site["dropped"]
            for first in [min(site["members"])]
        }
