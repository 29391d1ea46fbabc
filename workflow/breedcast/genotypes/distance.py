"""Distances between lines that missing calls leave as they are in expectation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from breedcast.genotypes.encode import DosageMeans

#: Calls of one block of markers, held as float32 a few times over.
BLOCK_CALLS = 1 << 22


def squared_distances(codes: np.ndarray, ploidy: int) -> np.ndarray:
    """(lines, lines) mean squared difference of two lines' allele shares over the markers.

    codes: (lines, markers) uint8. An allele share is dosage / ploidy: lines that are homozygous
    for other alleles at every marker are 1 apart, whatever the ploidy.

    A missing call is imputed implicitly, as CIDR does with the dropouts of single cells (Lin,
    Troup & Ho 2017, Genome Biology 18:59): it adds the squared difference to be expected, and so
    makes lines neither alike nor different. Let m and v be mean and variance of a marker's called
    dosages. Of two unrelated lines one of which has dosage x, the squared difference is
    (x - m)^2 + v in expectation; where neither is called it is 2 v. If they are identical by
    descent at a share t of the genome it is 1 - t times that (for inbred lines at every call, for
    others in the mean over the calls). A pair's 1 - t is told by the markers called in both: the
    sum D of its squared differences there over the sum E of what is expected there, either call
    being the known one in turn. With U the sum expected at all other markers, a pair's sum over
    all markers is D + (D / E) U.

    In expectation that is the sum without missing calls, where calls are missing at random,
    however unevenly over lines and markers; and it is that sum where none is missing. Lines
    without a marker that varies and is called in both are taken to be unrelated.

    Memory: six float64 matrices (lines, lines), and a block of markers.
    """
    lines, markers = codes.shape
    product, square, weight = (np.zeros((lines, lines)) for _ in range(3))
    own, uncalled = np.zeros(lines), np.zeros(lines)
    for called, centred, variance in _blocks(codes, ploidy):
        squared = centred**2
        weighted = called * np.sqrt(variance)
        product += centred @ centred.T
        square += squared @ called.T
        weight += weighted @ weighted.T
        own += squared.sum(axis=1, dtype=np.float64)
        uncalled += (1 - called) @ variance
    square = square + square.T
    apart = np.maximum(square - 2 * product, 0.0)
    expected = square / 2 + weight
    own += uncalled
    elsewhere = own[:, None] + own - square
    unrelated = np.divide(apart, expected, out=np.ones_like(apart), where=expected > 0)
    result: np.ndarray = (apart + unrelated * elsewhere) / (markers * ploidy**2)
    np.fill_diagonal(result, 0.0)
    return np.maximum(result, 0.0)


def _blocks(codes: np.ndarray, ploidy: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By blocks of markers, float32: called (lines, markers) as 0 and 1, dosages about the
    marker's mean with 0 where missing, and (markers,) the variance of the called dosages.
    """
    lines, markers = codes.shape
    step = max(1, BLOCK_CALLS // lines)
    for start in range(0, markers, step):
        block = codes[:, start : start + step]
        called = (block <= ploidy).astype(np.float32)
        centred = DosageMeans.fit(block, ploidy).centred(block).astype(np.float32)
        variance = (centred**2).sum(axis=0) / np.maximum(called.sum(axis=0), 1)
        yield called, centred, variance
