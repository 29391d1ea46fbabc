"""Restricted maximum likelihood for one relationship matrix, by its reduction to a band.

The model is y = X b + g + e with g ~ N(0, K s2g) and e ~ N(0, I s2e). Once K is a band in other
coordinates (`band.py`), the likelihood of every variance ratio costs O(n): the profile of Kang et
al. (2008, Genetics 178:1709) and of rrBLUP's mixed.solve (Endelman 2011), which take its
eigenvectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from breedcast.models.band import Band, Factor
from breedcast.models.base import Prediction

#: Bounds of log(s2e / s2g): beyond them one of the two variances is zero in practice.
LOG_RATIO_BOUNDS = (-12.0, 12.0)
#: Of fewer lines the variances are so uncertain that the errors of predictions are told over all
#: that are plausible; these are looked at (as heritabilities), if as likely as LEAST of the best.
FEW_LINES = 300
HERITABILITIES = np.linspace(0.02, 0.98, 25)
LEAST = 0.01


@dataclass(frozen=True)
class MixedModel:
    """A fitted mixed model.

    sigma2_g, sigma2_e: variance components; sigma2_g belongs to a line whose K_ii is 1.
    fixed_effects: (columns of X,) b.
    dual: (n,) V^-1 (y - X b) * s2g, so that g of any line is k' dual.
    factor: of K + s2e / s2g I; root: (n,) what lines were multiplied by before they were fitted.
    """

    sigma2_g: float
    sigma2_e: float
    fixed_effects: np.ndarray
    dual: np.ndarray
    factor: Factor
    root: np.ndarray
    _X_whitened: np.ndarray
    _XHX_inverse: np.ndarray
    _restricted: _Restricted

    @property
    def heritability(self) -> float:
        """s2g / (s2g + s2e): genomic heritability where K has a mean diagonal of 1.

        0 of values that do not vary beyond their fixed effects.
        """
        total = self.sigma2_g + self.sigma2_e
        return self.sigma2_g / total if total > 0 else 0.0

    def unweighted(self, root: np.ndarray) -> MixedModel:
        """The model of the lines themselves, fitted to lines times root (n,) = sqrt(weight).

        A line of weight w has residual variance s2e / w; y, X and K's rows and columns times
        sqrt(w) have s2e again.
        """
        return replace(self, dual=root * self.dual, root=root * self.root)

    def inverse_root(self) -> np.ndarray:
        """(n, n) A with A A' = V^-1, V the variance of y."""
        identity = np.eye(len(self.root))
        return self.root[:, None] * self.factor.unwhitened(identity) / np.sqrt(self.sigma2_g)

    @property
    def left_out(self) -> np.ndarray:
        """(n,) y of each training line less its prediction by the others, variances as they are.

        With P the projection V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1 that is (P y)_i / P_ii (Cook &
        Weisberg 1982, Residuals and Influence in Regression, 2.2, for the whitened regression).
        """
        root = self.inverse_root()
        fixed = root @ self._X_whitened
        diagonal = np.einsum("ij,ij->i", root, root)
        diagonal -= np.einsum("ij,jk,ik->i", fixed, self._XHX_inverse, fixed)
        return self.dual / (self.sigma2_g * diagonal)

    def predict(self, k: np.ndarray, x: np.ndarray) -> np.ndarray:
        """x' b + g of lines with relationships k (lines, n) and fixed effects x (lines, c)."""
        return x @ self.fixed_effects + k @ self.dual

    def prediction(self, k: np.ndarray, k_self: np.ndarray, x: np.ndarray) -> Prediction:
        """Genetic values of lines as `predict` gives them, and how far off these are.

        k_self: (lines,) the lines' own K_ii. sd: root of the mean squared error of x' b + g, the
        variances being those of `plausible`, or these. Reliability: from the PEV of g alone
        (Henderson 1975), the variances being these; that of a line of no genetic variance, one
        without calls, is 0.
        """
        mean, rotated = self.predict(k, x), self.factor.band.rotated((k * self.root).T)
        total, genetic = self._error_variances(rotated, k_self, x)
        prior = k_self * self.sigma2_g
        reliability = 1.0 - np.divide(genetic, prior, out=np.ones_like(prior), where=prior > 0)
        if self.plausible:
            total = np.zeros(len(mean))
        for weight, other in self.plausible:
            of_other, _ = other._error_variances(rotated, k_self, x)
            total += weight * (of_other + (other.predict(k, x) - mean) ** 2)
        return Prediction(mean, np.sqrt(total), reliability)

    @cached_property
    def plausible(self) -> list[tuple[float, MixedModel]]:
        """Models of other variances, and how plausible each is: weights that sum to 1.

        None of FEW_LINES lines and more, where these variances will do. Of fewer the likelihood may
        be flat, or highest where there is no genetic variance, and an interval by the best
        variances alone is far too narrow: each heritability counts by its restricted likelihood (no
        one more plausible before the data).
        """
        if self._restricted.lines >= FEW_LINES:
            return []
        ratios = self._restricted.mean_diagonal * (1 / HERITABILITIES - 1)
        deviance = np.array([self._restricted.deviance(it) for it in np.log(ratios)])
        weight = np.exp((deviance.min() - deviance) / 2)
        weight = np.where(weight < LEAST, 0.0, weight) / weight[weight >= LEAST].sum()
        return [
            (share, self._restricted.model(log_ratio).unweighted(self.root))
            for share, log_ratio in zip(weight, np.log(ratios), strict=True)
            if share > 0
        ]

    def _error_variances(
        self, rotated: np.ndarray, k_self: np.ndarray, x: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(lines,) prediction error variances of x' b + g and of g alone.

        rotated: (n, lines) relationships to the fitted lines, in the coordinates of the band.
        """
        whitened = self.factor.half(rotated)
        explained = np.einsum("ij,ij->j", whitened, whitened)
        shared = whitened.T @ self._X_whitened

        def fixed(gap: np.ndarray) -> np.ndarray:
            return np.einsum("ij,jk,ik->i", gap, self._XHX_inverse, gap)

        genetic = np.maximum(k_self - explained, 0.0)
        return self.sigma2_g * (genetic + fixed(x - shared)), self.sigma2_g * (
            genetic + fixed(shared)
        )


def fit_reml(K: np.ndarray, y: np.ndarray, X: np.ndarray, lines: int | None = None) -> MixedModel:
    """Variance components by REML and the BLUP equations' solution.

    K: (n, n) relationship matrix; y: (n,) values; X: (n, c) fixed effects of full column
    rank, an intercept included; lines: how many there are, if K, y and X are those that
    `condensed` made of them. K may lack what rounding takes (relationships summed from float32).
    Raises ValueError when no degree of freedom is left.
    """
    return fit_band(Band.of(K), y, X, lines)


def fit_weighted(K: np.ndarray, y: np.ndarray, X: np.ndarray, weight: np.ndarray) -> MixedModel:
    """`fit_reml` of lines whose residual variances are s2e / weight (n,)."""
    root = np.sqrt(weight)
    K = K * np.outer(root, root)
    return fit_reml(K, y * root, X * root[:, None]).unweighted(root)


def fit_band(band: Band, y: np.ndarray, X: np.ndarray, lines: int | None = None) -> MixedModel:
    """`fit_reml` with K reduced."""
    n, c = X.shape
    lines = n if lines is None else lines
    if lines <= c:
        raise ValueError(f"{lines} lines cannot estimate {c} fixed effects and two variances")
    restricted = _Restricted(band, band.rotated(np.column_stack([X, y])), lines)
    return restricted.model(best_log_ratio(restricted.deviance))


@dataclass(frozen=True)
class _Restricted:
    """The restricted likelihood of the log of s2e / s2g, and the model of any.

    rotated: (n, c + 1) X and y in the coordinates of the band; lines: how many these tell of.
    """

    band: Band
    rotated: np.ndarray
    lines: int

    @property
    def mean_diagonal(self) -> float:
        """Of K, over the lines."""
        return float(self.band.diagonals[0].sum()) / self.lines

    @property
    def degrees(self) -> int:
        return self.lines - self.rotated.shape[1] + 1

    def deviance(self, log_ratio: float) -> float:
        """Minus twice the log likelihood, but for a constant."""
        try:
            found = self._solve(log_ratio)
        except np.linalg.LinAlgError:  # less than what rounding took from K's least eigenvalues
            return np.inf
        variance = float(found.residual @ found.residual) / self.degrees
        return (
            self.degrees * float(np.log(max(variance, np.finfo(float).tiny)))
            + found.factor.log_determinant
            + (self.lines - len(self.rotated)) * log_ratio
            + 2 * float(np.log(np.abs(np.diag(found.R))).sum())
        )

    def model(self, log_ratio: float) -> MixedModel:
        """The variances of greatest likelihood at this ratio, and the effects."""
        found = self._solve(log_ratio)
        sigma2_g = float(found.residual @ found.residual) / self.degrees
        R_inverse = np.linalg.inv(found.R)
        return MixedModel(
            sigma2_g=sigma2_g,
            sigma2_e=sigma2_g * float(np.exp(log_ratio)),
            fixed_effects=R_inverse @ found.covered,
            dual=found.factor.unwhitened(found.residual[:, None])[:, 0],
            factor=found.factor,
            root=np.ones(len(self.rotated)),
            _X_whitened=found.X,
            _XHX_inverse=R_inverse @ R_inverse.T,
            _restricted=self,
        )

    def _solve(self, log_ratio: float) -> _Solution:
        c = self.rotated.shape[1] - 1
        factor = self.band.plus(np.exp(log_ratio))
        white = factor.half(self.rotated)
        Q, R = np.linalg.qr(white[:, :c])
        covered = Q.T @ white[:, c]
        return _Solution(factor, white[:, :c], R, covered, white[:, c] - Q @ covered)


@dataclass(frozen=True)
class _Solution:
    """Whitened X = Q R, and y as far as X covers it, Q' y, and what is left of it."""

    factor: Factor
    X: np.ndarray
    R: np.ndarray
    covered: np.ndarray
    residual: np.ndarray


def best_log_ratio(deviance: Callable[[float], float]) -> float:
    """The global minimum within the bounds: a grid finds the valley, Brent its floor."""
    from scipy.optimize import minimize_scalar

    grid = np.linspace(*LOG_RATIO_BOUNDS, 49)
    values = [deviance(point) for point in grid]
    best = int(np.argmin(values))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(deviance, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    return float(found.x if found.fun <= values[best] else grid[best])
