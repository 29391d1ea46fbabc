"""Make the example of hybrids: inbred parents of two pools, and a sparse factorial of them.

The founders are as those of the embedded example (two pools that parted 100 generations ago). In
each pool they are crossed in a ring, and doubled haploids of the crosses are the parents. Hybrids
have additive effects and, for yield, dominance that is for the better on average (heterosis).

    python resources/hybrids/make_hybrids.py

rewrites, byte for byte, resources/hybrids/ (what the workflow reads) and tests/data/ (the truth,
which only tests read). With a folder as its argument it writes there instead.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from resources.example.make_example import (
    FOUNDERS_PER_POOL,
    REPOSITORY,
    Sites,
    choose_sites,
    gamete,
    simulate_founders,
    write_table,
    write_vcf,
)

SEED = 7
FEMALES_PER_FAMILY, MALES_PER_FAMILY = 6, 4
#: Parents at the end of each pool that no measured hybrid has; a cross of each is listed.
NEW_FEMALES, NEW_MALES = 4, 3
MEASURED = 260
LISTED_WITHOUT_VALUE = 12
GENOTYPED_HYBRIDS = 3
MARKERS = 600
MISSING_SHARE = 0.01
#: Of dominance to additive effects of a locus, in absolute value: mean and standard deviation.
DOMINANCE = (0.5, 1.0)
HERITABILITY = 0.6
#: name, mean, standard deviation of hybrids' values, loci, decimals, whether it has dominance
TRAITS = (("yield", 112.0, 9.0, 80, 1, True), ("moisture", 24.0, 2.0, 40, 2, False))


def make_pool(
    rng: np.random.Generator, founders: np.ndarray, sites: Sites, per_family: int
) -> np.ndarray:
    """(lines, sites) alleles of doubled haploids of founders crossed in a ring."""
    lines = []
    for first, second in zip(founders, np.roll(founders, -1, axis=0), strict=True):
        f1 = np.stack([first, second])
        lines += [gamete(rng, f1, sites) for _ in range(per_family)]
    return np.array(lines)


def genetic_values(
    rng: np.random.Generator, dosage: np.ndarray, loci: int, dominant: bool
) -> np.ndarray:
    """(females, males) sum over loci of a (x - 1) + d [x = 1], x the dosage, on any scale.

    dosage: (females, males, sites) of every site that may be a locus.
    """
    x = dosage[..., rng.permutation(dosage.shape[-1])[:loci]]
    a = rng.standard_normal(loci)
    d = np.abs(a) * rng.normal(*DOMINANCE, loci) if dominant else np.zeros(loci)
    return (x - 1.0) @ a + (x == 1) @ d


def make_hybrids(root: Path) -> None:
    """Write the example's files under this folder, in resources/hybrids and tests/data."""
    rng = np.random.default_rng(SEED)
    sites, haplotypes = simulate_founders(rng)
    markers, loci = choose_sites(rng, sites, haplotypes)
    markers = np.sort(rng.choice(markers, MARKERS, replace=False))
    kept = np.concatenate([markers, loci])
    founders, places = haplotypes[:, kept], sites.take(kept)
    females = make_pool(rng, founders[:FOUNDERS_PER_POOL], places, FEMALES_PER_FAMILY)
    males = make_pool(rng, founders[FOUNDERS_PER_POOL:], places, MALES_PER_FAMILY)
    females, males = rng.permutation(females), rng.permutation(males)
    dosage = females[:, None] + males
    at_markers, at_loci = dosage[..., :MARKERS], dosage[..., MARKERS:]

    names = [
        [f"{pool}{n + 1:02d}" for n in range(len(it))]
        for pool, it in (("F", females), ("M", males))
    ]
    truth = pd.DataFrame(
        [(f"{f}x{m}", f, m) for f in names[0] for m in names[1]],
        columns=["hybrid", "female", "male"],
    )
    every = np.arange(len(truth)).reshape(len(females), len(males))
    tested = rng.permutation(every[:-NEW_FEMALES, :-NEW_MALES].ravel())
    new = [every[-NEW_FEMALES + i, -NEW_MALES + i % NEW_MALES] for i in range(NEW_FEMALES)]
    unmeasured = np.array([*tested[MEASURED:][:LISTED_WITHOUT_VALUE], *new])
    table = truth.iloc[np.sort([*tested[:MEASURED], *unmeasured])].copy()
    for name, mean, sd, count, digits, dominant in TRAITS:
        value = genetic_values(rng, at_loci, count, dominant).ravel()
        value = mean + (value - value.mean()) / value.std() * sd * np.sqrt(HERITABILITY)
        truth[name] = value
        seen = value[table.index] + rng.normal(0, sd * np.sqrt(1 - HERITABILITY), len(table))
        table[name] = pd.Series(seen, table.index).map(f"{{:.{digits}f}}".format)
        table.loc[unmeasured, name] = None

    own = rng.choice(table.index.difference(unmeasured), GENOTYPED_HYBRIDS, replace=False)
    own_calls = at_markers.reshape(len(truth), -1)[own]
    calls = np.concatenate([2 * females[:, :MARKERS], 2 * males[:, :MARKERS], own_calls])
    calls = calls.astype(np.int8)
    calls[rng.random(calls.shape) < MISSING_SHARE] = -1
    samples = [*names[0], *names[1], *truth["hybrid"].loc[own]]

    example, hidden = root / "resources" / "hybrids", root / "tests" / "data"
    for folder in (example, hidden):
        folder.mkdir(parents=True, exist_ok=True)
    write_vcf(example / "parents.vcf.gz", samples, sites.take(markers), calls)
    write_table(table, example / "hybrids.tsv")
    write_table(truth, hidden / "hybrids_truth.tsv")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Remake the example of hybrids.")
    parser.add_argument("root", nargs="?", type=Path, default=REPOSITORY)
    make_hybrids(parser.parse_args().root)
