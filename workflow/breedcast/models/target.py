"""The target of models that learn what covariates leave of the trait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.errors import UserError
from breedcast.models.base import Lines
from breedcast.phenotypes.covariates import FixedEffects


@dataclass(frozen=True)
class Target:
    """What is left to learn of the trait: it less its covariates' effects, in standard deviations.

    Without covariates their effects are the mean alone. sd is that of the lines trained on.
    """

    fixed: FixedEffects
    sd: float

    @classmethod
    def fit(cls, lines: Lines) -> Target:
        """Learn effects and scale from the lines trained on."""
        fixed = FixedEffects.fit(lines.covariates, lines.observed)
        sd = float(np.std(lines.observed - fixed.predict(lines.covariates)))
        if not sd > 0:
            raise UserError(
                f"nothing to learn: the trait does not vary among {len(lines)} training lines "
                "beyond their covariates; check the trait, or leave covariates out"
            )
        return cls(fixed, sd)

    def standardise(self, lines: Lines) -> np.ndarray:
        """(lines,) target of lines whose values may be seen."""
        residual = lines.observed - self.fixed.predict(lines.covariates)
        scaled: np.ndarray = residual / self.sd
        return scaled

    def restore(self, standardised: np.ndarray, lines: Lines) -> np.ndarray:
        """(lines,) values in the units of the trait."""
        return standardised * self.sd + self.fixed.predict(lines.covariates)
