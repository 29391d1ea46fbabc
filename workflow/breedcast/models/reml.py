"""Restricted maximum likelihood for one relationship matrix, by one eigen-decomposition.

The model is y = X b + g + e with g ~ N(0, K s2g) and e ~ N(0, I s2e). With K = U diag(d) U',
the likelihood of every variance ratio costs O(n) after the decomposition (Kang et al. 2008,
Genetics 178:1709; the same profile as rrBLUP's mixed.solve, Endelman 2011). Where K = Z Z' of
fewer markers than lines, Z' Z is decomposed instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from breedcast.models.base import Prediction

#: Bounds of log(s2e / s2g): beyond them one of the two variances is zero in practice.
LOG_RATIO_BOUNDS = (-12.0, 12.0)


@dataclass(frozen=True)
class MixedModel:
    """A fitted mixed model, in the rotated coordinates U' of its training lines.

    sigma2_g, sigma2_e: variance components; sigma2_g belongs to a line whose K_ii is 1.
    fixed_effects: (columns of X,) b.
    dual: (n,) V^-1 (y - X b) * s2g, so that g of any line is k' dual.
    eigenvectors: (n, m) U: of K where m = n, else those that K, X and y do not vanish on.
    """

    sigma2_g: float
    sigma2_e: float
    fixed_effects: np.ndarray
    dual: np.ndarray
    eigenvectors: np.ndarray
    _inverse: np.ndarray  # (m,) 1 / (d + ratio): H^-1 in rotated coordinates
    _X_rotated: np.ndarray
    _XHX_inverse: np.ndarray

    @property
    def heritability(self) -> float:
        """s2g / (s2g + s2e): genomic heritability where K has a mean diagonal of 1."""
        return self.sigma2_g / (self.sigma2_g + self.sigma2_e)

    def unweighted(self, root: np.ndarray) -> MixedModel:
        """The model of the lines themselves, fitted to lines times root (n,) = sqrt(weight).

        A line of weight w has residual variance s2e / w; y, X and K's rows and columns times
        sqrt(w) have s2e again.
        """
        return replace(self, dual=root * self.dual, eigenvectors=root[:, None] * self.eigenvectors)

    @property
    def precisions(self) -> np.ndarray:
        """(m,) 1 / variance of y along the eigenvectors."""
        return self._inverse / self.sigma2_g

    def predict(self, k: np.ndarray, x: np.ndarray) -> np.ndarray:
        """x' b + g of lines with relationships k (lines, n) and fixed effects x (lines, c)."""
        return x @ self.fixed_effects + k @ self.dual

    def prediction(self, k: np.ndarray, k_self: np.ndarray, x: np.ndarray) -> Prediction:
        """Genetic values of lines as `predict` and `error_variances` give them.

        The reliability of a line of no genetic variance, a line without calls, is 0.
        """
        total, genetic = self.error_variances(k, k_self, x)
        prior = k_self * self.sigma2_g
        reliability = 1.0 - np.divide(genetic, prior, out=np.ones_like(prior), where=prior > 0)
        return Prediction(self.predict(k, x), np.sqrt(total), reliability)

    def error_variances(
        self, k: np.ndarray, k_self: np.ndarray, x: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Prediction error variances (Henderson 1975) of lines with relationships k to training.

        k_self: (lines,) the lines' own K_ii. Returns that of x' b + g (the genetic value in
        the trait's units) and that of g alone (the PEV from which reliability is computed).
        """
        rotated = k @ self.eigenvectors
        explained = np.einsum("ij,j,ij->i", rotated, self._inverse, rotated)
        shared = (rotated * self._inverse) @ self._X_rotated

        def fixed(gap: np.ndarray) -> np.ndarray:
            return np.einsum("ij,jk,ik->i", gap, self._XHX_inverse, gap)

        genetic = np.maximum(k_self - explained, 0.0)
        return self.sigma2_g * (genetic + fixed(x - shared)), self.sigma2_g * (
            genetic + fixed(shared)
        )


@dataclass(frozen=True)
class Rotation:
    """Directions in which the lines' genetic values are independent.

    vectors: (n, m) orthonormal; variances: (m,) of K along them. Orthogonally to them K, and
    the y and X that are fitted, are zero.
    """

    variances: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of_kernel(cls, K: np.ndarray) -> Rotation:
        """All eigenvectors of K (n, n)."""
        d, U = np.linalg.eigh(K)
        return cls(np.maximum(d, 0.0), U)

    @classmethod
    def of_markers(cls, Z: np.ndarray, y: np.ndarray, X: np.ndarray) -> Rotation:
        """Those of K = Z Z', Z (n, p), by the smaller of Z Z' and Z' Z.

        With p < n all that K tells apart lies in p directions. Orthogonally to them only what
        X and y reach there matters, at most one direction for each of their columns.
        """
        n, p = Z.shape
        if n <= p:
            return cls.of_kernel(Z @ Z.T)
        d, axes = np.linalg.eigh(Z.T @ Z)
        real = d > len(d) * np.finfo(float).eps * max(d[-1], 0.0)
        d, U = d[real], Z @ axes[:, real] / np.sqrt(d[real])
        data = np.column_stack([X, y]) / np.sqrt(n)
        beyond = data - U @ (U.T @ data)
        beyond -= U @ (U.T @ beyond)  # once more, against rounding
        left, reach, _ = np.linalg.svd(beyond, full_matrices=False)
        left = left[:, reach > 1e-10 * np.linalg.norm(data)]
        return cls(np.concatenate([d, np.zeros(left.shape[1])]), np.hstack([U, left]))


def fit_reml(K: np.ndarray, y: np.ndarray, X: np.ndarray) -> MixedModel:
    """Variance components by REML and the BLUP equations' solution.

    K: (n, n) relationship matrix; y: (n,) values; X: (n, c) fixed effects of full column
    rank, an intercept included. Raises ValueError when no degree of freedom is left.
    """
    return fit_rotated(Rotation.of_kernel(K), y, X)


def fit_rotated(rotation: Rotation, y: np.ndarray, X: np.ndarray) -> MixedModel:
    """`fit_reml` with K decomposed."""
    n, c = X.shape
    if n <= c:
        raise ValueError(f"{n} lines cannot estimate {c} fixed effects and two variances")
    d, U = rotation.variances, rotation.vectors
    y_rotated, X_rotated = U.T @ y, U.T @ X

    def solve(log_ratio: float) -> tuple[float, float, np.ndarray, np.ndarray, np.ndarray]:
        inverse = 1.0 / (d + np.exp(log_ratio))
        XHX = (X_rotated.T * inverse) @ X_rotated
        b = np.linalg.solve(XHX, (X_rotated.T * inverse) @ y_rotated)
        residual = y_rotated - X_rotated @ b
        sigma2_g = float(residual**2 @ inverse) / (n - c)
        deviance = (
            (n - c) * np.log(max(sigma2_g, np.finfo(float).tiny))
            - np.log(inverse).sum()
            + (n - len(d)) * log_ratio
            + np.linalg.slogdet(XHX)[1]
        )
        return deviance, sigma2_g, b, inverse * residual, XHX

    log_ratio = _minimise(lambda value: solve(value)[0])
    _, sigma2_g, b, dual_rotated, XHX = solve(log_ratio)
    return MixedModel(
        sigma2_g=sigma2_g,
        sigma2_e=sigma2_g * float(np.exp(log_ratio)),
        fixed_effects=b,
        dual=U @ dual_rotated,
        eigenvectors=U,
        _inverse=1.0 / (d + np.exp(log_ratio)),
        _X_rotated=X_rotated,
        _XHX_inverse=np.linalg.inv(XHX),
    )


def _minimise(deviance: Callable[[float], float]) -> float:
    """The global minimum within the bounds: a grid finds the valley, Brent its floor."""
    from scipy.optimize import minimize_scalar

    grid = np.linspace(*LOG_RATIO_BOUNDS, 49)
    values = [deviance(point) for point in grid]
    best = int(np.argmin(values))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(deviance, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    return float(found.x if found.fun <= values[best] else grid[best])
