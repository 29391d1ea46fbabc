"""Make the embedded table of plots: some lines of the embedded example, grown in three trials.

    python resources/plots/make_plots.py

rewrites plots.tsv byte for byte, from the genetic values in tests/data/example_truth.tsv. With a
folder as its argument it writes there instead.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 5
FOLDER = Path(__file__).resolve().parent
TRUTH = FOLDER.parents[1] / "tests" / "data" / "example_truth.tsv"

TRIALS = {("North", 2023): 8.0, ("South", 2023): 10.5, ("South", 2024): 9.0}  # mean yield, t/ha
LINES, LINES_PER_TRIAL, REPLICATES = 150, 110, 2
CHECKS = ("Check-1", "Check-2")
BLOCKS, ROWS, COLUMNS = 6, 12, 10  # of a replicate: blocks are pairs of rows
LINE_BY_TRIAL, BLOCK, SURFACE, ERROR = 0.4, 0.4, 0.8, 0.8  # standard deviations, t/ha


def make_plots() -> pd.DataFrame:
    """One row per plot: sample, location, year, replicate, block, row, column, check, yield."""
    rng = np.random.default_rng(SEED)
    truth = pd.read_csv(TRUTH, sep="\t").set_index("sample")["yield"]
    truth = truth - truth.mean()
    lines = np.sort(rng.choice(truth.index.to_numpy()[:250], LINES, replace=False))
    check_value = dict(zip(CHECKS, rng.normal(0, 0.5, len(CHECKS)), strict=True))
    trials = []
    for (location, year), mean in TRIALS.items():
        grown = rng.choice(lines, LINES_PER_TRIAL, replace=False)
        value = truth[grown].add(rng.normal(0, LINE_BY_TRIAL, len(grown))).to_dict() | check_value
        entries = [*grown, *CHECKS * ((ROWS * COLUMNS - len(grown)) // len(CHECKS))]
        trial = field().assign(location=location, year=year)
        trial["sample"] = np.concatenate([rng.permutation(entries) for _ in range(REPLICATES)])
        trial["check"] = np.where(trial["sample"].isin(CHECKS), "yes", "no")
        block = rng.normal(0, BLOCK, (REPLICATES, BLOCKS))
        effects = block[trial["replicate"] - 1, trial["block"] - 1] + surface(rng, trial)
        noise = rng.normal(0, ERROR, len(trial))
        trial["yield"] = (mean + trial["sample"].map(value) + effects + noise).round(2)
        trials.append(trial)
    columns = [*("sample", "location", "year", "replicate", "block", "row", "column"), "check"]
    return pd.concat(trials)[[*columns, "yield"]]


def field() -> pd.DataFrame:
    """The replicates beside one another: replicate, block, row, column of every plot."""
    row, column = np.indices((ROWS, REPLICATES * COLUMNS)) + 1
    plots = pd.DataFrame({"row": row.ravel(), "column": column.ravel()})
    plots["replicate"] = (plots["column"] - 1) // COLUMNS + 1
    plots["block"] = (plots["row"] - 1) // (ROWS // BLOCKS) + 1
    return plots.sort_values(["replicate", "row", "column"], kind="stable")


def surface(rng: np.random.Generator, plots: pd.DataFrame) -> np.ndarray:
    """Smooth fertility over the field: waves of random phase, with standard deviation SURFACE."""
    phases = rng.uniform(0, 2 * np.pi, 2)
    waves = np.sin(plots["row"] / ROWS * 4 + phases[0]) + np.cos(
        plots["column"] / (REPLICATES * COLUMNS) * 5 + phases[1]
    )
    return SURFACE * ((waves - waves.mean()) / waves.std()).to_numpy()


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    make_plots().to_csv(folder / "plots.tsv", sep="\t", index=False, lineterminator="\n")
