"""index.tsv and its companions: candidates ranked on several traits at once.

An index is a weighted sum of a line's predicted values. By economic weights: the sum of the values
that each trait's predicted gain is worth (Hazel 1943, Genetics 28:476), which is the best index
where the predictions are BLUPs. By desired gains (Pesek & Baker 1969, Can J Plant Sci 49:803): the
weights b = C^-1 d for which gains are in the proportions d, C being the covariance of the predicted
values, since predicted values of the selected change by C b i / sd(index).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.scoring.metrics import best_count, rank_of

PREDICTED = "predicted_"
GAINS = ["trait", "direction", "weight", "desired", "gain", "slope", "validated_gain"]
CORRELATIONS = ["trait_1", "trait_2", "predicted", "genetic"]


@dataclass(frozen=True)
class Index:
    """lines: sample, index, rank, selected, and predicted_TRAIT of each; GAINS; CORRELATIONS."""

    lines: pd.DataFrame
    gains: pd.DataFrame
    correlations: pd.DataFrame


def index_of_candidates(
    traits: Iterable[tuple[str, pd.DataFrame, pd.DataFrame]],
    directions: Mapping[str, str],
    genetic: Mapping[tuple[str, str], float],
    *,
    model: str,
    **asked: Any,
) -> Index:
    """`rank_by_index`, as it is asked, of the lines that are candidates for every trait.

    traits: of each its name, candidates.tsv and response.tsv, which are let go one after another:
    there may be very many candidates. model: the one whose predictions count.
    """
    values, slopes = {}, {}
    for trait, candidates, response in traits:
        own = candidates[candidates["model"] == model].set_index("sample")
        values[trait] = own["predicted"]
        slopes[trait] = response.loc[response["model"] == model, "slope"].max()
    predicted = pd.concat(values, axis=1, join="inner")
    return rank_by_index(predicted, directions, slopes, genetic, **asked)


def rank_by_index(
    predicted: pd.DataFrame,
    directions: Mapping[str, str],
    slopes: Mapping[str, float],
    genetic: Mapping[tuple[str, str], float],
    *,
    weights: Mapping[str, float] | None,
    desired_gains: Mapping[str, float] | None,
    fraction: float,
) -> Index:
    """Candidates by an index of one of weights and desired gains, the best first.

    predicted: (lines, traits) predicted values, by sample. directions: `high` or `low` of each
    trait; a weight is the worth of one unit for the better, and a desired gain is for the better.
    slopes: by trait, of observed values on held-out predictions (response.tsv); genetic:
    genetic correlations of pairs of traits, where known. Gains are of the best `fraction` over all
    candidates, in the trait's units and positive where for the better; validated_gain is slope
    times that. weight: what one unit for the better counts in the index, which by desired gains
    has a standard deviation of 1. Correlations are of values as they are, whatever is better.
    Raises UserError where desired gains need more candidates, or traits whose predictions differ.
    """
    traits = list(predicted.columns)
    signs = np.array([1.0 if directions[trait] == "high" else -1.0 for trait in traits])
    better = predicted.to_numpy(np.float64) * signs
    better = better - better.mean(axis=0) if len(better) else better
    if weights is not None:
        b = np.array([weights[trait] for trait in traits])
    else:
        b = _for_gains(better, np.array([(desired_gains or {})[trait] for trait in traits]))
    index = better @ b
    order = np.argsort(-index, kind="stable")
    chosen = order[: best_count(len(index), fraction)] if len(index) else order
    lines = pd.DataFrame({"sample": predicted.index, "index": index})
    lines["rank"] = rank_of(index, "high")
    lines["selected"] = np.isin(np.arange(len(index)), chosen)
    for trait in traits:
        lines[PREDICTED + trait] = predicted[trait].to_numpy()
    gain = better[chosen].mean(axis=0) if len(chosen) else np.full(len(traits), np.nan)
    slope = np.array([slopes.get(trait, np.nan) for trait in traits])
    gains = {
        "trait": traits,
        "direction": [directions[trait] for trait in traits],
        "weight": b,
        "desired": [(desired_gains or {}).get(trait, np.nan) for trait in traits],
        "gain": gain,
        "slope": slope,
        "validated_gain": slope * gain,
    }
    return Index(
        lines.iloc[order].reset_index(drop=True),
        pd.DataFrame(gains, columns=GAINS),
        _correlations(predicted, genetic),
    )


def _correlations(
    predicted: pd.DataFrame, genetic: Mapping[tuple[str, str], float]
) -> pd.DataFrame:
    """CORRELATIONS of every pair of traits."""
    traits = list(predicted.columns)
    between = predicted.corr() if len(predicted) > 1 else pd.DataFrame(np.nan, traits, traits)
    rows = [
        (one, two, between.loc[one, two], genetic.get((one, two), genetic.get((two, one), np.nan)))
        for one, two in combinations(traits, 2)
    ]
    return pd.DataFrame(rows, columns=CORRELATIONS)


def _for_gains(better: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """(traits,) the weights whose gains are in the proportions desired, for an index of sd 1.

    better: (candidates, traits) centred.
    """
    count, traits = better.shape
    if count == 0:
        return np.full(traits, np.nan)
    sd = better.std(axis=0)
    C = np.cov((better / np.where(sd > 0, sd, 1.0)).T, bias=True).reshape(traits, traits)
    if np.linalg.matrix_rank(C, tol=1e-6) < traits:
        raise UserError(
            f"selection: index: desired_gains: the predicted values of {count} candidates in "
            f"{traits} traits cannot be moved apart; give weights, or leave a trait out"
        )
    b = np.linalg.solve(C, desired / sd) / sd
    return np.asarray(b / np.sqrt(((better @ b) ** 2).mean()))
