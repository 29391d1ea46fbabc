"""Defaults looked for on wheat599 and soynam together, by the machinery of `tune`.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/defaults.py FOLDER \
        rkhs svr ... [--trials 20] [--minutes 6]

A part is a data set, a trait and a seed: 700 lines drawn at random (of wheat599 all 599), 80 % of
them to train on. Some parts choose: each trait of wheat599 once, two of soynam twice. A trial's
predictive abilities are the correlations of these parts; the first trial is of the defaults. Twice
as many parts by other seeds, which nothing was chosen by, then compare the choice with the
defaults. Prints the means of both over either data set, and the mean paired difference with its
standard error. FOLDER keeps the studies, so that what was broken off goes on. Data: BREEDCAST_DATA,
by default ../shared/data.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.checkpoint import Checkpoint
from breedcast.models.base import Lines, Model, model_class
from breedcast.models.registry import MODELS
from breedcast.models.tuning import Tuning, search
from breedcast.seeds import derive_seed
from tests.benchmarks.baselines import read

LINES, TRAINED = 700, 0.8
#: Data set, trait, seeds: one of each set in turn, so that a trial is given up for both.
CHOOSING = [
    *(("wheat599", "env1", 0), ("soynam", "yield", 0), ("wheat599", "env2", 0)),
    *(("soynam", "height", 0), ("wheat599", "env3", 0), ("soynam", "yield", 10)),
    *(("wheat599", "env4", 0), ("soynam", "height", 10)),
]
COMPARING = [(data, trait, seed + other) for other in (1, 2) for data, trait, seed in CHOOSING]


class Data:
    """The codes and tables of the data sets, each read once."""

    def __init__(self) -> None:
        self.read = {name: read(name) for name in ("wheat599", "soynam")}

    def accuracy(self, model: Model, data: str, trait: str, seed: int) -> float:
        """Correlation over the test lines of a part."""
        codes, table = self.read[data]
        rng = np.random.default_rng(derive_seed(data, trait, seed))
        value = table[trait].to_numpy()
        rows = rng.permutation(np.flatnonzero(np.isfinite(value)))[:LINES]
        train, test = np.split(rows, [int(TRAINED * len(rows))])
        lines = Lines(codes, 2, pd.DataFrame(index=range(len(codes))), value)
        fitted = model.fit(lines.take(train), seed, "cpu")
        predicted = fitted.predict(lines.take(test).blind()).mean
        return float(np.corrcoef(predicted, value[test])[0, 1])

    def accuracies(self, model: Model) -> Iterator[float]:
        for part in CHOOSING:
            yield self.accuracy(model, *part)


def compared(data: Data, default: Model, chosen: Model) -> str:
    """Mean correlations of both, and the mean paired difference with its standard error."""
    cells = []
    for name in data.read:
        parts = [part for part in COMPARING if part[0] == name]
        r = np.array(
            [[data.accuracy(model, *part) for part in parts] for model in (default, chosen)]
        )
        default_r, chosen_r = r.mean(axis=1)
        difference = r[1] - r[0]
        error = difference.std(ddof=1) / np.sqrt(len(parts))
        paired = f"{difference.mean():+.4f}, SE {error:.4f}"
        cells.append(f"{name} {default_r:.4f} -> {chosen_r:.4f} ({paired})")
    return "; ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=6.0)
    asked = parser.parse_args()
    data = Data()
    for name in asked.models:
        default = model_class(MODELS[name])()
        tuning = Tuning(list(default.search_space()), asked.trials, asked.minutes)
        study = search(default, tuning, 0, data.accuracies, Checkpoint(asked.folder / name))
        whole = sum(trial.state == "complete" for trial in study.trials)
        values = f"{study.trials[0].value:.4f} -> {study.best.value:.4f}"
        print(f"{name}: {len(study.trials)} trials, {whole} whole, {values}: {study.best.options}")
        if study.best is not study.trials[0]:
            print(
                "  " + compared(data, default, replace(default, **study.best.options)), flush=True
            )


if __name__ == "__main__":
    main()
