"""Tuning: a unit's options, chosen by trials on the inner folds of its own training lines.

Trials are proposed by Optuna (Akiba et al. 2019, KDD 25:2623) with the tree-structured Parzen
estimator (Bergstra et al. 2011, NIPS 24:2546); one that after an inner fold is behind the median of
those before it is given up. A proposal follows from the trials before it and a seed alone, so that
a study that was killed ends as if it had not been.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from breedcast.agreement import pearson_or_zero
from breedcast.checkpoint import NOWHERE, Checkpoint, Checkpoints
from breedcast.errors import UserError
from breedcast.models.base import Choice, Lines, Model, Search
from breedcast.models.results import FitTask
from breedcast.phenotypes.records import within
from breedcast.seeds import derive_seed
from breedcast.validation.plan import Unit
from breedcast.validation.unit import UNIT
from breedcast.workers import run_tasks

if TYPE_CHECKING:
    import optuna

    from breedcast.models.job import TrainingJob

log = logging.getLogger(__name__)

#: States of a trial. Pruned: given up, behind the others; failed: no fit with its options.
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
#: So many whole trials are there before one is given up.
FIRST_WHOLE = 5
STUDIES = [*UNIT, "trial", "state", "inner_folds", "value", "options"]


@dataclass(frozen=True)
class Tuning:
    """What is tuned, and the budget of each study: it ends by whichever comes first.

    options: names of the options that are chosen; all others stay as given. minutes of wall time;
    with them the results depend on the machine.
    """

    options: list[str]
    trials: int | None = None
    minutes: float | None = None

    def is_spent(self, trials: int, seconds: float) -> bool:
        """Whether no other trial is begun; one always is."""
        by_trials = self.trials is not None and trials >= self.trials
        by_time = self.minutes is not None and seconds >= 60 * self.minutes
        return trials > 0 and (by_trials or by_time)


@dataclass(frozen=True)
class Trial:
    """Options that were tried, and the predictive ability in each inner fold that was computed."""

    options: dict[str, Any]
    state: str
    abilities: list[float]

    @property
    def value(self) -> float:
        """Mean predictive ability over these inner folds; NaN where there is none."""
        return float(np.mean(self.abilities)) if self.abilities else np.nan


@dataclass(frozen=True)
class Study:
    """The trials of a unit, the first of them of the options as given."""

    trials: list[Trial]

    @property
    def best(self) -> Trial:
        """The complete trial of the largest value; the first of equals."""
        complete = [trial for trial in self.trials if trial.state == COMPLETE]
        return max(complete, key=lambda trial: trial.value)


def tuned_models(
    job: TrainingJob,
    tuning: Tuning,
    units: list[Unit],
    processes: int,
    checkpoints: Checkpoints | None,
) -> tuple[list[Model], pd.DataFrame]:
    """The model of each unit, its options chosen on the unit's training lines; and all trials.

    The trials' columns: repeat, fold, permutation, trial (from 0), state, inner_folds (computed),
    value (mean Pearson correlation over these), options (JSON).
    """
    study = partial(_study, job, tuning, checkpoints)
    models, parts = [], []
    for unit, found in zip(units, run_tasks(study, units, processes), strict=True):
        log.info(
            "%s on %s, repeat %d, fold %d, permutation %d: %d trials, from %.3f to %.3f with %s",
            *(job.name, job.trait, unit.repeat, unit.fold, unit.permutation, len(found.trials)),
            *(found.trials[0].value, found.best.value, json.dumps(found.best.options)),
        )
        models.append(replace(job.model, **found.best.options))
        parts.append(_table(unit, found))
    return models, pd.concat(parts, ignore_index=True)


def no_studies() -> pd.DataFrame:
    """The table of the trials where nothing is tuned."""
    return pd.DataFrame(columns=STUDIES)


def _study(job: TrainingJob, tuning: Tuning, checkpoints: Checkpoints | None, unit: Unit) -> Study:
    """A unit's study, the real trait's or the control's: each is tuned as it is trained."""
    where = (unit.repeat, unit.fold, unit.permutation)
    checkpoint = NOWHERE if checkpoints is None else checkpoints["study-{}-{}-{}".format(*where)]
    seed = derive_seed(job.seed, job.trait, job.name, "study", *where)
    return search(job.model, tuning, seed, partial(_abilities, job, unit), checkpoint)


def _abilities(job: TrainingJob, unit: Unit, model: Model) -> Iterator[float]:
    """The correlation in each inner fold, of a unit's fits with this model.

    Fits that are computed as one are told of when all are. A constant prediction counts as 0.
    """
    tasks = [FitTask(unit, inner_fold, final=False) for inner_fold in unit.inner_folds]
    lines = job.lines_of(unit)
    for together in job.chunking.together(tasks):
        for task, result in zip(together, job.fit(together, model), strict=True):
            yield 0.0 if result.constant else _ability(lines.take(task.inner), result.inner.mean)


