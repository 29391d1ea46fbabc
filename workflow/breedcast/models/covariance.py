"""Forms of a covariance matrix S = F F' between traits or environments, and where to begin.

The factor F is what numbers are searched for: any of them make a covariance (Meyer & Smith 1996,
Genet Sel Evol 28:23).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Form:
    """Which entries of F there are, and what they follow from.

    rows, columns: (entries,) of F; ties: (entries, numbers), 1 where an entry is a number, so that
    entries may be the same one; start: (numbers,). Traits have the variance 1.
    """

    rows: np.ndarray
    columns: np.ndarray
    ties: np.ndarray
    start: np.ndarray

    @property
    def at(self) -> tuple[np.ndarray, np.ndarray]:
        """The entries' index."""
        return self.rows, self.columns

    @property
    def numbers(self) -> int:
        """How many are searched for."""
        return len(self.start)

    def factor(self, numbers: np.ndarray) -> np.ndarray:
        """(traits, columns) F."""
        F = np.zeros((1 + self.rows.max(), 1 + self.columns.max()))
        F[self.at] = self.ties @ numbers
        return F


def _free(rows: np.ndarray, columns: np.ndarray, first: np.ndarray) -> Form:
    """Entries that are a number each, and begin as in this F."""
    return Form(rows, columns, np.eye(len(rows)), first[rows, columns])


def diagonal(traits: int) -> Form:
    """Variances alone: half of each trait's at first."""
    own = np.arange(traits)
    return _free(own, own, np.sqrt(0.5) * np.eye(traits))


def unstructured(traits: int) -> Form:
    """Any covariance: F is its Cholesky factor, and has nothing shared by traits at first."""
    return _free(*np.tril_indices(traits), np.sqrt(0.5) * np.eye(traits))


def alike(traits: int) -> Form:
    """One variance, and one covariance of all pairs, which is not negative."""
    own = np.arange(traits)
    rows, columns = np.append(own, own), np.append(np.zeros(traits, int), 1 + own)
    ties = np.repeat(np.eye(2), traits, axis=0)
    return Form(rows, columns, ties, np.sqrt([0.25, 0.25]))


def factor_analytic(Y: np.ndarray, factors: int) -> Form:
    """Lambda Lambda' + Psi, F = [Lambda, Psi^(1/2)], Psi diagonal.

    Thompson R. et al. (2003) Aust N Z J Stat 45:445. Y: (n, traits) values, NaN where missing, of
    whose correlations the search begins with half: a start without loadings would have no slope.
    Lambda is 0 above its diagonal, since it may be turned without changing Lambda Lambda'.
    """
    traits = Y.shape[1]
    correlation = pd.DataFrame(Y).corr(min_periods=10).fillna(0.5).to_numpy() / 2
    values, vectors = np.linalg.eigh(correlation)
    loadings = vectors[:, -factors:] * np.sqrt(np.maximum(values[-factors:], 0.01))
    turned = loadings @ np.linalg.qr(loadings[:factors].T)[0]
    own = np.maximum(0.5 - (turned**2).sum(axis=1), 0.05)
    rows, columns = np.tril_indices(traits, m=factors)
    each = np.arange(traits)
    return _free(
        np.append(rows, each),
        np.append(columns, factors + each),
        np.hstack([turned, np.diag(np.sqrt(own))]),
    )
