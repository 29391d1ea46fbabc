"""What tuning brings in the folds it has not seen, and what it does to intervals.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/tuned.py \
        svr rkhs ... [--data maize281 potato4x] [--trials 20]

Five folds (seed 0), five inner folds, each model with its defaults, and tuned by so many trials a
fold. Prints per data set, trait and model, for both: the mean Pearson correlation over the test
folds; that of the held-out predictions of inner folds, which tuning has chosen by; and what 90 %
intervals held of the test values, and their width. Data: BREEDCAST_DATA, by default ../shared/data,
and the embedded example.
"""

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd

from breedcast.models.base import model_class
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.models.tuning import Tuning
from breedcast.scoring.intervals import FOLD, each_tested_line, pooled, try_intervals
from breedcast.validation.plan import KFoldScheme
from tests.benchmarks.trained import DATASETS, genotypes_of


def job_of(data: str, trait: str, name: str) -> TrainingJob:
    """The model's untuned job, the candidates left out."""
    genotypes = genotypes_of(data)
    table = pd.read_csv(DATASETS[data][0] / "phenotypes.tsv", sep="\t", dtype={"sample": str})
    table = table[table["sample"].isin(set(genotypes.samples)) & table[trait].notna()]
    lines = pd.DataFrame(
        {"sample": table["sample"], "environment": None, "value": table[trait], "weight": 1.0}
    ).reset_index(drop=True)
    plan = KFoldScheme(folds=5, repeats=1, inner_folds=5, seed=0).make_plan(lines, trait)
    return TrainingJob(
        model=model_class(MODELS[name])(),
        name=name,
        trait=trait,
        lines=lines,
        codes=genotypes.of(lines["sample"]),
        ploidy=genotypes.ploidy,
        plan=plan[plan["repeat"] == 0],
        permutations=0,
        seed=0,
        device="cpu",
    )


def measured(job: TrainingJob) -> list[float]:
    """Correlation over test and over inner lines, coverage and width of 90 % intervals."""
    predictions = job.run(threads=1).predictions
    value = predictions["sample"].map(job.lines.set_index("sample")["value"])
    folds = predictions.assign(value=value).groupby(["role", "fold"])[["predicted", "value"]]
    r = folds.apply(lambda rows: np.corrcoef(rows["predicted"], rows["value"])[0, 1])
    tried = try_intervals(
        each_tested_line({job.name: predictions}, job.lines, 0.9), job.lines, {}, 0.9
    )
    held = pooled(tried[tried["by"] == FOLD], ["model"]).iloc[0]
    return [r["test"].mean(), r["inner"].mean(), held["coverage"], held["width"]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", nargs="+", choices=DATASETS, default=["maize281", "potato4x"])
    parser.add_argument("--trials", type=int, default=20)
    asked = parser.parse_args()
    print("| data | trait | model | test r | inner r | held | width |")
    for data in asked.data:
        for trait in DATASETS[data][1]:
            for name in asked.models:
                plain = job_of(data, trait, name)
                tuning = Tuning(list(plain.model.search_space()), asked.trials)
                for label, job in (("", plain), (" tuned", replace(plain, tuning=tuning))):
                    figures = " | ".join(f"{figure:.3f}" for figure in measured(job))
                    print(f"| {data} | {trait} | {name}{label} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
