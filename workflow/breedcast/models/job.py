"""One training job: one model, one trait, every unit of the plan.

Each unit (repeat, fold, permutation) holds out its inner folds one by one, so that every
training line gets a prediction from a fit that did not see it. Its test lines are predicted
by the mean of the inner folds' networks, or by one more fit on all training lines for models
that need no stopping; and, for the intervals, by each fit without an inner fold. The candidates
are one more unit.
"""

from __future__ import annotations

import logging
import resource
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from importlib import import_module
from itertools import compress, groupby
from typing import Any

import numpy as np
import pandas as pd

from breedcast.checkpoint import NOWHERE, Checkpoint, Checkpoints
from breedcast.errors import UserError
from breedcast.genotypes.hybrids import CrossedCodes
from breedcast.genotypes.impute import IMPUTERS, Imputer
from breedcast.models.base import Fit, Fitted, Lines, Model, Parents, Prediction
from breedcast.models.chunks import Chunk, Chunking, Work
from breedcast.models.constant import FittedConstant
from breedcast.models.gathered import Gathered, Tables
from breedcast.models.helped import own_helper_accuracies
from breedcast.models.importance import PERMUTATION, window_importance
from breedcast.models.products import DosageProducts
from breedcast.models.results import FitTask, Result
from breedcast.models.tuning import Tuning, no_studies, tuned_models
from breedcast.progress import Listener, unheard
from breedcast.seeds import derive_seed
from breedcast.validation.control import permuted
from breedcast.validation.plan import Unit, units
from breedcast.workers import keep_freed_memory

log = logging.getLogger(__name__)

#: Calls of lines that are predicted at a time: of candidates there may be very many.
PREDICTED_CALLS = 20_000_000


