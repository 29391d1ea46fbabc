"""How well predictions go with values, as far as both vary."""

from __future__ import annotations

import numpy as np


def is_constant(values: np.ndarray) -> bool:
    """Whether values differ by no more than rounding."""
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())


def pearson(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Pearson correlation: the predictive ability. NaN where either side is constant."""
    if is_constant(observed) or is_constant(predicted):
        return np.nan
    return float(np.corrcoef(observed, predicted)[0, 1])


def pearson_or_zero(one: np.ndarray, other: np.ndarray) -> float:
    """`pearson`, 0 where either side is constant: for what is to be ranked or averaged."""
    return float(np.nan_to_num(pearson(one, other)))
