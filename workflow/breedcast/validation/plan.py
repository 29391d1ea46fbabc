"""Who trains and who is tested: the plan that every model of a trait follows.

What is dealt to folds are lines, with all their records where there are several environments,
unless a scheme says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.phenotypes.records import keys
from breedcast.seeds import derive_seed
from breedcast.validation.alike import bundles
from breedcast.validation.unit import CANDIDATE_UNIT

#: A repeat, a fold, and positions of what is dealt: that it trains on, that it tests.
Split = tuple[int, int, np.ndarray, np.ndarray]


def shuffled(dealt: int, folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions that train and that are tested, in each fold of so many that are dealt.

    As scikit-learn's KFold(folds, shuffle=True, random_state=seed) has them, without the second
    that it takes to load.
    """
    order = np.arange(dealt)
    np.random.RandomState(seed).shuffle(order)  # the generator that KFold has
    for part in np.array_split(order, folds):
        tested = np.isin(np.arange(dealt), part)
        yield np.flatnonzero(~tested), np.flatnonzero(tested)


def whole_groups(groups: np.ndarray, parts: int) -> np.ndarray:
    """(dealt,) parts of like size, of whole groups: scikit-learn's GroupKFold."""
    from sklearn.model_selection import GroupKFold

    dealt = np.empty(len(groups), dtype=int)
    for number, (_, held_out) in enumerate(GroupKFold(parts).split(groups, groups=groups)):
        dealt[held_out] = number
    return dealt


