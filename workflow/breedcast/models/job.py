"""One training job: one model, one trait, every unit of the plan.

Each unit (repeat, fold, permutation) holds out its inner folds one by one, so that every
training line gets a prediction from a fit that did not see it. Its test lines are predicted
by the mean of the inner folds' networks, or by one more fit on all training lines for models
that need no stopping. The candidates are one more unit.
"""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from importlib import import_module
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from breedcast.checkpoint import NOWHERE, Checkpoint, Checkpoints
from breedcast.errors import UserError
from breedcast.genotypes.impute import IMPUTERS, Imputer
from breedcast.models.base import Fit, Fitted, Lines, Model
from breedcast.models.gathered import Gathered, Tables
from breedcast.models.results import FitTask, Result, load_results, save_results
from breedcast.phenotypes.covariates import covariate_columns
from breedcast.progress import Listener, Progress, unheard
from breedcast.seeds import derive_seed
from breedcast.validation.control import permuted
from breedcast.validation.plan import Unit, units
from breedcast.workers import keep_freed_memory, run_tasks

log = logging.getLogger(__name__)

#: Bytes of codes that the fits computed as one may hold, each its own lines'.
STACKED_BYTES = {"cpu": 200_000_000, "cuda": 4_000_000_000}


@dataclass(frozen=True)
class Chunk:
    """Fits that one process makes in one go. number: of the first of them in the job."""

    number: int
    tasks: list[FitTask]


