"""What a shortcut brings to networks, through training jobs, with gblup and rkhs beside.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/shortcuts.py FOLDER \
        DATA:TRAIT,TRAIT ... --models deepgs ... [--folds 3] [--inner 2]

Each network predicts alone (`shortcut: []`) and beside the mixed model of `rkhs`, on the same folds
(seed 0) with the same seeds. Prints mean correlations over the test folds and, over all folds and
traits, the paired differences with their standard errors. FOLDER keeps the predictions. Data:
BREEDCAST_DATA, by default ../shared/data.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.models.base import Model
from breedcast.validation.plan import KFoldScheme
from tests.benchmarks.trained import Trained, by_default, genotypes_of, trained

KERNELS = ("additive", "gaussian")


def accuracies(result: Trained, name: str) -> pd.Series:
    """Correlation over the test lines of each fold."""
    table = result.predictions[name].query("role == 'test' and permutation == 0")
    table = table.merge(result.lines[["sample", "value"]], on="sample")
    return table.groupby("fold")[["predicted", "value"]].apply(
        lambda rows: rows["predicted"].corr(rows["value"])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--inner", type=int, default=2)
    asked = parser.parse_args()
    models: dict[str, Model] = dict(by_default(["gblup", "rkhs"]))
    for name, network in by_default(asked.models).items():
        models[f"{name} alone"] = replace(network, shortcut=())  # type: ignore[call-arg]
        models[name] = replace(network, shortcut=KERNELS)  # type: ignore[call-arg]
    scheme = KFoldScheme(folds=asked.folds, repeats=1, inner_folds=asked.inner, seed=0)
    every = []
    for given in asked.data:
        data, _, traits = given.partition(":")
        genotypes = genotypes_of(data)
        for trait in traits.split(","):
            found = trained(asked.folder, data, genotypes, trait, models, scheme)
            r = pd.DataFrame({name: accuracies(found, name) for name in models})
            row = " | ".join(f"{name} {mean:.3f}" for name, mean in r.mean().items())
            print(f"{data} {trait} ({len(found.lines)} lines): {row}", flush=True)
            every.append(r)
    r = pd.concat(every)
    for name in asked.models:
        for other in (f"{name} alone", "gblup", "rkhs"):
            gap = r[name] - r[other]
            error = gap.std(ddof=1) / np.sqrt(len(gap))
            print(f"{name} less {other}: {gap.mean():+.4f}, SE {error:.4f}, {len(gap)} folds")


if __name__ == "__main__":
    main()
