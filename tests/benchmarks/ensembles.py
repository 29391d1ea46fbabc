"""The ensemble's methods over many traits: the same models, combined in each way.

    PYTHONPATH=workflow:. python tests/benchmarks/ensembles.py FOLDER ... [--models gblup rkhs ...]

Each FOLDER is one of results, the workflow's or of architectures.py: TRAIT/phenotypes.tsv, plan.tsv
and MODEL/predictions.parquet; a trait is taken where all the models are there (by default all that
every trait has). Trains nothing. Prints for every trait the mean Pearson correlation over the test
folds of each model and method; then, over all traits, per model and method: the mean correlation,
the mean difference to the best single model (which only hindsight knows) and to each of REFERENCES,
the worst difference to the best, and on how many traits it is behind the best by more than one
standard error of the paired difference (corrected resampled t-test).
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.files import read_parquet, read_table
from breedcast.scoring.comparison import corrected_t
from breedcast.scoring.ensemble import combine
from breedcast.scoring.scores import defined, score
from breedcast.validation.folds import test_to_train

METHODS = ["auto", "stack", "mean"]
REFERENCES = ["gblup", "lightgbm", "xgboost"]
OURS = ["inner", "test"]


def traits_of(folders: list[Path]) -> Iterator[Path]:
    """The folders of traits, those of results one after another."""
    for folder in folders:
        yield from sorted(path.parent for path in folder.glob("*/plan.tsv"))


def has(trait: Path, model: str) -> bool:
    return (trait / model / "predictions.parquet").exists()


def scores_of(trait: Path, models: list[str]) -> tuple[pd.DataFrame, float]:
    """Correlations, a row per fold, a column per model and method; test lines per training line."""
    lines, plan = read_table(trait / "phenotypes.tsv"), read_table(trait / "plan.tsv")
    plan = plan[plan["repeat"] >= 0]

    def phenotypes_of(permutation: int) -> pd.DataFrame:
        assert permutation == 0
        return lines

    tables = {}
    for model in models:
        rows = read_parquet(trait / model / "predictions.parquet")
        real = (rows["repeat"] >= 0) & (rows["permutation"] == 0) & rows["role"].isin(OURS)
        tables[model] = rows[real]
    combined = {method: combine(tables, phenotypes_of, method)[0] for method in METHODS}
    columns = {}
    for name, table in (tables | combined).items():
        scores = score(table, plan, phenotypes_of, "high").assign(value=defined)
        pearson = scores[scores["metric"] == "pearson"]
        columns[name] = pearson.set_index(["repeat", "fold"])["value"]
    return pd.DataFrame(columns), test_to_train(plan)


def behind(difference: pd.Series, share: float) -> bool:
    """Whether a mean difference over folds is more than a standard error below 0."""
    error, _, _ = corrected_t(difference.to_numpy(), share)
    return bool(difference.mean() < -error)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--models", nargs="+")
    asked = parser.parse_args()
    traits = list(traits_of(asked.folders))
    found = [{path.parent.name for path in it.glob("*/predictions.parquet")} for it in traits]
    common = set.intersection(*found) - {"ensemble", "baseline"}
    models = asked.models or sorted(common)
    traits = [trait for trait in traits if all(has(trait, model) for model in models)]
    means, behinds = {}, {}
    for trait in traits:
        scores, share = scores_of(trait, models)
        name = f"{trait.parent.name.removeprefix('results-')} {trait.name}"
        means[name] = scores.mean()
        best = scores[scores[models].mean().idxmax()]
        behinds[name] = {column: behind(scores[column] - best, share) for column in scores}
    table = pd.DataFrame(means).T
    print(table.round(3).to_string())
    ahead = {"best": table[models].max(axis=1)}
    ahead |= {it: table[it] for it in REFERENCES if it in models}
    summary = pd.DataFrame({"mean": table.mean()})
    for name, reference in ahead.items():
        summary[f"to {name}"] = table.sub(reference, axis=0).mean()
    summary["worst"] = table.sub(ahead["best"], axis=0).min()
    summary["behind"] = pd.DataFrame(behinds).sum(axis=1)
    print(f"{len(table)} traits", summary.round(4).to_string(), sep="\n")
    assert np.isfinite(table.to_numpy()).all()


if __name__ == "__main__":
    main()
