"""How well predicted values agree with observed ones, and what selecting by them would gain.

Every function takes `observed` and `predicted`, arrays of shape (lines,) in the trait's units,
both finite, and returns one number; NaN where the data leave it undefined. What depends on which
end of the trait is better takes `direction`, "high" or "low".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from breedcast.agreement import is_constant, pearson
from breedcast.phenotypes.records import within

Direction = Literal["high", "low"]

#: The share of the lines that a selection keeps.
BEST_SHARE = 0.1


def evaluate(observed: np.ndarray, predicted: np.ndarray, direction: Direction) -> dict[str, float]:
    """Every score of one test fold, by its name in scores.tsv."""
    slope, intercept = regression(observed, predicted)
    gained = response(observed, predicted, BEST_SHARE, direction)
    return {
        "pearson": pearson(observed, predicted),
        "spearman": spearman(observed, predicted),
        "rmse": rmse(observed, predicted),
        "mae": mae(observed, predicted),
        "slope": slope,
        "intercept": intercept,
        "ndcg_10": ndcg(observed, predicted, BEST_SHARE, direction),
        "mean_ndcg_10": mean_ndcg(observed, predicted, BEST_SHARE, direction),
        "response_10": gained,
        "response_10_sd": np.nan if is_constant(observed) else gained / observed.std(ddof=1),
    }


def evaluate_binary(
    observed: np.ndarray, predicted: np.ndarray, low: float, high: float
) -> dict[str, float]:
    """What `evaluate` adds for a trait that has two values, low and high."""
    is_high = observed == high
    return {
        "auc": auc(is_high, predicted),
        "brier": brier(is_high, (predicted - low) / (high - low)),
    }


def auc(is_high: np.ndarray, predicted: np.ndarray) -> float:
    """Chance that of two lines, one of the high value and one of the low, the first is predicted
    higher; a tie counts half. NaN where all lines have one value.

    The area under the curve of true against false positives, by rank sum (Hanley and McNeil 1982,
    Radiology 143:29-36). is_high: (lines,) bool.
    """
    high, low = int(is_high.sum()), int((~is_high).sum())
    if not high or not low:
        return np.nan
    return float((_ranks(predicted)[is_high].sum() - high * (high + 1) / 2) / (high * low))


def brier(is_high: np.ndarray, probability: np.ndarray) -> float:
    """Mean squared error of the probability of the high value (Brier 1950); 0 is perfect.

    A regression's prediction, on the scale where the low value is 0 and the high one 1, is taken
    for that probability, and what lies outside for 0 or 1.
    """
    return float(np.mean((np.clip(probability, 0.0, 1.0) - is_high) ** 2))


def pearson_within(environment: np.ndarray, observed: np.ndarray, predicted: np.ndarray) -> float:
    """The mean, as `within` takes it, of the correlations within environments; of all without."""
    figures = within(
        environment, lambda rows: {"pearson": pearson(observed[rows], predicted[rows])}
    )
    return figures["pearson"]


def spearman(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Spearman's rank correlation, ties at their mean rank. NaN where either is constant."""
    if is_constant(observed) or is_constant(predicted):
        return np.nan
    return pearson(_ranks(observed), _ranks(predicted))


def _ranks(values: np.ndarray) -> np.ndarray:
    """(lines,) ranks from 1, ties at their mean rank."""
    return pd.Series(values).rank().to_numpy()


def rmse(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Root of the mean squared error, in the trait's units."""
    return float(np.sqrt(np.mean((observed - predicted) ** 2)))


def mae(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute error, in the trait's units."""
    return float(np.mean(np.abs(observed - predicted)))


def regression(observed: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of observed on predicted, (1, 0) for predictions without bias.

    A slope below 1 tells of predictions that spread too far (inflation), above 1 too little.
    Both are NaN where the predictions are constant.
    """
    if is_constant(predicted):
        return np.nan, np.nan
    centred = predicted - predicted.mean()
    slope = float(centred @ observed / (centred @ centred))
    return slope, float(observed.mean() - slope * predicted.mean())


def directed(values: np.ndarray, direction: Direction) -> np.ndarray:
    """Values turned so that higher is better."""
    return values if direction == "high" else -values


def rank_of(predicted: np.ndarray, direction: Direction) -> np.ndarray:
    """(lines,) how many are better, plus one: those predicted alike share the better rank."""
    value = directed(predicted, direction)
    return 1 + len(value) - np.searchsorted(np.sort(value), value, side="right")


def best_count(lines: int, share: float) -> int:
    """How many lines the best `share` are: rounded, half to even as R does, and at least one."""
    return max(1, round(share * lines))


def response(
    observed: np.ndarray, predicted: np.ndarray, share: float, direction: Direction
) -> float:
    """How far the lines that are best by prediction lie above the mean of all lines.

    In the trait's units and positive when selection improves the trait: for a trait that is
    better when low, the selected lines then lie below the mean.
    """
    value = directed(observed, direction)
    selected = _by_prediction(value, directed(predicted, direction))
    return float(selected[: best_count(len(value), share)].mean() - value.mean())


def ndcg(observed: np.ndarray, predicted: np.ndarray, share: float, direction: Direction) -> float:
    """Normalised discounted cumulative gain of the best `share` by prediction; 1 is perfect.

    A line's gain is its directed value minus the lowest among these lines, so that the score does
    not depend on the trait's origin; the discount of rank i is 1 / log2(i + 1) (Järvelin and
    Kekäläinen 2002, ACM TOIS 20:422-446). NaN where all lines are observed alike.
    """
    return float(_directed_ndcg(observed, predicted, share, direction)[-1])


def mean_ndcg(
    observed: np.ndarray, predicted: np.ndarray, share: float, direction: Direction
) -> float:
    """Mean of the NDCG of the best 1, 2, ... lines up to the best `share`; gain as in `ndcg`.

    Blondel et al. (2015) PLoS ONE 10:e0128570.
    """
    return float(_directed_ndcg(observed, predicted, share, direction).mean())


def _directed_ndcg(
    observed: np.ndarray, predicted: np.ndarray, share: float, direction: Direction
) -> np.ndarray:
    if is_constant(observed):
        return np.array([np.nan])
    gain = directed(observed, direction)
    gain = gain - gain.min()
    count = best_count(len(gain), share)
    return _ndcg_at_each_count(gain, directed(predicted, direction), count)


def _ndcg_at_each_count(gain: np.ndarray, predicted: np.ndarray, count: int) -> np.ndarray:
    """(count,) NDCG of the best 1, 2, ... count lines; high predictions first."""
    discount = 1 / np.log2(np.arange(2, count + 2))
    reached = np.cumsum(_by_prediction(gain, predicted)[:count] * discount)
    ideal = np.cumsum(np.sort(gain)[::-1][:count] * discount)
    return reached / ideal


def _by_prediction(value: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Values in the order of prediction, highest first; tied lines share their mean value.

    That mean is what breaking ties at random would give on average. The order of the file, which
    often follows families or years, must not decide between them.
    """
    _, group = np.unique(-predicted, return_inverse=True)
    tied = np.bincount(group)
    return np.repeat(np.bincount(group, weights=value) / tied, tied)
