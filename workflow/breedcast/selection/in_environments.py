"""Candidates of a trait that was measured in several environments: over these, and in each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from breedcast.phenotypes.records import has_environments
from breedcast.scoring.intervals import unit_intervals
from breedcast.scoring.metrics import Direction, rank_of
from breedcast.validation.unit import CANDIDATE_UNIT

BY_ENVIRONMENT = ["sample", "model", "environment", "predicted", "lower", "upper", "rank"]


def several_values(phenotypes: pd.DataFrame) -> bool:
    """Whether any line of phenotypes.tsv has several values, each of an environment."""
    return bool(phenotypes.dropna(subset="value")["sample"].duplicated().any())


def on_one_level(
    predictions: Mapping[str, pd.DataFrame], phenotypes: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Predictions of the candidates' unit, and phenotypes.tsv, with a row per line.

    Values and predictions are means over the line's environments, each first brought from its
    environment's mean value to the mean of these: what is left is how much better a line is than
    others in the same trials. sd, reliability: means too; a line's sd is that of its mean if what
    is not known of it is the same everywhere, and too wide otherwise. weight: that of the mean.
    Without environments both as they are.
    """
    if not has_environments(phenotypes):
        return dict(predictions), phenotypes
    level = phenotypes.groupby("environment")["value"].mean()
    shift = level.mean() - level

    def levelled(rows: pd.DataFrame, column: str) -> np.ndarray:
        found: np.ndarray = (rows[column] + rows["environment"].map(shift)).to_numpy(np.float64)
        return found

    unit = ["repeat", "fold", "role", "permutation", "inner_fold", "sample"]
    of_lines = {}
    for model, table in predictions.items():
        rows = table[table["repeat"] == CANDIDATE_UNIT]
        rows = rows.assign(predicted=levelled(rows, "predicted"))
        means = rows.groupby(unit, sort=False, dropna=False)[["predicted", "sd", "reliability"]]
        of_lines[model] = means.mean().reset_index().assign(environment=None)
    records = phenotypes.assign(value=levelled(phenotypes, "value"))
    variance = (1 / phenotypes["weight"]).groupby(phenotypes["sample"], sort=False)
    by_line = records.groupby("sample", sort=False)
    lines = records.drop_duplicates("sample").set_index("sample")
    lines["value"], lines["environment"] = by_line["value"].mean(), None
    lines["weight"] = by_line.size() / variance.mean()
    return of_lines, lines.reset_index()


def in_each_environment(
    predictions: Mapping[str, pd.DataFrame],
    phenotypes: pd.DataFrame,
    *,
    level: float,
    direction: Direction,
) -> pd.DataFrame:
    """The candidates by model and environment, in the order of their ranks there.

    Returns BY_ENVIRONMENT. lower, upper: where a new adjusted mean of the line in that environment
    lies with probability `level`, by `unit_intervals`; rank: among the candidates there.
    """
    parts = [pd.DataFrame(columns=BY_ENVIRONMENT)]
    for model, table in predictions.items():
        unit = table[table["repeat"] == CANDIDATE_UNIT]
        candidates = unit[unit["role"] == "candidate"]
        found = candidates.join(unit_intervals(unit, phenotypes, level)).assign(model=model)
        for _, rows in found.groupby("environment", sort=False):
            rank = rank_of(rows["predicted"].to_numpy(np.float64), direction)
            parts.append(rows.assign(rank=rank).sort_values(["rank", "sample"])[BY_ENVIRONMENT])
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