@dataclass(frozen=True)
class TrainingJob:
    """A model and the lines it is to be validated on.

    lines: the trait's phenotypes.tsv (candidates have no value); codes: (lines, markers) in
    the same order. name: the seeds depend on (seed, trait, name, unit, inner fold) alone.
    imputation: `mean`, which is left to the model, or one of IMPUTERS: how each fit's missing calls
    are filled from its training lines (the stop set of a network is among them).
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
    imputation: str = "mean"

    def run(self, threads: int, checkpoints: Checkpoints | None = None) -> Tables:
        """Fit every unit, in `threads` processes of one compute thread each.

        The tables depend neither on `threads` nor on how often the job was killed: what is
        found in checkpoints is not done again. A UserError tells of a network that predicts a
        constant for the real trait, or of a prediction that is not a number.
        """
        chunks = list(self._chunks())
        tasks = [task for chunk in chunks for task in chunk.tasks]
        processes = self._processes(threads, chunks)
        log.info(
            "%s on %s: %d fits on %s in %d processes, %s",
            *(self.name, self.trait, len(tasks), self.computed_on, processes, self.strategy),
        )
        for remark in self.model.remarks():
            log.warning("%s: %s", self.name, remark)
        if self.imputer is not None:  # made before the processes are, which share it
            log.info(
                "%s on %s: missing calls are filled (%s)", *(self.name, self.trait, self.imputation)
            )
        if self.model.is_network:
            keep_freed_memory()
        work = _Work(self, chunks, checkpoints)
        stream = zip(tasks, work.results(processes), strict=True)
        gathered = Gathered(self.lines)
        for unit, results in groupby(stream, key=lambda pair: pair[0].unit):
            gathered.add(unit, list(results))
        if gathered.constant:
            log.warning(
                "%s on %s: %d of %d fits predict the same value for every line; "
                "where it is so in a test fold, the correlation is NA and counts as 0",
                *(self.name, self.trait, gathered.constant, len(tasks)),
            )
        log.info("%s on %s: %s", self.name, self.trait, peak_memory(self.computed_on))
        return gathered.tables()

    def run_part(self, part: int, parts: int, threads: int, checkpoints: Checkpoints) -> None:
        """Make every parts-th fit, beginning with part (from 0), and leave it in checkpoints.

        `run` gathers them from there. Fits that are computed as one stay together.
        """
        chunks = list(self._chunks())[part::parts]
        if self.model.is_network:
            keep_freed_memory()
        if chunks:
            for _ in _Work(self, chunks, checkpoints).results(self._processes(threads, chunks)):
                pass

    @cached_property
    def computed_on(self) -> str:
        """The device the fits are computed on: `cpu` or `cuda`. A UserError if it is absent."""
        if not self.model.is_network:
            return "cpu"
        from breedcast.training.device import pick_device

        return pick_device(self.device).type

    @cached_property
    def imputer(self) -> Imputer | None:
        """What fills the missing calls of a fit; None where a model is given them as they are."""
        if self.imputation == "mean" or not self.model.needs_all_calls:
            return None
        return IMPUTERS[self.imputation].of(self.codes, self.ploidy)

    @property
    def strategy(self) -> str:
        """How the fits of a process follow each other."""
        if not self.model.side_by_side(self.computed_on):
            return "one after another"
        return "side by side" + (", if they are small" if self.computed_on == "cpu" else "")

    def made_with(self) -> dict[str, Any]:
        """What the results follow from, beside the data."""
        return {
            "model": f"{type(self.model).__module__}:{type(self.model).__name__}",
            "name": self.name,
            "trait": self.trait,
            "options": asdict(self.model),
            "seed": self.seed,
            "imputation": self.imputation,
        }

    def run_facts(self) -> dict[str, Any]:
        """What this run was made with: for the report, never for a result."""
        return {
            **self.made_with(),
            "changed": self._changed_options(),
            "device": self.computed_on,
            "strategy": self.strategy,
            "remarks": self.model.remarks(),
            "versions": {name: import_module(name).__version__ for name in self.model.libraries},
        }

    def _changed_options(self) -> dict[str, Any]:
        """The options that differ from the model's documented ones."""
        documented = {it.name: it.default for it in fields(self.model)}
        # a list of the config stands for a tuple of the model
        return {
            name: value
            for name, value in asdict(self.model).items()
            if (tuple(value) if isinstance(value, list) else value) != documented[name]
        }

    def _processes(self, threads: int, chunks: list[Chunk]) -> int:
        return 1 if self.computed_on == "cuda" else min(threads, len(chunks))

    def _chunks(self) -> Iterator[Chunk]:
        """The fits in the order of the plan, those together that are computed as one."""
        number = 0
        for tasks in self._computed_as_one():
            yield Chunk(number, tasks)
            number += len(tasks)

    def _computed_as_one(self) -> Iterator[list[FitTask]]:
        """On a CPU a unit's fits, whatever `threads`: the results must not depend on it. On a GPU
        those of as many units as memory for their codes allows.
        """
        by_unit = [
            self._tasks(unit)
            for unit in units(self.plan, self.lines["sample"].tolist(), self.permutations)
        ]
        stacked = self.model.side_by_side(self.computed_on)
        most = STACKED_BYTES[self.computed_on] // max(1, self.codes.size)
        if stacked and self.computed_on == "cuda":
            units_at_once = max(1, most // max(map(len, by_unit)))
            for start in range(0, len(by_unit), units_at_once):
                yield [task for tasks in by_unit[start : start + units_at_once] for task in tasks]
            return
        for tasks in by_unit:
            if stacked and len(tasks) <= most:
                yield tasks
            else:
                yield from ([task] for task in tasks)

    def _tasks(self, unit: Unit) -> list[FitTask]:
        is_network = self.model.is_network
        inner = [FitTask(unit, inner_fold, final=is_network) for inner_fold in unit.inner_folds]
        return inner if is_network else [*inner, FitTask(unit, None, final=True)]

    def fit(
        self, chunk: Chunk, checkpoint: Checkpoint = NOWHERE, listen: Listener = unheard
    ) -> list[Result]:
        """Make the fits of a chunk and predict their lines."""
        dealt = [self._lines(task.unit) for task in chunk.tasks]
        fits = [
            Fit(self._given(lines, task.train, task), self._seed(task), self._where(task))
            for task, lines in zip(chunk.tasks, dealt, strict=True)
        ]
        fitted = self.model.fit_all(fits, self.computed_on, checkpoint, listen)
        return [self._result(*three) for three in zip(chunk.tasks, dealt, fitted, strict=True)]

    def _lines(self, unit: Unit) -> Lines:
        """All lines, with the unit's values."""
        table = permuted(self.lines, self.seed, self.trait, unit.permutation)
        return Lines(
            self.codes,
            self.ploidy,
            table[covariate_columns(table)],
            table["value"].to_numpy(np.float64),
            table["weight"].to_numpy(np.float64),
        )

    def _given(self, lines: Lines, rows: np.ndarray, task: FitTask) -> Lines:
        """The lines at these positions as a fit is given them, missing calls filled."""
        given = lines.take(rows)
        if self.imputer is None:
            return given
        return replace(given, codes=self.imputer.fill(rows, task.train))

    def _seed(self, task: FitTask) -> int:
        unit = task.unit
        return derive_seed(
            *(self.seed, self.trait, self.name),
            *(unit.repeat, unit.fold, unit.permutation, task.inner_fold),
        )

    def _where(self, task: FitTask) -> str:
        """What to call a fit where it fails."""
        unit = task.unit
        return (
            f"model {self.name!r}, trait {self.trait!r}, repeat {unit.repeat}, fold {unit.fold}, "
            f"inner fold {task.inner_fold}, permutation {unit.permutation}"
        )

    def _result(self, task: FitTask, lines: Lines, fitted: Fitted) -> Result:
        inner = fitted.predict(self._given(lines, task.inner, task).blind())
        test = fitted.predict(self._given(lines, task.test, task).blind())
        predicted = np.concatenate([inner.mean, test.mean])
        constant = self._is_constant(task, predicted, lines.observed[task.train])
        unit = task.unit
        return Result(
            inner,
            test,
            fitted.saliency if task.final else None,
            list(fitted.history),
            dict(fitted.facts),
            self._weights(task, fitted) if task.final and unit.is_candidates else {},
            constant,
        )

    def _weights(self, task: FitTask, fitted: Fitted) -> dict[str, np.ndarray]:
        """What was learnt, by the model and for filling missing calls."""
        filling = {} if self.imputer is None else self.imputer.arrays(task.train)
        return fitted.weights() | {f"imputation.{name}": it for name, it in filling.items()}

    def _is_constant(self, task: FitTask, predicted: np.ndarray, observed: np.ndarray) -> bool:
        """Whether a fit predicts one value for all; a network may not, for the real trait."""
        if not np.isfinite(predicted).all():
            raise UserError(
                f"{self._where(task)}: a prediction is not a number; lower the learning rate"
            )
        if len(predicted) == 0 or np.ptp(predicted) > 1e-9 * np.std(observed):
            return False
        if self.model.is_network and task.unit.permutation == 0:
            raise UserError(
                f"{self._where(task)}: the network predicts the same value for every line; give "
                "it more epochs or another learning_rate, or leave the model out"
            )
        return True


class _Work:
    """The chunks of a job as they are worked off."""

    def __init__(
        self, job: TrainingJob, chunks: list[Chunk], checkpoints: Checkpoints | None
    ) -> None:
        self.job = job
        self.chunks = chunks
        self.checkpoints = checkpoints
        if checkpoints is not None:
            checkpoints.begin()
        kept = sum(len(chunk.tasks) for chunk in chunks if self._checkpoint(chunk).is_there)
        if kept:
            log.info("%d fits were done before; going on from there", kept)
        fits = 0
        self.first: dict[int, int] = {}  # the fits before a chunk, of this work's
        for chunk in chunks:
            self.first[chunk.number] = fits
            fits += len(chunk.tasks)
        self.progress = Progress(f"{job.name} on {job.trait}", fits, kept)

    def results(self, processes: int) -> Iterator[Result]:
        """The result of every fit, in order."""
        done = run_tasks(self._fit, self.chunks, processes, self.progress.maybe_say)
        for results in done:
            self.progress.finished(len(results))
            yield from results

    def _fit(self, chunk: Chunk) -> list[Result]:
        checkpoint = self._checkpoint(chunk)
        results = load_results(checkpoint)
        if results is None:
            listen = self.progress.listener(self.first[chunk.number])
            results = self.job.fit(chunk, checkpoint.part("training"), listen)
            save_results(results, checkpoint)
        return results

    def _checkpoint(self, chunk: Chunk) -> Checkpoint:
        if self.checkpoints is None:
            return NOWHERE
        return self.checkpoints[f"{chunk.number}-{len(chunk.tasks)}"]


def peak_memory(device: str) -> str:
    """The largest memory that a process of this job has held so far, in words."""
    kilobytes = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    held = f"at most {kilobytes / 1e6:.2f} GB in a process"
    if device == "cuda":
        import torch

        held += f", {torch.cuda.max_memory_allocated() / 1e9:.2f} GB on the GPU"
    return held
