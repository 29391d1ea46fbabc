"""Intervals for a new adjusted mean, from how far inner predictions fell from the observed.

An interval is the prediction -/+ the k-th smallest absolute inner residual of the n training
lines, k = ceil((n + 1) level) (cross-conformal; Vovk 2015, Ann Math Artif Intell 74:9-28). Where
a model tells a standard deviation of each genetic value, residuals may be normalised first (Lei et
al. 2018, JASA 113:1094-1111): a line without relatives then gets a wider interval.

What is guaranteed: if the new line is exchangeable with the training lines, CV+ (Barber, Candes,
Ramdas and Tibshirani 2021, Ann Stat 49:486-507) covers at least 1 - 2 alpha, but for a term that
vanishes as lines grow, whatever the distribution; 1 - alpha is the level. CV+ adds each residual to
the prediction of the very fit that left it. Ours stand about the model's own prediction, by a refit
on all training lines or the mean of the inner networks: the guarantee does not carry over, and
coverage near the level rests on the inner fits agreeing with it. They saw fewer lines, which errs
to the wide side. So every interval is also tried on the test folds (intervals.tsv).

The value meant is an adjusted mean as in the trait table, residual error included, and not the
genetic value, whose interval is narrower. A candidate from another family or generation is not
exchangeable with the lines: its interval may be too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.phenotypes.covariates import covariate_columns
from breedcast.scoring.alignment import keys, observed

COLUMNS = [
    *("model", "repeat", "fold", "by", "group", "lines"),
    *("coverage", "width", "trivial_width", "winkler", "trivial_winkler"),
]
#: What `by` holds for all lines of a fold, and for those of a cluster of genotypes/structure.tsv.
FOLD, CLUSTER = "fold", "cluster"


@dataclass(frozen=True)
class Intervals:
    """Half-widths about a model's predictions, learnt from its inner residuals.

    quantile: of the absolute residuals, divided by their scale. error_variance: what the square of
    the scale has beside that of the genetic value's sd; None where all lines have one half-width.
    """

    quantile: float
    error_variance: float | None

    @classmethod
    def fit(cls, residuals: np.ndarray, sd: np.ndarray, level: float) -> Intervals:
        """Learn them. residuals: (lines,) observed minus predicted, each by a fit that had not seen
        the line; sd: (lines,) standard deviations of the predictions, NaN where a model has none;
        level: the coverage wanted.

        The scale of a line is sqrt(v + sd^2), v being what the residuals' mean square has beside
        that of the sd. It is used if it makes these lines' intervals narrower on average.
        """
        size = np.abs(residuals)
        constant = cls(conformal_quantile(size, level), None)
        if not len(sd) or np.isnan(sd).any():
            return constant
        error_variance = max(float(np.mean(residuals**2 - sd**2)), 0.0)
        scale = np.sqrt(error_variance + sd**2)
        if not (scale > 0).all():
            return constant
        scaled = cls(conformal_quantile(size / scale, level), error_variance)
        narrower = scaled.half_widths(sd).mean() < constant.quantile
        return scaled if narrower else constant

    def half_widths(self, sd: np.ndarray) -> np.ndarray:
        """(lines,) half-widths in the trait's units; infinite if learnt from too few lines."""
        if self.error_variance is None:
            return np.full(len(sd), self.quantile)
        return self.quantile * np.sqrt(self.error_variance + sd**2)


def conformal_quantile(scores: np.ndarray, level: float) -> float:
    """The k-th smallest of n scores, k = ceil((n + 1) level); infinite where k exceeds n.

    One more score, exchangeable with these, is no larger with at least the probability `level`: 9
    scores allow for 0.9, 8 do not.
    """
    wanted = math.ceil(round((len(scores) + 1) * level, 9))  # 25 x 0.56 is 14
    if wanted > len(scores):
        return math.inf
    return float(np.partition(scores, wanted - 1)[wanted - 1])


def winkler(observed: np.ndarray, lower: np.ndarray, upper: np.ndarray, level: float) -> float:
    """Mean Winkler score of intervals of a nominal level, in the trait's units; less is better.

    The width, and 2 / (1 - level) times how far outside the value lies (Winkler 1972, JASA
    67:187-191).
    """
    outside = np.maximum(lower - observed, 0.0) + np.maximum(observed - upper, 0.0)
    return float(np.mean(upper - lower + 2 / (1 - level) * outside))


