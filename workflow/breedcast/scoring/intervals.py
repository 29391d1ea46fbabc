"""Intervals for a new adjusted mean, from how far inner predictions fell from the observed."""

from __future__ import annotations

import math

import numpy as np


def half_width(residuals: np.ndarray, level: float) -> float:
    """Half-width of the conformal interval about a prediction, in the trait's units.

    residuals: (lines,) observed minus predicted, each line by a fit that had not seen it;
    level: the coverage wanted, between 0 and 1.

    It is the k-th smallest absolute residual, k = ceil((n + 1) level): the interval then holds the
    next line's value with at least this probability, whatever the distribution, if the line and
    the n lines are exchangeable (Lei et al. 2018, JASA 113:1094-1111). Our residuals come from
    inner folds (cross-conformal; Vovk 2015, Ann Math Artif Intell 74:9-28), whose fits saw fewer
    lines than the one that predicts, so that in practice the interval errs to the wide side. The
    value is an adjusted mean as those in the trait table, residual error included, and not the
    genetic value, whose interval is narrower. A candidate from another family or generation is
    not exchangeable with the lines: its interval may be too narrow.

    Infinite where n is too small for the level: 9 lines allow for 0.9, 8 do not.
    """
    wanted = math.ceil(round((len(residuals) + 1) * level, 9))  # 25 x 0.56 is 14
    if wanted > len(residuals):
        return math.inf
    return float(np.partition(np.abs(residuals), wanted - 1)[wanted - 1])
