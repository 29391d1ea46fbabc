"""The table of `make benchmark`: every model and its peers, from folders of results, as Markdown.

    PYTHONPATH=workflow:. python tests/benchmarks/table.py results-maize281 results-potato4x ...

A folder is what the workflow made (config/DATA.yaml with config/benchmark.yaml, called
results-DATA); what is missing there is left out. Per trait: mean Pearson correlation over the test
folds, their standard deviation, and the mean paired difference to `gblup` with its standard error
by the corrected resampled t-test; the mean correlation of the control, over traits; CPU seconds of
a training job (all folds, inner folds, control and candidates), the mean of the traits.

Peers stand below, on the same folds: XGBoost and LightGBM as libraries with their own defaults,
computed here on the dosages; and what other programs gave (`oracle_folds.tsv` beside the data, its
README tells how), where BREEDCAST_DATA, by default ../shared/data, has it. Then the models' mean
ranks over all traits with Nemenyi's critical difference.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.agreement import pearson
from breedcast.files import read_table
from breedcast.genotypes.store import read_codes
from breedcast.scoring.comparison import corrected_t
from breedcast.scoring.ranks import critical_difference, friedman, ranks
from breedcast.scoring.scores import defined
from breedcast.validation.folds import test_to_train
from tests.benchmarks.trained import DATA

FOLD = ["repeat", "fold"]
REFERENCE = "gblup"
#: Whose defaults were chosen on them.
DEVELOPMENT = ("wheat599", "soynam")


def models_of(trait: Path) -> Iterator[tuple[str, pd.Series, float]]:
    """Name, correlation by fold, mean of the control's (NaN without one) of each scored model."""
    for path in sorted(trait.glob("*/scores.tsv")):
        scores = read_table(path)
        scores = scores.assign(value=defined(scores))
        by_fold = scores[scores["metric"] == "pearson"].set_index(FOLD)["value"]
        control = scores.loc[scores["metric"] == "control_pearson", "value"].mean()
        yield path.parent.name, by_fold, control


def libraries(results: Path, trait: Path) -> Iterator[tuple[str, pd.Series]]:
    """XGBoost and LightGBM as they come, by fold: dosages (missing where they are), one thread."""
    from lightgbm import LGBMRegressor
    from xgboost import XGBRegressor

    codes = read_codes(results / "genotypes" / "codes.zarr")
    lines = read_table(trait / "phenotypes.tsv").dropna(subset="value")
    X = codes.of(lines["sample"]).astype(np.float32)
    X[codes.ploidy < X] = np.nan
    value = lines["value"].to_numpy()
    plan = read_table(trait / "plan.tsv")
    plan = plan[plan["repeat"] >= 0]
    made = {
        "XGBoost, its defaults": lambda: XGBRegressor(n_jobs=1),
        "LightGBM, its defaults": lambda: LGBMRegressor(n_jobs=1, verbose=-1),
    }
    for name, make in made.items():
        found = {}
        for fold, rows in plan.groupby(FOLD):
            trains = lines["sample"].isin(rows.loc[rows["role"] == "train", "sample"]).to_numpy()
            predicted = make().fit(X[trains], value[trains]).predict(X[~trains])
            found[fold] = pearson(value[~trains], predicted)
        yield name, pd.Series(found).rename_axis(FOLD)


def oracles(data: str, trait: str, folds: pd.Index) -> Iterator[tuple[str, pd.Series]]:
    """What other programs gave on these folds."""
    path = DATA / data / "oracle_folds.tsv"
    if path.exists():
        table = pd.read_csv(path, sep="\t")
        for program, rows in table[table["trait"] == trait].groupby("program"):
            by_fold = rows.set_index(FOLD)["pearson"]
            if folds.isin(by_fold.index).all():
                yield str(program), by_fold.loc[folds]


