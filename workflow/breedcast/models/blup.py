"""What GBLUP and ridge regression on markers share: one mixed model, read in two ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.relationship import Relationship
from breedcast.models.base import Fitted, Lines, Prediction
from breedcast.models.linear import absolute_effects
from breedcast.models.reml import MixedModel, fit_reml
from breedcast.phenotypes.covariates import FullRankDesign


@dataclass(frozen=True)
class FittedBLUP(Fitted):
    """Genetic values g = Z u: K = Z Z' between lines, equal variances of marker effects u.

    Z: (rows, markers) scaled centred dosages times the roots of the weights, of the training lines
    or `condensed`; mixed: fitted to these rows.
    """

    relationship: Relationship
    design: FullRankDesign
    Z: np.ndarray
    mixed: MixedModel

    @classmethod
    def fit(cls, lines: Lines) -> FittedBLUP:
        """Frequencies from these lines, covariates as fixed effects, variances by REML."""
        relationship = Relationship.fit(lines.codes, lines.ploidy)
        design = FullRankDesign.fit(lines.covariates)
        root = np.sqrt(lines.weights)
        X = design.matrix(lines.covariates) * root[:, None]
        Z = relationship.centred(lines.codes)
        Z *= root[:, None]
        Z, y, X = condensed(Z, lines.observed * root, X)
        return cls(relationship, design, Z, fit_reml(Z @ Z.T, y, X, len(lines)))

    @property
    def facts(self) -> Mapping[str, float]:
        return {"heritability": self.mixed.heritability}

    @property
    def marker_effects(self) -> np.ndarray:
        """(markers,) effect of one allele copy."""
        return self.Z.T @ self.mixed.dual / np.sqrt(self.relationship.scale)

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        return absolute_effects(self.marker_effects)

    def predict(self, lines: Lines) -> Prediction:
        z = self.relationship.centred(lines.codes)
        k_self = np.einsum("ij,ij->i", z, z)
        return self.mixed.prediction(z @ self.Z.T, k_self, self.design.matrix(lines.covariates))

    def weights(self) -> dict[str, np.ndarray]:
        return {
            "marker_effects": self.marker_effects,
            "mean_dosages": self.relationship.means.mean,
            "fixed_effects": self.mixed.fixed_effects,
        }


def condensed(
    Z: np.ndarray, y: np.ndarray, X: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Z (n, markers), y (n,) and X (n, c) in as few rows as tell the same, where markers are few.

    With [X y Z] = Q R, R has as many rows as columns. In the coordinates Q the values are as
    independent as before, and orthogonally to them there is nothing but variance: `fit_reml` of
    the rows of R, told of the n lines, is that of the lines.
    """
    n, c = X.shape
    if n <= c + 1 + Z.shape[1]:
        return Z, y, X
    from scipy.linalg import qr

    (R,) = qr(np.column_stack([X, y, Z]), mode="r", overwrite_a=True, check_finite=False)
    R = R[: R.shape[1]]
    return R[:, c + 1 :], R[:, c], R[:, :c]
