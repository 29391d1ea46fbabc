"""Pruning of markers by linkage disequilibrium, as plink's --indep-pairwise (Purcell et al. 2007,
Am J Hum Genet 81:559; Chang et al. 2015, GigaScience 4:7) does it with a window of markers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from breedcast.genotypes.source import MISSING_DOSAGE

#: Fewest markers whose correlations with those after them are computed at a time.
BATCH = 64
#: Calls that are held as numbers at a time.
BATCH_CALLS = 1 << 22
#: plink's allowance for rounding, 2^-44.
TOLERANCE = 2.0**-44

#: The markers behind a marker that are linked to it, and their squared correlations.
Linked = list[tuple[int, float]]


def prune(
    blocks: Iterable[np.ndarray],
    contig: np.ndarray,
    minor: np.ndarray,
    alleles: np.ndarray,
    *,
    r2: float,
    window: int,
    step: int,
) -> tuple[np.ndarray, np.ndarray]:
    """For each marker the one it gives way to (-1 where it stays), and their squared correlation.

    blocks: dosages (markers, lines), -1 = missing, block by block. contig: (markers,) where a
    marker lies; a window ends where it changes. minor, alleles: (markers,) minor alleles and
    alleles called. r2: pairs above it are linked. window: markers that are compared at a time.
    step: by how many the window moves on.

    In a window, its markers are gone through in order; each is compared with those behind it up
    to the first it is linked to, and the one of lower minor allele frequency goes, the later one
    where they are equal. That is repeated until no pair of the window is linked.
    """
    markers = len(contig)
    because, value = np.full(markers, -1), np.zeros(markers)
    ends = np.flatnonzero(np.append(contig[1:] != contig[:-1], True)) + 1
    stream = _linked(blocks, np.repeat(ends, np.diff(ends, prepend=0)), r2, window)
    linked: dict[int, Linked] = {}
    read = start = 0
    for contig_end in ends.tolist():
        while start < contig_end:
            end = min(start + window, contig_end)
            for marker in range(read, end):
                if found := next(stream):
                    linked[marker] = found
            read = max(read, end)
            while _give_way(linked, end, minor, alleles, because, value):
                pass
            start = min(start + step, contig_end)
            linked = {marker: found for marker, found in linked.items() if marker >= start}
    return because, value


def _give_way(
    linked: dict[int, Linked],
    end: int,
    minor: np.ndarray,
    alleles: np.ndarray,
    because: np.ndarray,
    value: np.ndarray,
) -> bool:
    """Go through the markers before `end` once; whether one of them gave way."""
    any_gone = False
    for marker, found in linked.items():
        if because[marker] >= 0:
            continue
        for other, correlation in found:
            if other >= end:
                break
            if because[other] < 0:
                rarer = minor[marker] * alleles[other] < minor[other] * alleles[marker]
                gone, stays = (marker, other) if rarer else (other, marker)
                because[gone], value[gone] = stays, correlation
                any_gone = True
                break
    return any_gone


def _linked(
    blocks: Iterable[np.ndarray], reach: np.ndarray, r2: float, window: int
) -> Iterator[Linked]:
    """For each marker in turn, those linked to it within a window behind it and before `reach`."""
    batch = max(BATCH, window)
    width = batch + window - 1
    held: np.ndarray | None = None
    start = 0
    for block in blocks:
        held = block if held is None else np.concatenate([held, block])
        while len(held) >= width:
            yield from _links_of(held[:width], batch, start, reach, r2, window)
            held, start = held[batch:], start + batch
    while held is not None and len(held):
        yield from _links_of(held[:width], min(batch, len(held)), start, reach, r2, window)
        held, start = held[batch:], start + batch


def _links_of(
    dosage: np.ndarray, count: int, start: int, reach: np.ndarray, r2: float, window: int
) -> Iterator[Linked]:
    """The links of the first `count` of these markers (markers, lines), the first being `start`."""
    squared = squared_correlations(dosage, count)
    marker = np.arange(count)[:, np.newaxis]
    other = np.arange(len(dosage))
    near = (other > marker) & (other < marker + window)
    near &= other + start < reach[start : start + count, np.newaxis]
    over = near & (squared > r2 * (1 + TOLERANCE))
    for row in range(count):
        (found,) = np.nonzero(over[row])
        yield list(zip((found + start).tolist(), squared[row, found].tolist(), strict=True))


def squared_correlations(dosage: np.ndarray, count: int) -> np.ndarray:
    """(count, markers) squared correlations of the first markers' dosages with those of all.

    dosage: (markers, lines), -1 = missing. Each is over the lines called at both markers, and 0
    where either does not vary among these.
    """
    n, x, y, xx, yy, xy = np.zeros((6, count, len(dosage)))
    step = max(1, BATCH_CALLS // len(dosage))
    for first in range(0, dosage.shape[1], step):
        some = dosage[:, first : first + step]
        known = (some != MISSING_DOSAGE).astype(np.float32)
        value = some * known
        square = value * value
        # sums of integers below 2^24: exact in float32
        n += known[:count] @ known.T
        x += value[:count] @ known.T
        y += known[:count] @ value.T
        xx += square[:count] @ known.T
        yy += known[:count] @ square.T
        xy += value[:count] @ value.T
    covariance = n * xy - x * y
    variances = (n * xx - x * x) * (n * yy - y * y)
    return np.divide(covariance**2, variances, out=np.zeros_like(covariance), where=variances > 0)
