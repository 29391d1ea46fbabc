"""Multi-trait GBLUP: lines' values in several traits, predicted together.

Henderson C.R., Quaas R.L. (1976) J Anim Sci 43:1188-1197; with genomic relationships Calus M.P.L.,
Veerkamp R.F. (2011) Genet Sel Evol 43:26. A departure: one weight per line, that of the trait
that is predicted, counts for its values in all traits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from breedcast.errors import UserError
from breedcast.models.base import (
    ALL_OTHERS,
    Fitted,
    Lines,
    Model,
    Prediction,
    helper_option,
    option,
)
from breedcast.models.blup import uses_products
from breedcast.models.kinship import Kinship
from breedcast.models.linear import absolute_effects
from breedcast.models.multivariate import MultivariateModel, correlations, fit_multivariate
from breedcast.phenotypes.covariates import FullRankDesign
from breedcast.phenotypes.helpers import that_tell
from breedcast.several_traits import GENETIC, RESIDUAL


@dataclass(frozen=True)
class MTGBLUP(Model):
    """Genetic values of covariance G x K between traits and lines, G and R by REML.

    Covariates are fixed effects of each trait.
    """

    helper_traits: tuple[str, ...] = helper_option((ALL_OTHERS,))
    helpers_measured: bool = option(
        False,
        "Whether the lines to be predicted are measured in the helper traits before they are "
        "selected: each is then predicted by its own values too. The accuracy shown is that "
        "without these values; what they add is told by CV2*.",
    )

    def uses_products(self, lines: int, markers: int) -> bool:
        return uses_products(lines, markers)

    @property
    def uses_own_helpers(self) -> bool:
        return self.helpers_measured

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        genome = Kinship.fit(lines)
        design = FullRankDesign.fit(lines.covariates)
        X = design.matrix(lines.covariates)
        helpers = that_tell(lines.helper_values, X)
        Y = np.column_stack([lines.observed, lines.helper_values[helpers]])
        try:
            mixed = fit_multivariate(genome.among_training().cross, Y, X, lines.weights)
        except ValueError as error:
            raise UserError(f"mtgblup: {error}; check the trait, or leave the model out") from error
        return FittedMTGBLUP(genome, design, helpers, mixed)


@dataclass(frozen=True)
class FittedMTGBLUP(Fitted):
    """helpers: the traits after the first, which is predicted."""

    genome: Kinship
    design: FullRankDesign
    helpers: Sequence[str]
    mixed: MultivariateModel

    @property
    def facts(self) -> Mapping[str, float]:
        found = {"heritability": float(self.mixed.heritabilities[0])}
        for prefix, covariance in ((GENETIC, self.mixed.genetic), (RESIDUAL, self.mixed.residual)):
            between = correlations(covariance)[0, 1:]
            found |= {
                prefix + name: float(value)
                for name, value in zip(self.helpers, between, strict=True)
            }
        return found

    @property
    def marker_effects(self) -> np.ndarray:
        """(markers,) effect of one allele copy on the trait that is predicted."""
        return self.genome.marker_effects(self.mixed.dual @ self.mixed.genetic[:, 0])

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        return absolute_effects(self.marker_effects)

    def predict(self, lines: Lines) -> Prediction:
        """Where the lines carry values of helper traits, each is predicted by its own too."""
        products = self.genome.with_training(lines)
        known = None
        if lines.helpers is not None:
            known = np.column_stack(
                [np.full(len(lines), np.nan), lines.helper_values[list(self.helpers)]]
            )
        return self.mixed.prediction(
            products.cross, products.own, self.design.matrix(lines.covariates), 0, known
        )

    def weights(self) -> dict[str, np.ndarray]:
        """Of the covariances and the fixed effects the first row or column is the trait's own."""
        return {
            "marker_effects": self.marker_effects,
            "mean_dosages": self.genome.base.means.mean,
            "fixed_effects": self.mixed.fixed_effects,
            "genetic_covariance": self.mixed.genetic,
            "residual_covariance": self.mixed.residual,
        }
