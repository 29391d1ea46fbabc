"""candidates.tsv: what each model predicts for the candidates, how surely, and in what order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtri

from breedcast.scoring.intervals import unit_intervals
from breedcast.scoring.metrics import Direction, directed
from breedcast.validation.plan import CANDIDATE_UNIT

COLUMNS = [
    *("sample", "model", "predicted", "lower", "upper", "bv_lower", "bv_upper"),
    *("reliability", "rank", "method"),
]


def rank_candidates(
    predictions: Mapping[str, pd.DataFrame],
    phenotypes: pd.DataFrame,
    level: float,
    direction: Direction,
) -> pd.DataFrame:
    """The candidates by model (in the order given) and rank.

    Returns COLUMNS. lower, upper: where a new adjusted mean of the line lies with probability
    `level`, by `unit_intervals` from all phenotyped lines, infinite where those are too few;
    method: which of its methods that is. bv_lower, bv_upper: the same for the genetic value,
    predicted -/+ z sd with the normal quantile z, NaN for models without sd. rank: 1 is best in the
    trait's direction; lines predicted alike share the better rank. No candidates, no rows.
    """
    parts = [
        _of_one_model(table, phenotypes, level, direction).assign(model=model)
        for model, table in predictions.items()
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _of_one_model(
    predictions: pd.DataFrame, phenotypes: pd.DataFrame, level: float, direction: Direction
) -> pd.DataFrame:
    unit = predictions[predictions["repeat"] == CANDIDATE_UNIT]
    candidates = unit[unit["role"] == "candidate"]
    predicted = candidates["predicted"]
    # only a model with a reliability has a posterior; the spread of dropout masks is none
    posterior_sd = candidates["sd"].where(candidates["reliability"].notna())
    genetic_half = ndtri((1 + level) / 2) * posterior_sd
    ranked = candidates.assign(
        **unit_intervals(unit, phenotypes, level),
        bv_lower=predicted - genetic_half,
        bv_upper=predicted + genetic_half,
        rank=_rank(predicted.to_numpy(np.float64), direction),
    )
    return ranked.sort_values(["rank", "sample"])


def _rank(predicted: np.ndarray, direction: Direction) -> np.ndarray:
    """(candidates,) how many are better, plus one."""
    value = directed(predicted, direction)
    return 1 + len(value) - np.searchsorted(np.sort(value), value, side="right")
