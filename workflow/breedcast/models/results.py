"""Single fits of a training job: which lines they see, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from breedcast.checkpoint import Checkpoint, part
from breedcast.models.base import Prediction
from breedcast.validation.plan import Unit


@dataclass(frozen=True)
class FitTask:
    """One fit of a unit: without one inner fold, or (inner_fold None) on all training lines.

    final: whether the unit's test lines are predicted by this fit, or with others by it; member:
    whether what it predicts for them is kept by itself, for the intervals.
    """

    unit: Unit
    inner_fold: int | None
    final: bool
    member: bool = False

    @property
    def train(self) -> np.ndarray:
        """Positions of the lines to train on."""
        trains = self.unit.inner_fold != self._held_out
        if self.unit.left_out is not None and self.inner_fold is not None:
            trains &= ~self.unit.left_out[:, self.inner_fold]
        return self.unit.train[trains]

    @property
    def inner(self) -> np.ndarray:
        """Positions of the training lines held out."""
        return self.unit.train[self.unit.inner_fold == self._held_out]

    @property
    def test(self) -> np.ndarray:
        """Positions of the test lines to predict: none where only other fits do."""
        return self.unit.test if self.final or self.member else self.unit.test[:0]

    @property
    def _held_out(self) -> int:
        return -1 if self.inner_fold is None else self.inner_fold


@dataclass(frozen=True)
class Result:
    """What is kept of one fit: its predictions and what it says of itself.

    inner, test: of the task's inner and test lines. saliency: by statistic (networks, markers)
    float32. facts: worth a line in the report, by name. weights: of the candidates' final fits,
    else none. constant: whether all predictions are the same.
    """

    inner: Prediction
    test: Prediction
    saliency: Mapping[str, np.ndarray]
    history: list[dict[str, float]]
    facts: dict[str, float]
    weights: dict[str, np.ndarray]
    constant: bool


def save_results(results: Sequence[Result], checkpoint: Checkpoint) -> None:
    """Keep the results of finished fits."""
    arrays: dict[str, np.ndarray] = {}
    for number, result in enumerate(results):
        kept = {"weights." + name: array for name, array in result.weights.items()}
        kept |= {"saliency." + name: array for name, array in result.saliency.items()}
        for name, prediction in (("inner", result.inner), ("test", result.test)):
            kept |= {f"{name}.{field}": getattr(prediction, field) for field in _FIELDS}
        arrays |= {f"{number}.{name}": array for name, array in kept.items()}
    notes = [
        {"history": result.history, "facts": result.facts, "constant": result.constant}
        for result in results
    ]
    checkpoint.save(arrays, notes)


def load_results(checkpoint: Checkpoint) -> list[Result] | None:
    """The results as they were kept, or None."""
    saved = checkpoint.load()
    if saved is None:
        return None
    arrays, notes = saved
    return [_result(part(arrays, f"{number}."), note) for number, note in enumerate(notes)]


_FIELDS = [it.name for it in fields(Prediction)]


def _result(arrays: dict[str, np.ndarray], note: dict[str, Any]) -> Result:
    return Result(
        inner=Prediction(*(arrays[f"inner.{field}"] for field in _FIELDS)),
        test=Prediction(*(arrays[f"test.{field}"] for field in _FIELDS)),
        saliency=part(arrays, "saliency."),
        history=note["history"],
        facts=note["facts"],
        weights=part(arrays, "weights."),
        constant=note["constant"],
    )
