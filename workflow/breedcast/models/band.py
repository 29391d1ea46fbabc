"""Symmetric matrices as narrow bands: as much of a decomposition as a mixed model needs.

K = Q B Q' with Q orthogonal and B a band of few diagonals, by blocks of Householder reflections
(Bischof, Lang & Sun 2000, ACM Trans Math Softw 26:581). That takes 4/3 n^3 operations in matrix
products, where all eigenvectors take some 9 n^3, half of them bound by memory; and K + r I,
whatever r, is then factored in n WIDTH^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: Diagonals of the band below the main one, and columns that are updated at a time.
WIDTH, TILE = 64, 512


@dataclass(frozen=True)
class Reflections:
    """I - V T V' on the rows from `first` on; V: (n - first, w), T: (w, w)."""

    first: int
    V: np.ndarray
    T: np.ndarray

    def transposed(self, M: np.ndarray) -> None:
        """M (n, columns) becomes its product with the transpose, from the left."""
        M[self.first :] -= self.V @ (self.T.T @ (self.V.T @ M[self.first :]))

    def applied(self, M: np.ndarray) -> None:
        """M (n, columns) becomes its product, from the left."""
        M[self.first :] -= self.V @ (self.T @ (self.V.T @ M[self.first :]))


@dataclass(frozen=True)
class Band:
    """K = Q B Q'. diagonals: (width + 1, n) those of B, the main one first, as LAPACK has them."""

    diagonals: np.ndarray
    reflections: list[Reflections]

    @classmethod
    def of(cls, K: np.ndarray) -> Band:
        """The band of K (n, n), which is symmetric and is left as it is."""
        A = np.array(K, dtype=np.float64, order="C")
        n, width = len(A), min(WIDTH, len(A) - 1)
        reflections: list[Reflections] = []
        # A lacks left @ right from `first` on, which is taken off when its columns are next read
        left, right = np.zeros((n, 0)), np.zeros((0, n))
        for first in range(width, n, max(width, 1)):
            before = first - width
            A[before:, before:first] -= left @ right[:, :width]
            left, right = left[width:], right[:, width:]
            found, R = _reflections(A[first:, before:first], first)
            A[first:, before:first] = 0.0
            A[first : first + len(R), before:first] = R
            AV = np.zeros_like(found.V)
            for start, end in pairwise(_edges(first, n)):
                tile = A[first + start :, first + start : first + end]
                tile -= left[start:] @ right[:, start:end]
                AV[start:] += tile @ found.V[start:end]
                AV[start:end] += tile[end - start :].T @ found.V[end:]
            W = AV @ found.T
            W -= 0.5 * found.V @ (found.T.T @ (found.V.T @ W))
            left, right = np.hstack([W, found.V]), np.vstack([found.V.T, W.T])
            reflections.append(found)
        last = n - len(left)
        A[last:, last:] -= left @ right
        diagonals = np.zeros((width + 1, n))
        for below in range(width + 1):
            diagonals[below, : n - below] = np.diagonal(A, -below)
        return cls(diagonals, reflections)

    @property
    def itself(self) -> Band:
        """B alone, for what is rotated already."""
        return Band(self.diagonals, [])

    def rotated(self, M: np.ndarray) -> np.ndarray:
        """Q' M; M: (n, columns)."""
        M = np.array(M, dtype=np.float64)
        for each in self.reflections:
            each.transposed(M)
        return M

    def back(self, M: np.ndarray) -> np.ndarray:
        """Q M; M: (n, columns)."""
        M = np.array(M, dtype=np.float64)
        for each in reversed(self.reflections):
            each.applied(M)
        return M

    def plus(self, ratio: float) -> Factor:
        """B + ratio I = L L', which must be positive definite."""
        from scipy.linalg import cholesky_banded

        diagonals = self.diagonals.copy()
        diagonals[0] += ratio
        lower = cholesky_banded(diagonals, lower=True, overwrite_ab=True, check_finite=False)
        return Factor(self, lower)


@dataclass(frozen=True)
class Factor:
    """K + ratio I = (Q L) (Q L)'. lower: L, as the band's diagonals."""

    band: Band
    lower: np.ndarray

    @property
    def log_determinant(self) -> float:
        return 2 * float(np.log(self.lower[0]).sum())

    def whitened(self, M: np.ndarray) -> np.ndarray:
        """(Q L)^-1 M; M: (n, columns). Its cross-products are M' (K + ratio I)^-1 M."""
        return self.half(self.band.rotated(M))

    def half(self, rotated: np.ndarray) -> np.ndarray:
        """L^-1 of what is rotated (n, columns)."""
        return self._solved(rotated, "N")

    def unwhitened(self, M: np.ndarray) -> np.ndarray:
        """(Q L)^-T M; M: (n, columns): after `whitened`, (K + ratio I)^-1 of it."""
        return self.band.back(self._solved(M, "T"))

    def _solved(self, M: np.ndarray, trans: str) -> np.ndarray:
        from scipy.linalg.lapack import dtbtrs

        if M.size == 0:
            return M
        solved: np.ndarray = dtbtrs(self.lower, M, uplo="L", trans=trans)[0]
        return solved


def _reflections(panel: np.ndarray, first: int) -> tuple[Reflections, np.ndarray]:
    """Reflections that leave of a panel (rows, w) its R (at most w, w), and R."""
    from scipy.linalg import solve_triangular
    from scipy.linalg.lapack import dgeqrf

    packed, tau, _, _ = dgeqrf(panel)
    count = len(tau)
    V = np.tril(packed[:, :count], -1)
    np.fill_diagonal(V, 1.0)
    V[:, tau == 0] = 0.0  # no reflection
    # T^-1 + T^-T = V' V (Puglisi 1992, SIAM J Sci Stat Comput 13:723)
    inverse = np.triu(V.T @ V, 1) + np.diag(1 / np.where(tau == 0, 1.0, tau))
    T = solve_triangular(inverse, np.eye(count), check_finite=False)
    return Reflections(first, np.ascontiguousarray(V), T), np.triu(packed[:count])


def _edges(first: int, n: int) -> list[int]:
    """Where tiles of the rows from `first` on begin and end, the same tiles whatever `first`."""
    return [0, *range(TILE - first % TILE, n - first, TILE), n - first]
