"""Crosses predicted from 200 measured lines, against progeny simulated from the true effects.

    PYTHONPATH=workflow:. python tests/benchmarks/crosses.py [POPULATIONS]

Then how long a prediction takes and what memory, by markers.
"""

import resource
import sys
import time

import numpy as np
import pandas as pd

from breedcast.genotypes.columns import CodeColumns
from breedcast.selection.crosses import intensity, predict_crosses
from breedcast.selection.merit import Merit
from tests.unit.populations import Genome

MORGANS, MARKERS, QTL = [1.2] * 6, [200] * 6, 60
SETTINGS = {"parents": 20, "selected": 0.05, "progeny": "doubled_haploids", "direction": "high"}
PROGENY = 400


def population(seed: int, heritability: float) -> tuple[Merit, Genome, np.ndarray, np.ndarray]:
    """200 doubled haploids of a half diallel of eight inbred founders: what was fitted, the genome,
    the effects of all markers, and the lines' genetic values."""
    genome = Genome(MORGANS, MARKERS, seed)
    rng, founders = genome.rng, [genome.inbred() for _ in range(8)]
    pairs = [(one, two) for one in range(8) for two in range(one)]
    chosen = [pairs[number % len(pairs)] for number in range(200)]
    lines = [genome.gamete(np.stack([founders[a][0], founders[b][0]])) for a, b in chosen]
    codes = 2 * np.array(lines, dtype=np.uint8)
    effects = np.zeros(codes.shape[1])
    effects[rng.choice(codes.shape[1], QTL, replace=False)] = rng.normal(0, 1, QTL)
    genetic = codes @ effects
    value = genetic + rng.normal(0, genetic.std() * np.sqrt(1 / heritability - 1), len(codes))
    names = [str(number) for number in range(len(codes))]
    table = pd.DataFrame({"sample": names, "environment": None, "value": value, "weight": 1.0})
    seen = effects == 0  # trait loci are no markers
    merit = Merit.fit(CodeColumns.of(codes[:, seen], 2), table)
    return merit, genome, effects, codes


def distances(genome: Genome) -> np.ndarray:
    """Morgans from each site to the one before it on its contig."""
    parts = [
        np.full(count, length / (count - 1)) for length, count in zip(MORGANS, MARKERS, strict=True)
    ]
    for part in parts:
        part[0] = np.inf
    return np.concatenate(parts)


def compared(seed: int, heritability: float) -> dict[str, float]:
    """Correlations of what is predicted of crosses with what 400 progeny of each are."""
    merit, genome, effects, codes = population(seed, heritability)
    place = np.cumsum(np.nan_to_num(distances(genome), posinf=1e6))[effects == 0]
    apart = np.diff(place, prepend=-np.inf)
    table = predict_crosses(merit, np.where(apart > 1e5, np.inf, apart), seed=seed, **SETTINGS)
    true = []
    for one, two in zip(table["parent_1"].astype(int), table["parent_2"].astype(int), strict=True):
        f1 = codes[[one, two]] // 2
        values = 2 * np.array([genome.gamete(f1) for _ in range(PROGENY)]) @ effects
        best = np.sort(values)[-PROGENY // 20 :].mean()
        true.append((values.mean(), values.std(), best))
    mean, sd, best = np.array(true).T
    return {
        "mean": np.corrcoef(table["mean"], mean)[0, 1],
        "sd": np.corrcoef(table["sd"], sd)[0, 1],
        "sd ratio": table["sd"].mean() / sd.mean(),
        "best by mean": np.corrcoef(table["mean"], best)[0, 1],
        "best by usefulness": np.corrcoef(table["mean"] + intensity(0.05) * table["sd"], best)[
            0, 1
        ],
    }


def cost(markers: int, lines: int = 300) -> None:
    """Seconds and peak memory of one prediction."""
    rng = np.random.default_rng(0)
    codes = 2 * rng.integers(0, 2, (lines, markers), dtype=np.uint8)
    value = rng.normal(0, 1, lines)
    names = [str(number) for number in range(lines)]
    table = pd.DataFrame({"sample": names, "environment": None, "value": value, "weight": 1.0})
    distance = np.full(markers, 15 / markers)
    start = time.perf_counter()
    merit = Merit.fit(CodeColumns.of(codes, 2), table)
    fitted = time.perf_counter()
    predict_crosses(merit, distance, seed=0, **SETTINGS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{markers:>9,} markers: fit {fitted - start:6.1f} s, crosses "
        f"{time.perf_counter() - fitted:6.1f} s, peak {peak} MB (codes {codes.nbytes >> 20})"
    )


if __name__ == "__main__":
    populations = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for heritability in (0.3, 0.6):
        found = pd.DataFrame([compared(seed, heritability) for seed in range(populations)])
        print(f"heritability {heritability}")
        print(found.agg(["mean", "std"]).round(3).to_string())
    for markers in (10_000, 100_000):
        cost(markers)
