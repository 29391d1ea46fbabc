"""Restricted maximum likelihood for several kernels, by average information.

The model is y = X b + sum g_i + e with g_i ~ N(0, K_i s2_i) and e ~ N(0, I s2e). All is
computed on contrasts free of the fixed effects, where the restricted likelihood is the ordinary
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from breedcast.ascent import Point, maximise

#: The residual variance stays above this share of the variance of y, so that V has an inverse.
LEAST_RESIDUAL = 1e-5
#: Lines from which several kernels' shares in the genetic variance are estimated, at most.
SHARES_FROM = 1500


def some_lines(lines: int, seed: int) -> np.ndarray:
    """Positions of all lines, or of SHARES_FROM drawn at random where there are more."""
    if lines <= SHARES_FROM:
        return np.arange(lines)
    return np.sort(np.random.default_rng(seed).choice(lines, SHARES_FROM, replace=False))


def combined(shares: np.ndarray, kernels: Sequence[np.ndarray]) -> np.ndarray:
    """The kernels' sum, each times its share."""
    total = np.zeros_like(kernels[0])
    for share, K in zip(shares, kernels, strict=True):
        total += share * K
    return total


def kernel_shares(kernels: Sequence[np.ndarray], y: np.ndarray, X: np.ndarray) -> np.ndarray:
    """(kernels,) share of each kernel in the genetic variance, summing to 1.

    kernels: (n, n) each, of mean diagonal 1; y: (n,); X: (n, c) of full column rank. With
    K = sum share_i K_i, `fit_reml` finds the rest of the same maximum. Where no kernel explains
    anything all shares are equal.
    """
    if len(kernels) == 1:
        return np.ones(1)
    n, c = X.shape
    if n <= c:
        raise ValueError(f"{n} lines cannot estimate {c} fixed effects and the variances")
    rotate = _contrasts(X)
    z = rotate(y[:, None])[:, 0]
    spread = float(z @ z) / len(z)
    if spread <= 1e-24 * float(y @ y) / n:  # rounding of a trait that does not vary
        return np.full(len(kernels), 1 / len(kernels))
    components = [rotate(rotate(K).T) for K in kernels] + [np.eye(n - c)]
    genetic = _maximise(components, z / np.sqrt(spread))[:-1]
    if not genetic.any():
        return np.full(len(kernels), 1 / len(kernels))
    return genetic / genetic.sum()


def named_shares(kernels: Iterable[str], shares: np.ndarray) -> dict[str, float]:
    """The facts that tell the kernels' shares (kernels,) in the genetic variance, by name."""
    return {f"share_{name}": float(share) for name, share in zip(kernels, shares, strict=True)}


def _contrasts(X: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The map from M (n, columns) to A' M (n - c, columns), A an orthonormal basis free of X.

    It reflects once per column of X (Householder), which for a kernel is n times cheaper than a
    product with A.
    """
    c = X.shape[1]
    reflectors, tau = np.linalg.qr(X, mode="raw")

    def rotate(M: np.ndarray) -> np.ndarray:
        M = M.copy()
        for column in range(c):
            v = np.concatenate([np.zeros(column), [1.0], reflectors[column, column + 1 :]])
            M -= tau[column] * np.outer(v, v @ M)
        return M[c:]

    return rotate


def _likelihood(variances: np.ndarray, components: list[np.ndarray], z: np.ndarray) -> Point:
    """That of z ~ N(0, sum s2_i K_i)."""
    from scipy.linalg.lapack import dpotrf, dpotri

    V = sum(s2 * K for s2, K in zip(variances, components, strict=True))
    root, _ = dpotrf(V, lower=1)
    lower, _ = dpotri(root, lower=1)  # of the inverse, zeros above
    diagonal = lower.diagonal()

    def solved(M: np.ndarray) -> np.ndarray:
        product: np.ndarray = lower @ M + lower.T @ M - (M.T * diagonal).T
        return product

    dual = solved(z)
    pushed = np.column_stack([K @ dual for K in components])
    traces = np.array([2 * np.vdot(lower.T, K) - diagonal @ K.diagonal() for K in components])
    return Point(
        variances=variances,
        likelihood=-0.5 * float(2 * np.log(np.diag(root)).sum() + z @ dual),
        gradient=-0.5 * (traces - dual @ pushed),
        information=0.5 * pushed.T @ solved(pushed),
    )


def _maximise(components: list[np.ndarray], z: np.ndarray) -> np.ndarray:
    """The variances of greatest likelihood, for z of mean square 1."""
    count = len(components)
    return maximise(
        lambda variances: _likelihood(variances, components, z),
        start=np.full(count, 1 / count),
        least=np.array([0.0] * (count - 1) + [LEAST_RESIDUAL]),
        ranks=np.full(count, len(z)),
    ).variances
