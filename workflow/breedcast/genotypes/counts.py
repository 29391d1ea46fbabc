"""What the filters count: calls per marker, per line and contig, and a sample of markers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from breedcast.genotypes.source import MISSING_DOSAGE
from breedcast.genotypes.store import Imported

#: Contigs whose calls are counted for themselves: so many markers at least, so many contigs.
CONTIG_MARKERS, MOST_CONTIGS = 30, 200
#: The sample holds half as many markers to as many, and no more than this many calls.
SAMPLE_MARKERS, SAMPLE_CALLS = 1024, 1 << 26
#: Calls that are counted at a time.
PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Contigs:
    """The contigs that are counted for themselves; all others count together.

    names: theirs. of_marker: (imported markers,) position in `names`, len(names) for the others.
    """

    names: list[str]
    of_marker: np.ndarray

    @classmethod
    def of(cls, contig: pd.Series) -> Contigs:
        """Those with the most of these markers' contigs, in the order of the file."""
        code, names = pd.factorize(contig)
        markers = np.bincount(code, minlength=len(names))
        largest = np.argsort(-markers, kind="stable")[:MOST_CONTIGS]
        chosen = np.sort(largest[markers[largest] >= CONTIG_MARKERS])
        position = np.full(len(names), len(chosen))
        position[chosen] = np.arange(len(chosen))
        return cls([str(names[index]) for index in chosen], position[code].astype(np.int32))


@dataclass(frozen=True)
class Counts:
    """Calls counted among some markers (`rows`) and lines (`lines`) of the import.

    called, heterozygous, alternate: (rows,) calls, those of dosage strictly between 0 and the
        ploidy, and alternate alleles.
    passed: (rows,) whether a marker's share of missing calls was small enough. Only these count
        for the lines and are in the sample.
    line_called, line_heterozygous: (contigs + 1, lines) calls by contig, the last row being all
        contigs that are not counted for themselves.
    sampled, sample: every so manieth of the passed markers, positions in the import and dosages
        (markers, lines); all of them where they are few.
    """

    rows: np.ndarray
    lines: np.ndarray
    ploidy: int
    called: np.ndarray
    heterozygous: np.ndarray
    alternate: np.ndarray
    passed: np.ndarray
    line_called: np.ndarray
    line_heterozygous: np.ndarray
    sampled: np.ndarray
    sample: np.ndarray

    @property
    def alleles(self) -> np.ndarray:
        """(rows,) alleles called."""
        return self.ploidy * self.called

    @property
    def minor(self) -> np.ndarray:
        """(rows,) alleles called of the rarer kind."""
        return np.minimum(self.alternate, self.alleles - self.alternate)

    @property
    def frequency(self) -> np.ndarray:
        """(rows,) alternate-allele frequency; 0 without calls."""
        return share(self.alternate, self.alleles)

    def of_passed(self) -> Counts:
        """The counts without the markers that did not pass."""
        by_marker = ("rows", "called", "heterozygous", "alternate", "passed")
        return replace(self, **{name: getattr(self, name)[self.passed] for name in by_marker})


def count(
    source: Imported,
    rows: np.ndarray,
    lines: np.ndarray,
    contigs: Contigs,
    max_missing: float = 1.0,
) -> Counts:
    """Count the calls of these markers and lines, in one pass.

    max_missing: the largest share of missing calls that lets a marker pass.
    """
    ploidy = source.summary.ploidy
    called, heterozygous, alternate = (np.zeros(len(rows), np.int64) for _ in range(3))
    passed = np.zeros(len(rows), bool)
    by_line = np.zeros((2, len(contigs.names) + 1, len(lines)), np.int32)
    sample = _Sample(len(lines))
    start = 0
    for dosage in of_lines(source.blocks(rows), lines):
        here = slice(start, start + len(dosage))
        start = here.stop
        known = dosage != MISSING_DOSAGE
        between = (dosage > 0) & (dosage < ploidy)
        called[here] = known.sum(axis=1, dtype=np.int32)
        heterozygous[here] = between.sum(axis=1, dtype=np.int32)
        alternate[here] = dosage.sum(axis=1, dtype=np.int32) + (len(lines) - called[here])
        passed[here] = (len(lines) - called[here]) / len(lines) <= max_missing
        group = np.where(passed[here], contigs.of_marker[rows[here]], -1)
        for contig in np.unique(group[group >= 0]):
            for total, mask in zip(by_line, (known, between), strict=True):
                chosen = mask if (group == contig).all() else mask[group == contig]
                total[contig] += chosen.sum(axis=0, dtype=np.int32)
        sample.add(rows[here][passed[here]], dosage, np.flatnonzero(passed[here]))
    return Counts(
        rows=rows,
        lines=lines,
        ploidy=ploidy,
        called=called,
        heterozygous=heterozygous,
        alternate=alternate,
        passed=passed,
        line_called=by_line[0],
        line_heterozygous=by_line[1],
        sampled=sample.markers,
        sample=sample.dosages,
    )


def of_lines(blocks: Iterator[np.ndarray], lines: np.ndarray) -> Iterator[np.ndarray]:
    """The blocks (markers, samples) with the columns of these lines (ascending), in small pieces.

    What is computed on a piece stays in the processor's cache.
    """
    for block in blocks:
        pieces = max(1, block.size // PIECE_BYTES)
        for piece in np.array_split(block, min(pieces, len(block))):
            yield piece if len(lines) == block.shape[1] else piece.take(lines, axis=1)


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, and 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


class _Sample:
    """Every step-th of the markers that are added; the step doubles when they become too many."""

    def __init__(self, lines: int) -> None:
        self._most = max(2, min(SAMPLE_MARKERS, SAMPLE_CALLS // lines))
        self._step = 1
        self._added = 0
        self.markers = np.empty(0, np.int64)
        self.dosages = np.empty((0, lines), np.int8)

    def add(self, markers: np.ndarray, dosages: np.ndarray, rows: np.ndarray) -> None:
        """Add markers, whose dosages are these rows of a block."""
        chosen = np.arange(-self._added % self._step, len(markers), self._step)
        self._added += len(markers)
        if not len(chosen):
            return
        self.markers = np.concatenate([self.markers, markers[chosen]])
        self.dosages = np.concatenate([self.dosages, dosages[rows[chosen]]])
        while len(self.markers) > self._most:
            self.markers, self.dosages = self.markers[::2], self.dosages[::2]
            self._step *= 2
