"""Both figures of `keep_together` on wheat599, of which pairs of lines are nearly identical.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/alike.py model ...

The folds of the config's defaults, two repeats of five. Prints per environment and model the mean
Pearson correlation over all test lines; over those without a nearly identical training line
(`pearson_distinct`); and over all where nearly identical lines share a fold. Data: BREEDCAST_DATA,
by default ../shared/data.
"""

import sys

import numpy as np
import pandas as pd

from breedcast.genotypes.duplicates import duplicated_lines
from breedcast.models.base import Lines, model_class
from breedcast.models.registry import MODELS
from breedcast.validation.alike import alike_to_training
from tests.benchmarks.baselines import read
from tests.benchmarks.trained import SCHEME

IDENTITY = 0.99


def figures(name: str, lines: Lines, table: pd.DataFrame, plan: pd.DataFrame, alike: pd.DataFrame):
    """Mean correlation over the folds: of all test lines, of those unlike all training lines."""
    position = pd.Series(range(len(table)), index=table["sample"])
    seen = alike_to_training(plan, alike)
    found = []
    for number, (unit, rows) in enumerate(plan[plan["repeat"] >= 0].groupby(["repeat", "fold"])):
        train, test = (
            position[rows.loc[rows["role"] == role, "sample"]].to_numpy()
            for role in ("train", "test")
        )
        fitted = model_class(MODELS[name])().fit(lines.take(train), number, "cpu")
        predicted = fitted.predict(lines.take(test).blind()).mean
        new = np.array([(*unit, sample) not in seen for sample in table["sample"].iloc[test]])
        found.append(
            [
                np.corrcoef(predicted[chosen], lines.observed[test][chosen])[0, 1]
                for chosen in (np.ones(len(test), bool), new)
            ]
        )
    return np.mean(found, axis=0)


def main() -> None:
    codes, table = read("wheat599")
    dosage = np.where(codes > 2, -1, codes.astype(np.int8)).T
    pairs = duplicated_lines(dosage, len(dosage), [], 2, IDENTITY)
    names = table["sample"].to_numpy()
    alike = pd.DataFrame({"line_1": names[pairs.first], "line_2": names[pairs.second]})
    print(f"{len(alike)} pairs, of {len(np.unique(alike))} lines")
    for trait in ("env1", "env2", "env3", "env4"):
        value = table[trait].to_numpy()
        rows = pd.DataFrame({"sample": names, "environment": None, "value": value})
        lines = Lines(codes, 2, pd.DataFrame(index=range(len(codes))), value)
        plans = [SCHEME.make_plan(rows, trait), SCHEME.make_plan(rows, trait, alike)]
        for name in sys.argv[1:]:
            (every, distinct), (together, _) = (
                figures(name, lines, table, plan, alike) for plan in plans
            )
            print(
                f"| {trait} | {name} | {every:.3f} | {distinct:.3f} | {together:.3f} |", flush=True
            )


if __name__ == "__main__":
    main()
