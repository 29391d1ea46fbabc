"""Panels of genotypes with different lines, joined marker by marker into one.

The first panel that has a marker says how it is called, where it lies and which of its alleles is
counted; the others are brought to that, and every change has a row in `Joined.changes`.

- Markers are the same if they lie at the same place. Those without a place (contig UNPLACED, or no
  position above 0) are found by their id, where it is unique in both panels. chr1, Chr01 and 1 are
  one contig, unless some panel tells them apart.
- Of several markers of a panel at one place, each goes to the one with its id, and among
  these to the one with the same alleles, with the alleles swapped, with those of the other strand;
  where that leaves a choice, all of them are dropped.
- REF and ALT swapped: the dosage is mirrored. Letters of the other strand (A/C and T/G): taken to
  be the same alleles. A marker without ALT fits one that has its REF as REF or ALT. Indels,
  symbolic and several alternate alleles have to be the same, or swapped. Other alleles: dropped.
- A/T and C/G read the same on both strands. They are taken by their letters if the other markers
  of the two panels show that these are on one strand (or on opposite ones) throughout: at least
  STRAND_EVIDENCE markers, at most STRAND_ERRORS of them against it. Else they are dropped. Allele
  frequencies decide nothing: between breeding populations they differ too much for that.
- Markers whose alleles are not known are taken to count the same allele; where the
  frequencies in the two panels lie FAR from one half on opposite sides, `changes` says so.
- A marker whose id is at another place of the other panel, and that fits none at its own: dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from breedcast.errors import UserError
from breedcast.genotypes.alleles import RANKS, Alleles, Comparison
from breedcast.genotypes.pairing import contig_key, differ, encoded, merge, pair_up
from breedcast.genotypes.panels import Joined, Panel, frequencies
from breedcast.genotypes.source import CHANGES, MARKERS, How

#: The contig of markers of which no place is known.
UNPLACED = "un"
STRAND_EVIDENCE = 100
STRAND_ERRORS = 0.001
FAR = 0.2
#: More markers of a panel at one place are a mistake.
CROWD = 1000
UNDECIDED = "A/T or C/G, of a strand that nothing tells, in "


def join_panels(panels: Sequence[Panel], how: How) -> Joined:
    """Join the panels by the policies of this module's docstring.

    how: markers that a panel lacks are dropped (`intersection`) or missing there (`union`).

    Raises UserError for panels of different ploidy, a line in two panels, panels without a
    marker in common, most markers in common with other alleles, most ids at other places.
    """
    _check_lines(panels)
    joining = _Joining(panels, how)
    for number in range(1, len(panels)):
        joining.add(number)
    return joining.result()


def _check_lines(panels: Sequence[Panel]) -> None:
    first = panels[0]
    panel_of: dict[str, Panel] = {}
    for panel in panels:
        if not len(panel.markers):
            raise UserError(f"{panel.name} has no markers: leave the file out")
        if panel.ploidy != first.ploidy:
            raise UserError(
                f"{first.name} has ploidy {first.ploidy}, {panel.name} {panel.ploidy}: "
                "only files of one ploidy can be joined"
            )
        both = [sample for sample in panel.samples if sample in panel_of]
        if both:
            raise UserError(
                f"line {both[0]!r} is in {panel_of[both[0]].name} and in {panel.name} "
                f"({len(both)} such lines): leave it out of one of them, or rename it there"
            )
        panel_of |= dict.fromkeys(panel.samples, panel)


class _Joining:
    """The markers of all panels one after another, and what becomes of each.

    All arrays are (markers of all panels,). The `site` of a marker is the first one, in the order
    of the panels, that is the same marker; place and alleles of a site stand at that one.
    """

    def __init__(self, panels: Sequence[Panel], how: How) -> None:
        self.panels, self.how = panels, how
        self.names = np.array([panel.name for panel in panels], object)
        tables = [panel.markers.select(MARKERS.names) for panel in panels]
        self.markers = pa.concat_tables(tables)
        self.start = np.cumsum([0, *map(len, tables)])
        self.panel = np.repeat(np.arange(len(panels)), np.diff(self.start))
        self.notes: list[str] = []

        self.contig, self.contigs = self._contigs()
        self.position = self.markers["position"].to_numpy().copy()
        unplaced = np.asarray(pc.equal(self.markers["contig"], UNPLACED))
        self.placed = (self.position > 0) & ~unplaced
        self._check_places()
        self.id = self._ids()
        self.alleles = Alleles(*(self.markers[name].combine_chunks() for name in ("ref", "alt")))
        self.ref, self.alt = self.alleles.ref.copy(), self.alleles.alt.copy()

        self.site = np.arange(len(self.markers))
        self.letters = self.panel.copy()  # the panel whose alleles a site has
        self.swapped, self.turned, self.assumed = np.zeros((3, len(self.markers)), bool)
        self.reason = np.full(len(self.markers), "", object)  # why it is dropped

    def _contigs(self) -> tuple[np.ndarray, list[str]]:
        """The contig of each marker as a number, in the order they are met, and their names."""
        written, names = encoded(self.markers["contig"])
        keys = [contig_key(name) for name in names]
        apart = {contig_key(name) for name in names if name == UNPLACED}
        for first, end in pairwise(self.start):
            here = Counter(keys[code] for code in np.unique(written[first:end]))
            apart |= {key for key, spellings in here.items() if spellings > 1}
        spellings: dict[str, list[str]] = {}
        for name, key in zip(names, keys, strict=True):
            spellings.setdefault(name if key in apart else key, []).append(name)
        same = [" = ".join(each) for each in spellings.values() if len(each) > 1]
        if same:
            self.notes.append(f"Contigs taken as the same: {', '.join(same)}.")
        number = {name: at for at, each in enumerate(spellings.values()) for name in each}
        contig = np.array([number[name] for name in names], int)[written]
        return contig, [each[0] for each in spellings.values()]

    def _check_places(self) -> None:
        """Raise UserError where positions are no positions."""
        places = pd.DataFrame({"panel": self.panel, "contig": self.contig, "at": self.position})
        place = places.groupby(list(places), sort=False).ngroup().to_numpy()
        number = np.where(self.placed, np.bincount(place, minlength=1)[place], 0)
        if number.max() > CROWD:
            marker = int(number.argmax())
            contig, position = (self.markers[name][marker] for name in ("contig", "position"))
            raise UserError(
                f"{self.names[self.panel[marker]]} has {number[marker]:,} markers at "
                f"{contig}:{position}: give them their positions, or 0 where these are not known"
            )

    def _ids(self) -> np.ndarray:
        """The ids as numbers; -1 for one that its panel has twice, or that tells nothing."""
        codes = encoded(self.markers["id"])[0].astype(int)
        repeated = pd.DataFrame({"panel": self.panel, "id": codes}).duplicated(keep=False)
        positions = pc.cast(self.markers["position"], pa.string())
        invented = pc.binary_join_element_wise(self.markers["contig"], positions, "_")
        unnamed = np.asarray(pc.equal(self.markers["id"], invented)) & ~self.placed
        codes[repeated | unnamed] = -1
        return codes

    def add(self, number: int) -> None:
        """Find the markers of a panel among the sites of the panels before it."""
        start, end = self.start[number : number + 2]
        sites = np.flatnonzero(self.site[:start] == np.arange(start))
        markers = np.arange(start, end)
        by_place = merge(
            sites[self.placed[sites]], markers[self.placed[markers]], self.contig, self.position
        )
        by_id = merge(sites[self.id[sites] >= 0], markers[self.id[markers] >= 0], self.id)
        both_placed = self.placed[by_id].all(axis=1)
        pairs = np.concatenate([by_place, by_id[~both_placed]])
        found_by_id = np.arange(len(pairs)) >= len(by_place)
        comparison = self._compare(pairs)
        taken, several = pair_up(pairs, comparison.fits, self._rank(pairs, comparison))

        fitted = np.zeros(end, bool)
        fitted[pairs[taken | several]] = True
        other = pairs[~fitted[pairs].any(axis=1)]
        moved = both_placed & (differ(self.contig, by_id) | differ(self.position, by_id))
        elsewhere = by_id[moved & ~fitted[by_id].any(axis=1)]
        self._check(number, int(taken.sum()), other, elsewhere)

        by_id_only = int((taken & found_by_id).sum())
        if by_id_only:
            self.notes.append(
                f"{by_id_only:,} markers of {self.names[number]} are found by their id, for want "
                "of a position."
            )
        self._drop(pairs[several], "one of several that fit in ")
        self._drop(other, "other alleles than in ")
        self._drop(elsewhere, "its id is at another place in ")
        self._take(number, pairs[taken], comparison.where(taken))
        if self.how == "intersection":
            self._give_reason(sites[~fitted[sites]], f"not in {self.names[number]}")
            self._give_reason(markers[~fitted[markers]], f"not in {self.names[0]}")

    def _compare(self, pairs: np.ndarray) -> Comparison:
        """The alleles of the sites against those of the markers."""
        site, marker = pairs.T
        return self.alleles.compare(
            self.ref[site], self.alt[site], self.ref[marker], self.alt[marker]
        )

    def _rank(self, pairs: np.ndarray, comparison: Comparison) -> np.ndarray:
        """How good pairs are, from 0: an id that agrees says more than letters do."""
        site_id, marker_id = self.id[pairs].T
        agree = (site_id == marker_id) & (site_id >= 0)
        return np.where(agree, comparison.rank, comparison.rank + RANKS)

    def _check(self, number: int, taken: int, other: np.ndarray, elsewhere: np.ndarray) -> None:
        """Raise UserError if the panel does not look as if it could be joined."""
        names = f"{self.names[0]} and {self.names[number]}"
        if number > 1:
            names = f"the files up to {self.names[number - 1]} and {self.names[number]}"
        if len(elsewhere) > taken:
            raise UserError(
                f"{names} have {len(elsewhere):,} ids in common at different places and {taken:,} "
                f"markers at the same, for example {self._example(elsewhere[0])}: bring them to "
                "one genome build and one way of naming contigs; or, if the ids can be trusted, "
                "set the positions of one file to 0 and they are matched by id"
            )
        if len(other) > taken:
            raise UserError(
                f"{names} name different alleles at {len(other):,} markers at the same place and "
                f"the same ones at {taken:,}, for example {self._example(other[0])}: bring them "
                "to one genome build and one way of writing alleles"
            )
        if not taken:
            at = self.start[[0, number]]
            raise UserError(
                f"{names} have no marker in common, for example {self._example(at)}: "
                "give them the same contigs and positions, or the same ids"
            )

    def _example(self, rows: np.ndarray) -> str:
        """Two markers, in words."""
        return " and ".join(
            "{id} ({contig}:{position} {ref}/{alt})".format(**row)
            for row in self.markers.take(rows).to_pylist()
        )

    def _take(self, number: int, pairs: np.ndarray, comparison: Comparison) -> None:
        """Make markers of the panel those of their sites: strands, alleles, places."""
        site, marker = pairs.T
        strand = self._strands(number, self.letters[site], comparison)[self.letters[site]]
        either = comparison.either
        undecided = either & (strand == "mixed")
        self._drop(pairs[undecided], UNDECIDED)
        turned = np.where(either, strand == "other", ~comparison.plain)
        swapped = np.where(turned, comparison.turned_swapped, comparison.plain_swapped)
        self.site[marker], self.assumed[marker] = site, comparison.unknown
        self.swapped[marker], self.turned[marker] = swapped, turned

        nameless = (self.ref[site] == 0) & (self.alt[site] == 0)
        self.letters[site[nameless]] = number
        alleles = np.stack([self.ref[marker], self.alt[marker]])
        alleles = np.where(turned, self.alleles.complement[alleles], alleles)
        alleles = np.where(swapped, alleles[::-1], alleles)
        for mine, its in zip((self.ref, self.alt), alleles, strict=True):
            mine[site] = np.where(mine[site] == 0, its, mine[site])

        lies = self.placed[marker] & ~self.placed[site]
        for place in (self.contig, self.position, self.placed):
            place[site[lies]] = place[marker[lies]]

    def _strands(self, number: int, letters: np.ndarray, comparison: Comparison) -> np.ndarray:
        """(panels,) the strand that a panel is written on, as seen from the letters of each.

        `same` or `other` where A/C, A/G, C/T and G/T markers show that it is one throughout.
        """
        strands = np.full(len(self.panels), "mixed", object)
        telling = comparison.bases & ~comparison.either
        for earlier in np.unique(letters):
            here = letters == earlier
            turned = comparison.turned[telling & here]
            on_other = int(turned.sum())
            against = min(on_other, len(turned) - on_other)
            if len(turned) < STRAND_EVIDENCE or against > STRAND_ERRORS * len(turned):
                continue
            strands[earlier] = "other" if on_other > against else "same"
            if either := int((comparison.either & here).sum()):
                self.notes.append(
                    f"{either:,} A/T and C/G markers of {self.names[number]} are taken to be on "
                    f"the {strands[earlier]} strand, seen from {self.names[earlier]}, as all but "
                    f"{against:,} of {len(turned):,} other markers are."
                )
        return strands

    def _drop(self, pairs: np.ndarray, why: str) -> None:
        """Drop both markers of pairs (site, marker); the reason names the panel of the other."""
        for marker, other in (pairs.T, pairs.T[::-1]):
            self._give_reason(marker, why + self.names[self.panel[other]])

    def _give_reason(self, markers: np.ndarray, reason: str | np.ndarray) -> None:
        """Why markers are dropped; a reason they have is kept."""
        self.reason[markers] = np.where(self.reason[markers] == "", reason, self.reason[markers])

    def result(self) -> Joined:
        """All that was found. Raises UserError if no marker is left."""
        reason = np.where(self.reason == "", self.reason[self.site], self.reason)
        kept = reason == ""
        sites = np.flatnonzero(kept & (self.site == np.arange(len(self.site))))
        if not len(sites):
            listed = "; ".join(f"{words}: {number:,}" for words, number in Counter(reason).items())
            raise UserError(
                f"no marker can be joined of {', '.join(self.names)} ({listed}): "
                "bring the files to the same markers, written in the same way"
            )
        sites = sites[np.lexsort((self.position[sites], self.contig[sites]))]
        at = np.empty(len(self.site), int)
        at[sites] = np.arange(len(sites))
        rows = np.full((len(sites), len(self.panels)), -1)
        swapped = np.zeros(rows.shape, bool)
        place = at[self.site[kept]], self.panel[kept]
        rows[place] = np.flatnonzero(kept) - self.start[self.panel[kept]]
        swapped[place] = self.swapped[kept]
        markers = pa.table(
            {
                "contig": np.array(self.contigs, object)[self.contig[sites]],
                "position": self.position[sites],
                "id": self.markers["id"].take(sites),
                "ref": self.alleles.spelled[self.ref[sites]],
                "alt": self.alleles.spelled[self.alt[sites]],
            },
            schema=MARKERS,
        )
        changes = pa.concat_tables(
            [
                self._changed(np.flatnonzero(~kept), "dropped", reason[~kept]),
                *self._rewritten(kept),
                *self._suspected(kept),
                *self._missing(markers, rows),
            ]
        )
        return Joined(self.panels, markers, rows, swapped, changes, self.notes)

    def _changed(self, markers: np.ndarray, action: str, reason: np.ndarray) -> pa.Table:
        """Rows of the table of changes."""
        return _changes(self.names[self.panel[markers]], self.markers.take(markers), action, reason)

    def _rewritten(self, kept: np.ndarray) -> Iterator[pa.Table]:
        """Markers whose alleles are written otherwise than those of their site."""
        for turned, swapped, action, how in (
            (False, True, "swapped", "REF and ALT are swapped"),
            (True, False, "flipped", "the strand is the other"),
            (True, True, "flipped and swapped", "strand and order of alleles are the other"),
        ):
            markers = np.flatnonzero(kept & (self.turned == turned) & (self.swapped == swapped))
            panels = self.names[self.letters[self.site[markers]]]
            yield self._changed(markers, action, f"{how} against " + panels)

    def _missing(self, markers: pa.Table, rows: np.ndarray) -> Iterator[pa.Table]:
        """The joined markers that a panel does not have."""
        for name, absent in zip(self.names, (rows < 0).T, strict=True):
            table = markers.filter(pa.array(absent))
            text = [np.full(len(table), words, object) for words in (name, f"not in {name}")]
            yield _changes(text[0], table, "missing", text[1])

    def _suspected(self, kept: np.ndarray) -> Iterator[pa.Table]:
        """Markers without alleles whose frequency is on the other side of one half."""
        markers = np.flatnonzero(kept & self.assumed)
        sites = self.site[markers]
        frequency = np.full(len(self.site), np.nan)
        for panel, start, end in zip(self.panels, self.start, self.start[1:], strict=False):
            some = np.unique([markers, sites])
            some = some[(start <= some) & (some < end)]
            frequency[some] = frequencies(panel, some - start)
        side, its_side = frequency[sites] - 0.5, frequency[markers] - 0.5
        apart = (side * its_side < 0) & (np.minimum(abs(side), abs(its_side)) >= FAR)
        for number in np.unique(self.panel[markers]):
            here = self.panel[markers] == number
            self.notes.append(
                f"{here.sum():,} markers have no alleles, in {self.names[number]} or the panels "
                "before it, and are taken to count the same allele; frequencies speak against it "
                f"at {(here & apart).sum():,}."
            )
        first = self.names[self.panel[sites[apart]]]
        why = "no alleles to compare, and the frequency is on the other side of one half than in "
        yield self._changed(markers[apart], "suspected", why + first)


def _changes(panels: np.ndarray, markers: pa.Table, action: str, reasons: np.ndarray) -> pa.Table:
    """Rows of the table of changes."""
    columns = {name: markers[name] for name in MARKERS.names}
    actions = pa.array([action] * len(markers), pa.string())
    return pa.table(
        {"panel": panels, **columns, "action": actions, "reason": reasons}, schema=CHANGES
    )
