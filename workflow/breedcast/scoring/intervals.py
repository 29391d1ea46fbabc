"""Intervals for a new adjusted mean by CV+ (conformal.py), and what they hold.

The value meant is an adjusted mean as in the trait table, residual error included, and not the
genetic value, whose interval is narrower. Where lines have weights, it is one of the line's own
weight; a candidate's is the mean weight.

What CV+ guarantees rests on new lines being exchangeable with the training lines: a candidate from
another family or generation is not, and its interval may be too narrow. It takes the inner fits for
what they are, so that it is lost, if by little, where a model's options or an ensemble's weights
were chosen by the very predictions that intervals are learnt from. So every interval is also tried
on the test folds (intervals.tsv).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from breedcast.phenotypes.covariates import covariate_columns
from breedcast.phenotypes.records import keys
from breedcast.scoring.alignment import lines_of, observed
from breedcast.scoring.conformal import cv_plus, useful_scale
from breedcast.scoring.groups import HYBRID_CLASS, class_of

#: Of the lines, each as a test fold tried it.
TESTED = [
    *("model", "repeat", "fold", "sample", "environment", "observed", "predicted"),
    *("lower", "upper", "method", "trivial_lower", "trivial_upper"),
]
COLUMNS = [
    *("model", "repeat", "fold", "by", "group", "method", "lines"),
    *("coverage", "width", "trivial_width", "winkler", "trivial_winkler"),
]
#: Methods: one width for all lines, but for what the fits disagree, or widths that follow them.
ALIKE, SCALED = "cv_plus", "cv_plus_scaled"
#: What `by` holds for all lines of a fold.
FOLD = "fold"


def winkler(observed: np.ndarray, lower: np.ndarray, upper: np.ndarray, level: float) -> float:
    """Mean Winkler score of intervals of a nominal level, in the trait's units; less is better.

    The width, and 2 / (1 - level) times how far outside the value lies (Winkler 1972, JASA
    67:187-191).
    """
    outside = np.maximum(lower - observed, 0.0) + np.maximum(observed - upper, 0.0)
    return float(np.mean(upper - lower + 2 / (1 - level) * outside))


def each_tested_line(
    predictions: Mapping[str, pd.DataFrame], phenotypes: pd.DataFrame, level: float
) -> pd.DataFrame:
    """The value, prediction and interval of every line of each test fold, by each model.

    Intervals are learnt from the inner predictions of the fold's own training lines, as those of
    the candidates are from all lines. Returns TESTED; method: ALIKE or SCALED; trivial_lower,
    trivial_upper: the quantiles of the training values, the same for all lines.
    """
    tables = []
    for model, table in predictions.items():
        real = table[(table["permutation"] == 0) & (table["repeat"] >= 0)]
        for _, unit in real.groupby(["repeat", "fold"]):
            trained = observed(phenotypes, unit[unit["role"] == "inner"])
            low, high = np.quantile(trained, [(1 - level) / 2, (1 + level) / 2])
            tried = unit.join(unit_intervals(unit, phenotypes, level), how="inner")
            tables.append(
                tried.assign(
                    model=model,
                    observed=observed(phenotypes, tried),
                    trivial_lower=low,
                    trivial_upper=high,
                )[TESTED]
            )
    return pd.concat(tables, ignore_index=True)


def try_intervals(
    tested: pd.DataFrame,
    phenotypes: pd.DataFrame,
    groups: Mapping[str, pd.Series],
    level: float,
    classes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """How many of the tested lines the intervals held, by model, fold and group.

    tested: as `each_tested_line` gives them. groups: kinds of groups and the group of each row of
    phenotypes, as `groups.groups_of` gives them; classes: those of test hybrids, as
    `hybrid_classes` gives them. Returns COLUMNS: a row for each fold (by is `fold`, group
    `all`), and within it one for each group, those of covariates that are text too. width: mean,
    of the intervals; trivial_width: of the trivial ones; winkler: the mean score of either.
    """
    lines, known = keys(phenotypes), _all_groups(phenotypes, groups)
    records = []
    for (model, repeat, fold), test in tested.groupby(["model", "repeat", "fold"], sort=False):
        dealt = {by: group[lines.get_indexer(keys(test))] for by, group in known.items()}
        if classes is not None:
            dealt[HYBRID_CLASS] = class_of(test, classes)
        for by, group, rows in _parts(dealt, len(test)):
            named = {"model": model, "repeat": repeat, "fold": fold, "by": by, "group": group}
            records.append(named | _figures(test[rows], level))
    return pd.DataFrame(records, columns=COLUMNS)


def unit_intervals(unit: pd.DataFrame, phenotypes: pd.DataFrame, level: float) -> pd.DataFrame:
    """The interval of each new line of a unit, its test lines or its candidates.

    unit: a model's predictions of the real trait in one repeat and fold. Returns lower, upper,
    method, with the index of these lines' rows. Raises ValueError where an inner fold's fit does
    not predict one of them.
    """
    inner, new = unit[unit["role"] == "inner"], unit[unit["role"].isin(["test", "candidate"])]
    fold = inner["inner_fold"].to_numpy(np.int64)
    folds = np.unique(fold)
    residuals = observed(phenotypes, inner) - inner["predicted"].to_numpy(np.float64)
    sd, noise = _sd(inner), _noise(phenotypes, inner)
    scale = useful_scale(residuals, sd, noise, level)
    centres, new_sd = _by_fit(unit[unit["role"] == "member"], new, folds)
    if scale is None:
        expected, new_expected = np.ones(len(inner)), np.ones_like(centres)
    else:
        expected = scale.of(sd, noise)
        new_expected = scale.of(new_sd, _noise(phenotypes, new))
    fit = np.searchsorted(folds, fold)
    lower, upper = cv_plus(np.abs(residuals) / expected, fit, centres, new_expected, level)
    method = ALIKE if scale is None else SCALED
    return pd.DataFrame({"lower": lower, "upper": upper, "method": method}, index=new.index)


def _by_fit(
    members: pd.DataFrame, new: pd.DataFrame, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the fit without each inner fold predicts for new lines, and its sd: (folds, lines)."""
    wanted = keys(new)
    predicted, sd = np.empty((2, len(folds), len(new)))
    for number, fold in enumerate(folds):
        rows = members[members["inner_fold"] == fold]
        position = keys(rows).get_indexer(wanted)
        if (position < 0).any():
            raise ValueError(
                f"line {wanted[position < 0][0]} has no prediction without fold {fold}"
            )
        predicted[number] = rows["predicted"].to_numpy(np.float64)[position]
        sd[number] = _sd(rows)[position]
    return predicted, sd


