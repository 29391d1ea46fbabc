"""GBLUP: best linear unbiased prediction from genomic relationships.

VanRaden P.M. (2008) J Dairy Sci 91:4414-4423. Equivalent to ridge regression on markers with
the penalty chosen by REML (rrBLUP, Endelman 2011, Plant Genome 4:250-255).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.relationship import Relationship
from breedcast.models.base import Fitted, Lines, Model, Prediction
from breedcast.models.reml import MixedModel, fit_reml
from breedcast.phenotypes.covariates import Covariates, full_rank_columns, with_intercept


@dataclass(frozen=True)
class GBLUP(Model):
    """Genetic values with variance K s2g, K from the training lines' frequencies, by REML.

    Covariates are fixed effects of the same mixed model.
    """

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        relationship = Relationship.fit(lines.codes, lines.ploidy)
        covariates = Covariates.fit(lines.covariates)
        X = with_intercept(covariates.design(lines.covariates))
        columns = full_rank_columns(X)
        Z = relationship.centred(lines.codes)
        mixed = fit_reml(Z @ Z.T, lines.observed, X[:, columns])
        return FittedGBLUP(relationship, covariates, columns, Z, mixed)


@dataclass(frozen=True)
class FittedGBLUP(Fitted):
    """Z: (training lines, markers) scaled centred dosages; the rest is what was fitted."""

    relationship: Relationship
    covariates: Covariates
    columns: np.ndarray
    Z: np.ndarray
    mixed: MixedModel

    @property
    def facts(self) -> Mapping[str, float]:
        return {"heritability": self.mixed.heritability}

    @property
    def marker_effects(self) -> np.ndarray:
        """(markers,) effect of one allele copy: the same model read as ridge regression."""
        return self.Z.T @ self.mixed.dual / np.sqrt(self.relationship.scale)

    @property
    def saliency(self) -> np.ndarray:
        return np.abs(self.marker_effects)

    def predict(self, lines: Lines) -> Prediction:
        z = self.relationship.centred(lines.codes)
        x = with_intercept(self.covariates.design(lines.covariates))[:, self.columns]
        k, k_self = z @ self.Z.T, np.einsum("ij,ij->i", z, z)
        total, genetic = self.mixed.error_variances(k, k_self, x)
        prior = k_self * self.mixed.sigma2_g
        reliability = 1.0 - np.divide(genetic, prior, out=np.ones_like(prior), where=prior > 0)
        return Prediction(self.mixed.predict(k, x), np.sqrt(total), reliability)

    def weights(self) -> dict[str, np.ndarray]:
        return {
            "marker_effects": self.marker_effects,
            "mean_dosages": self.relationship.means.mean,
            "fixed_effects": self.mixed.fixed_effects,
        }