@dataclass(frozen=True)
class KFoldScheme:
    """Shuffled k-fold, repeated; each training set is split again into inner folds.

    Repeat r is scikit-learn's KFold(folds, shuffle=True, random_state=seed + r) over the
    phenotyped lines in the order of the trait table: anyone can remake the folds.
    """

    folds: int
    repeats: int
    inner_folds: int
    seed: int

    def make_plan(
        self, lines: pd.DataFrame, trait: str, alike: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """The plan of a trait from its `phenotypes.tsv`.

        alike: pairs of lines (line_1, line_2) that share a fold, and an inner fold, with all that
        they are connected to; they are dealt as one line, which the first of them stands for.

        Columns repeat, fold, sample, environment, role (train, test), inner_fold (NA where
        role is test); the candidates are the unit with repeat and fold -1. A UserError tells
        of too few lines, or of no fold.
        """
        has_value = lines["value"].notna().to_numpy()
        phenotyped, candidates = np.flatnonzero(has_value), np.flatnonzero(~has_value)
        known = lines.iloc[phenotyped]
        bundle = self.dealt_as_one(known, alike)
        dealt = known.iloc[np.unique(bundle, return_index=True)[1]]
        groups, line = self.groups(dealt), pd.factorize(dealt["sample"])[0]
        self.check(groups, trait)
        units = [
            (repeat, fold, train, phenotyped[np.isin(bundle, test)])
            for repeat, fold, train, test in self.splits(groups)
        ]
        if not units:
            raise UserError(
                f"trait {trait!r}: its {len(known)} values of {known['sample'].nunique()} lines "
                "make no fold that this scheme could test; choose another validation: scheme"
            )
        units.append((CANDIDATE_UNIT, CANDIDATE_UNIT, np.arange(len(groups)), candidates))
        parts = []
        for repeat, fold, train, test in units:
            seed = derive_seed(self.seed, "inner folds", repeat, fold)
            inner = np.full(len(groups), -1)
            if repeat == CANDIDATE_UNIT:
                inner[train] = self.inner_of_candidates(groups, line, seed)
            else:
                inner[train] = self.inner(groups[train], seed)
            trains = np.isin(bundle, train)
            rows = unit_rows(lines, phenotyped[trains], inner[bundle[trains]], test, repeat, fold)
            parts.append(self.with_left_out(rows))
        return pd.concat(parts, ignore_index=True)

    def dealt_as_one(self, known: pd.DataFrame, alike: pd.DataFrame | None) -> np.ndarray:
        """(records,) the number of what each record with a value is dealt with: here its line."""
        if alike is not None:
            return bundles(known["sample"], alike)
        line: np.ndarray = pd.factorize(known["sample"])[0]
        return line

    def groups(self, dealt: pd.DataFrame) -> np.ndarray:
        """(dealt,) the group of each; here there is one. dealt: the first record of each."""
        return np.zeros(len(dealt), dtype=int)

    def check(self, groups: np.ndarray, trait: str) -> None:
        """Raise a UserError where the lines with a value are too few."""
        smallest_training_set = len(groups) - -(-len(groups) // self.folds)
        if len(groups) < self.folds or smallest_training_set < 2 * self.inner_folds:
            raise UserError(
                f"trait {trait!r}: {len(groups)} lines with genotype and value are too few for "
                f"{self.folds} folds of at least 1 line with {self.inner_folds} inner folds of at "
                "least 2; lower validation: folds or inner_folds"
            )

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        """Every repeat and fold, with the positions of what trains and of what is tested."""
        for repeat in range(self.repeats):
            split = shuffled(len(groups), self.folds, self.seed + repeat)
            for fold, (train, test) in enumerate(split):
                yield repeat, fold, train, test

    def inner_of_candidates(self, groups: np.ndarray, line: np.ndarray, seed: int) -> np.ndarray:
        """`inner` of the unit that predicts the candidates, which are new lines.

        line: (dealt,) the number of the line of each; where lines have several, whole lines.
        """
        if line.max() + 1 == len(line):
            return self.inner(groups, seed)
        return self.of_lines(line, seed)

    def of_lines(self, line: np.ndarray, seed: int) -> np.ndarray:
        """(dealt,) inner folds of whole lines, at random. line: (dealt,) numbers from 0."""
        inner: np.ndarray = KFoldScheme.inner(self, np.arange(line.max() + 1), seed)[line]
        return inner

    def with_left_out(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of a unit, with the column left_out where the scheme needs it."""
        return rows

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        """(dealt,) the inner fold of all that a unit trains on."""
        inner = np.empty(len(groups), dtype=int)
        split = shuffled(len(groups), self.inner_folds, seed)
        for number, (_, held_out) in enumerate(split):
            inner[held_out] = number
        return inner


def unit_rows(
    lines: pd.DataFrame,
    train: np.ndarray,
    inner: np.ndarray,
    test: np.ndarray,
    repeat: int,
    fold: int,
) -> pd.DataFrame:
    """The rows of one unit: its training lines with their inner folds, its test lines."""
    rows = np.concatenate([train, test])
    unit = lines.iloc[rows][["sample", "environment"]].reset_index(drop=True)
    unit.insert(0, "repeat", repeat)
    unit.insert(1, "fold", fold)
    unit["role"] = ["train"] * len(train) + ["test"] * len(test)
    unit["inner_fold"] = pd.array([*inner, *[None] * len(test)], dtype="Int64")
    return unit


@dataclass(frozen=True)
class Unit:
    """One training set of a plan and what is predicted from it.

    train, test: positions of records; inner_fold: (train,) the inner fold of each that trains.
    left_out: (train, inner folds) which of them have no part in the fit without that inner fold,
    beside those that it holds out; None where that is so of none. permutation: 0 for the real
    trait, else the number of the permuted trait (the control), which is negative where it was
    permuted within families.
    """

    repeat: int
    fold: int
    permutation: int
    train: np.ndarray
    inner_fold: np.ndarray
    test: np.ndarray
    left_out: np.ndarray | None = None

    @property
    def is_candidates(self) -> bool:
        """Whether this is the unit that predicts the candidates."""
        return self.repeat == CANDIDATE_UNIT

    @property
    def inner_folds(self) -> list[int]:
        """The numbers of the inner folds."""
        return sorted(set(self.inner_fold.tolist()))


def units(
    plan: pd.DataFrame, lines: pd.DataFrame, permutations: int, within_families: bool = False
) -> list[Unit]:
    """The units of a plan; those of repeat 0 once more for each permuted trait.

    lines: phenotypes.tsv, whose positions the units speak of. within_families: whether as many more
    traits are permuted within families, numbered from -1 down.
    """
    positions = keys(lines).get_indexer(keys(plan))
    real = []
    for _, rows in plan.assign(position=positions).groupby(["repeat", "fold"], sort=False):
        index = rows["position"].to_numpy()
        trains = (rows["role"] == "train").to_numpy()
        inner = rows["inner_fold"].to_numpy(dtype=float)[trains].astype(int)
        repeat, fold = int(rows["repeat"].iloc[0]), int(rows["fold"].iloc[0])
        told = rows.get("left_out")
        left_out = None if told is None else _folds_named(told[trains], int(inner.max()) + 1)
        real.append(Unit(repeat, fold, 0, index[trains], inner, index[~trains], left_out))
    numbers = list(range(1, permutations + 1))
    if within_families:
        numbers += [-number for number in numbers]
    control = [
        replace(unit, permutation=permutation)
        for permutation in numbers
        for unit in real
        if unit.repeat == 0
    ]
    return real + control


def _folds_named(told: pd.Series, folds: int) -> np.ndarray:
    """(rows, folds) whether the column left_out names the fold."""
    found = np.zeros((len(told), folds), dtype=bool)
    for row, text in enumerate(told.fillna("")):
        found[row, [int(number) for number in text.split()]] = True
    return found
