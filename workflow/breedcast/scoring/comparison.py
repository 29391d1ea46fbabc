"""comparison.tsv: which model predicts better, tested as folds that share training lines allow.

A plain paired t-test takes the folds' differences as independent. They are not: any two training
sets share most of their lines, so the test finds differences that are not there. The corrected
resampled t-test (Nadeau & Bengio 2003, Machine Learning 52:239-281) widens the variance of the
mean of J differences from s2 / J to s2 (1/J + n_test/n_train), with J - 1 degrees of freedom.

Where whole clusters of lines are left out, each is a fold of its own and counts once, however many
lines it has: tested is whether one more cluster would tell the models apart alike. Training sets
overlap as much there, and the plain test is too liberal again: of two models equally good it finds
one better at 5 % in up to 13 % of simulated trials, the corrected one in 5 % or fewer (3 to 20
clusters; tests/unit/test_comparison.py has such a simulation). Where both lines and environments
are left out, the environments in which the same lines are tested count once, by their mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import stdtr

from breedcast.scoring.scores import defined
from breedcast.validation.folds import FOLD, replicates

#: Scores of ranking, the second where there are covariates, and one of error in the trait's units.
COMPARED = ("pearson", "partial_pearson", "rmse")

COLUMNS = [
    *("metric", "model", "reference", "mean", "reference_mean", "difference"),
    *("standard_error", "t", "df", "p_value", "p_holm", "folds"),
]


def compare_models(
    scores: Mapping[str, pd.DataFrame],
    plan: pd.DataFrame,
    standard: str | None = None,
) -> pd.DataFrame:
    """Compare every pair of models once, the later one with the earlier one as its reference.

    scores: each model's scores.tsv; standard: the model that the others have to beat, the reference
    of each of its pairs, which come first. An undefined correlation counts as 0. Returns COLUMNS:
    p_value is two-sided; p_holm is corrected (Holm 1979) for the pairs with the standard and NaN
    for the others, of which nothing is claimed; without a standard it is corrected for all pairs.
    What cannot be tested (one fold, no spread between the folds' differences) is NaN.
    Raises ValueError when the models were not scored on the same folds.
    """
    replicate, share = replicates(plan)
    standards = list(scores) if standard is None else [standard]
    order = sorted(scores, key=lambda model: model != standard)
    pairs = list(combinations(order, 2))
    parts = []
    scored = set.intersection(*(set(it["metric"]) for it in scores.values()))
    for metric in filter(scored.__contains__, COMPARED):
        values = {model: _by_replicate(it, metric, replicate) for model, it in scores.items()}
        records = [
            {"metric": metric, "model": model, "reference": reference}
            | _compare(values[model], values[reference], share)
            for reference, model in pairs
        ]
        part = pd.DataFrame(records, columns=COLUMNS)
        claimed = part["p_value"].where(part["reference"].isin(standards))
        parts.append(part.assign(p_holm=holm(claimed.to_numpy(np.float64))))
    return pd.concat(parts, ignore_index=True)


def corrected_t(differences: np.ndarray, share: float) -> tuple[float, float, float]:
    """Standard error, t and two-sided p-value of a mean difference over folds.

    differences: (folds,); share: n_test / n_train of a fold. NaN where there is no spread.
    """
    folds = len(differences)
    variance = differences.var(ddof=1) if folds > 1 else np.nan
    if not variance > 0:
        return np.nan, np.nan, np.nan
    error = float(np.sqrt(variance * (1 / folds + share)))
    t = float(differences.mean()) / error
    return error, t, float(2 * stdtr(folds - 1, -abs(t)))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down correction of p-values (tests,); a NaN was no test and stays NaN."""
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested])]
    stepped = p_values[order] * np.arange(len(order), 0, -1)
    corrected = np.full(len(p_values), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return corrected


def _by_replicate(scores: pd.DataFrame, metric: str, replicate: pd.Series) -> pd.Series:
    """The figure of each replicate. replicate: of each (repeat, fold), as `replicates` gives it."""
    counted = scores.assign(value=defined(scores))
    by_fold = counted[counted["metric"] == metric].set_index(FOLD)["value"]
    if not by_fold.index.isin(replicate.index).all():
        raise ValueError("models must be scored on the same folds, those of the plan")
    return by_fold.groupby(replicate).mean()


def _compare(model: pd.Series, reference: pd.Series, share: float) -> dict[str, float]:
    if not model.index.equals(reference.index):
        raise ValueError("models to be compared must be scored on the same folds")
    same = np.isclose(model, reference, rtol=1e-12, atol=0.0)  # but for rounding
    differences = np.where(same, 0.0, model - reference)
    standard_error, t, p_value = corrected_t(differences, share)
    return {
        "mean": model.mean(),
        "reference_mean": reference.mean(),
        "difference": differences.mean(),
        "standard_error": standard_error,
        "t": t,
        "df": len(differences) - 1,
        "p_value": p_value,
        "folds": len(differences),
    }