def _ability(lines: Lines, predicted: np.ndarray) -> float:
    """The correlation with the lines' values, within environments where there are any.

    Where either does not vary (a rare class may be absent from an inner fold) it counts as 0.
    """
    value = lines.observed

    def figures(rows: np.ndarray) -> dict[str, float]:
        return {"pearson": pearson_or_zero(value[rows], predicted[rows])}

    return within(lines.environments, figures)["pearson"]


def search(
    model: Model,
    tuning: Tuning,
    seed: int,
    abilities: Callable[[Model], Iterator[float]],
    checkpoint: Checkpoint = NOWHERE,
) -> Study:
    """Look for options until the budget is spent, beginning with the model's own.

    abilities: of a model, the predictive ability in one inner fold after the other. Of options with
    which a fit fails no more is asked, but a UserError of the model's own options is raised.
    """
    space = {name: model.search_space()[name] for name in tuning.options}
    saved = checkpoint.load()
    kept, seconds = ([], 0.0) if saved is None else (saved[1]["trials"], saved[1]["seconds"])
    trials = [Trial(**trial) for trial in kept]
    began = time.monotonic() - seconds
    while not tuning.is_spent(len(trials), time.monotonic() - began):
        trials.append(_try_next(model, space, seed, trials, abilities))
        kept = [asdict(trial) for trial in trials]
        checkpoint.save({}, {"trials": kept, "seconds": time.monotonic() - began})
    return Study(trials)


def _try_next(
    model: Model,
    space: dict[str, Search],
    seed: int,
    trials: list[Trial],
    abilities: Callable[[Model], Iterator[float]],
) -> Trial:
    study = _optuna_study(space, derive_seed(seed, len(trials)), trials)
    if not trials:
        own = {name: getattr(model, name) for name in space}
        study.enqueue_trial(_parameters(space, own))
    asked = study.ask(_distributions(space))
    options = _options(space, asked.params)
    done: list[float] = []
    try:
        for ability in abilities(replace(model, **options)):
            done.append(ability)
            asked.report(float(np.mean(done)), len(done))
            if asked.should_prune():
                return Trial(options, PRUNED, done)
    except UserError as error:
        if not trials:
            raise
        log.info("with %s: %s", json.dumps(options), error)
        return Trial(options, FAILED, done)
    return Trial(options, COMPLETE, done)


def _optuna_study(space: dict[str, Search], seed: int, trials: list[Trial]) -> optuna.Study:
    """The library's study as it is after these trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_WHOLE),
    )
    states = {
        COMPLETE: optuna.trial.TrialState.COMPLETE,
        PRUNED: optuna.trial.TrialState.PRUNED,
    }
    for trial in trials:
        if trial.state != FAILED:
            means = np.cumsum(trial.abilities) / np.arange(1, len(trial.abilities) + 1)
            study.add_trial(
                optuna.trial.create_trial(
                    state=states[trial.state],
                    params=_parameters(space, trial.options),
                    distributions=_distributions(space),
                    value=trial.value,
                    intermediate_values=dict(enumerate(means.tolist(), start=1)),
                )
            )
    return study


def _distributions(space: dict[str, Search]) -> dict[str, optuna.distributions.BaseDistribution]:
    return {name: _distribution(search) for name, search in space.items()}


def _distribution(search: Search) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(search, Choice):
        return CategoricalDistribution([json.dumps(value) for value in search.values])
    if isinstance(search.low, int) and isinstance(search.high, int):
        return IntDistribution(search.low, search.high, log=search.log)
    return FloatDistribution(search.low, search.high, log=search.log)


def _parameters(space: dict[str, Search], options: dict[str, Any]) -> dict[str, Any]:
    """Options as the library has them: it knows numbers and text."""
    return {
        name: json.dumps(options[name]) if isinstance(search, Choice) else options[name]
        for name, search in space.items()
    }


def _options(space: dict[str, Search], parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.loads(parameters[name]) if isinstance(search, Choice) else parameters[name]
        for name, search in space.items()
    }


def _table(unit: Unit, study: Study) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "repeat": unit.repeat,
                "fold": unit.fold,
                "permutation": unit.permutation,
                "trial": number,
                "state": trial.state,
                "inner_folds": len(trial.abilities),
                "value": trial.value,
                "options": json.dumps(trial.options, sort_keys=True),
            }
            for number, trial in enumerate(study.trials)
        ],
        columns=STUDIES,
    )