def cell(by_fold: pd.Series, reference: pd.Series, share: float) -> str:
    """Mean and spread over folds, and the difference to the reference with its error."""
    text = f"{by_fold.mean():.3f} ({by_fold.std():.3f})"
    difference = (by_fold - reference).to_numpy()
    error, _, _ = corrected_t(difference, share)
    return text if np.isnan(error) else f"{text} {difference.mean():+.3f} ± {error:.3f}"


def seconds_of(results: Path, trait: str, model: str) -> float:
    """CPU seconds of a training job, NaN where nothing tells them."""
    path = results.parent / "benchmarks" / results.name / trait / model / "train.tsv"
    if not path.exists():
        return np.nan
    return float(pd.read_csv(path, sep="\t", na_values="-")["cpu_time"].iloc[0])


def table_of(results: Path) -> tuple[list[str], pd.DataFrame]:
    """A data set's table as lines of Markdown, and mean correlations (models, traits)."""
    data = results.name.removeprefix("results-")
    traits = [path.parent for path in sorted(results.glob("*/plan.tsv"))]
    traits = [trait for trait in traits if (trait / REFERENCE / "scores.tsv").exists()]
    cells: dict[str, dict[str, str]] = {}
    found: dict[str, dict[str, float]] = {}
    controls: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for trait in traits:
        share = test_to_train(read_table(trait / "plan.tsv"))
        own = {name: (by_fold, control) for name, by_fold, control in models_of(trait)}
        reference = own[REFERENCE][0]
        for name, (by_fold, control) in own.items():
            cells.setdefault(name, {})[trait.name] = cell(by_fold, reference, share)
            found.setdefault(name, {})[f"{data} {trait.name}"] = by_fold.mean()
            controls.setdefault(name, []).append(control)
            seconds.setdefault(name, []).append(seconds_of(results, trait.name, name))
        peers = [*libraries(results, trait), *oracles(data, trait.name, reference.index)]
        for name, by_fold in peers:
            cells.setdefault(f"*{name}*", {})[trait.name] = cell(by_fold, reference, share)
            found.setdefault(f"*{name}*", {})[f"{data} {trait.name}"] = by_fold.mean()
    names = [trait.name for trait in traits]
    told = ", development data" if data in DEVELOPMENT else ""
    lines = [
        f"**{data}**{told}",
        "",
        f"| | {' | '.join(names)} | control | CPU s |",
        "|---" * (len(names) + 3) + "|",
    ]
    order = sorted(cells, key=lambda name: -np.mean(list(found[name].values())))
    for name in order:
        row = cells[name]
        control, spent = np.mean(controls.get(name, [np.nan])), np.mean(seconds.get(name, [np.nan]))
        last = ["" if np.isnan(control) else f"{control:+.3f}"]
        last += ["" if np.isnan(spent) else f"{spent:.0f}"]
        lines.append(f"| {' | '.join([name, *(row.get(it, '') for it in names), *last])} |")
    return lines, pd.DataFrame({name: found[name] for name in controls}).T


def ranking(means: pd.DataFrame) -> list[str]:
    """Mean ranks over the traits (columns) that all models (rows) were scored on."""
    place = pd.Series(ranks(means.T.to_numpy()).mean(axis=0), index=means.index).sort_values()
    difference = critical_difference(*means.shape, 0.05)
    ranked = ", ".join(f"{name} {rank:.1f}" for name, rank in place.items())
    return [
        f"Mean ranks over {means.shape[1]} traits: {ranked}. Critical difference (Nemenyi, 5 %) "
        f"{difference:.1f}; Friedman's p {friedman(means.T.to_numpy()):.1g}."
    ]


def main() -> None:
    parts = [table_of(Path(name)) for name in sys.argv[1:]]
    for lines, _ in parts:
        print(*lines, "", sep="\n")
    means = pd.concat([means for _, means in parts], axis=1).dropna()
    if means.shape[1] > 1 and len(means) > 1:
        print(*ranking(means), sep="\n")


if __name__ == "__main__":
    main()
