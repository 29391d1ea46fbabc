"""Models ranked over several traits, and by how much ranks must differ to be more than chance.

Demsar (2006) J Mach Learn Res 7:1-30: on each trait the best model has rank 1, ties share their
mean rank. Friedman's test asks whether any model differs; Nemenyi's critical difference is what two
mean ranks must differ by. Both take the traits for independent. Traits of the same lines are
correlated, so that what they find rests on fewer traits than it seems.
"""

from __future__ import annotations

import numpy as np


def ranks(scores: np.ndarray) -> np.ndarray:
    """The rank of each model on each trait. scores: (traits, models), more is better."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(-scores, axis=1))


def friedman(scores: np.ndarray) -> float:
    """p-value of Friedman's test that all models rank alike; NaN for fewer than three models."""
    if scores.shape[1] < 3 or (np.ptp(scores, axis=1) == 0).all():
        return np.nan
    from scipy.stats import friedmanchisquare

    return float(friedmanchisquare(*scores.T).pvalue)


def critical_difference(models: int, traits: int, alpha: float) -> float:
    """Nemenyi's critical difference of mean ranks: q sqrt(k (k + 1) / 6 N), k models, N traits.

    q is the (1 - alpha) quantile of the studentised range of k, divided by sqrt(2).
    """
    from scipy.stats import studentized_range

    quantile = studentized_range.ppf(1 - alpha, models, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(models * (models + 1) / (6 * traits)))
