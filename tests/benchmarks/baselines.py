"""Accuracy and time of models on the folds of wheat599 (20 a trait) and soynam (5 a trait).

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/baselines.py \
        name[:json options] ... [--data wheat599 soynam] [--traits env1 ...] [--seeds 0 ...] \
        [--folds 0 ...] [--lines 1000]

Folds are KFold(5, shuffle=True, random_state=seed) over the phenotyped lines in the order of the
table, or over so many of them drawn at random, genotypes as the default filter leaves them, no
covariates. Data: BREEDCAST_DATA, by
default ../shared/data. Prints per model the mean Pearson correlation of each trait (soynam: also
the mean of those within families, weighted by lines) and the seconds of a fit with its predictions.
"""

import argparse
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from breedcast.models.base import Lines, Model, model_class
from breedcast.models.registry import MODELS
from tests.benchmarks.filtered import codes_of

DATA = Path(os.environ.get("BREEDCAST_DATA", "../shared/data"))
#: Traits and seeds of the folds.
DATASETS = {
    "wheat599": (["env1", "env2", "env3", "env4"], range(4)),
    "soynam": (["yield", "height"], range(1)),
}


def read(name: str) -> tuple[np.ndarray, pd.DataFrame]:
    """Filtered codes (lines, markers) and the table of the same lines, with families if any."""
    folder = DATA / name
    genotypes = codes_of(folder / "genotypes.vcf.gz")
    text = {"sample": str, "family": str}
    table = pd.read_csv(folder / "phenotypes.tsv", sep="\t", dtype=text)
    if (folder / "families.tsv").exists():
        families = pd.read_csv(folder / "families.tsv", sep="\t", dtype=text)
        table = table.merge(families, on="sample", how="left")
    table = table[table["sample"].isin(genotypes.samples)].reset_index(drop=True)
    return genotypes.of(table["sample"].tolist()), table


def measure(
    model: Model, lines: Lines, seeds: Iterable[int], folds: Iterable[int] = range(5)
) -> tuple[pd.DataFrame, float]:
    """Every test prediction (fold, line, predicted), and the median seconds of a fold."""
    rows, seconds = [], []
    for seed in seeds:
        split = list(KFold(5, shuffle=True, random_state=seed).split(lines.codes))
        for fold in folds:
            train, test = split[fold]
            start = time.perf_counter()
            fitted = model.fit(lines.take(train), 100 * seed + fold, "cpu")
            predicted = fitted.predict(lines.take(test).blind()).mean
            seconds.append(time.perf_counter() - start)
            fold_rows = {"fold": 5 * seed + fold, "line": test, "predicted": predicted}
            rows.append(pd.DataFrame(fold_rows))
    return pd.concat(rows), float(np.median(seconds))


def correlation(rows: pd.DataFrame) -> float:
    return float(rows["predicted"].corr(rows["value"]))


def within_families(predictions: pd.DataFrame) -> float:
    """Mean correlation within families of five test lines or more, weighted by their number."""
    groups = predictions.groupby(["fold", "family"]).filter(lambda rows: len(rows) >= 5)
    r = groups.groupby(["fold", "family"])[["predicted", "value"]].apply(correlation)
    weight = groups.groupby(["fold", "family"]).size()
    return float(np.average(r, weights=weight))


def model_of(text: str) -> Model:
    """A model as it is asked for: its name, then a colon and its options as JSON, if any."""
    name, _, options = text.partition(":")
    model: Model = model_class(MODELS[name])(**json.loads(options or "{}"))
    return model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=list(DATASETS))
    parser.add_argument("--traits", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--folds", nargs="+", type=int, default=range(5))
    parser.add_argument("--lines", type=int)
    parser.add_argument("models", nargs="+")
    asked = parser.parse_args()
    for data in asked.data:
        codes, table = read(data)
        if asked.lines:
            drawn = np.random.default_rng(7).choice(len(codes), asked.lines, replace=False)
            codes, table = codes[np.sort(drawn)], table.iloc[np.sort(drawn)]
        traits, seeds = DATASETS[data]
        print(f"{data}: {codes.shape[0]} lines, {codes.shape[1]} markers", flush=True)
        for text in asked.models:
            model = model_of(text)
            cells, times = [], []
            for trait in asked.traits or traits:
                value = table[trait].to_numpy()
                lines = Lines(codes, 2, pd.DataFrame(index=range(len(codes))), value)
                predictions, seconds = measure(model, lines, asked.seeds or seeds, asked.folds)
                predictions["value"] = value[predictions["line"]]
                r = predictions.groupby("fold")[["predicted", "value"]].apply(correlation).mean()
                cell = f"{trait} {r:.4f}"
                if "family" in table:
                    predictions["family"] = table["family"].to_numpy()[predictions["line"]]
                    cell += f" ({within_families(predictions):.4f})"
                cells.append(cell)
                times.append(seconds)
            print(f"  {text}: {', '.join(cells)}; {np.median(times):.2f} s", flush=True)


if __name__ == "__main__":
    main()
