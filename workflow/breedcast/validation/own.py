"""The plan that a user's own file gives."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.seeds import derive_seed
from breedcast.validation.own_file import OwnPlan, PlanRow
from breedcast.validation.plan import KFoldScheme, unit_rows
from breedcast.validation.unit import CANDIDATE_UNIT

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OwnScheme(KFoldScheme):
    """The repeats and folds of a file, numbered from 0 in their order.

    Lines of the file without genotype or value are left out, and the log says how many. Inner
    folds are the file's, or else whole lines at random. The candidates are predicted from all
    lines with a value, those that the file lacks too. `folds` and `repeats` have no part in it.
    """

    plan: OwnPlan

    def make_plan(
        self, lines: pd.DataFrame, trait: str, alike: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """As KFoldScheme's, but `alike` is not heeded: no line is dealt."""
        has_value = lines["value"].notna().to_numpy()
        phenotyped, candidates = np.flatnonzero(has_value), np.flatnonzero(~has_value)
        position: dict[str, list[int]] = {}
        for row in phenotyped.tolist():
            position.setdefault(lines["sample"].iloc[row], []).append(row)
        environment = lines["environment"].tolist()
        self._tell(position, trait)
        parts = []
        for (repeat, fold), rows in self.plan.units().items():
            known = [
                (row, it)
                for it in rows
                for row in position.get(it.sample, ())
                if it.environment in (None, environment[row])
            ]
            known.sort(key=lambda pair: pair[0])
            train = [(row, it) for row, it in known if it.role == "train"]
            test = [row for row, it in known if it.role == "test"]
            where = f"trait {trait!r}: {self.plan.path}, {rows[0].where}"
            if not test:
                log.warning("%s: no test line has genotype and value; the fold is left out", where)
                continue
            inner = self._inner([it for _, it in train], repeat, fold, where)
            trained = np.array([row for row, _ in train])
            parts.append(unit_rows(lines, trained, inner, np.array(test), repeat, fold))
        if not parts:
            raise UserError(
                f"trait {trait!r}: no test line of {self.plan.path} has genotype and value; use "
                "the line names of the genotypes"
            )
        if self.inner_folds * 2 > len(position):
            raise UserError(
                f"trait {trait!r}: {len(position)} lines with genotype and value are too few for "
                f"{self.inner_folds} inner folds of at least 2; lower validation: inner_folds"
            )
        unit = (CANDIDATE_UNIT, CANDIDATE_UNIT)
        inner = self._random(lines["sample"].iloc[phenotyped].tolist(), *unit)
        parts.append(unit_rows(lines, phenotyped, inner, candidates, *unit))
        return pd.concat(parts, ignore_index=True)

    def _inner(self, train: list[PlanRow], repeat: int, fold: int, where: str) -> np.ndarray:
        """(train,) inner folds of the training lines, from 0."""
        told = [it.inner_fold for it in train if it.inner_fold is not None]
        if told and len(told) == len(train):
            inner = np.unique(told, return_inverse=True)[1]
            if inner.max() < 1:
                raise UserError(f"{where}: its training lines are of one inner fold; have two")
            if len(inner) - np.bincount(inner).max() < 2:
                raise UserError(f"{where}: an inner fold leaves fewer than 2 lines to train on")
            return inner
        samples = [it.sample for it in train]
        if (count := len(set(samples))) < 2 * self.inner_folds:
            raise UserError(
                f"{where}: {count} training lines with genotype and value are too few for "
                f"{self.inner_folds} inner folds of at least 2; lower validation: inner_folds"
            )
        return self._random(samples, repeat, fold)

    def _random(self, samples: Sequence[str], repeat: int, fold: int) -> np.ndarray:
        """(records,) inner folds of whole lines. samples: (records,) the line of each."""
        seed = derive_seed(self.seed, "inner folds", repeat, fold)
        return self.of_lines(pd.factorize(np.asarray(samples, dtype=object))[0], seed)

    def _tell(self, position: dict[str, list[int]], trait: str) -> None:
        """Say in the log which lines the plan and the trait do not share."""
        named = {row.sample for row in self.plan.rows}
        if left := len(named - set(position)):
            log.warning(
                "%d of %d lines of the plan have no genotype or no value of %s: left out",
                *(left, len(named), trait),
            )
        if extra := len(set(position) - named):
            log.warning("%d lines with a value of %s are not in the plan: not tested", extra, trait)
