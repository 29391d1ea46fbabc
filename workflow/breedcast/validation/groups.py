"""Plans that follow groups of lines: clusters (genotypes/structure.tsv), families, or years."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.phenotypes.records import keys
from breedcast.seeds import derive_seed
from breedcast.validation.plan import KFoldScheme, Split, shuffled, whole_groups

log = logging.getLogger(__name__)

#: Fewer lines than these are not scored on their own: their group joins the nearest one.
LEAST_TESTED = 10
#: Where folds are parts of a family, the fewest lines that a part may have.
LEAST_PART = 5
#: The largest share of the training lines that an inner fold of whole groups may hold out.
MOST_HELD_OUT = 0.75

MANY = {"cluster": "clusters", "family": "families", "year": "years"}


@dataclass(frozen=True)
class LineGroups:
    """Which group each line is of, and where the lines lie.

    kind: `cluster`, `family` or `year`. group: by sample, years by record (`records.keys`), missing
    where it is not told. points: principal coordinates by sample.
    """

    kind: str
    group: pd.Series
    points: pd.DataFrame

    @classmethod
    def of(cls, kind: str, structure: pd.DataFrame, labels: pd.DataFrame) -> LineGroups:
        """From structure.tsv, which has the clusters, and labels.tsv, which has all else."""
        points = structure.set_index("sample").filter(regex="^coordinate_")
        if kind == "year":
            return cls(kind, labels[kind].set_axis(keys(labels)), points)
        table = structure if kind == "cluster" else labels.drop_duplicates("sample")
        return cls(kind, table.set_index("sample")[kind], points)

    @property
    def many(self) -> str:
        """What several of the groups are called."""
        return MANY[self.kind]

    def of_lines(self, lines: pd.DataFrame) -> np.ndarray:
        """(lines,) the group of each row; a UserError names a line that has none."""
        by_record = self.group.index.nlevels > 1
        group = self.group.reindex(keys(lines) if by_record else lines["sample"])
        untold = group.isna().to_numpy()
        if untold.any():
            raise UserError(
                f"line {lines['sample'].iloc[untold.argmax()]!r} has a value and no {self.kind} "
                f"({int(untold.sum())} such lines): give it one in the column that "
                f"phenotypes: {self.kind} names, or choose another validation: scheme"
            )
        return group.to_numpy()


@dataclass(frozen=True)
class StratifiedScheme(KFoldScheme):
    """Repeated k-fold in which every fold, and inner fold, has its share of every group.

    The lines are shuffled, sorted by group and dealt in turn: the lines of a group, and all
    lines, are spread over the folds as evenly as can be.
    """

    known: LineGroups

    def groups(self, dealt: pd.DataFrame) -> np.ndarray:
        return self.known.of_lines(dealt)

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        for repeat in range(self.repeats):
            dealt = _dealt(groups, self.folds, derive_seed(self.seed, "folds", repeat))
            for fold in range(self.folds):
                yield repeat, fold, np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        return _dealt(groups, self.inner_folds, seed)


@dataclass(frozen=True)
class WithinGroupScheme(StratifiedScheme):
    """Repeated k-fold within each group: a line is predicted from lines of its own group alone.

    Groups are taken in the order of their names, the folds of the first are the first `folds`.
    Groups too small, which leave fewer than LEAST_PART lines in a fold or fewer than two in an
    inner fold, are not tested, and the log says so. The candidates are predicted from all groups.
    """

    def check(self, groups: np.ndarray, trait: str) -> None:
        names, size = np.unique(groups, return_counts=True)
        tested = self._tested(groups)
        if not len(tested):
            raise UserError(
                f"trait {trait!r}: its largest {self.known.kind} has {int(size.max())} lines with "
                f"genotype and value, too few for {self.folds} folds of at least {LEAST_PART} "
                f"with {self.inner_folds} inner folds of at least 2; lower validation: folds or "
                "inner_folds, or set validation: scheme to stratified_family"
            )
        if len(tested) < len(names):
            log.warning(
                "%d of %d %s are too small to be split and are not tested: %s",
                *(len(names) - len(tested), len(names), self.known.many),
                ", ".join(map(str, np.setdiff1d(names, tested))),
            )

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        for repeat in range(self.repeats):
            for place, name in enumerate(self._tested(groups)):
                rows = np.flatnonzero(groups == name)
                split = shuffled(len(rows), self.folds, self.seed + repeat)
                for fold, (train, test) in enumerate(split, self.folds * place):
                    yield repeat, fold, rows[train], rows[test]

    def _tested(self, groups: np.ndarray) -> np.ndarray:
        """The groups large enough to be split."""
        names, size = np.unique(groups, return_counts=True)
        training = size - -(-size // self.folds)
        return names[(size // self.folds >= LEAST_PART) & (training >= 2 * self.inner_folds)]


def inner_of_groups(groups: np.ndarray, most: int) -> np.ndarray | None:
    """(dealt,) inner folds of whole groups, `most` of them or fewer; None where there is one group
    alone, or a fold would hold out more than MOST_HELD_OUT.
    """
    parts = min(most, len(np.unique(groups)))
    if parts < 2:
        return None
    inner = whole_groups(groups, parts)
    return inner if np.bincount(inner).max() <= MOST_HELD_OUT * len(groups) else None


@dataclass(frozen=True)
class LeaveGroupOutScheme(KFoldScheme):
    """Each group in turn is tested by fits on the lines of all others, once: `folds` and
    `repeats` have no part in it.

    A group with fewer than LEAST_TESTED lines with a value joins the one whose centre on
    the principal coordinates is nearest. Inner folds are whole groups as well, dealt to at
    most `inner_folds` parts of like size (scikit-learn's GroupKFold), so that intervals and
    the ensemble's weights are learnt from groups that a fit had not seen. Where fewer than
    two groups are left, or a part would hold more than MOST_HELD_OUT of the training lines,
    inner folds are random, and the log says so.
    """

    known: LineGroups

    def groups(self, dealt: pd.DataFrame) -> np.ndarray:
        points = self.known.points.loc[dealt["sample"]].to_numpy()
        return self._without_small(self.known.of_lines(dealt), points)

    def check(self, groups: np.ndarray, trait: str) -> None:
        found, size = np.unique(groups, return_counts=True)
        if len(found) < 2:
            more = (
                "set structure: clusters to a larger number, or "
                if self.known.kind == "cluster"
                else "set "
            )
            raise UserError(
                f"trait {trait!r}: its {len(groups)} lines with genotype and value make no two "
                f"{self.known.many} of at least {LEAST_TESTED} to leave out; {more}validation: "
                "scheme to kfold"
            )
        training = len(groups) - int(size.max())
        if training < 2 * self.inner_folds:
            raise UserError(
                f"trait {trait!r}: without its largest {self.known.kind} {training} lines are left "
                f"to train on, too few for {self.inner_folds} inner folds of at least 2; lower "
                "validation: inner_folds, or set validation: scheme to kfold"
            )

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        for fold, left_out in enumerate(np.unique(groups)):
            yield 0, fold, np.flatnonzero(groups != left_out), np.flatnonzero(groups == left_out)

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        inner = inner_of_groups(groups, self.inner_folds)
        if inner is not None:
            return inner
        count = len(np.unique(groups))
        log.warning(
            "%d training lines are of %d %s: too few, or one too large, to hold whole %s out, so "
            "these inner folds are random",
            *(len(groups), count, self.known.many, self.known.many),
        )
        return super().inner(groups, seed)

    def _without_small(self, group: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(lines,) groups where each of fewer than LEAST_TESTED lines, the smallest first, has
        joined the one whose centre is nearest; points: (lines, coordinates).
        """
        while True:
            found, size = np.unique(group, return_counts=True)
            if len(found) == 1 or size.min() >= LEAST_TESTED:
                return group
            small = size.argmin()
            centres = np.array([points[group == name].mean(axis=0) for name in found])
            apart = ((centres - centres[small]) ** 2).sum(axis=1)
            apart[small] = np.inf
            nearest = found[apart.argmin()]
            log.warning(
                "%s %s has %d lines with a value, fewer than %d: they are left out with %s %s, "
                "the nearest",
                *(self.known.kind, found[small], size[small], LEAST_TESTED),
                *(self.known.kind, nearest),
            )
            group = np.where(group == found[small], nearest, group)


@dataclass(frozen=True)
class ForwardScheme(LeaveGroupOutScheme):
    """Each year's lines are tested by fits on those of the years before, once: `folds` and
    `repeats` have no part in it. What is dealt are records: of a line that was grown in several
    years each year's are trained on, or tested, with that year.

    A year of fewer than LEAST_TESTED lines with a value, or with fewer than two lines an inner
    fold before it, is not tested; its lines train for later ones. Inner folds are whole years, as
    LeaveGroupOutScheme deals them.
    """

    def dealt_as_one(self, known: pd.DataFrame, alike: pd.DataFrame | None) -> np.ndarray:
        return np.arange(len(known))

    def groups(self, dealt: pd.DataFrame) -> np.ndarray:
        return self.known.of_lines(dealt)

    def check(self, groups: np.ndarray, trait: str) -> None:
        years, tested = np.unique(groups), self._tested(groups)
        if not len(tested):
            raise UserError(
                f"trait {trait!r}: no year has {LEAST_TESTED} lines with genotype and value, and "
                f"{2 * self.inner_folds} in the years before it, to be tested; lower validation: "
                "inner_folds, or set validation: scheme to kfold"
            )
        if left := [f"{year:.10g}" for year in years[1:] if year not in tested]:
            log.warning(
                "not tested, for fewer than %d lines with a value, or %d before: %s",
                *(LEAST_TESTED, 2 * self.inner_folds, ", ".join(left)),
            )

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        for fold, year in enumerate(self._tested(groups)):
            yield 0, fold, np.flatnonzero(groups < year), np.flatnonzero(groups == year)

    def _tested(self, groups: np.ndarray) -> np.ndarray:
        """The years that are predicted, in their order."""
        years, size = np.unique(groups, return_counts=True)
        before = np.cumsum(size) - size
        return years[(size >= LEAST_TESTED) & (before >= 2 * self.inner_folds)]


def _dealt(groups: np.ndarray, parts: int, seed: int) -> np.ndarray:
    """(lines,) the part that each line is dealt to, every group's in turn."""
    order = np.random.default_rng(seed).permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    dealt = np.empty(len(groups), dtype=int)
    dealt[order] = np.arange(len(groups)) % parts
    return dealt
