"""The errors of predictions of several traits at once, in two ways, as `restricted.py` has them.

Henderson C.R. (1975) Biometrics 31:423-447: the prediction error variance, the fixed effects'
errors included.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

#: Covariances of predicted lines with values are computed for so many at a time.
CELLS = 1 << 22


class Errors(ABC):
    """What the values tell of lines: how much less their predictions err than the prior."""

    @abstractmethod
    def explained(self, k: np.ndarray, x: np.ndarray, G: np.ndarray, of: np.ndarray) -> np.ndarray:
        """(lines, targets, targets) what is taken from the prior covariances of targets.

        k: (lines, n) relationships with the training lines; x: (lines, c) fixed effects; G:
        (traits, traits); of: (targets,) traits. The first target is g of its trait alone, the
        others are x B + g.
        """


@dataclass(frozen=True)
class ErrorsByEigenvectors(Errors):
    """eigenvectors: (n, n) U of K; rows times sqrt(weight); precision: (n, traits, traits) of V
    along them; reach: (n, traits, f) V^-1 F C, F all fixed effects and C C' = (F' V^-1 F)^-1;
    fixed_root: (traits, c, f) the rows of C that belong to X.
    """

    eigenvectors: np.ndarray
    precision: np.ndarray
    reach: np.ndarray
    fixed_root: np.ndarray

    def explained(self, k: np.ndarray, x: np.ndarray, G: np.ndarray, of: np.ndarray) -> np.ndarray:
        own = G[of]
        rotated = k @ self.eigenvectors
        by_value = np.einsum("si,nij,tj->nst", own, self.precision, own, optimize=True)
        gap = -np.tensordot(rotated, np.einsum("nif,si->nsf", self.reach, own), axes=1)
        gap[:, 1:] += np.einsum("lc,tcf->ltf", x, self.fixed_root[of[1:]])
        found: np.ndarray = np.tensordot(rotated**2, by_value, axes=1)
        return found - gap @ gap.transpose(0, 2, 1)


@dataclass(frozen=True)
class ErrorsByValues(Errors):
    """line, trait, root: (values,) whose and of what each value is, and the root of its weight;
    P, W and estimator as in `restricted.ObservedSolution`, in the traits' units.
    """

    line: np.ndarray
    trait: np.ndarray
    root: np.ndarray
    P: np.ndarray
    W: np.ndarray
    estimator: np.ndarray

    def explained(self, k: np.ndarray, x: np.ndarray, G: np.ndarray, of: np.ndarray) -> np.ndarray:
        step = max(1, CELLS // (len(of) * len(self.line)))
        parts = [
            self._explained(k[at : at + step], x[at : at + step], G, of)
            for at in range(0, len(k), step)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(of), len(of)))

    def _explained(self, k: np.ndarray, x: np.ndarray, G: np.ndarray, of: np.ndarray) -> np.ndarray:
        shared = (k[:, self.line] * self.root)[:, None] * G[np.ix_(of, self.trait)]
        # those of a trait are the same, with its fixed effects and without
        _, first, which = np.unique(of, return_index=True, return_inverse=True)
        once = shared[:, first]
        by_value = _each(once, self.P) @ once.transpose(0, 2, 1)
        fixed = np.zeros((*shared.shape[:2], len(G), x.shape[1]))
        for target, trait in enumerate(of[1:], 1):
            fixed[:, target, trait] = x
        fixed = fixed.reshape(*shared.shape[:2], -1)
        gap = _each(fixed, self.estimator) @ shared.transpose(0, 2, 1)
        own: np.ndarray = _each(fixed, self.W) @ fixed.transpose(0, 2, 1)
        return by_value[:, which[:, None], which] + gap + gap.transpose(0, 2, 1) - own


def _each(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(lines, targets, ...) each line's targets times the matrix, in one product."""
    return (rows.reshape(-1, rows.shape[2]) @ matrix).reshape(*rows.shape[:2], -1)
