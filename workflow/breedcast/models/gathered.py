"""The tables of a training job, gathered unit by unit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from breedcast.models.base import Model, Prediction
from breedcast.models.results import FitTask, Result
from breedcast.validation.plan import Unit
from breedcast.validation.unit import UNIT

PREDICTIONS = [
    *("repeat", "fold", "sample", "environment", "role", "permutation"),
    *("inner_fold", "predicted", "sd", "reliability"),
]
HISTORY = [
    *(*UNIT, "inner_fold", "network", "epoch"),
    *("train_loss", "stop_loss", "stop_pearson", "learning_rate"),
]
SALIENCY = [*UNIT, "statistic", "marker", "saliency", "sd"]
#: A table of all markers, units and statistics is large: small types.
SALIENCY_TYPES: dict[Hashable, Any] = {
    **dict.fromkeys(UNIT, np.int16),
    "statistic": "category",
    "marker": np.int32,
    **dict.fromkeys(["saliency", "sd"], np.float32),
}
FACTS = [*UNIT, "inner_fold", "fact", "value"]


@dataclass(frozen=True)
class Tables:
    """What a training job leaves: the contract's tables, and the candidates' weights and model."""

    predictions: pd.DataFrame
    history: pd.DataFrame
    saliency: pd.DataFrame
    facts: pd.DataFrame
    weights: dict[str, np.ndarray]
    studies: pd.DataFrame
    model: Model


class Gathered:
    """The rows of the tables, unit by unit."""

    def __init__(self, lines: pd.DataFrame) -> None:
        self.lines = lines[["sample", "environment"]]
        self.predictions: list[pd.DataFrame] = []
        self.saliency: list[pd.DataFrame] = []
        self.history: list[dict[str, Any]] = []
        self.facts: list[dict[str, Any]] = []
        self.weights: dict[str, np.ndarray] = {}
        self.constant = 0

    def add(self, unit: Unit, results: list[tuple[FitTask, Result]]) -> None:
        """The rows of a unit from the results of all its fits."""
        key: dict[str, Any] = {column: getattr(unit, column) for column in UNIT}
        for task, result in results:
            self._predictions(unit, "inner", task.inner, result.inner, task.inner_fold)
            if task.member:
                self._predictions(unit, "member", task.test, _lean(result.test), task.inner_fold)
            fit = {**key, "inner_fold": task.inner_fold}
            self.history += [fit | record for record in result.history]
            self.facts += [
                fit | {"fact": fact, "value": value} for fact, value in result.facts.items()
            ]
            self.constant += result.constant
            prefix = "" if task.inner_fold is None else f"inner_{task.inner_fold}."
            self.weights |= {prefix + name: array for name, array in result.weights.items()}
        finals = [result for task, result in results if task.final]
        role = "candidate" if unit.is_candidates else "control" if unit.permutation else "test"
        self._predictions(unit, role, unit.test, Prediction.mean_of([it.test for it in finals]))
        self._saliency(key, [result.saliency for _, result in reversed(results)])

    def _predictions(
        self,
        unit: Unit,
        role: str,
        rows: np.ndarray,
        prediction: Prediction,
        inner_fold: int | None = None,
    ) -> None:
        frame = self.lines.iloc[rows].assign(
            repeat=unit.repeat,
            fold=unit.fold,
            permutation=unit.permutation,
            role=role,
            inner_fold=pd.array([inner_fold] * len(rows), dtype="Int16"),
            predicted=prediction.mean,
            sd=prediction.sd,
            reliability=prediction.reliability,
        )
        self.predictions.append(frame[PREDICTIONS])

    def _saliency(
        self, key: Mapping[str, int], saliencies: Sequence[Mapping[str, np.ndarray]]
    ) -> None:
        """Means over the unit's networks or fits and, of several, standard deviations."""
        for statistic in dict.fromkeys(name for it in saliencies for name in it):
            each = np.concatenate([it[statistic] for it in saliencies if statistic in it])
            sd = each.std(axis=0, ddof=1) if len(each) > 1 else np.float32(np.nan)
            columns = {"statistic": statistic, "saliency": each.mean(axis=0), "sd": sd}
            frame = pd.DataFrame(columns | {"marker": np.arange(each.shape[1])})
            self.saliency.append(frame.assign(**key)[SALIENCY].astype(SALIENCY_TYPES))

    def tables(self, studies: pd.DataFrame, model: Model) -> Tables:
        """All of them; studies: the trials of tuning; model: that of the candidates' unit."""
        predictions = pd.concat(self.predictions, ignore_index=True)
        saliency = (
            pd.concat(self.saliency, ignore_index=True)
            if self.saliency
            else pd.DataFrame(columns=SALIENCY)
        ).astype({"statistic": "category"})
        history = pd.DataFrame(self.history, columns=HISTORY)
        facts = pd.DataFrame(self.facts, columns=FACTS).astype({"inner_fold": "Int64"})
        return Tables(predictions, history, saliency, facts, self.weights, studies, model)


def _lean(prediction: Prediction) -> Prediction:
    """In single precision, which takes less room on disk, and without what intervals do not use."""
    mean, sd = (array.astype(np.float32) for array in (prediction.mean, prediction.sd))
    return Prediction(mean, sd, np.full(len(mean), np.nan))
