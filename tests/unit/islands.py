"""Simulated lines whose groups are known, and calls taken away."""

import msprime
import numpy as np


def islands(count: int, generations: int, lines: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of diploid lines of `count` islands of 2,000, and the island of each.

    The islands were one, so many generations ago.
    """
    demography = msprime.Demography()
    names = [f"island{number}" for number in range(count)]
    for name in [*names, "all"]:
        demography.add_population(name=name, initial_size=2000)
    demography.add_population_split(time=generations, derived=names, ancestral="all")
    ancestry = msprime.sim_ancestry(
        samples=dict.fromkeys(names, lines // count),
        demography=demography,
        sequence_length=2e7,
        recombination_rate=1e-8,
        random_seed=seed,
    )
    mutated = msprime.sim_mutations(ancestry, rate=1e-8, random_seed=seed)
    alternate = mutated.genotype_matrix() > 0
    codes = alternate.reshape(len(alternate), -1, 2).sum(axis=2).T.astype(np.uint8)
    frequency = codes.mean(axis=0) / 2
    codes = codes[:, np.minimum(frequency, 1 - frequency) > 0.02]
    chosen = np.random.default_rng(seed).permutation(codes.shape[1])[:1500]
    return codes[:, np.sort(chosen)], np.repeat(np.arange(count), lines // count)


def family(lines: int, seed: int) -> np.ndarray:
    """Codes of recombinant inbred lines of one cross: ten chromosomes of 100 markers."""
    rng = np.random.default_rng(seed)
    switched = rng.random((lines, 10, 100)) < 0.02
    parent = (np.cumsum(switched, axis=2) + rng.integers(0, 2, (lines, 10, 1))) % 2
    return (2 * parent.reshape(lines, -1)).astype(np.uint8)


def without_calls(codes: np.ndarray, ploidy: int, seed: int) -> dict[str, np.ndarray]:
    """Codes with 30 % of the calls taken away, by name of the way; no call has a part in it.

    Everywhere alike; at a rate that differs between lines; and as where two sets of markers are
    merged: half of the lines lack the 60 % of the markers that vary least.
    """
    lines, markers = codes.shape
    rng = np.random.default_rng(seed)
    drawn = rng.random(codes.shape)
    called = codes <= ploidy
    frequency = np.where(called, codes, 0).sum(axis=0) / (ploidy * called.sum(axis=0))
    rare = np.argsort(np.argsort(frequency * (1 - frequency))) < 0.6 * markers
    gone = {
        "30 %": drawn < 0.3,
        "0 to 60 % by line": drawn < rng.uniform(0, 0.6, (lines, 1)),
        "rare markers, half the lines": (rng.permutation(lines) % 2 == 0)[:, None] & rare,
    }
    return {
        kind: np.where(missing, ploidy + 1, codes).astype(np.uint8)
        for kind, missing in gone.items()
    }


def pairwise_complete(codes: np.ndarray, ploidy: int) -> np.ndarray:
    """Squared distances as the plain mean over the markers that are called in both lines."""
    called = (codes <= ploidy).astype(np.float32)
    x = called * codes / np.float32(ploidy)
    square = x**2 @ called.T
    apart = np.maximum(square + square.T - 2 * x @ x.T, 0) / np.maximum(called @ called.T, 1)
    np.fill_diagonal(apart, 0)
    return apart
