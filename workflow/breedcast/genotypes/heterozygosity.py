"""Contigs on which heterozygosity splits the lines in two, as that of a sex chromosome does.

Lines of the sex with one copy of X (or Z) have next to no heterozygous calls there, while the
other sex has as many there as elsewhere. What else makes a line homozygous is told apart:

- An inbred line is so everywhere. Only lines are judged of which EXPECTED heterozygous calls are
  due on the contig, by their heterozygosity elsewhere; and only contigs, on which these are half as
  many as on any other.
- In F2s, backcrosses and selfed progeny a whole chromosome is homozygous by chance, some lines on
  one and some on another: another contig has a like share of such lines (OTHERS).
- A short chromosome that hardly recombines in an F2 is homozygous in half of the lines, but then
  heterozygous at twice the usual rate in the others, so that none is missing in the mean. On a
  sex chromosome all that the one group lacks is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.counts import Contigs, Counts, share

#: Heterozygous calls that must be due on a contig for a line to be judged there.
EXPECTED = 10
#: Share of the calls due below which a line has next to none; a pseudo-autosomal stretch is less.
FEW = 0.3
#: The smaller group must be so large a share of the judged lines, and so many.
SMALLEST_SHARE, SMALLEST = 0.1, 5
#: On other contigs, so many times fewer lines may have next to none.
OTHERS = 4
#: Contigs that split the lines alike (share of lines in the same group) are of one chromosome pair.
ALIKE = 0.9
#: The group of lines that are in neither.
UNCLEAR = "unclear"


@dataclass(frozen=True)
class Split:
    """A contig whose heterozygosity splits the lines in two.

    few, usual: (lines,) next to no heterozygous calls, or about as many as elsewhere; a line
    that is too homozygous to tell is in neither. here, elsewhere: (lines,) share of heterozygous
    calls on the contig and on all others. markers: passed the filter of missing calls.
    """

    contig: str
    markers: int
    few: np.ndarray
    usual: np.ndarray
    here: np.ndarray
    elsewhere: np.ndarray

    def group(self) -> np.ndarray:
        """(lines,) few, usual or unclear."""
        return np.select([self.few, self.usual], ["few", "usual"], UNCLEAR)


def split_contigs(counts: Counts, contigs: Contigs) -> list[Split]:
    """The contigs that split the lines in two by their heterozygosity.

    counts: of markers that all passed.
    """
    observed = counts.line_heterozygous[: len(contigs.names)]
    due = _due(counts, contigs)
    judged = due >= EXPECTED
    few = judged & (observed < FEW * due)
    usual = judged & ~few
    lines = judged.sum(axis=1)
    smaller = np.minimum(few.sum(axis=1), usual.sum(axis=1))
    part = share(few.sum(axis=1), lines)
    found = share(observed.sum(axis=1), due.sum(axis=1))
    return [
        _split(counts, contigs, contig, few[contig], usual[contig])
        for contig in range(len(contigs.names))
        if lines[contig] >= lines.max() / 2
        and smaller[contig] >= max(SMALLEST, SMALLEST_SHARE * lines[contig])
        and found[contig] < 1 - part[contig] / 2
        and _only_here(contig, few, judged, part)
    ]


def _only_here(contig: int, few: np.ndarray, judged: np.ndarray, part: np.ndarray) -> bool:
    """Whether other contigs, of which there must be some, do not split the lines as well."""
    both = judged & judged[contig]
    same = (both & (few == few[contig])).sum(axis=1) >= ALIKE * both.sum(axis=1)
    others = (both.sum(axis=1) >= judged[contig].sum() / 2) & ~same
    return bool(others.any() and part[others].max() <= part[contig] / OTHERS)


def _due(counts: Counts, contigs: Contigs) -> np.ndarray:
    """(contigs, lines) heterozygous calls due: as many as the line has elsewhere.

    In proportion, that is, to the contigs' expected heterozygosity (Hardy-Weinberg).
    """
    frequency = counts.frequency
    expected = 1 - frequency**counts.ploidy - (1 - frequency) ** counts.ploidy
    of = contigs.of_marker[counts.rows]
    groups = len(contigs.names) + 1
    mean = share(np.bincount(of, expected, groups), np.bincount(of, minlength=groups))
    usual = counts.line_called * mean[:, np.newaxis]
    usual_elsewhere = usual.sum(axis=0) - usual
    found_elsewhere = counts.line_heterozygous.sum(axis=0) - counts.line_heterozygous
    return (usual * share(found_elsewhere, usual_elsewhere))[:-1]


def _split(
    counts: Counts, contigs: Contigs, contig: int, few: np.ndarray, usual: np.ndarray
) -> Split:
    called, heterozygous = counts.line_called, counts.line_heterozygous
    elsewhere = np.arange(len(called)) != contig
    return Split(
        contig=contigs.names[contig],
        markers=int((contigs.of_marker[counts.rows] == contig).sum()),
        few=few,
        usual=usual,
        here=share(heterozygous[contig], called[contig]),
        elsewhere=share(heterozygous[elsewhere].sum(axis=0), called[elsewhere].sum(axis=0)),
    )
