"""How well missing calls are filled, and how well GBLUP predicts with them.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/imputation.py

BREEDCAST_DATA names the folder of the data. Of the calls a share is hidden at random; four fifths
of the lines are trained on, and the hidden calls of all lines are filled from these. Prints the
seconds that many lines take, and two tables: the correlation of filled and true dosages less the
marker's mean, with the share of calls that are right; and the correlation of GBLUP's predictions
with the trait over the folds of seeds 0 and 1.
"""

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from breedcast.genotypes import impute
from breedcast.genotypes.encode import DosageMeans
from breedcast.models.reml import fit_reml

DATA = Path(os.environ["BREEDCAST_DATA"])
PLOIDY = {"wheat599": 2, "maize281": 2, "potato4x": 4, "soynam": 2}
TRAITS = {
    "wheat599": ["env1", "env2", "env3", "env4"],
    "potato4x": ["tuber_shape", "chip_color"],
    "soynam": ["height"],
}
#: Most lines of a data set, drawn at random.
MOST_LINES = 1500


def read(name: str) -> tuple[np.ndarray, list[str]]:
    """Codes (lines, markers) by the default filters, and the lines' names."""
    ploidy = PLOIDY[name]
    vcf = cyvcf2.VCF(str(DATA / name / "genotypes.vcf.gz"))
    calls = np.array([record.genotype.array()[:, :ploidy] for record in vcf])
    codes = np.where((calls < 0).any(axis=2), ploidy + 1, (calls > 0).sum(axis=2)).T
    codes = codes.astype(np.uint8)[:, (codes <= ploidy).mean(axis=0) >= 0.8]
    frequency = DosageMeans.fit(codes, ploidy).mean / ploidy
    codes = codes[:, np.minimum(frequency, 1 - frequency) >= 0.01]
    some = np.random.default_rng(0).permutation(len(codes))[:MOST_LINES]
    return codes[np.sort(some)], [vcf.samples[row] for row in np.sort(some)]


def hide(codes: np.ndarray, ploidy: int, share: float, seed: int) -> np.ndarray:
    hidden = np.random.default_rng(seed).random(codes.shape) < share
    return np.where(hidden, ploidy + 1, codes).astype(np.uint8)


def filled(
    codes: np.ndarray, ploidy: int, training: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """(lines, markers) dosages, as filled in each way."""
    means = DosageMeans.fit(codes[training], ploidy).mean
    by_mean = np.where(codes <= ploidy, codes, means)
    rows = np.arange(len(codes))
    yield "mean", by_mean
    yield "mode", impute.Mode.of(codes, ploidy).fill(rows, training)
    nearest = impute.Nearest.of(codes, ploidy)
    for neighbours in (5, 20, 10):
        impute.NEIGHBOURS = neighbours
        dosage = nearest.fill(rows, training)
        yield f"nearest {neighbours}", np.where(dosage <= ploidy, dosage, means)
    for row, (markers, mean) in enumerate(nearest.means(rows, training)):
        by_mean[row, markers] = mean
    yield "nearest 10, not rounded", by_mean


def recovery(name: str, share: float) -> None:
    true, _ = read(name)
    ploidy = PLOIDY[name]
    codes = hide(true, ploidy, share, seed=0)
    training = np.random.default_rng(1).permutation(len(true))[: round(0.8 * len(true))]
    training = np.sort(training)
    hidden = (codes > ploidy) & (true <= ploidy)
    means = DosageMeans.fit(codes[training], ploidy).mean
    cells = []
    for how, dosage in filled(codes, ploidy, training):
        off, true_off = (dosage - means)[hidden], (true - means)[hidden]
        r = 0.0 if how == "mean" else np.corrcoef(off, true_off)[0, 1]
        right = np.mean(np.rint(dosage[hidden]) == true[hidden])
        cells.append(f"{r:.3f} ({100 * right:.0f} %)")
    print(f"| {name}, {100 * share:g} % | " + " | ".join(cells) + " |", flush=True)


def gblup(dosage: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    Z = dosage - dosage[train].mean(axis=0)
    Z /= np.sqrt((Z[train] ** 2).sum() / len(train))
    mixed = fit_reml(Z[train] @ Z[train].T, y[train], np.ones((len(train), 1)))
    return float(np.corrcoef(Z[test] @ Z[train].T @ mixed.dual, y[test])[0, 1])


def accuracy(name: str, trait: str, share: float) -> None:
    codes, samples = read(name)
    ploidy = PLOIDY[name]
    table = pd.read_csv(DATA / name / "phenotypes.tsv", sep="\t", dtype={"sample": str})
    y = table.set_index("sample")[trait].reindex(samples).to_numpy()
    codes, y = codes[np.isfinite(y)], y[np.isfinite(y)]
    found: dict[str, list[float]] = {}
    for seed in range(2):
        given = hide(codes, ploidy, share, seed)
        for train, test in KFold(5, shuffle=True, random_state=seed).split(codes):
            for how, dosage in filled(given, ploidy, train):
                found.setdefault(how, []).append(gblup(dosage, y, train, test))
    cells = [f"{np.mean(r):.3f}" for r in found.values()]
    print(f"| {name} {trait}, {100 * share:g} % | " + " | ".join(cells) + " |", flush=True)


def pace(lines: int, markers: int) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (lines, markers), dtype=np.uint8)  # a quarter is missing
    start = time.process_time()
    imputer = impute.Nearest.of(codes, 2)
    measured = time.process_time()
    imputer.fill(np.arange(lines), np.arange(round(0.8 * lines)))
    filled = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{lines} lines, {markers} markers: distances {measured - start:.1f} s, "
        f"a fit {filled - measured:.1f} s, {peak:.2f} GB"
    )


pace(2000, 50_000)
for name in PLOIDY:
    for share in (0.05, 0.2, 0.4):
        recovery(name, share)
for name, traits in TRAITS.items():
    for trait in traits:
        for share in (0.0, 0.2, 0.4):
            accuracy(name, trait, share)
