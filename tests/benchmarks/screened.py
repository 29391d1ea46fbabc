"""`bayes` with candidates of large effect, beside one with every marker a candidate.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/screened.py [--shapes 500x10000]

Lines and genotypes as in `costs.py`; half of the genetic variance by few loci, the rest by all
markers (with 0 loci: all of it). Four fifths of the lines train. Accuracy is the correlation with
the genetic value of the others.
"""

import argparse
import time
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np

from breedcast.models import bayes
from breedcast.models.base import Lines
from tests.benchmarks.costs import simulated

LOCI, SEEDS = (0, 5, 50), range(4)


def trait(lines: Lines, loci: int, seed: int) -> np.ndarray:
    """Genetic values, of variance 1 or so."""
    rng = np.random.default_rng(seed)

    def unit(effects: np.ndarray, some: np.ndarray) -> np.ndarray:
        value = lines.codes[:, some] @ effects
        return np.asarray((value - value.mean()) / value.std())

    markers = np.arange(lines.codes.shape[1])
    background = unit(rng.normal(size=len(markers)), markers)
    if not loci:
        return background
    large = unit(rng.normal(size=loci), rng.choice(markers, loci, replace=False))
    return np.sqrt(0.5) * (large + background)


def fits(train: Lines, test: Lines) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Predictions, inclusion and CPU seconds with every marker a candidate, and as it is."""
    for candidates in (train.codes.shape[1], bayes.MOST_CANDIDATES):
        with patch.object(bayes, "MOST_CANDIDATES", candidates):
            before = time.process_time()
            fitted = bayes.Bayes().fit(train, 0, "cpu")
            seconds = time.process_time() - before
        yield fitted.predict(test).mean, fitted.weights()["inclusion"], seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", nargs="+", default=["500x10000", "800x20000"])
    for shape in parser.parse_args().shapes:
        n, markers = map(int, shape.split("x"))
        for loci in LOCI:
            for seed in SEEDS:
                lines = simulated(n, markers, seed)
                genetic = trait(lines, loci, seed)
                noise = np.random.default_rng(seed).normal(size=n)
                lines = Lines(lines.codes, lines.ploidy, lines.covariates, genetic + noise)
                train, test = lines.take(np.arange(n * 4 // 5)), np.arange(n * 4 // 5, n)
                found = list(fits(train, lines.take(test).blind()))
                (all_, _, _), (few, _, _) = found
                accuracy = [np.corrcoef(p, genetic[test])[0, 1] for p, _, _ in found]
                print(
                    f"{shape} loci {loci:2} seed {seed}: accuracy {accuracy[0]:.4f} "
                    f"{accuracy[1]:.4f}, "
                    f"correlation of the two {np.corrcoef(all_, few)[0, 1]:.6f}, large loci "
                    f"{found[0][1].sum():.2f} {found[1][1].sum():.2f}, seconds {found[0][2]:.1f} "
                    f"{found[1][2]:.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
