"""The score every model has to beat: covariates and group means, no markers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.models.base import Fitted, Lines, Model, Prediction
from breedcast.phenotypes.covariates import FixedEffects


@dataclass(frozen=True)
class Baseline(Model):
    """Ordinary least squares on the covariates.

    A text covariate such as the family gives group means. Without covariates every line is
    predicted the training mean: its RMSE is then the one to beat, and its correlation is NA.
    """

    @property
    def needs_all_calls(self) -> bool:
        return False

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        return FittedBaseline(FixedEffects.fit(lines.covariates, lines.observed, lines.weights))


@dataclass(frozen=True)
class FittedBaseline(Fitted):
    """The covariates' effects, the mean among them."""

    fixed: FixedEffects

    def predict(self, lines: Lines) -> Prediction:
        return Prediction.point(self.fixed.predict(lines.covariates))

    def weights(self) -> dict[str, np.ndarray]:
        return {"fixed_effects": self.fixed.coefficients}
