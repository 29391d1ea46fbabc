"""What models from other libraries share: a regression of what covariates leave on dosages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from breedcast.genotypes.encode import DosageMeans
from breedcast.models.base import Fitted, Lines, Model, Prediction
from breedcast.models.target import StandardisedTarget


class Regression(ABC):
    """A library's regression after training; markers are dosages about their training means."""

    @abstractmethod
    def predict(self, X: np.ndarray) -> np.ndarray:
        """(lines,) standardised target of lines with markers X (lines, markers) float32."""

    @property
    def importance(self) -> Mapping[str, np.ndarray]:
        """By the statistic's name (markers,) how much each contributes, in the library's units."""
        return {}

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, by name."""


@dataclass(frozen=True)
class RegressionModel(Model):
    """A regression on all markers of the trait less its covariates' effects, standardised."""

    permutes_windows: ClassVar[bool] = True

    @abstractmethod
    def learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> Regression:
        """Train on markers X (lines, markers) float32, target y and weights (lines,)."""

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        target = StandardisedTarget.fit(lines)
        means = DosageMeans.fit(lines.codes, lines.ploidy)
        X, y = means.centred(lines.codes, np.float32), target.standardise(lines)
        learnt = self.learn(X, y, lines.weights, seed)
        return FittedRegression(target, means, learnt)


@dataclass(frozen=True)
class FittedRegression(Fitted):
    """A library's regression, with what turns lines into its markers and its target into values."""

    target: StandardisedTarget
    means: DosageMeans
    learnt: Regression

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        found = self.learnt.importance
        return {name: each.astype(np.float32)[None] for name, each in found.items()}

    def predict(self, lines: Lines) -> Prediction:
        # libraries refuse to predict nothing, which a fit on all lines is asked for
        X = self.means.centred(lines.codes, np.float32)
        value = self.learnt.predict(X) if len(lines) else np.empty(0)
        return Prediction.point(self.target.restore(value, lines))

    def weights(self) -> dict[str, np.ndarray]:
        return {
            **self.learnt.arrays(),
            "mean_dosages": self.means.mean,
            "fixed_effects": self.target.fixed.coefficients,
            "sd": np.array(self.target.sd),
        }
