"""The tables of a training job, gathered unit by unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from breedcast.models.base import Model, Prediction
from breedcast.models.results import FitTask, Result
from breedcast.validation.plan import Unit

UNIT = ["repeat", "fold", "permutation"]
PREDICTIONS = [
    *("repeat", "fold", "sample", "environment", "role", "permutation"),
    *("predicted", "sd", "reliability"),
]
HISTORY = [
    *(*UNIT, "inner_fold", "network", "epoch"),
    *("train_loss", "stop_loss", "stop_pearson", "learning_rate"),
]
SALIENCY = [*UNIT, "marker", "saliency"]
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
        key: dict[str, Any] = {column: getattr(unit, column) for column in UNIT}
        for task, result in results:
            self._predictions(unit, "inner", task.inner, result.inner)
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
        salient = [result.saliency for result in finals if result.saliency is not None]
        if salient:
            frame = pd.DataFrame({"saliency": np.mean(salient, axis=0)})
            frame.insert(0, "marker", np.arange(len(frame)))
            self.saliency.append(frame.assign(**key)[SALIENCY])

    def _predictions(self, unit: Unit, role: str, rows: np.ndarray, prediction: Prediction) -> None:
        frame = self.lines.iloc[rows].assign(
            repeat=unit.repeat,
            fold=unit.fold,
            permutation=unit.permutation,
            role=role,
            predicted=prediction.mean,
            sd=prediction.sd,
            reliability=prediction.reliability,
        )
        self.predictions.append(frame[PREDICTIONS])

    def tables(self, studies: pd.DataFrame, model: Model) -> Tables:
        """All of them; studies: the trials of tuning; model: that of the candidates' unit."""
        predictions = pd.concat(self.predictions, ignore_index=True)
        saliency = (
            pd.concat(self.saliency, ignore_index=True)
            if self.saliency
            else pd.DataFrame(columns=SALIENCY)
        )
        history = pd.DataFrame(self.history, columns=HISTORY)
        facts = pd.DataFrame(self.facts, columns=FACTS).astype({"inner_fold": "Int64"})
        return Tables(predictions, history, saliency, facts, self.weights, studies, model)
