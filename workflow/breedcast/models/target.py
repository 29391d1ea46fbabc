"""What a model that knows no covariates learns of a trait, and the way back to its units."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from breedcast.errors import UserError
from breedcast.models.base import Lines
from breedcast.phenotypes.covariates import FixedEffects, FullRankDesign
from breedcast.phenotypes.helpers import that_tell

if TYPE_CHECKING:
    from torch import Tensor

#: A trait with more values than this is not scored in classes.
MOST_CLASSES = 20
#: A trait varies beyond its covariates by more than this share of its largest value.
ROUNDING = 1e-10


class Target(ABC):
    """A trait as it is learnt. All arrays are (lines,)."""

    #: What a gradient by the network's value is multiplied by to be in the trait's units.
    sd: float

    @property
    def classes(self) -> Tensor | None:
        """(classes,) their values where the trait is scored, else None."""
        return None

    @abstractmethod
    def learnt(self, lines: Lines) -> np.ndarray:
        """float32 target of lines that are trained on."""

    @abstractmethod
    def judged(self, lines: Lines) -> np.ndarray:
        """float32 values that the network's should meet, of lines that are not trained on."""

    @abstractmethod
    def restore(self, values: np.ndarray, lines: Lines) -> np.ndarray:
        """The network's values in the units of the trait."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, by name."""


@dataclass(frozen=True)
class StandardisedTarget(Target):
    """The trait less its covariates' effects, in standard deviations.

    Without covariates their effects are the mean alone. sd is that of the lines trained on, each
    counting by its weight.
    """

    fixed: FixedEffects
    sd: float

    @classmethod
    def fit(cls, lines: Lines, regressed: bool = True) -> StandardisedTarget:
        """Learn effects and scale from the lines trained on; regressed: of the covariates too."""
        covariates = lines.covariates if regressed else lines.covariates[[]]
        fixed = FixedEffects.fit(covariates, lines.observed, lines.weights)
        left = lines.observed - fixed.predict(lines.covariates)
        sd = float(np.sqrt(np.average(left**2, weights=lines.weights)))
        if not sd > ROUNDING * float(np.abs(lines.observed).max()):
            raise UserError(
                f"nothing to learn: the trait does not vary among {len(lines)} training lines "
                "beyond their covariates; check the trait, or leave covariates out"
            )
        return cls(fixed, sd)

    def standardise(self, lines: Lines) -> np.ndarray:
        """(lines,) float64 trait less covariate effects, in standard deviations."""
        return (lines.observed - self.fixed.predict(lines.covariates)) / self.sd

    def learnt(self, lines: Lines) -> np.ndarray:
        return self.standardise(lines).astype(np.float32)

    def judged(self, lines: Lines) -> np.ndarray:
        return self.learnt(lines)

    def restore(self, values: np.ndarray, lines: Lines) -> np.ndarray:
        return values * self.sd + self.fixed.predict(lines.covariates)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"target.fixed_effects": self.fixed.coefficients, "target.sd": np.array(self.sd)}


def helpers_learnt(lines: Lines, named: Sequence[str], regressed: bool = True) -> np.ndarray:
    """(lines, helper traits) those that tell, each as its own StandardisedTarget; NaN: no value.

    named: as the model's options have it; none where it names none.
    """
    if not named:
        return np.empty((len(lines), 0), np.float32)
    design = FullRankDesign.fit(lines.covariates if regressed else lines.covariates[[]])
    names = that_tell(lines.helper_values, design.matrix(lines.covariates))
    learnt = np.full((len(lines), len(names)), np.nan, np.float32)
    for column, name in enumerate(names):
        values = lines.helper_values[name].to_numpy(float)
        seen = np.flatnonzero(np.isfinite(values))
        here = replace(lines, value=values).take(seen)
        learnt[seen, column] = StandardisedTarget.fit(here, regressed).learnt(here)
    return learnt


@dataclass(frozen=True)
class ScoredTarget(Target):
    """A trait scored in few classes, as the classes' indices.

    scores: (classes,) the values seen in training, ascending.
    """

    scores: np.ndarray
    sd: float = 1.0

    @classmethod
    def fit(cls, lines: Lines) -> ScoredTarget:
        """Learn the classes from the lines trained on."""
        scores = np.unique(lines.observed)
        if not 2 <= len(scores) <= MOST_CLASSES:
            raise UserError(
                f"the trait has {len(scores)} different values among {len(lines)} training lines; "
                f"cross_entropy and ordinal are for 2 to {MOST_CLASSES} classes, set loss to mse"
            )
        return cls(scores)

    @property
    def classes(self) -> Tensor | None:
        import torch

        return torch.from_numpy(self.scores).to(torch.get_default_dtype())

    def learnt(self, lines: Lines) -> np.ndarray:
        return np.searchsorted(self.scores, lines.observed).astype(np.float32)

    def judged(self, lines: Lines) -> np.ndarray:
        return lines.observed.astype(np.float32)

    def restore(self, values: np.ndarray, lines: Lines) -> np.ndarray:
        return values

    def arrays(self) -> dict[str, np.ndarray]:
        return {"target.classes": self.scores}
