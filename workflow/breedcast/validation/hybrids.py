"""Plans for hybrids, split by their parents: T2, T1 and T0 of classes.py."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.phenotypes.hybrids import SIDES, is_factorial
from breedcast.seeds import derive_seed
from breedcast.validation.names import LEAST_PARTS, grid_parts
from breedcast.validation.plan import KFoldScheme, Split, shuffled

log = logging.getLogger(__name__)

#: Fewer hybrids than these are not tested in a fold.
LEAST_TESTED = 5
#: Fewer hybrids than these are too few to train a fit without an inner fold.
LEAST_TRAINED = 10


@dataclass(frozen=True)
class HybridScheme(KFoldScheme):
    """What schemes that split hybrids by their parents share.

    parents: (hybrids) female and male, by sample. Folds that would test fewer than LEAST_TESTED
    hybrids, or leave too few to train on, are left out, and the log says so.
    """

    parents: pd.DataFrame

    def groups(self, dealt: pd.DataFrame) -> np.ndarray:
        """(hybrids,) the place of each in `parents`."""
        return np.asarray(self.parents.index.get_indexer(pd.Index(dealt["sample"])))

    def check(self, groups: np.ndarray, trait: str) -> None:
        super().check(groups, trait)
        if not any(True for _ in self._splits(groups)):
            females, males = (len(set(self._pairs(groups)[:, side])) for side in (0, 1))
            raise UserError(
                f"trait {trait!r}: its {len(groups)} hybrids of {females} female and {males} male "
                f"parents make no fold that tests {LEAST_TESTED} hybrids and trains on "
                f"{2 * self.inner_folds} as this scheme asks; lower validation: folds or "
                "inner_folds, or choose another scheme"
            )

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        found = list(self._splits(groups))
        if left := self.folds * self.repeats - len(found):
            log.warning(
                "%d of %d folds test fewer than %d hybrids, or leave fewer than %d to train on: "
                "left out",
                *(left, self.folds * self.repeats, LEAST_TESTED, 2 * self.inner_folds),
            )
        yield from found

    def _splits(self, groups: np.ndarray) -> Iterator[Split]:
        """Those that are large enough, numbered within the repeat."""
        for repeat in range(self.repeats):
            number = 0
            for train, test in self.folds_of(groups, repeat):
                if len(test) >= LEAST_TESTED and len(train) >= 2 * self.inner_folds:
                    yield repeat, number, train, test
                    number += 1

    @abstractmethod
    def folds_of(self, groups: np.ndarray, repeat: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of training and of test hybrids of every fold of a repeat."""

    def _pairs(self, groups: np.ndarray) -> np.ndarray:
        """(hybrids, 2) names of the parents."""
        return self.parents.iloc[groups].to_numpy(str)

    def _dealt(self, groups: np.ndarray, parts: int, seed: int) -> np.ndarray:
        """(hybrids, 2) the part that each parent is dealt to; females are, then other males."""
        pairs, rng = self._pairs(groups), np.random.default_rng(seed)
        part: dict[str, int] = {}
        for side in pairs.T:
            names = [name for name in np.unique(side).tolist() if name not in part]
            order = rng.permutation(len(names))
            part |= {name: int(place) % parts for name, place in zip(names, order, strict=True)}
        return np.array([[part[name] for name in pair] for pair in pairs.tolist()]).reshape(-1, 2)


