"""When the training of a network ends, judged by lines that it is not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def squared_error(values: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """Weighted mean squared error of values, each argument (lines,)."""
    return float(np.average((values - target) ** 2, weights=weight))


def absolute_error(values: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """Weighted mean absolute error."""
    return float(np.average(np.abs(values - target), weights=weight))


def one_less_pearson(values: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """1 - r with the lines weighted; 1 where either does not vary."""
    x = values - np.average(values, weights=weight)
    y = target - np.average(target, weights=weight)
    variances = np.average(x * x, weights=weight) * np.average(y * y, weights=weight)
    if not variances > 0:
        return 1.0 if np.isfinite(values).all() else math.nan
    return float(1.0 - np.average(x * y, weights=weight) / math.sqrt(variances))


#: The smaller the better.
STOP_METRICS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "mse": squared_error,
    "mae": absolute_error,
    "pearson": one_less_pearson,
}


@dataclass
class Stopping:
    """Whether the epochs of one network still bring something.

    min_improvement: by how much the score must fall to count; patience: epochs without that.
    halvings: how often half the patience has passed in vain.
    """

    patience: int
    min_improvement: float
    best: float = math.inf
    best_epoch: int = 0
    halvings: int = 0
    in_vain: int = 0

    def improves(self, epoch: int, score: float) -> bool:
        """Whether this epoch is the best so far; the smaller the score the better."""
        if self.best_epoch == 0 or score < self.best - self.min_improvement:
            self.best, self.best_epoch, self.in_vain = score, epoch, 0
            return True
        self.in_vain += 1
        if self.in_vain >= max(1, self.patience // 2):
            self.halvings, self.in_vain = self.halvings + 1, 0
        return False

    def is_over(self, epoch: int) -> bool:
        """Whether the patience is spent."""
        return epoch - self.best_epoch >= self.patience
