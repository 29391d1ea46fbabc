"""GBLUP of lines too many for a matrix of lines by lines: nothing but products with the codes.

In contrasts free of the fixed effects the restricted likelihood is the ordinary one. One Lanczos
recurrence from the trait tells its part of the likelihood for every variance ratio, and the
solution at the best of them; recurrences from random signs tell the log-determinant (stochastic
Lanczos quadrature: Ubaru, Chen & Saad 2017, SIAM J Matrix Anal Appl 38:1075). So REML by Monte
Carlo, as in BOLT-LMM (Loh et al. 2015, Nature Genetics 47:284), takes one pass of iterations and
not one for every ratio. Its error adds a fraction of 1 / PROBES to the estimates' variance.
Prediction error variances would take a solution for each line that is predicted: none are told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.encode import number_blocks
from breedcast.genotypes.relationship import Relationship
from breedcast.models.base import Fitted, Lines, Prediction
from breedcast.models.linear import absolute_effects
from breedcast.models.reml import best_log_ratio
from breedcast.phenotypes.covariates import FullRankDesign

#: Random vectors by which the log-determinant is known.
PROBES = 15
#: Steps between looks at the solution, the most of them, and the share of the trait that the
#: equations may be left with.
STEPS, MOST_STEPS, TOLERANCE = 10, 300, 1e-5


@dataclass(frozen=True)
class FittedIterative(Fitted):
    """base: of the training lines; marker_effects: (markers,) of one allele copy."""

    base: Relationship
    design: FullRankDesign
    fixed_effects: np.ndarray
    marker_effects: np.ndarray
    heritability: float
    steps: int

    @classmethod
    def fit(cls, lines: Lines) -> FittedIterative:
        """As FittedBLUP. The random signs are the same for all fits and seeds: models that are the
        same but for their names, gblup and rrblup, stay so.
        """
        base = Relationship.fit(lines.codes, lines.ploidy)
        design = FullRankDesign.fit(lines.covariates)
        root = np.sqrt(lines.weights)
        X, y = design.matrix(lines.covariates) * root[:, None], lines.observed * root
        Q, R = np.linalg.qr(X)

        def in_contrasts(M: np.ndarray) -> np.ndarray:
            return M - Q @ (Q.T @ M)

        def relationships(M: np.ndarray) -> np.ndarray:
            return _products(base, lines.codes, M * root[:, None])[0] * root[:, None]

        signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(lines), PROBES))
        start = in_contrasts(np.column_stack([y, signs]))
        lanczos = Lanczos(lambda M: in_contrasts(relationships(M)), start)
        freedom = len(lines) - X.shape[1]
        while True:
            lanczos.go_on(STEPS)
            log_ratio = best_log_ratio(lanczos.deviance(freedom))
            solution, left = lanczos.solution(np.exp(log_ratio))
            if left < TOLERANCE or lanczos.steps >= MOST_STEPS:
                break
        dual = solution * root
        genetic, effects = _products(base, lines.codes, dual[:, None])
        ratio = float(np.exp(log_ratio))
        fixed = np.linalg.solve(R, Q.T @ (y - genetic[:, 0] * root))
        return cls(
            base, design, fixed, effects[:, 0] / np.sqrt(base.scale), 1 / (1 + ratio), lanczos.steps
        )

    @property
    def facts(self) -> Mapping[str, float]:
        return {"heritability": self.heritability, "lanczos_steps": float(self.steps)}

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        return absolute_effects(self.marker_effects)

    def predict(self, lines: Lines) -> Prediction:
        value = self.design.matrix(lines.covariates) @ self.fixed_effects
        for some in number_blocks(*lines.codes.shape):
            means = self.base.means.of_markers(some)
            value += means.centred(lines.codes[:, some]) @ self.marker_effects[some]
        return Prediction.point(value)

    def weights(self) -> dict[str, np.ndarray]:
        return {
            "marker_effects": self.marker_effects,
            "mean_dosages": self.base.means.mean,
            "fixed_effects": self.fixed_effects,
        }


class Lanczos:
    """Recurrences of a symmetric matrix from several vectors, in step, each by itself.

    product: of the matrix with (n, vectors); start: (n, vectors), the first of which is solved
    for. Bases are kept and orthogonalised against in full.
    """

    def __init__(self, product: Callable[[np.ndarray], np.ndarray], start: np.ndarray) -> None:
        self.product = product
        self.norms = np.linalg.norm(start, axis=0)
        self.bases = [_divided(start, self.norms)]
        self.diagonal: list[np.ndarray] = []
        self.beside: list[np.ndarray] = []

    @property
    def steps(self) -> int:
        return len(self.diagonal)

    def go_on(self, steps: int) -> None:
        """So many steps more."""
        for _ in range(steps):
            new = self.product(self.bases[-1])
            self.diagonal.append(np.einsum("ij,ij->j", self.bases[-1], new))
            size = np.linalg.norm(new, axis=0)
            for _ in range(2):  # once more, against rounding
                for basis in self.bases:
                    new -= basis * np.einsum("ij,ij->j", basis, new)
            norm = np.linalg.norm(new, axis=0)
            norm[norm <= 1e-7 * size] = 0.0  # all that can be reached from this vector was
            self.beside.append(norm)
            self.bases.append(_divided(new, norm))

    def deviance(self, freedom: int) -> Callable[[float], float]:
        """From log(ratio) to -2 log likelihood of the trait at its best scale, less a constant."""
        # values of Gauss quadrature, (vectors, steps), and their shares
        values, axes = np.linalg.eigh(
            np.stack([self._tridiagonal(vector) for vector in range(len(self.norms))])
        )
        values, shares = np.maximum(values, 0.0), axes[:, 0] ** 2

        def at(log_ratio: float) -> float:
            shifted = values + np.exp(log_ratio)
            variance = self.norms[0] ** 2 * float(shares[0] @ (1 / shifted[0])) / freedom
            logs = np.einsum("ij,ij->i", shares[1:], np.log(shifted[1:]))
            return freedom * float(np.log(max(variance, np.finfo(float).tiny)) + logs.mean())

        return at

    def solution(self, ratio: float) -> tuple[np.ndarray, float]:
        """(n,) of the matrix plus ratio I, for the first vector; the share of it that is left."""
        T = self._tridiagonal(0) + ratio * np.eye(self.steps)
        first = np.zeros(self.steps)
        first[0] = self.norms[0]
        weights = np.linalg.solve(T, first)
        total = sum(it * basis[:, 0] for it, basis in zip(weights, self.bases, strict=False))
        left = abs(self.beside[-1][0] * weights[-1]) / max(self.norms[0], np.finfo(float).tiny)
        return np.asarray(total), float(left)

    def _tridiagonal(self, vector: int) -> np.ndarray:
        beside = np.array(self.beside)[:-1, vector]
        return (
            np.diag(np.array(self.diagonal)[:, vector]) + np.diag(beside, 1) + np.diag(beside, -1)
        )


def _divided(M: np.ndarray, norms: np.ndarray) -> np.ndarray:
    return np.divide(M, norms, out=np.zeros_like(M), where=norms > 0)


def _products(
    base: Relationship, codes: np.ndarray, M: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Z Z' M and Z' M, (lines, columns) and (markers, columns), for Z (lines, markers).

    In blocks of markers, in float32, their sum in float64.
    """
    result, effects = np.zeros(M.shape), np.empty((codes.shape[1], M.shape[1]))
    single = M.astype(np.float32)
    for some in number_blocks(*codes.shape):
        Z = codes[:, some].astype(np.float32)
        Z -= base.means.mean[some].astype(np.float32)
        missing = codes[:, some] > base.means.ploidy
        if missing.any():
            Z[missing] = 0.0
        Z /= np.float32(np.sqrt(base.scale))
        effects[some] = Z.T @ single
        result += Z @ effects[some].astype(np.float32)
    return result, effects