@dataclass(frozen=True)
class BothParentsTestedScheme(HybridScheme):
    """T2: k-fold over hybrids; tested are those whose parents both have others in training.

    Repeats deal as KFoldScheme does; inner folds are random, as theirs.
    """

    def folds_of(self, groups: np.ndarray, repeat: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        pairs = self._pairs(groups)
        for train, test in shuffled(len(groups), self.folds, self.seed + repeat):
            yield train, test[np.isin(pairs[test], pairs[train]).all(axis=1)]


@dataclass(frozen=True)
class NewParentsScheme(HybridScheme):
    """What schemes of new parents share: inner folds that imitate the folds.

    A parent is new to the fit that holds a hybrid of it out: that fit leaves out all others of its
    hybrids too, which the plan's column left_out says.
    """

    def with_left_out(self, rows: pd.DataFrame) -> pd.DataFrame:
        trains = (rows["role"] == "train").to_numpy()
        inner = rows.loc[trains, "inner_fold"].to_numpy(int)
        repeat, fold = int(rows["repeat"].iloc[0]), int(rows["fold"].iloc[0])
        groups = self.groups(rows[trains])
        new = self.new_parents(groups, derive_seed(self.seed, "inner folds", repeat, fold))
        folds = np.unique(inner)
        hidden = np.column_stack([unseen(self._pairs(groups), new, inner, it) for it in folds])
        told = pd.Series(None, index=rows.index, dtype=object)
        left = int((~hidden).sum(axis=0).min())
        if left >= LEAST_TRAINED:
            hidden &= inner[:, None] != folds
            told[trains] = [" ".join(map(str, folds[it])) or None for it in hidden]
        else:
            log.warning(
                "repeat %d, fold %d: %d hybrids would be left to train on without the parents "
                "that an inner fold holds out, so other hybrids of these are trained on",
                *(repeat, fold, left),
            )
        return rows.assign(left_out=told)

    @abstractmethod
    def new_parents(self, groups: np.ndarray, seed: int) -> np.ndarray:
        """(hybrids,) which parents of each are new to the inner fit that holds it out."""


@dataclass(frozen=True)
class OneParentNewScheme(NewParentsScheme):
    """T1: parents are dealt to the folds; in each fold its parents are new.

    Trained on are hybrids of none of them, tested those of one, which have their other parent in
    training. A hybrid is tested once a repeat: in the fold of its female or, as drawn, of its male.
    """

    def folds_of(self, groups: np.ndarray, repeat: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        seed = derive_seed(self.seed, "folds", repeat)
        pairs, part = self._pairs(groups), self._dealt(groups, self.folds, seed)
        side = self._side(groups, seed)
        for fold in range(self.folds):
            new = part == fold
            train = np.flatnonzero(~new.any(axis=1))
            chosen = new[np.arange(len(new)), side]
            test = np.flatnonzero(chosen & ~new.all(axis=1))
            other = pairs[test, 1 - side[test]]
            yield train, test[np.isin(other, pairs[train])]

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        part = self._dealt(groups, self.inner_folds, seed)
        return _numbered(part[np.arange(len(part)), self._side(groups, seed)])

    def _side(self, groups: np.ndarray, seed: int) -> np.ndarray:
        """(hybrids,) the side, 0 or 1, whose parent is the new one."""
        return np.random.default_rng(derive_seed(seed, "side")).integers(2, size=len(groups))

    def new_parents(self, groups: np.ndarray, seed: int) -> np.ndarray:
        return np.array(SIDES, dtype=object)[self._side(groups, seed)]


@dataclass(frozen=True)
class BothParentsNewScheme(NewParentsScheme):
    """T0: parents are dealt to the folds; in each fold its parents are new.

    Trained on are hybrids of none of them, tested those of two. So of each repeat about one hybrid
    in `folds` is tested. Inner folds are the squares of a grid of parts of the females and parts of
    the males, about `inner_folds` of them and at least four; where parents are on both sides, the
    ten pairs of LEAST_PARTS parts.
    """

    def folds_of(self, groups: np.ndarray, repeat: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        part = self._dealt(groups, self.folds, derive_seed(self.seed, "folds", repeat))
        for fold in range(self.folds):
            new = part == fold
            yield np.flatnonzero(~new.any(axis=1)), np.flatnonzero(new.all(axis=1))

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        if is_factorial(self._pairs(groups).tolist()):
            parts = grid_parts(self.inner_folds)
            part = self._dealt(groups, parts, seed)
        else:  # what is left is of neither of two parts
            parts = LEAST_PARTS
            part = np.sort(self._dealt(groups, parts, seed), axis=1)
        return _numbered(part[:, 0] * parts + part[:, 1])

    def new_parents(self, groups: np.ndarray, seed: int) -> np.ndarray:
        return np.full(len(groups), "both", dtype=object)


def _numbered(part: np.ndarray) -> np.ndarray:
    """The parts numbered from 0 without gaps."""
    return np.unique(part, return_inverse=True)[1]


def unseen(pairs: np.ndarray, new: np.ndarray, inner_fold: np.ndarray, held_out: int) -> np.ndarray:
    """(hybrids,) which training hybrids the fit without an inner fold does not see.

    Those held out, and all others of the parents that are new there. pairs: (hybrids, 2) parents;
    new: (hybrids,) which of them are new where the hybrid is held out: female, male or both.
    """
    held = inner_fold == held_out
    names = [pairs[held & np.isin(new, [side, "both"]), at] for at, side in enumerate(SIDES)]
    known: np.ndarray = np.isin(pairs, np.concatenate(names))
    return held | known.any(axis=1)
