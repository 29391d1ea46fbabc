"""Adjusted means beside simple ones on soynam, and how long many plots take.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/plots.py agree|accuracy|scale

Data: BREEDCAST_DATA, by default ../shared/data.

agree: the means over 18 environments of one plot a line each, against the simple means that the
data set ships.
accuracy: the three trials of Indiana have blocks, rows and columns, and lines of one or two plots.
GBLUP learns from their simple means (of deviations from the environment's), from adjusted means,
and from these with their weights; it is judged by the lines' simple means in the other
environments, which no model sees. Correlations within families of 10 lines and more, their mean
weighted by lines: of the Indiana means themselves, and of predictions of lines that were not
trained on (three thirds of the lines, three folds each).
scale: 50,000 simulated plots of 10,000 lines in ten environments, and in one.
"""

import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from breedcast.models.base import Lines, model_class
from breedcast.models.registry import MODELS
from breedcast.phenotypes.adjust import adjust_plots
from breedcast.phenotypes.table import PhenotypeTable, read_phenotypes
from tests.benchmarks.filtered import codes_of

SOYNAM = Path(os.environ.get("BREEDCAST_DATA", "../shared/data")) / "soynam"
INDIANA = {"environment": "environ", "block": "BLOCK", "row": "ROW", "column": "COL"}
TRAITS = ("yield", "height", "R8")


def agree() -> None:
    table = read_phenotypes(SOYNAM / "phenotypes_plots.tsv", of_plots=True)
    simple = pd.read_csv(SOYNAM / "phenotypes.tsv", sep="\t", index_col="sample")
    for trait in TRAITS:
        means = adjusted_means(table, {"environment": "environ", "check": "type"}, trait)
        both = simple[[trait]].join(means["value"], how="inner").dropna()
        r = both.corr().iloc[0, 1]
        print(f"{trait}: {len(both)} lines, r = {r:.4f}", flush=True)


def adjusted_means(table: PhenotypeTable, design: dict[str, str], trait: str) -> pd.DataFrame:
    """Value and weight of each line over all environments."""
    means = adjust_plots(table, design, trait).means
    return means[means["environment"].isna()].set_index("sample")


def simple_means(plots: pd.DataFrame, trait: str) -> pd.Series:
    """The mean deviation of each line from its environments' means over lines."""
    plots = plots[(plots["type"] == "line") & plots[trait].notna()]
    deviation = plots[trait] - plots.groupby("environ")[trait].transform("mean")
    return deviation.groupby(plots["sample"]).mean()


def accuracy() -> None:
    codes = codes_of(SOYNAM / "genotypes.vcf.gz")
    family = pd.read_csv(SOYNAM / "families.tsv", sep="\t", index_col="sample")["family"].dropna()
    table = read_phenotypes(SOYNAM / "phenotypes_plots_indiana.tsv", of_plots=True)
    plots = pd.read_csv(SOYNAM / "phenotypes_plots_indiana.tsv", sep="\t")
    elsewhere = pd.read_csv(SOYNAM / "phenotypes_plots.tsv", sep="\t", low_memory=False)
    elsewhere = elsewhere[~elsewhere["environ"].str.startswith("IN_")]
    for trait in TRAITS:
        adjusted = adjusted_means(table, INDIANA | {"check": "type"}, trait)
        known = pd.DataFrame(
            {
                "simple": simple_means(plots, trait),
                "adjusted": adjusted["value"],
                "weight": adjusted["weight"],
                "elsewhere": simple_means(elsewhere, trait),
                "family": family,
            }
        ).dropna()
        known = known.loc[[sample for sample in codes.samples if sample in known.index]]
        predicted = pd.DataFrame(np.nan, known.index, ["simple", "adjusted", "weighted"])
        for third in range(3):
            part = known.iloc[third::3]
            genotypes = codes.of(part.index)
            for train, test in KFold(3, shuffle=True, random_state=0).split(part):
                for name in predicted:
                    value = part["simple" if name == "simple" else "adjusted"].to_numpy()
                    weight = part["weight"].to_numpy() if name == "weighted" else None
                    nothing = pd.DataFrame(index=part.index)
                    lines = Lines(genotypes, codes.ploidy, nothing, value, weight)
                    fitted = model_class(MODELS["gblup"])().fit(lines.take(train), 0, "cpu")
                    mean = fitted.predict(lines.take(test).blind()).mean
                    predicted.loc[part.index[test], name] = mean
        own = {name: within_families(known[name], known) for name in ("simple", "adjusted")}
        of_models = {name: within_families(predicted[name], known) for name in predicted}
        print(f"{trait}, {len(known)} lines, means themselves:", rounded(own), flush=True)
        print(f"{trait}, predictions of new lines:", rounded(of_models), flush=True)


def within_families(values: pd.Series, known: pd.DataFrame) -> float:
    """Correlation with the means elsewhere within families, the families' mean by lines."""
    parts = [known.index[known["family"] == name] for name in known["family"].unique()]
    parts = [lines for lines in parts if len(lines) >= 10]
    r = [np.corrcoef(values[lines], known.loc[lines, "elsewhere"])[0, 1] for lines in parts]
    return float(np.average(r, weights=[len(lines) for lines in parts]))


def rounded(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in found.items())


def scale() -> None:
    for trials in (10, 1):
        table = simulated(trials, 50_000 // trials)
        design = {it: it for it in ("environment", "block", "row", "column")}
        began = time.process_time()
        found = adjust_plots(table, design, "y").heritability
        seconds = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{trials} environments: {seconds:.0f} s of CPU time, {peak:.2f} GB", flush=True)
        print(found[["environment", "line_variance", "error_variance", "cullis"]].tail(2))


def simulated(trials: int, plots: int) -> PhenotypeTable:
    """Half the lines once and others at random, on fields with blocks of 10 rows and columns."""
    rng = np.random.default_rng(0)
    lines, side = 10_000, int(np.sqrt(plots))
    genetic, rows = rng.normal(size=lines), []
    for trial in range(trials):
        own = min(lines, plots // 2)
        line = np.concatenate([rng.permutation(lines)[:own], rng.integers(0, lines, plots - own)])
        row, column = np.divmod(np.arange(plots), side)
        block = row // 10 * 1000 + column // 10
        _, number = np.unique(block, return_inverse=True)
        y = genetic[line] + rng.normal(0, 0.5, number.max() + 1)[number] + np.sin(row / 20)
        y = y + rng.normal(size=plots)
        columns = (line, np.full(plots, trial), block, row, column, y)
        rows += [list(map(str, it)) for it in zip(*columns, strict=True)]
    names = ["environment", "block", "row", "column", "y"]
    samples = [row[0] for row in rows]
    return PhenotypeTable("plots", names, samples, [row[1:] for row in rows], [0] * len(rows))


if __name__ == "__main__":
    {"agree": agree, "accuracy": accuracy, "scale": scale}[sys.argv[1]]()
