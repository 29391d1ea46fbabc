"""The ensemble's methods on wheat599: the same models, combined in each way.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/ensembles.py FOLDER

Data: BREEDCAST_DATA, by default ../shared/data. Two repeats of five folds (seeds 0 and 1) of gblup,
rkhs, lightgbm and svr, whose predictions FOLDER keeps. Prints for every environment the mean
Pearson correlation, mean NDCG and RMSE of each model and method over the folds, and for each
method the difference to `auto` with its p-value by the corrected resampled t-test; then the same
for the folds' means over the four environments. Also what the ensembles' 90 % intervals held.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.scoring.comparison import corrected_t
from breedcast.scoring.ensemble import combine
from breedcast.scoring.intervals import FOLD, pooled, try_intervals
from breedcast.scoring.scores import score
from breedcast.validation.folds import test_to_train
from tests.benchmarks.trained import DATASETS, Trained, by_default, genotypes_of, trained

MODELS = ["gblup", "rkhs", "lightgbm", "svr"]
METHODS = ["auto", "stack", "mean", "elbpso"]
SHOWN = ["pearson", "mean_ndcg_10", "rmse"]


def scores_of(of: Trained) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores by model or method, metric and fold; and what the methods' intervals held."""

    def phenotypes_of(permutation: int) -> pd.DataFrame:
        assert permutation == 0
        return of.lines

    tables = dict(of.predictions)
    for method in METHODS:
        tables[method] = combine(of.predictions, phenotypes_of, method)[0]
    parts = [
        score(table, of.plan, phenotypes_of, "high").assign(model=name)
        for name, table in tables.items()
    ]
    structure = of.lines[["sample"]].assign(cluster=1)
    intervals = try_intervals(tables, of.lines, structure, 0.9)
    return pd.concat(parts), pooled(intervals[intervals["by"] == FOLD], ["model"])


def against_auto(scores: pd.DataFrame, share: float) -> pd.DataFrame:
    """Mean score, difference to auto, its p-value. scores: a row per fold, a column per model."""
    rows = {}
    for name in scores:
        difference = (scores[name] - scores["auto"]).to_numpy()
        error, _, p = corrected_t(difference, share)
        mean = {"mean": scores[name].mean(), "to auto": difference.mean()}
        rows[name] = mean | {"SE": error, "p": p}
    return pd.DataFrame(rows).T


def main() -> None:
    folder = Path(sys.argv[1])
    genotypes = genotypes_of("wheat599")
    every = []
    for trait in DATASETS["wheat599"][1]:
        of = trained(folder, "wheat599", genotypes, trait, by_default(MODELS))
        scores, intervals = scores_of(of)
        every.append(scores.assign(trait=trait))
        share = test_to_train(of.plan)
        print(trait, intervals[["model", "coverage", "width", "winkler"]].round(3).to_string())
    table = pd.concat(every)
    for metric in SHOWN:
        wide = table[table["metric"] == metric].pivot_table(
            index=["trait", "repeat", "fold"], columns="model", values="value", sort=False
        )[[*MODELS, *METHODS]]
        print(metric, wide.groupby("trait").mean().round(4).to_string(), sep="\n")
        means = wide.groupby(["repeat", "fold"]).mean()
        print("mean of the traits", against_auto(means, share).round(4).to_string(), sep="\n")
        for trait, rows in wide.groupby("trait"):
            print(trait, against_auto(rows, share).loc[METHODS].round(4).to_string(), sep="\n")
    assert np.isfinite(table["value"]).all()


if __name__ == "__main__":
    main()
