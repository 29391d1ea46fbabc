"""Panels of genotypes: some lines each, and several of them as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from breedcast.genotypes.source import MISSING_DOSAGE, Block
from breedcast.genotypes.store import marker_blocks


@dataclass(frozen=True)
class Panel:
    """Genotypes of some lines.

    name: of the file, for messages.
    markers: a table of the columns MARKERS.
    read: the dosage (rows, lines) int8 at some rows of `markers`, given in ascending order.
    """

    name: str
    samples: Sequence[str]
    markers: pa.Table
    ploidy: int
    read: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Joined:
    """The panels as one.

    markers: a table of the columns MARKERS, ordered by contig (as first met) and position.
    rows: (markers, panels) the row of each marker in each panel, -1 where it has none.
    mirrored: (markers, panels) whether the panel counts the other allele.
    changes: a table of the columns CHANGES, a row for every marker of a panel that was `dropped`,
        `flipped` to the other strand, `swapped` (or both), is `missing`, or is `suspected` to
        count the other allele. Its alleles are the panel's own, those of a missing marker the
        joined ones.
    notes: what else was taken for granted, a sentence each.
    """

    panels: Sequence[Panel]
    markers: pa.Table
    rows: np.ndarray
    mirrored: np.ndarray
    changes: pa.Table
    notes: Sequence[str]

    @property
    def samples(self) -> list[str]:
        """The lines, panel after panel."""
        return [sample for panel in self.panels for sample in panel.samples]

    @property
    def ploidy(self) -> int:
        """Of all calls."""
        return self.panels[0].ploidy

    @property
    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many markers were changed, by panel, action and reason."""
        columns = (self.changes[name].to_pylist() for name in ("panel", "action", "reason"))
        return Counter(zip(*columns, strict=True))

    def blocks(self) -> Iterator[Block]:
        """All markers in their order, some megabytes at a time."""
        for some in marker_blocks(len(self.markers), len(self.samples)):
            dosage = np.concatenate(
                [self._dosage(number, some) for number in range(len(self.panels))], axis=1
            )
            rows = np.arange(some.start, some.stop)
            yield Block(dosage, self.markers.slice(some.start, len(rows)), rows)

    def _dosage(self, number: int, some: slice) -> np.ndarray:
        """(markers, lines of a panel) int8 dosage of the joined alternate allele."""
        panel, rows = self.panels[number], self.rows[some, number]
        dosage = np.full((len(rows), len(panel.samples)), MISSING_DOSAGE, np.int8)
        here = np.flatnonzero(rows >= 0)
        here = here[np.argsort(rows[here])]
        dosage[here] = panel.read(rows[here])
        mirrored = self.mirrored[some, number]
        counted = dosage[mirrored]
        dosage[mirrored] = np.where(counted >= 0, panel.ploidy - counted, MISSING_DOSAGE)
        return dosage


def frequencies(panel: Panel, rows: np.ndarray) -> np.ndarray:
    """(rows,) share of the alternate allele among the calls; NaN without any."""
    frequency = np.full(len(rows), np.nan)
    for some in marker_blocks(len(rows), len(panel.samples)):
        dosage = panel.read(rows[some])
        called = dosage != MISSING_DOSAGE
        alleles = called.sum(axis=1) * panel.ploidy
        counted = dosage.sum(axis=1, where=called, dtype=np.int64)
        np.divide(counted, alleles, out=frequency[some], where=alleles > 0)
    return frequency
