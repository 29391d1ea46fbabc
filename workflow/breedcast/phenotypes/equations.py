"""Henderson's mixed model equations of many lines and fewer other effects.

The model is y = Z l + W u + e: Z gives each record its line, W = B T the other effects. Z' R^-1 Z
is diagonal, so the lines, however many, are absorbed into the equations of the others. Those are
the only matrix that is factored, and no matrix of lines by lines is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Records:
    """Records of lines, and the other effects on them.

    line: (records,) the position of each record's line; lines: how many there are. B:
    (records, m) sparse and T: (m, others) sparse, the other effects' design being B T.
    precision: (records,) the inverse of the residual variances, up to a factor.
    """

    line: np.ndarray
    lines: int
    B: csr_array
    T: csr_array
    precision: np.ndarray

    @cached_property
    def counts(self) -> np.ndarray:
        """(lines,) the diagonal of Z' R^-1 Z."""
        return np.bincount(self.line, self.precision, self.lines)

    @cached_property
    def cross(self) -> csr_array:
        """(lines, m) Z' R^-1 B."""
        from scipy.sparse import csr_array

        place = (self.line, np.arange(len(self.line)))
        return csr_array((self.precision, place), shape=(self.lines, len(self.line))) @ self.B

    @cached_property
    def square(self) -> csr_array:
        """(m, m) B' R^-1 B."""
        return self.B.T @ (self.B * self.precision[:, None])

    def sums(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The right-hand sides Z' R^-1 y (lines, columns) and W' R^-1 y of y (records, columns)."""
        weighted = y * self.precision[:, None]
        of_lines = np.column_stack([np.bincount(self.line, it, self.lines) for it in weighted.T])
        return of_lines, self.T.T @ (self.B.T @ weighted)

    def fitted(self, lines: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(records, columns) Z l + W u."""
        return lines[self.line] + self.B @ (self.T @ others)

    def equations(self, line_ridge: np.ndarray, other_ridge: np.ndarray) -> Equations:
        """The equations with each effect's residual over its own variance, 0 where fixed."""
        D = self.counts + line_ridge
        absorbed = self.square - self.cross.T @ (self.cross / D[:, None])
        S_inverse, logdet = _inverse(self._of_others(absorbed) + np.diag(other_ridge))
        return Equations(self, D, S_inverse, float(np.log(D).sum()) + logdet)

    def line_information(self, other_ridge: np.ndarray) -> np.ndarray:
        """(lines,) the diagonal of the inverse of the covariance of fixed lines' estimates.

        Up to the residual variance's factor: the weights of Smith, Cullis & Gilmour (2001, Aust
        N Z J Stat 43:129-145), for a later analysis that takes the estimates for independent.
        """
        inverse, _ = _inverse(self._of_others(self.square) + np.diag(other_ridge))
        return self.counts - _quadratic(self.cross, _between(self.T, inverse))

    def _of_others(self, M: csr_array) -> np.ndarray:
        """(others, others) T' M T of a symmetric M (m, m)."""
        return _between(self.T.T, M.toarray())


@dataclass(frozen=True)
class Equations:
    """The equations, their lines absorbed.

    D: (lines,) the lines' diagonal; S_inverse: (others, others) the others' part of the inverse
    C^-1; logdet: of C.
    """

    records: Records
    D: np.ndarray
    S_inverse: np.ndarray
    logdet: float

    def solve(self, lines: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The effects of right-hand sides (lines, columns) and (others, columns)."""
        T, cross, D = self.records.T, self.records.cross, self.D[:, None]
        u = self.S_inverse @ (others - T.T @ (cross.T @ (lines / D)))
        return (lines - cross @ (T @ u)) / D, u

    @cached_property
    def line_variances(self) -> np.ndarray:
        """(lines,) the diagonal of the lines' part of C^-1."""
        between = _between(self.records.T, self.S_inverse)
        return 1 / self.D + _quadratic(self.records.cross, between) / self.D**2

    def mean_variance_of_difference(self, chosen: np.ndarray) -> float:
        """Of two of the chosen lines (lines,) bool, from C^-1, the mean over all pairs."""
        count = int(chosen.sum())
        column = chosen / self.D
        reach = self.records.T.T @ (self.records.cross.T @ column)
        whole = float(column.sum() + reach @ self.S_inverse @ reach)
        return 2 / (count - 1) * float(self.line_variances[chosen].sum() - whole / count)


def _inverse(S: np.ndarray) -> tuple[np.ndarray, float]:
    """The inverse and the log-determinant of a positive definite matrix, which may be empty."""
    from scipy.linalg.lapack import dpotrf, dpotri

    if not len(S):
        return S, 0.0
    root, failed = dpotrf(S, lower=1)
    if failed:
        raise np.linalg.LinAlgError("the effects on the records cannot be told from one another")
    inverse, _ = dpotri(root, lower=1)
    return np.tril(inverse) + np.tril(inverse, -1).T, 2 * float(np.log(np.diag(root)).sum())


def _between(T: csr_array, M: np.ndarray) -> np.ndarray:
    """T M T' of a symmetric M."""
    return T @ (T @ M).T


def _quadratic(cross: csr_array, M: np.ndarray) -> np.ndarray:
    """(lines,) a' M a of each row a of a sparse matrix."""
    return np.asarray((cross * (cross @ M)).sum(axis=1)).ravel()
