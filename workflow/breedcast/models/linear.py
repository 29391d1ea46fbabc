"""What models share that predict by covariate effects and marker effects alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.encode import DosageMeans
from breedcast.models.base import Fitted, Lines, Prediction
from breedcast.phenotypes.covariates import FixedEffects


def absolute_effects(marker_effects: np.ndarray) -> dict[str, np.ndarray]:
    """The saliency of a model that adds up marker effects (markers,): their absolute values."""
    return {"effect": np.abs(marker_effects).astype(np.float32)[None]}


@dataclass(frozen=True)
class FittedLinear(Fitted):
    """Fixed effects plus centred dosages times marker effects.

    marker_effects: (markers,) effect of one allele copy, in the units of the trait.
    """

    fixed: FixedEffects
    means: DosageMeans
    marker_effects: np.ndarray

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        return absolute_effects(self.marker_effects)

    def predict(self, lines: Lines) -> Prediction:
        genetic = self.means.centred(lines.codes) @ self.marker_effects
        return Prediction.point(self.fixed.predict(lines.covariates) + genetic)

    def weights(self) -> dict[str, np.ndarray]:
        return {
            "marker_effects": self.marker_effects,
            "mean_dosages": self.means.mean,
            "fixed_effects": self.fixed.coefficients,
        }
