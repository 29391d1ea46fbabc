"""What 90 % intervals hold on real data, how wide they are, and CV+ beside them.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/uncertainty.py FOLDER [cv_plus]

Data: BREEDCAST_DATA, by default ../shared/data, and the embedded example. The folds are those of
the config's defaults. FOLDER keeps the predictions of gblup and rkhs. Prints for every data set,
trait and model the lines, the share held pooled over folds, the smallest and largest of a fold,
mean width and Winkler score, the trivial interval's, and those of intervals that are alike for all
lines; low and high: the binomial 95 % band for so many lines.
cv_plus: for gblup, coverage and width of CV+ intervals, from the predictions of the test lines by
each inner fold's fit.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.genotypes.store import Codes
from breedcast.models.base import Lines, model_class
from breedcast.models.registry import MODELS
from breedcast.report.uncertainty import band
from breedcast.scoring.intervals import FOLD, conformal_quantile, pooled, try_intervals
from breedcast.validation.plan import Unit, units
from tests.benchmarks.trained import DATASETS, Trained, genotypes_of, trained

LEVEL = 0.9


def tried(data: str, trait: str, of: Trained) -> pd.DataFrame:
    """A row per model."""
    structure = of.lines[["sample"]].assign(cluster=1)
    without = {name: table.assign(sd=np.nan) for name, table in of.predictions.items()}
    folds, alike = (
        table[table["by"] == FOLD]
        for table in (
            try_intervals(tables, of.lines, structure, LEVEL)
            for tables in (of.predictions, without)
        )
    )
    rows = pooled(folds, ["model"]).set_index("model")
    low, high = band(len(of.lines), LEVEL)
    rows = rows.assign(
        alike_coverage=pooled(alike, ["model"]).set_index("model")["coverage"],
        alike_width=pooled(alike, ["model"]).set_index("model")["width"],
        alike_winkler=pooled(alike, ["model"]).set_index("model")["winkler"],
        least=folds.groupby("model")["coverage"].min(),
        most=folds.groupby("model")["coverage"].max(),
        lines=len(of.lines),
        low=low,
        high=high,
    ).reset_index()
    rows.insert(0, "trait", trait)
    rows.insert(0, "data", data)
    return rows


def cv_plus(of: Trained, genotypes: Codes) -> tuple[float, float]:
    """Coverage and mean width of gblup's CV+ intervals (Barber et al. 2021, eq. 9)."""
    codes = genotypes.of(of.lines["sample"])
    value = of.lines["value"].to_numpy()
    lines = Lines(codes, genotypes.ploidy, pd.DataFrame(index=range(len(codes))), value)
    held, width = [], []
    for unit in units(of.plan, of.lines["sample"].tolist(), 0):
        if not unit.is_candidates:
            lower, upper = _cv_plus_of(unit, lines)
            held += list((lower <= value[unit.test]) & (value[unit.test] <= upper))
            width += list(upper - lower)
    return float(np.mean(held)), float(np.mean(width))


def _cv_plus_of(unit: Unit, lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    below, above = [], []
    for fold in unit.inner_folds:
        rows, held_out = unit.train[unit.inner_fold != fold], unit.train[unit.inner_fold == fold]
        fitted = model_class(MODELS["gblup"])().fit(lines.take(rows), 0, "cpu")
        residual = np.abs(
            lines.observed[held_out] - fitted.predict(lines.take(held_out).blind()).mean
        )
        at = fitted.predict(lines.take(unit.test).blind()).mean
        below.append(residual[:, None] - at)
        above.append(residual[:, None] + at)
    ends = [np.concatenate(part) for part in (below, above)]
    lower, upper = (
        np.array([conformal_quantile(column, LEVEL) for column in end.T]) for end in ends
    )
    return -lower, upper


def main() -> None:
    folder = Path(sys.argv[1])
    rows, plus = [], []
    for data, (_, traits) in DATASETS.items():
        genotypes = genotypes_of(data)
        for trait in traits:
            of = trained(folder, data, genotypes, trait, ["gblup", "rkhs"])
            rows.append(tried(data, trait, of))
            if "cv_plus" in sys.argv:
                plus.append((data, trait, *cv_plus(of, genotypes)))
    print(pd.concat(rows).round(3).to_string(index=False))
    for row in plus:
        print("CV+, gblup: {} {}: held {:.3f}, width {:.3f}".format(*row))


if __name__ == "__main__":
    main()
