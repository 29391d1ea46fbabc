"""What GBLUP and ridge regression on markers share: one mixed model, read in two ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.relationship import Relationship
from breedcast.models.base import Fitted, Lines, Prediction
from breedcast.models.linear import absolute_effects
from breedcast.models.reml import MixedModel
from breedcast.phenotypes.covariates import FullRankDesign

#: From Z (lines, markers), y (lines,) and X (lines, columns) to the fitted mixed model.
Solver = Callable[[np.ndarray, np.ndarray, np.ndarray], MixedModel]


@dataclass(frozen=True)
class FittedBLUP(Fitted):
    """Genetic values g = Z u: K = Z Z' between lines, equal variances of marker effects u.

    Z: (training lines, markers) scaled centred dosages; the rest is what was fitted.
    """

    relationship: Relationship
    design: FullRankDesign
    Z: np.ndarray
    mixed: MixedModel

    @classmethod
    def fit(cls, lines: Lines, solver: Solver) -> FittedBLUP:
        """Frequencies from these lines, covariates as fixed effects, variances by the solver."""
        relationship = Relationship.fit(lines.codes, lines.ploidy)
        design = FullRankDesign.fit(lines.covariates)
        Z = relationship.centred(lines.codes)
        root = np.sqrt(lines.weights)
        X = design.matrix(lines.covariates)
        mixed = solver(Z * root[:, None], lines.observed * root, X * root[:, None])
        return cls(relationship, design, Z, mixed.unweighted(root))

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