def try_intervals(
    predictions: Mapping[str, pd.DataFrame],
    phenotypes: pd.DataFrame,
    structure: pd.DataFrame,
    level: float,
) -> pd.DataFrame:
    """The intervals of every model, tried on the lines of each test fold.

    They are learnt from the inner residuals of the fold's own training lines, as those of the
    candidates are from all lines. structure: structure.tsv. Returns COLUMNS: a row for each fold
    (by is `fold`, group `all`), and within it one for each cluster and for each group of a
    covariate that is text. width: mean, of the intervals; trivial_width: of the interval between
    the quantiles of the training values, the same for all lines; winkler: the mean score of either.
    """
    lines, groups = keys(phenotypes), _groups(phenotypes, structure)
    records = []
    for model, table in predictions.items():
        real = table[(table["permutation"] == 0) & (table["repeat"] >= 0)]
        for (repeat, fold), unit in real.groupby(["repeat", "fold"]):
            tried = tested_intervals(unit, phenotypes, level)
            for by, group, rows in _parts(unit[unit["role"] == "test"], lines, groups):
                named = {"model": model, "repeat": repeat, "fold": fold, "by": by, "group": group}
                records.append(named | _figures(tried[rows], level))
    return pd.DataFrame(records, columns=COLUMNS)


def tested_intervals(unit: pd.DataFrame, phenotypes: pd.DataFrame, level: float) -> pd.DataFrame:
    """Value and interval of each test line of a unit, and the trivial interval.

    unit: a model's predictions of the real trait in one repeat and fold. Returns value, lower,
    upper, trivial_lower, trivial_upper, with the index of the unit's test rows.
    """
    inner, test = unit[unit["role"] == "inner"], unit[unit["role"] == "test"]
    trained, value = observed(phenotypes, inner), observed(phenotypes, test)
    residuals = trained - inner["predicted"].to_numpy(np.float64)
    intervals = Intervals.fit(residuals, inner["sd"].to_numpy(np.float64), level)
    predicted = test["predicted"].to_numpy(np.float64)
    half = intervals.half_widths(test["sd"].to_numpy(np.float64))
    low, high = np.quantile(trained, [(1 - level) / 2, (1 + level) / 2])
    return pd.DataFrame(
        {
            "value": value,
            "lower": predicted - half,
            "upper": predicted + half,
            "trivial_lower": low,
            "trivial_upper": high,
        },
        index=test.index,
    )


def pooled(intervals: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Rows of intervals.tsv put together by some of its columns: means weighted by lines.

    `lines` is their sum; each repeat counts a line once more.
    """
    figures = COLUMNS[COLUMNS.index("coverage") :]
    weighted = intervals.assign(**{name: intervals[name] * intervals["lines"] for name in figures})
    total = weighted.groupby(by, sort=False)[["lines", *figures]].sum()
    return total.assign(**{name: total[name] / total["lines"] for name in figures}).reset_index()


def _figures(tried: pd.DataFrame, level: float) -> dict[str, float]:
    value, lower, upper = (tried[name].to_numpy() for name in ("value", "lower", "upper"))
    low, high = tried["trivial_lower"].to_numpy(), tried["trivial_upper"].to_numpy()
    return {
        "lines": len(tried),
        "coverage": float(np.mean((lower <= value) & (value <= upper))),
        "width": float(np.mean(upper - lower)),
        "trivial_width": float(np.mean(high - low)),
        "winkler": winkler(value, lower, upper, level),
        "trivial_winkler": winkler(value, low, high, level),
    }


def _groups(phenotypes: pd.DataFrame, structure: pd.DataFrame) -> dict[str, np.ndarray]:
    """(lines,) the group of each line, as text, by every kind of group that is known."""
    cluster = structure.set_index("sample")["cluster"].reindex(phenotypes["sample"])
    covariates = phenotypes[covariate_columns(phenotypes)].select_dtypes(exclude="number")
    named = {f"covariate {name}": covariates[name] for name in covariates}
    return {
        by: group.astype(object).map(str, na_action="ignore").to_numpy()
        for by, group in ({CLUSTER: cluster} | named).items()
    }


def _parts(
    test: pd.DataFrame, lines: pd.MultiIndex, groups: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """A kind of group, the name of one, and which test lines are in it."""
    yield FOLD, "all", np.full(len(test), True)
    position = lines.get_indexer(keys(test))
    for by, group in groups.items():
        dealt = group[position]
        for name in pd.unique(dealt[~pd.isna(dealt)]):
            yield by, name, dealt == name
