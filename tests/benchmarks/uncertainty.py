"""What 90 % intervals hold on real data, and how wide they are.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/uncertainty.py FOLDER \
        [networks | clusters]

Data: BREEDCAST_DATA, by default ../shared/data, and the embedded example. The folds are those of
the config's defaults. FOLDER keeps the predictions of gblup and rkhs, which make up the ensemble.
Prints for every data set, trait and model the lines, the share held pooled over folds, the smallest
and largest of a fold, mean width and Winkler score, the trivial interval's, those of intervals
whose errors are not scaled, and of intervals about the model's own prediction; low and high: the
binomial 95 % band for so many lines.
networks: the same of a perceptron, as it is, with predictions by 30 dropout masks, and with three
networks in place of one, for the example's yield.
clusters: the same of gblup where each of eight clusters is left out, with inner folds of clusters
and of lines at random.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.genotypes.structure import find_structure
from breedcast.models.dnn import DNN
from breedcast.report.uncertainty import band
from breedcast.scoring.alignment import observed
from breedcast.scoring.conformal import conformal_quantile
from breedcast.scoring.ensemble import combine
from breedcast.scoring.intervals import FOLD, SCALED, each_tested_line, pooled, try_intervals
from breedcast.validation.groups import LeaveGroupOutScheme, LineGroups
from breedcast.validation.plan import KFoldScheme
from tests.benchmarks.trained import DATASETS, Trained, by_default, genotypes_of, trained

LEVEL = 0.9
MODELS = by_default(["gblup", "rkhs"])
NETWORKS = {
    "dnn": DNN(),
    "dnn_dropout_masks": DNN(monte_carlo=30),
    "dnn_of_three": DNN(networks=3),
}


def with_ensemble(of: Trained) -> Trained:
    """The models, and what they are combined to."""
    ensemble, _ = combine(of.predictions, lambda _: of.lines, "auto")
    return replace(of, predictions=of.predictions | {"ensemble": ensemble})


def tried(data: str, trait: str, of: Trained) -> pd.DataFrame:
    """A row per model."""
    without = {name: table.assign(sd=np.nan) for name, table in of.predictions.items()}
    folds, alike = (
        table[table["by"] == FOLD]
        for table in (
            try_intervals(each_tested_line(tables, of.lines, LEVEL), of.lines, {}, LEVEL)
            for tables in (of.predictions, without)
        )
    )
    rows = pooled(folds, ["model"]).set_index("model")
    low, high = band(len(of.lines), LEVEL)
    rows = rows.assign(
        alike_coverage=pooled(alike, ["model"]).set_index("model")["coverage"],
        alike_width=pooled(alike, ["model"]).set_index("model")["width"],
        alike_winkler=pooled(alike, ["model"]).set_index("model")["winkler"],
        refit=[about_the_refit(of, name) for name in rows.index],
        scaled=folds.assign(scaled=folds["method"] == SCALED).groupby("model")["scaled"].mean(),
        least=folds.groupby("model")["coverage"].min(),
        most=folds.groupby("model")["coverage"].max(),
        lines=len(of.lines),
        low=low,
        high=high,
    ).reset_index()
    rows.insert(0, "trait", trait)
    rows.insert(0, "data", data)
    return rows


def about_the_refit(of: Trained, model: str) -> tuple[float, float]:
    """Share held and mean width of the prediction -/+ the quantile of the inner residuals."""
    table = of.predictions[model]
    held, width = [], []
    for _, unit in table[table["repeat"] >= 0].groupby(["repeat", "fold"]):
        inner, test = unit[unit["role"] == "inner"], unit[unit["role"] == "test"]
        half = conformal_quantile(np.abs(observed(of.lines, inner) - inner["predicted"]), LEVEL)
        error = np.abs(observed(of.lines, test) - test["predicted"])
        held += list(error <= half)
        width.append(2 * half)
    return float(np.mean(held)), float(np.mean(width))


def by_clusters(folder: Path) -> Iterator[pd.DataFrame]:
    """What is held of clusters that were left out, by both kinds of inner folds."""
    for data, (_, traits) in DATASETS.items():
        genotypes = genotypes_of(data)
        found = find_structure(genotypes.codes, genotypes.ploidy, clusters=8, coordinates=10)
        known = LineGroups.of("cluster", found.table(genotypes.samples), pd.DataFrame())
        for inner, made in (("clusters", LeaveGroupOutScheme), ("random", RandomWithin)):
            scheme = made(folds=5, repeats=1, inner_folds=5, seed=0, known=known)
            for trait in traits:
                kept = folder / f"inner_{inner}"
                of = trained(kept, data, genotypes, trait, by_default(["gblup"]), scheme)
                yield tried(data, trait, of).assign(inner=inner)


class RandomWithin(LeaveGroupOutScheme):
    """Clusters are left out, and inner folds are random."""

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        return KFoldScheme.inner(self, groups, seed)


def main() -> None:
    folder = Path(sys.argv[1])
    if "networks" in sys.argv:
        of = trained(folder, "example", genotypes_of("example"), "yield", NETWORKS)
        rows = [tried("example", "yield", of)]
    elif "clusters" in sys.argv:
        rows = list(by_clusters(folder))
    else:
        rows = []
        for data, (_, traits) in DATASETS.items():
            genotypes = genotypes_of(data)
            for trait in traits:
                of = trained(folder, data, genotypes, trait, MODELS)
                rows.append(tried(data, trait, with_ensemble(of)))
    print(pd.concat(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