@dataclass(frozen=True)
class TrainingJob:
    """A model and the lines it is to be validated on.

    lines: the trait's phenotypes.tsv (candidates have no value); codes: (lines, markers) in
    the same order. name: the seeds depend on (seed, trait, name, unit, inner fold) alone.
    imputation: `mean`, which is left to the model, or one of IMPUTERS: how each fit's missing calls
    are filled from its training lines (the stop set of a network is among them). windows: first
    markers of those to be permuted, and the end. tuning: which of the model's options each unit
    chooses for itself; None leaves them as they are. families: by sample; given, the trait is
    permuted within them too. helpers: (lines, helper traits) the lines' values in other traits, for
    a model that learns from them; the control leaves them where they are. Lines that are nowhere in
    the plan are trained on in every unit, for the sake of these.
    parents: of all lines, where they are hybrids; codes is then what makes theirs
    (hybrids.CrossedCodes). conditions: (lines, environment covariates) of each one's environment.
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
    windows: Sequence[int] = (0,)
    tuning: Tuning | None = None
    families: pd.Series | None = None
    helpers: pd.DataFrame | None = None
    parents: Parents | None = None
    conditions: pd.DataFrame | None = None

    def run(self, threads: int, checkpoints: Checkpoints | None = None) -> Tables:
        """Fit every unit, in `threads` processes of one compute thread each, tuned first if asked.

        The tables depend neither on `threads` nor on how often the job was killed: what is
        found in checkpoints is not done again. A UserError tells of a network that predicts a
        constant for the real trait, or of a prediction that is not a number.
        """
        self._begin(checkpoints)
        every = self._units()
        models, studies = self._models(every, threads, checkpoints)
        chunks = list(self.chunking.chunks(every, models))
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
        work = self._work(chunks, checkpoints)
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
        last = (model for unit, model in zip(every, models, strict=True) if unit.is_candidates)
        return gathered.tables(studies, next(last, self.model))

    def run_part(self, part: int, parts: int, threads: int, checkpoints: Checkpoints) -> None:
        """Make the fits of every parts-th unit, from part (from 0) on, and leave them there.

        `run` gathers them from the checkpoints. Units that are computed as one stay together.
        """
        self._begin(checkpoints)
        every = self._units()
        # numbered as those of the whole job are
        chunks = self.chunking.chunks(every, [self.model] * len(every))
        grouped = [list(group) for _, group in groupby(chunks, key=lambda it: it.tasks[0].unit)]
        if mine := grouped[part::parts]:
            firsts = [group[0].tasks[0].unit for group in mine]
            models, _ = self._models(firsts, threads, checkpoints)
            own = [
                replace(chunk, model=model)
                for group, model in zip(mine, models, strict=True)
                for chunk in group
            ]
            for _ in self._work(own, checkpoints).results(self._processes(threads, own)):
                pass

    def _work(self, chunks: list[Chunk], checkpoints: Checkpoints | None) -> Work:
        return Work(f"{self.name} on {self.trait}", self.fit, chunks, checkpoints)

    def _begin(self, checkpoints: Checkpoints | None) -> None:
        if checkpoints is not None:
            checkpoints.begin()
        if self.model.is_network:
            keep_freed_memory()
        if self.products is not None:  # made before the processes are, which share it
            log.info("%s on %s: dosages were multiplied once, for all fits", self.name, self.trait)

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
        if self.products is not None:  # no call is missing
            return None
        return IMPUTERS[self.imputation].of(self.codes, self.ploidy)

    @cached_property
    def products(self) -> DosageProducts | None:
        """Of all lines' dosages, for models that use them, where no call is missing."""
        if isinstance(self.codes, CrossedCodes):  # hybrids, of which there may be too many
            return None
        if not self.model.uses_products(*self.codes.shape):
            return None
        return DosageProducts.of(self.codes, self.ploidy)

    @property
    def chunking(self) -> Chunking:
        """Which fits are computed as one."""
        return Chunking(self.model, self.computed_on, self.codes.size, self.tuning is not None)

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
            "tuned": self._tuned,
        }

    @property
    def _tuned(self) -> list[str]:
        """The names of the options that are tuned."""
        return [] if self.tuning is None else self.tuning.options

    def chosen(self, model: Model) -> dict[str, Any]:
        """The options of a unit's model that were tuned, or given other than documented."""
        changed = replace(self, model=model)._changed_options()
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(model).items()
            if name in changed or name in self._tuned
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

    def _processes(self, threads: int, tasks: Sequence[Any]) -> int:
        return 1 if self.computed_on == "cuda" else min(threads, len(tasks))

    def _units(self) -> list[Unit]:
        return units(self.plan, self.lines, self.permutations, self.families is not None)

    def _models(
        self, every: list[Unit], threads: int, checkpoints: Checkpoints | None
    ) -> tuple[list[Model], pd.DataFrame]:
        """The model of each of these units, and the trials by which its options were chosen."""
        if self.tuning is None:
            return [self.model] * len(every), no_studies()
        processes = self._processes(threads, every)
        return tuned_models(self, self.tuning, every, processes, checkpoints)

    def fit(
        self,
        tasks: list[FitTask],
        model: Model,
        checkpoint: Checkpoint = NOWHERE,
        listen: Listener = unheard,
    ) -> list[Result]:
        """Make fits that are computed as one and predict their lines.

        model: the job's, or it with other options.
        """
        dealt = [self.lines_of(task.unit) for task in tasks]
        fits = [
            Fit(
                self._given(lines, self._trained_on(task), task),
                self._seed(task),
                self._where(task),
            )
            for task, lines in zip(tasks, dealt, strict=True)
        ]
        seen = [lines.observed[task.train] for task, lines in zip(tasks, dealt, strict=True)]
        varies = [np.ptp(value) > 0 for value in seen]
        to_make = list(compress(fits, varies))
        made = iter(model.fit_all(to_make, self.computed_on, checkpoint, listen) if to_make else ())
        fitted = [
            next(made) if differ else FittedConstant(float(value[0]))
            for value, differ in zip(seen, varies, strict=True)
        ]
        return [self._result(*three) for three in zip(tasks, dealt, fitted, strict=True)]

    def lines_of(self, unit: Unit) -> Lines:
        """All lines, with the unit's values."""
        table = permuted(self.lines, self.seed, self.trait, unit.permutation, self.families)
        beside = self.products, self.helpers, self.parents, self.conditions
        return Lines.of(self.codes, self.ploidy, table, *beside)

    def _trained_on(self, task: FitTask) -> np.ndarray:
        """Positions of the lines that a fit is given: those without a value come last."""
        return task.train if self.helpers is None else np.append(task.train, self._helper_lines)

    @cached_property
    def _helper_lines(self) -> np.ndarray:
        """Positions of the lines that have values in helper traits alone and are not predicted."""
        return np.flatnonzero(~self.lines["sample"].isin(self.plan["sample"]))

    def _given(self, lines: Lines, rows: np.ndarray, task: FitTask) -> Lines:
        """The lines at these positions as a fit is given them, missing calls filled."""
        given = lines.take(rows)
        if self.imputer is None:
            return given
        return given.with_codes(self.imputer.fill(rows, task.train))

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
        inner = self._predicted(fitted, lines, task.inner, task)
        own_helpers = self.model.uses_own_helpers
        of_candidates = own_helpers and task.unit.is_candidates
        test = self._predicted(fitted, lines, task.test, task, of_candidates)
        predicted = np.concatenate([inner.mean, test.mean])
        observed = lines.observed[task.train]
        self._check(task, predicted, observed)
        unit, facts = task.unit, dict(fitted.facts)
        if own_helpers and task.final and not (unit.is_candidates or unit.permutation):
            to_test = self._given(lines, task.test, task)
            helped = fitted.predict(to_test.blind(but_helpers=True))
            facts |= own_helper_accuracies(to_test, test.mean, helped.mean)
        return Result(
            inner,
            test,
            self._saliency(task, lines, fitted),
            list(fitted.history),
            facts,
            self._weights(task, fitted) if task.final and unit.is_candidates else {},
            _is_constant(predicted, observed),
        )

    def _predicted(
        self,
        fitted: Fitted,
        lines: Lines,
        rows: np.ndarray,
        task: FitTask,
        own_helpers: bool = False,
    ) -> Prediction:
        """Predictions of the lines at these positions, so many at a time as memory allows."""
        step = max(1, PREDICTED_CALLS // self.codes.shape[1])
        parts = [rows[first : first + step] for first in range(0, max(len(rows), 1), step)]
        return Prediction.joined(
            [fitted.predict(self._given(lines, part, task).blind(own_helpers)) for part in parts]
        )

    def _saliency(self, task: FitTask, lines: Lines, fitted: Fitted) -> dict[str, np.ndarray]:
        """What moves the predictions, and what windows are worth to those of lines held out."""
        found = dict(fitted.saliency) if task.final else {}
        if self.model.permutes_windows and len(self.windows) > 1 and len(task.inner):
            rng = np.random.default_rng(derive_seed(self._seed(task), PERMUTATION))
            held_out, windows = self._given(lines, task.inner, task), np.asarray(self.windows)
            found[PERMUTATION] = window_importance(fitted, held_out, windows, rng)[None]
        return found

    def _weights(self, task: FitTask, fitted: Fitted) -> dict[str, np.ndarray]:
        """What was learnt, by the model and for filling missing calls."""
        filling = {} if self.imputer is None else self.imputer.arrays(task.train)
        return fitted.weights() | {f"imputation.{name}": it for name, it in filling.items()}

    def _check(self, task: FitTask, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Raises a UserError for a prediction that is no number, and for a network that predicts
        one value for all lines of the real trait. observed: the values trained on.
        """
        if not np.isfinite(predicted).all():
            remedy = "lower its learning_rate" if self.model.is_network else "leave the model out"
            raise UserError(f"{self._where(task)}: a prediction is not a number; {remedy}")
        if not self.model.is_network or task.unit.permutation or np.ptp(observed) == 0:
            return
        if _is_constant(predicted, observed):
            raise UserError(
                f"{self._where(task)}: the network predicts the same value for every line; give "
                "it more epochs or another learning_rate, or leave the model out"
            )


def _is_constant(predicted: np.ndarray, observed: np.ndarray) -> bool:
    """Whether predictions are one value for all, beside the spread of the values trained on."""
    return len(predicted) > 0 and bool(np.ptp(predicted) <= 1e-9 * np.std(observed))


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
