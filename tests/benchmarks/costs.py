"""CPU seconds of one fit by the number of lines, and what a run of many fits comes to.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/costs.py gblup rkhs ... \
        [--lines 500 2000] [--markers 5000] [--epochs 2]

Lines are those with a value: four fifths are trained on, the others predicted, as in five folds.
Products of dosages, which a job makes once, are not part of a fit.
Genotypes are of simulated inbreds in families, the trait has 100 loci and a heritability of a half.
Networks are trained for so many epochs (the time of starting up subtracted: that of one epoch) and
their seconds are per epoch. Hours are those of a trait on one core with the config's defaults: all
fits of folds, repeats, control, candidates and inner folds; of networks by EPOCHS epochs a fit.
"""

import argparse
import resource
from dataclasses import replace

import numpy as np
import pandas as pd

from breedcast.models.base import Lines, Model, model_class
from breedcast.models.products import DosageProducts
from breedcast.models.registry import MODELS

FOLDS, REPEATS, PERMUTATIONS, INNER = 5, 2, 1, 5
#: What networks take on the data sets here, more or less, before they stop.
EPOCHS = 60


def simulated(lines: int, markers: int, seed: int = 0, block: int = 50) -> Lines:
    """Inbred lines of crosses of 20 founders, in blocks of so many markers."""
    rng = np.random.default_rng(seed)
    founders = 2 * rng.integers(2, size=(20, markers), dtype=np.uint8)
    parents = rng.integers(20, size=(lines, 2))
    sides = rng.integers(2, size=(lines, -(-markers // block)))
    side = np.repeat(sides, block, axis=1)[:, :markers]
    source = np.take_along_axis(parents, side, axis=1)
    codes = founders[source, np.arange(markers)]
    loci = rng.choice(markers, 100, replace=False)
    genetic = codes[:, loci] @ rng.normal(size=100)
    value = genetic + genetic.std() * rng.normal(size=lines)
    return Lines(codes, 2, pd.DataFrame(index=range(lines)), value)


def cpu_seconds(model: Model, train: Lines, test: Lines) -> float:
    """CPU seconds of a fit with its predictions, of this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    model.fit(train, 0, "cpu").predict(test)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+", choices=MODELS)
    parser.add_argument("--lines", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--markers", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=2)
    asked = parser.parse_args()
    units = FOLDS * (REPEATS + PERMUTATIONS) + 1
    warm = simulated(100, 200)
    for name in asked.models:
        model = model_class(MODELS[name])()
        epochs = asked.epochs if model.is_network else 0
        if epochs:
            model = replace(model, epochs=epochs)  # type: ignore[call-arg]
        cpu_seconds(model, warm, warm.blind())  # libraries loaded
        for lines in asked.lines:
            every = simulated(lines, asked.markers)
            if model.uses_products(lines, asked.markers):
                every = replace(every, products=DosageProducts.of(every.codes, every.ploidy))
            rows = np.random.default_rng(1).permutation(lines)
            train, test = np.split(rows, [4 * lines // 5])
            spent = [cpu_seconds(model, every.take(train), every.take(test).blind())]
            if epochs:
                less = replace(model, epochs=1)  # type: ignore[call-arg]
                spent.append(cpu_seconds(less, every.take(train), every.take(test).blind()))
                once = (spent[0] - spent[1]) / (epochs - 1)
                hours = units * INNER * EPOCHS * once / 3600
            else:
                once = spent[0]
                hours = units * (INNER + 1) * once / 3600
            unit = "s an epoch" if epochs else "s"
            print(f"{name}, {lines} lines: {once:.2f} {unit}, {hours:.2f} hours", flush=True)


if __name__ == "__main__":
    main()
