"""CV+: intervals for a new adjusted mean, from the fits that each left out an inner fold.

Every training line i was predicted by the fit that had not seen it, and missed by R_i; that same
fit predicts the new line too. The interval reaches from the k-th largest of (its prediction - R_i)
to the k-th smallest of (its prediction + R_i), k = ceil((n + 1) level) of n training lines (Barber,
Candes, Ramdas and Tibshirani 2021, Ann Stat 49:486-507). Whatever the distribution, if the new line
is exchangeable with the training lines it is held with a probability of at least 1 - 2 alpha, but
for a term that vanishes as lines grow; alpha is 1 - level. About 1 - alpha are held where the fits
agree. The prediction of a refit on all training lines has no part in it, so that nothing is lost by
refitting; it may lie off the interval's middle.

Errors may be scaled first by what size they are expected to have (Lei et al. 2018, JASA
113:1094-1111): a line without relatives then gets a wider interval, one tried in many plots a
narrower one. That scale is learnt from the errors of all lines and used where it makes intervals
narrower: two looks at them which the theorem does not know of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Cells of a table (training lines, new lines) that are held at a time.
CELLS = 4_000_000


@dataclass(frozen=True)
class Scale:
    """The size of error that is expected of a line: sqrt(shared + noise v + sd^2).

    v: (lines,) error variance of the lines' values, up to a factor, the inverse of their weight;
    sd: (lines,) standard deviations of the predictions, 0 where a model has none.
    """

    shared: float
    noise: float

    @classmethod
    def fit(cls, residuals: np.ndarray, sd: np.ndarray, v: np.ndarray) -> Scale:
        """Least squares, neither below 0, of what the residuals' squares have beside sd^2."""
        beside = residuals**2 - sd**2
        if np.ptp(v) <= 1e-9 * v.max():
            return cls(max(float(beside.mean()), 0.0), 0.0)
        from scipy.optimize import nnls

        shared, noise = nnls(np.column_stack([np.ones_like(v), v]), beside)[0]
        return cls(float(shared), float(noise))

    def of(self, sd: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The expected size of error, of the shape of both."""
        return np.sqrt(self.shared + self.noise * v + sd**2)


def useful_scale(
    residuals: np.ndarray, sd: np.ndarray, v: np.ndarray, level: float
) -> Scale | None:
    """The scale of errors if it narrows the intervals of these lines on average, else None.

    None where it is the same for all lines. residuals: (lines,) observed minus predicted, each by
    a fit that had not seen the line; sd, v: as of `Scale`.
    """
    if not len(residuals):
        return None
    scale = Scale.fit(residuals, sd, v)
    expected, size = scale.of(sd, v), np.abs(residuals)
    if not (expected > 0).all() or np.ptp(expected) <= 1e-9 * expected.max():
        return None
    scaled = conformal_quantile(size / expected, level) * expected.mean()
    return scale if scaled < conformal_quantile(size, level) else None


def cv_plus(
    errors: np.ndarray, fit: np.ndarray, centres: np.ndarray, scales: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends (new lines,); infinite if learnt from too few lines.

    errors: (lines,) absolute residuals of the training lines, divided by their scale; fit: (lines,)
    the row of centres and scales that the line's residual belongs to; centres, scales: (fits, new
    lines) what each fit predicts for the new lines, and the sizes of error expected of them.
    """
    lower, upper = np.empty((2, centres.shape[1]))
    step = max(1, CELLS // max(1, len(errors)))
    for start in range(0, len(lower), step):
        part = slice(start, start + step)
        centre, half = centres[fit, part], errors[:, None] * scales[fit, part]
        lower[part] = -conformal_quantile(half - centre, level)
        upper[part] = conformal_quantile(centre + half, level)
    return lower, upper


def conformal_quantile(scores: np.ndarray, level: float) -> np.ndarray:
    """The k-th smallest of n scores, k = ceil((n + 1) level); infinite where k exceeds n.

    scores: (n, ...), each column by itself. One more score, exchangeable with these, is no larger
    with at least the probability `level`: 9 scores allow for 0.9, 8 do not.
    """
    wanted = math.ceil(round((len(scores) + 1) * level, 9))  # 25 x 0.56 is 14
    if wanted > len(scores):
        return np.full(scores.shape[1:], math.inf)
    return np.asarray(np.partition(scores, wanted - 1, axis=0)[wanted - 1])