def _noise(phenotypes: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """(rows,) error variance of the lines' values, up to a factor."""
    return 1 / lines_of(phenotypes, rows)["weight"].to_numpy(np.float64)


def _sd(rows: pd.DataFrame) -> np.ndarray:
    """(rows,) standard deviations of predictions, 0 where a model has none."""
    return np.nan_to_num(rows["sd"].to_numpy(np.float64))


def pooled(intervals: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Rows of intervals.tsv put together by some of its columns: means weighted by lines.

    `lines` is their sum; each repeat counts a line once more.
    """
    figures = COLUMNS[COLUMNS.index("coverage") :]
    weighted = intervals.assign(**{name: intervals[name] * intervals["lines"] for name in figures})
    total = weighted.groupby(by, sort=False)[["lines", *figures]].sum()
    return total.assign(**{name: total[name] / total["lines"] for name in figures}).reset_index()


def _figures(tried: pd.DataFrame, level: float) -> dict[str, str | float]:
    value, lower, upper = (tried[name].to_numpy() for name in ("observed", "lower", "upper"))
    low, high = tried["trivial_lower"].to_numpy(), tried["trivial_upper"].to_numpy()
    return {
        "method": tried["method"].iloc[0],
        "lines": len(tried),
        "coverage": float(np.mean((lower <= value) & (value <= upper))),
        "width": float(np.mean(upper - lower)),
        "trivial_width": float(np.mean(high - low)),
        "winkler": winkler(value, lower, upper, level),
        "trivial_winkler": winkler(value, low, high, level),
    }


def _all_groups(phenotypes: pd.DataFrame, groups: Mapping[str, pd.Series]) -> dict[str, np.ndarray]:
    """(lines,) the group of each line, as text, by every kind of group that is known."""
    covariates = phenotypes[covariate_columns(phenotypes)].select_dtypes(exclude="number")
    named = {f"covariate {name}": covariates[name] for name in covariates}
    return {
        by: group.astype(object).map(str, na_action="ignore").to_numpy()
        for by, group in {**groups, **named}.items()
    }


def _parts(groups: Mapping[str, np.ndarray], lines: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """A kind of group, the name of one, and which test lines are in it.

    groups: by kind, (lines,) the group of each test line.
    """
    yield FOLD, "all", np.full(lines, True)
    for by, dealt in groups.items():
        for name in pd.unique(dealt[~pd.isna(dealt)]):
            yield by, name, dealt == name
