"""The fits of a training job, in the chunks that a process makes in one go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from breedcast.checkpoint import NOWHERE, Checkpoint, Checkpoints
from breedcast.models.base import Model
from breedcast.models.results import FitTask, Result, load_results, save_results
from breedcast.progress import Listener, Progress
from breedcast.validation.plan import Unit
from breedcast.workers import run_tasks

log = logging.getLogger(__name__)

#: Bytes of codes that the fits computed as one may hold, each its own lines'.
STACKED_BYTES = {"cpu": 200_000_000, "cuda": 4_000_000_000}

#: Makes the fits of a chunk; `TrainingJob.fit`.
FitChunk = Callable[[list[FitTask], Model, Checkpoint, Listener], list[Result]]


@dataclass(frozen=True)
class Chunk:
    """Fits of one model that one process makes in one go. number: of the first in the job."""

    number: int
    tasks: list[FitTask]
    model: Model


@dataclass(frozen=True)
class Chunking:
    """Which fits of a job are computed as one.

    model: the job's; device: `cpu` or `cuda`; code_bytes: of all lines; tuned: whether the units'
    models may differ in their options.
    """

    model: Model
    device: str
    code_bytes: int
    tuned: bool

    def chunks(self, every: list[Unit], models: list[Model]) -> Iterator[Chunk]:
        """The fits in the order of the plan, those together that are computed as one."""
        number = 0
        for tasks, model in self._computed_as_one(every, models):
            yield Chunk(number, tasks, model)
            number += len(tasks)

    def tasks(self, unit: Unit) -> list[FitTask]:
        """The fits of a unit: without each inner fold and, but of networks, on all its lines."""
        is_network = self.model.is_network
        is_real = unit.permutation == 0
        inner = [FitTask(unit, fold, final=is_network, member=is_real) for fold in unit.inner_folds]
        return inner if is_network else [*inner, FitTask(unit, None, final=True)]

    def together(self, tasks: list[FitTask]) -> list[list[FitTask]]:
        """Fits of a unit in the parts that are computed as one."""
        is_one = self.device == "cuda" or len(tasks) <= self._most_stacked
        return [tasks] if self._is_stacked and is_one else [[task] for task in tasks]

    def _computed_as_one(
        self, every: list[Unit], models: list[Model]
    ) -> Iterator[tuple[list[FitTask], Model]]:
        """On a CPU a unit's fits, whatever `threads`: the results must not depend on it. On a GPU
        those of as many units as memory for their codes allows, if their options are the same.
        """
        by_unit = [self.tasks(unit) for unit in every]
        if self._is_stacked and self.device == "cuda" and not self.tuned:
            units_at_once = max(1, self._most_stacked // max(map(len, by_unit)))
            for start in range(0, len(by_unit), units_at_once):
                some = by_unit[start : start + units_at_once]
                yield [task for tasks in some for task in tasks], self.model
            return
        for tasks, model in zip(by_unit, models, strict=True):
            for together in self.together(tasks):
                yield together, model

    @property
    def _is_stacked(self) -> bool:
        return self.model.side_by_side(self.device)

    @property
    def _most_stacked(self) -> int:
        """How many fits at a time memory for their codes allows."""
        return STACKED_BYTES[self.device] // max(1, self.code_bytes)


class Work:
    """Chunks of a job as they are worked off; what the checkpoints hold is not done again.

    title: what the log calls the job.
    """

    def __init__(
        self, title: str, fit: FitChunk, chunks: list[Chunk], checkpoints: Checkpoints | None
    ) -> None:
        self.fit = fit
        self.chunks = chunks
        self.checkpoints = checkpoints
        kept = sum(len(chunk.tasks) for chunk in chunks if self._checkpoint(chunk).is_there)
        if kept:
            log.info("%d fits were done before; going on from there", kept)
        fits = 0
        self.first: dict[int, int] = {}  # the fits before a chunk, of this work's
        for chunk in chunks:
            self.first[chunk.number] = fits
            fits += len(chunk.tasks)
        self.progress = Progress(title, fits, kept)

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
            training = checkpoint.part("training")
            results = self.fit(chunk.tasks, chunk.model, training, listen)
            save_results(results, checkpoint)
        return results

    def _checkpoint(self, chunk: Chunk) -> Checkpoint:
        if self.checkpoints is None:
            return NOWHERE
        return self.checkpoints[f"{chunk.number}-{len(chunk.tasks)}"]
