"""GBLUP by iterations and by its equations: CPU seconds, memory, heritability, predictions.

    PYTHONPATH=workflow python tests/benchmarks/iterative.py LINES MARKERS [exact]

Lines are mosaics of 40 haplotypes; 300 loci make half of the trait's variance; 1 % of the calls are
missing; a tenth of the lines are predicted. Memory is the peak of the process.
"""

from __future__ import annotations

import resource
import sys
import time

from breedcast import script  # noqa: F401  one compute thread, before NumPy is imported

import numpy as np  # isort: skip
import pandas as pd  # isort: skip

from breedcast.models.base import Fitted, Lines, Prediction  # isort: skip
from breedcast.models.blup import FittedBLUP  # isort: skip
from breedcast.models.iterative import FittedIterative  # isort: skip

HAPLOTYPES, STRETCH, LOCI = 40, 500, 300


def simulate(lines: int, markers: int) -> tuple[Lines, np.ndarray]:
    """The lines and their genetic values."""
    rng = np.random.default_rng(0)
    codes = np.zeros((lines, markers), np.uint8)
    for start in range(0, markers, STRETCH):
        some = slice(start, start + STRETCH)
        size = len(range(markers)[some])
        haplotypes = rng.random((HAPLOTYPES, size)) < rng.beta(0.8, 1.2, size)
        for _ in range(2):
            codes[:, some] += haplotypes[rng.integers(HAPLOTYPES, size=lines)]
    loci = rng.choice(markers, min(LOCI, markers), replace=False)
    genetic = codes[:, loci] @ rng.normal(size=len(loci))
    genetic /= genetic.std()
    for row in codes:
        row[rng.integers(markers, size=markers // 100)] = 3
    value = genetic + rng.normal(size=lines)
    return Lines(codes, 2, pd.DataFrame(index=range(lines)), value), genetic


def tell(name: str, kind: type, train: Lines, new: Lines, truth: np.ndarray) -> Prediction:
    """A row: what the fit and its predictions took and found."""
    start = time.process_time()
    fitted: Fitted = kind.fit(train)
    fit = time.process_time() - start
    predicted = fitted.predict(new)
    whole = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    facts = ", ".join(f"{name} {value:.4f}" for name, value in fitted.facts.items())
    r = np.corrcoef(predicted.mean, truth)[0, 1]
    print(
        f"{name}: fit {fit:.0f} s, all {whole:.0f} s, {peak:.0f} MB, {facts}, r {r:.4f}", flush=True
    )
    return predicted


def main() -> None:
    lines, markers = map(int, sys.argv[1:3])
    every, genetic = simulate(lines, markers)
    cut = lines * 9 // 10
    train, new = every.take(np.arange(cut)), every.take(np.arange(cut, lines)).blind()
    found = tell("iterations", FittedIterative, train, new, genetic[cut:])
    if "exact" in sys.argv:
        exact = tell("equations", FittedBLUP, train, new, genetic[cut:])
        print(f"correlation of predictions {np.corrcoef(found.mean, exact.mean)[0, 1]:.7f}")


if __name__ == "__main__":
    main()
