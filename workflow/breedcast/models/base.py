"""What a model is: options, a fit on training lines, predictions with what is known of them.

A model sees only the lines it is given. Whatever it learns (frequencies, scaling, principal
components, effects) it learns in `fit`, from training lines alone; the lines it is to predict
reach it later, in `Fitted.predict`, without their values.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Lines:
    """Some lines as a model sees them.

    codes: (lines, markers) uint8; 0..ploidy is the alternate-allele dosage, ploidy + 1 is
        "missing", so that a code is also the index of its one-hot channel.
    ploidy: copies of each chromosome.
    covariates: (lines, covariates) numbers or text, in the user's own columns.
    value: (lines,) float64 trait values, or None for lines whose values must not be seen.
    """

    codes: np.ndarray
    ploidy: int
    covariates: pd.DataFrame
    value: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: np.ndarray) -> Lines:
        """The lines at these positions, values included."""
        return Lines(
            self.codes[rows],
            self.ploidy,
            self.covariates.iloc[rows],
            None if self.value is None else self.value[rows],
        )

    def blind(self) -> Lines:
        """The same lines without their values: what a model is given to predict."""
        return replace(self, value=None)

    @property
    def observed(self) -> np.ndarray:
        """The trait values, for code that trains."""
        if self.value is None:
            raise ValueError("these lines carry no values to train on")
        return self.value


@dataclass(frozen=True)
class Prediction:
    """Predicted values of some lines, each array of shape (lines,).

    sd: posterior standard deviation of the genetic value, NaN where a model has none.
    reliability: 1 - PEV / genetic variance of the line, NaN where a model has none.
    """

    mean: np.ndarray
    sd: np.ndarray
    reliability: np.ndarray

    @classmethod
    def point(cls, mean: np.ndarray) -> Prediction:
        """Predictions of a model that knows no posterior variance."""
        unknown = np.full(len(mean), np.nan)
        return cls(np.asarray(mean, dtype=np.float64), unknown, unknown)


class Fitted(ABC):
    """A model after training on some lines."""

    @property
    def history(self) -> Sequence[dict[str, float]]:
        """One record per epoch: {"epoch": 1, "train_loss": ..., "stop_loss": ...}; or none."""
        return ()

    @property
    def saliency(self) -> np.ndarray | None:
        """(markers,) how much each marker moves the prediction, or None.

        The absolute gradient where there is one; trees tell their splits' gain instead.
        """
        return None

    @property
    def facts(self) -> Mapping[str, float]:
        """Facts about the fit worth a line in the report, e.g. {"heritability": 0.41}."""
        return {}

    @abstractmethod
    def predict(self, lines: Lines) -> Prediction:
        """Predict lines in the units of the trait. `lines.value` is never read."""

    @abstractmethod
    def weights(self) -> dict[str, np.ndarray]:
        """What was learnt, as named arrays, for weights.safetensors."""


def option(default: Any, description: str, **constraints: Any) -> Any:
    """A documented option of a model: a dataclass field that carries its JSON schema.

    constraints are JSON schema keywords (minimum, exclusiveMinimum, maximum, enum ...).
    """
    return field(default=default, metadata={"description": description, **constraints})


@dataclass(frozen=True)
class Model(ABC):
    """A model with its options as dataclass fields, each made by `option`."""

    #: A network is computed on the config's device and stops early on lines of its own; a test
    #: line's prediction is the mean of the inner folds' networks. Other models are computed on
    #: the CPU and refit on every training line.
    is_network: ClassVar[bool] = False

    @abstractmethod
    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        """Train on these lines. The same lines, options, seed and device give the same fit."""


def model_class(location: str) -> type[Model]:
    """The model at `module:Class`.

    A training job is told this location and not a name of the registry, so that it depends on
    its own model's file and on no other.
    """
    module, _, name = location.partition(":")
    found: type[Model] = getattr(importlib.import_module(module), name)
    return found
