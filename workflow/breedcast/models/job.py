"""One training job: one model, one trait, every unit of the plan.

Each unit (repeat, fold, permutation) holds out its inner folds one by one, so that every
training line gets a prediction from a fit that did not see it. Its test lines are predicted
by the mean of the inner folds' networks, or by one more fit on all training lines for models
that need no stopping. The candidates are one more unit.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.models.base import Lines, Model, Prediction
from breedcast.phenotypes.covariates import covariate_columns
from breedcast.seeds import derive_seed
from breedcast.validation.control import permuted
from breedcast.validation.plan import Unit, units
from breedcast.workers import run_tasks

log = logging.getLogger(__name__)

UNIT = ["repeat", "fold", "permutation"]
PREDICTIONS = [
    *("repeat", "fold", "sample", "environment", "role", "permutation"),
    *("predicted", "sd", "reliability"),
]
HISTORY = [*UNIT, "inner_fold", "epoch", "train_loss", "stop_loss"]
SALIENCY = ["repeat", "fold", "marker", "saliency"]
FACTS = [*UNIT, "inner_fold", "fact", "value"]


@dataclass(frozen=True)
class Tables:
    """What a training job leaves: the contract's tables, and the candidate unit's weights."""

    predictions: pd.DataFrame
    history: pd.DataFrame
    saliency: pd.DataFrame
    facts: pd.DataFrame
    weights: dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """One fit of a unit: without one inner fold, or (inner_fold None) on all training lines.

    final: whether the unit's test lines are predicted by this fit.
    """

    unit: Unit
    inner_fold: int | None
    final: bool

    @property
    def train(self) -> np.ndarray:
        """Positions of the lines to train on."""
        return self.unit.train[self.unit.inner_fold != self._held_out]

    @property
    def inner(self) -> np.ndarray:
        """Positions of the training lines held out."""
        return self.unit.train[self.unit.inner_fold == self._held_out]

    @property
    def test(self) -> np.ndarray:
        """Positions of the test lines to predict: none where another fit does."""
        return self.unit.test if self.final else self.unit.test[:0]

    @property
    def _held_out(self) -> int:
        return -1 if self.inner_fold is None else self.inner_fold


@dataclass(frozen=True)
class Result:
    """What is kept of one fit: its predictions and what it says of itself."""

    inner: Prediction
    test: Prediction
    saliency: np.ndarray | None
    history: list[dict[str, float]]
    facts: dict[str, float]
    weights: dict[str, np.ndarray]
    constant: bool


@dataclass(frozen=True)
class TrainingJob:
    """A model and the lines it is to be validated on.

    lines: the trait's phenotypes.tsv (candidates have no value); codes: (lines, markers) in
    the same order. name: the seeds depend on (seed, trait, name, unit, inner fold) alone.
    """

    model: Model
    name: str
    trait: str
    lines: pd.DataFrame
    codes: np.ndarray
    ploidy: int
    plan: pd.DataFrame
    permutations: int
    seed: int
    device: str

    def run(self, threads: int) -> Tables:
        """Fit every unit, in `threads` processes of one compute thread each.

        The tables do not depend on `threads`. A UserError tells of a network that predicts a
        constant for the real trait, or of a prediction that is not a number.
        """
        work = units(self.plan, self.lines["sample"].tolist(), self.permutations)
        tasks = [task for unit in work for task in self._tasks(unit)]
        log.info("%s on %s: %d units, %d fits", self.name, self.trait, len(work), len(tasks))
        gathered = _Gathered(self.lines)
        done = run_tasks(self._fit, tasks, 1 if self.computed_on == "cuda" else threads)
        results: list[tuple[Task, Result]] = []
        for number, (task, result) in enumerate(zip(tasks, done, strict=True), start=1):
            if number % max(1, len(tasks) // 10) == 0 or number == len(tasks):
                log.info("%s on %s: %d of %d fits done", self.name, self.trait, number, len(tasks))
            results.append((task, result))
            if number == len(tasks) or tasks[number].unit is not task.unit:
                gathered.add(task.unit, results)
                results = []
        if gathered.constant:
            log.warning(
                "%s on %s: %d of %d fits predict the same value for every line; "
                "where it is so in a test fold, the correlation is NA and counts as 0",
                *(self.name, self.trait, gathered.constant, len(tasks)),
            )
        return gathered.tables()

    @cached_property
    def computed_on(self) -> str:
        """The device the fits are computed on: `cpu` or `cuda`. A UserError if it is absent."""
        if not self.model.is_network:
            return "cpu"
        from breedcast.training.device import pick_device

        return pick_device(self.device).type

    def run_facts(self) -> dict[str, Any]:
        """What this run was made with: for the report, never for a result."""
        libraries = ["numpy", "scipy", *(["torch"] if self.model.is_network else [])]
        return {
            "device": self.computed_on,
            "model": f"{type(self.model).__module__}:{type(self.model).__name__}",
            "options": asdict(self.model),
            "seed": self.seed,
            "versions": {library: version(library) for library in libraries},
        }

    def _tasks(self, unit: Unit) -> list[Task]:
        is_network = self.model.is_network
        inner = [Task(unit, inner_fold, final=is_network) for inner_fold in unit.inner_folds]
        return inner if is_network else [*inner, Task(unit, None, final=True)]

    def _fit(self, task: Task) -> Result:
        unit = task.unit
        table = permuted(self.lines, self.seed, self.trait, unit.permutation)
        lines = Lines(
            self.codes,
            self.ploidy,
            table[covariate_columns(table)],
            table["value"].to_numpy(np.float64),
        )
        seed = derive_seed(
            *(self.seed, self.trait, self.name),
            *(unit.repeat, unit.fold, unit.permutation, task.inner_fold),
        )
        fitted = self.model.fit(lines.take(task.train), seed, self.computed_on)
        inner = fitted.predict(lines.take(task.inner).blind())
        test = fitted.predict(lines.take(task.test).blind())
        predicted = np.concatenate([inner.mean, test.mean])
        constant = self._is_constant(task, predicted, lines.observed[task.train])
        return Result(
            inner,
            test,
            fitted.saliency if task.final and not unit.permutation else None,
            list(fitted.history),
            dict(fitted.facts),
            fitted.weights() if task.final and unit.is_candidates else {},
            constant,
        )

    def _is_constant(self, task: Task, predicted: np.ndarray, observed: np.ndarray) -> bool:
        """Whether a fit predicts one value for all; a network may not, for the real trait."""
        unit = task.unit
        where = (
            f"model {self.name!r}, trait {self.trait!r}, repeat {unit.repeat}, fold {unit.fold}, "
            f"inner fold {task.inner_fold}, permutation {unit.permutation}"
        )
        if not np.isfinite(predicted).all():
            raise UserError(f"{where}: a prediction is not a number; lower the learning rate")
        if len(predicted) == 0 or np.ptp(predicted) > 1e-9 * np.std(observed):
            return False
        if self.model.is_network and unit.permutation == 0:
            raise UserError(
                f"{where}: the network predicts the same value for every line; give it more "
                "epochs or another learning_rate, or leave the model out"
            )
        return True


class _Gathered:
    """The rows of the tables, unit by unit."""

    def __init__(self, lines: pd.DataFrame) -> None:
        self.lines = lines[["sample", "environment"]]
        self.predictions: list[pd.DataFrame] = []
        self.saliency: list[pd.DataFrame] = []
        self.history: list[dict[str, Any]] = []
        self.facts: list[dict[str, Any]] = []
        self.weights: dict[str, np.ndarray] = {}
        self.constant = 0

    def add(self, unit: Unit, results: list[tuple[Task, Result]]) -> None:
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
        self._predictions(unit, role, unit.test, _mean([result.test for result in finals]))
        salient = [result.saliency for result in finals if result.saliency is not None]
        if salient:
            frame = pd.DataFrame({"saliency": np.mean(salient, axis=0)})
            frame.insert(0, "marker", np.arange(len(frame)))
            self.saliency.append(frame.assign(repeat=unit.repeat, fold=unit.fold)[SALIENCY])

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

    def tables(self) -> Tables:
        predictions = pd.concat(self.predictions, ignore_index=True)
        saliency = (
            pd.concat(self.saliency, ignore_index=True)
            if self.saliency
            else pd.DataFrame(columns=SALIENCY)
        )
        history = pd.DataFrame(self.history, columns=HISTORY)
        facts = pd.DataFrame(self.facts, columns=FACTS).astype({"inner_fold": "Int64"})
        return Tables(predictions, history, saliency, facts, self.weights)


def _mean(predictions: list[Prediction]) -> Prediction:
    if len(predictions) == 1:
        return predictions[0]
    return Prediction.point(np.mean([prediction.mean for prediction in predictions], axis=0))
