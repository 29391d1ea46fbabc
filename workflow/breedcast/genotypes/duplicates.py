"""Lines and markers that are there more than once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.source import MISSING_DOSAGE
from breedcast.genotypes.store import BLOCK_BYTES

#: No pair is told from fewer shared calls, or than half the markers where these are few.
FEWEST_SHARED = 100
#: Lines whose calls are compared at a time.
TILE = 1024
#: By so many standard errors a sample's identity may be too low, for a pair to be looked at.
SLACK = 5.0


@dataclass(frozen=True)
class Pairs:
    """Pairs of lines, by position, ordered by the first and then the second.

    identity: share of equal calls among the `shared` calls, made in both lines.
    """

    first: np.ndarray
    second: np.ndarray
    equal: np.ndarray
    shared: np.ndarray

    @property
    def identity(self) -> np.ndarray:
        """(pairs,) share of equal calls."""
        return np.divide(
            self.equal, self.shared, out=np.zeros(len(self.equal)), where=self.shared > 0
        )

    def where(self, chosen: np.ndarray) -> Pairs:
        """Some of the pairs."""
        return Pairs(*(it[chosen] for it in (self.first, self.second, self.equal, self.shared)))


def duplicated_lines(
    sample: np.ndarray, markers: int, blocks: Iterable[np.ndarray], ploidy: int, identity: float
) -> Pairs:
    """The pairs of lines whose share of equal calls reaches `identity`.

    sample: dosages (markers, lines) of some of the markers, evenly spread, or of all. blocks: the
    dosages of all `markers`, block by block; read only where the sample is not all of them and
    shows pairs that may be alike. A pair is overlooked if the sample falls short of its identity
    by five standard errors. Pairs with few shared calls are none (FEWEST_SHARED).
    """
    fewest = min(FEWEST_SHARED, markers / 2)
    if len(sample) == markers:
        pairs = _alike(sample, ploidy, identity, 0.0, fewest)
    else:
        seen = len(sample) / markers
        candidates = _alike(sample, ploidy, identity, SLACK, fewest * seen / 2)
        pairs = _compared(candidates, blocks) if len(candidates.first) else candidates
    return pairs.where((pairs.identity >= identity) & (pairs.shared >= fewest))


def _alike(sample: np.ndarray, ploidy: int, identity: float, slack: float, fewest: float) -> Pairs:
    """The pairs that these dosages do not rule out, tile by tile of lines."""
    lines = sample.shape[1]
    tiles = [slice(start, start + TILE) for start in range(0, lines, TILE)]
    states = range(ploidy + 1)
    found: list[tuple[np.ndarray, ...]] = []
    for number, left in enumerate(tiles):
        ours = [(sample[:, left] == state).astype(np.float32).T for state in states]
        for right in tiles[number:]:
            theirs = [(sample[:, right] == state).astype(np.float32) for state in states]
            # integers below 2^24: exact in float32
            equal = sum(a @ b for a, b in zip(ours, theirs, strict=True))
            shared = sum(ours) @ sum(theirs)
            # what rounding may decide is left to the caller
            least = identity * shared - 0.01
            least -= slack * np.sqrt(identity * (1 - identity) * shared)
            near = (shared >= max(fewest, 1)) & (equal >= least)
            if right == left:
                near = np.triu(near, 1)
            first, second = np.nonzero(near)
            pairs = first + left.start, second + right.start
            found.append((*pairs, *(it[near].astype(np.int64) for it in (equal, shared))))
    first, second, equal, shared = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((second, first))
    return Pairs(first, second, equal, shared).where(order)


def _compared(pairs: Pairs, blocks: Iterable[np.ndarray]) -> Pairs:
    """The pairs with the calls of all blocks compared."""
    equal, shared = np.zeros(len(pairs.first), np.int64), np.zeros(len(pairs.first), np.int64)
    for block in blocks:
        dosage = np.ascontiguousarray(block.T)
        step = max(1, BLOCK_BYTES // dosage.shape[1])
        for start in range(0, len(equal), step):
            some = slice(start, start + step)
            ours, theirs = dosage[pairs.first[some]], dosage[pairs.second[some]]
            both = (ours != MISSING_DOSAGE) & (theirs != MISSING_DOSAGE)
            shared[some] += both.sum(axis=1, dtype=np.int32)
            equal[some] += ((ours == theirs) & both).sum(axis=1, dtype=np.int32)
    return Pairs(pairs.first, pairs.second, equal, shared)


def repeats(pairs: Pairs, lines: int) -> np.ndarray:
    """(lines,) the pair that makes a line a repeat of an earlier, kept one; -1 where kept.

    Lines are gone through in their order, so no two that are kept are a pair.
    """
    because = np.full(lines, -1)
    by_second = np.lexsort((pairs.first, pairs.second))
    for pair in by_second.tolist():
        first, second = pairs.first[pair], pairs.second[pair]
        if because[first] < 0 and because[second] < 0:
            because[second] = pair
    return because


def duplicated_markers(blocks: Iterator[np.ndarray], markers: int, ploidy: int) -> np.ndarray:
    """(markers,) position of the first marker with the same calls; a first one has its own.

    blocks: dosages (markers, lines). Calls are the same where they are equal in all lines, missing
    ones included, or all mirrored (ploidy - dosage). Told by a 128-bit hash of the calls.
    """
    first_with: dict[bytes, int] = {}
    first = np.empty(markers, np.int64)
    position = 0
    for block in blocks:
        for calls in _unmirrored(block, ploidy):
            digest = hashlib.blake2b(calls.data, digest_size=16).digest()
            first[position] = first_with.setdefault(digest, position)
            position += 1
    return first


def _unmirrored(dosage: np.ndarray, ploidy: int) -> np.ndarray:
    """The dosages, mirrored where the first call off the middle is above it."""
    middle = (dosage == MISSING_DOSAGE) | (2 * dosage == ploidy)
    at = (~middle).argmax(axis=1)
    above = 2 * dosage[np.arange(len(dosage)), at] > ploidy
    mirrored = dosage[above]
    dosage = np.array(dosage)
    dosage[above] = np.where(mirrored == MISSING_DOSAGE, mirrored, ploidy - mirrored)
    return dosage
