"""Plans of traits that were measured in several environments.

What is new, the line, the environment or both, is what distinguishes the schemes (Burgueño et al.
2012, Crop Sci 52:707; Jarquín et al. 2017, Plant Genome 10(2)):

    CV1   new lines in known environments: lines that were not grown yet
    CV2   known lines in known environments: each was grown in some of them (sparse testing)
    CV0   known lines in a new environment
    CV00  new lines in a new environment

The candidates are new lines in the known environments, whatever the scheme: their inner folds are
those of CV1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.phenotypes.records import LEAST
from breedcast.seeds import derive_seed
from breedcast.validation.groups import LEAST_TESTED, inner_of_groups
from breedcast.validation.plan import KFoldScheme, Split, shuffled, whole_groups

log = logging.getLogger(__name__)

#: Columns of `groups`: what is dealt are records.
LINE, ENVIRONMENT = 0, 1


@dataclass(frozen=True)
class RecordScheme(KFoldScheme):
    """What the schemes share: records are dealt, and what they are of is (records, 2) numbers."""

    def dealt_as_one(self, known: pd.DataFrame, alike: pd.DataFrame | None) -> np.ndarray:
        return np.arange(len(known))

    def groups(self, dealt: pd.DataFrame) -> np.ndarray:
        columns = [pd.factorize(dealt[name])[0] for name in ("sample", "environment")]
        return np.column_stack(columns)

    def check(self, groups: np.ndarray, trait: str) -> None:
        environments = len(np.unique(groups[:, ENVIRONMENT]))
        if environments < 2:
            raise UserError(
                f"trait {trait!r}: it has values in {environments} environment; {self.needs}, or "
                "set validation: scheme to kfold"
            )
        super().check(np.unique(groups[:, LINE]), trait)

    @property
    def needs(self) -> str:
        """What the data must have, in words."""
        return "this scheme needs two or more (phenotypes: environments)"

    def inner_of_candidates(self, groups: np.ndarray, line: np.ndarray, seed: int) -> np.ndarray:
        return self.of_lines(line, seed)

    def by_line(self, groups: np.ndarray, seed: int) -> np.ndarray:
        """(records,) inner folds of whole lines."""
        return self.of_lines(np.unique(groups[:, LINE], return_inverse=True)[1], seed)


@dataclass(frozen=True)
class CV2Scheme(RecordScheme):
    """Records are dealt to folds, those of a line to different ones as long as there are enough.

    Where all lines are in all environments, folds have alike many records of each. A line's only
    record is trained on and never tested: a line of which nothing else is known is not what the
    scheme asks about. A fold of fewer than LEAST other records tells nothing and is left out.
    """

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        records = np.bincount(groups[:, LINE])
        known = records[groups[:, LINE]] > 1
        if not known.all():
            log.warning(
                "%d of %d lines have a value in one environment alone: they train and are not "
                "tested",
                *(len(records) - len(np.unique(groups[known, LINE])), len(records)),
            )
        for repeat in range(self.repeats):
            dealt = self._dealt(groups, self.folds, derive_seed(self.seed, "folds", repeat))
            for fold in range(self.folds):
                tested = known & (dealt == fold)
                if tested.sum() >= LEAST:
                    yield repeat, fold, np.flatnonzero(~tested), np.flatnonzero(tested)

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        return self._dealt(groups, self.inner_folds, seed)

    def _dealt(self, groups: np.ndarray, parts: int, seed: int) -> np.ndarray:
        """(records,) parts: a line's records in turn, in the order of the shuffled environments,
        the first to the part that the shuffled lines are dealt to in turn.
        """
        rng = np.random.default_rng(seed)
        line, place = (rng.permutation(it.max() + 1)[it] for it in groups.T)
        order = np.lexsort((place, line))
        first = np.searchsorted(line[order], line)
        nth = np.argsort(order) - first
        dealt: np.ndarray = (line + nth) % parts
        return dealt


@dataclass(frozen=True)
class CV0Scheme(RecordScheme):
    """Each environment in turn is predicted from all others: `folds` and `repeats` have no part.

    Lines of which no other environment tells are not tested there. Inner folds are whole
    environments, dealt to at most `inner_folds` parts; from one environment alone, or where a part
    would hold more than MOST_HELD_OUT of the training records, they are whole lines.
    """

    @property
    def needs(self) -> str:
        return "this scheme leaves one out and needs two or more (phenotypes: environments)"

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        fold = 0
        for environment in np.unique(groups[:, ENVIRONMENT]):
            here = groups[:, ENVIRONMENT] == environment
            known = np.isin(groups[:, LINE], groups[~here, LINE])
            elsewhere = len(np.unique(groups[~here, LINE]))
            if (here & known).sum() < LEAST_TESTED or elsewhere < 2 * self.inner_folds:
                log.warning(
                    "an environment has fewer than %d known lines, or the others fewer than %d to "
                    "train on: not tested",
                    *(LEAST_TESTED, 2 * self.inner_folds),
                )
                continue
            yield 0, fold, np.flatnonzero(~here), np.flatnonzero(here & known)
            fold += 1

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        inner = inner_of_groups(groups[:, ENVIRONMENT], self.inner_folds)
        if inner is not None:
            return inner
        log.warning(
            "one environment, or one too large, is left to train on: these inner folds are whole "
            "lines"
        )
        return self.by_line(groups, seed)


@dataclass(frozen=True)
class CV00Scheme(RecordScheme):
    """A part of the lines in each environment in turn, from the other lines in the others.

    Lines are dealt to `folds` parts at random; fewer than LEAST records tell nothing and are not
    tested. Inner folds are such cells too, of `inner_folds`
    parts of the lines and as many, at most, of the training environments: the fit without one sees
    neither its lines nor its environments, which the plan's column left_out says. From one
    environment alone inner folds are whole lines.
    """

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        lines, line = np.unique(groups[:, LINE], return_inverse=True)
        environments, environment = np.unique(groups[:, ENVIRONMENT], return_inverse=True)
        for repeat in range(self.repeats):
            split = shuffled(len(lines), self.folds, self.seed + repeat)
            for part, (_, chosen) in enumerate(split):
                ours = np.isin(line, chosen)
                for here in range(len(environments)):
                    tested = ours & (environment == here)
                    trained = ~ours & (environment != here)
                    others = len(np.unique(line[trained]))
                    if tested.sum() >= LEAST and others >= 2 * self.inner_folds:
                        fold = part * len(environments) + here
                        yield repeat, fold, np.flatnonzero(trained), np.flatnonzero(tested)

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        """Row and column of a cell as one number: part of the environments, part of the lines."""
        environment, line = groups[:, ENVIRONMENT], self.by_line(groups, seed)
        parts = min(self.inner_folds, len(np.unique(environment)))
        if parts < 2:
            log.warning("one environment is left to train on: these inner folds are whole lines")
            return line
        return whole_groups(environment, parts) * self.inner_folds + line

    def with_left_out(self, rows: pd.DataFrame) -> pd.DataFrame:
        trained = rows["inner_fold"].notna().to_numpy()
        cell = rows.loc[trained, "inner_fold"].to_numpy(int)
        row, column = divmod(cell, self.inner_folds)
        told = pd.Series(None, index=rows.index, dtype=object)
        if row.any():
            cells = np.unique(cell)
            by_row, by_column = divmod(cells, self.inner_folds)
            crossed = (row[:, None] == by_row) | (column[:, None] == by_column)
            if (~crossed).sum(axis=0).min() < 2:
                raise UserError(
                    "validation: scheme cv00: an inner fold leaves no two values of other lines "
                    "in other environments to train on; lower validation: inner_folds"
                )
            crossed &= cell[:, None] != cells
            told[trained] = [" ".join(map(str, cells[it])) or None for it in crossed]
        return rows.assign(left_out=told)
