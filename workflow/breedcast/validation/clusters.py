"""Plans that follow the clusters of the lines (genotypes/structure.tsv)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from breedcast.errors import UserError
from breedcast.seeds import derive_seed
from breedcast.validation.plan import KFoldScheme, Split

log = logging.getLogger(__name__)

#: Fewer lines than these are not scored on their own: their cluster joins the nearest one.
LEAST_TESTED = 10
#: The largest share of the training lines that an inner fold of whole clusters may hold out.
MOST_HELD_OUT = 0.75


@dataclass(frozen=True)
class StratifiedScheme(KFoldScheme):
    """Repeated k-fold in which every fold, and inner fold, has its share of every cluster.

    The lines are shuffled, sorted by cluster and dealt in turn: the lines of a cluster, and all
    lines, are spread over the folds as evenly as can be. structure: structure.tsv.
    """

    structure: pd.DataFrame

    def groups(self, samples: pd.Series) -> np.ndarray:
        return _of_lines(self.structure, samples)["cluster"].to_numpy()

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        for repeat in range(self.repeats):
            dealt = _dealt(groups, self.folds, derive_seed(self.seed, "folds", repeat))
            for fold in range(self.folds):
                yield repeat, fold, np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        return _dealt(groups, self.inner_folds, seed)


@dataclass(frozen=True)
class LeaveClusterOutScheme(KFoldScheme):
    """Each cluster in turn is tested by fits on the lines of all others, once: `folds` and
    `repeats` have no part in it.

    A cluster with fewer than LEAST_TESTED lines with a value joins the one whose centre on
    the principal coordinates is nearest. Inner folds are whole clusters as well, dealt to at
    most `inner_folds` parts of like size (scikit-learn's GroupKFold), so that intervals and
    the ensemble's weights are learnt from clusters that a fit had not seen. Where fewer than
    two clusters are left, or a part would hold more than MOST_HELD_OUT of the training lines,
    inner folds are random, and the log says so. structure: structure.tsv.
    """

    structure: pd.DataFrame

    def groups(self, samples: pd.Series) -> np.ndarray:
        of_lines = _of_lines(self.structure, samples)
        points = of_lines.filter(regex="^coordinate_").to_numpy()
        return _without_small(of_lines["cluster"].to_numpy(), points)

    def check(self, groups: np.ndarray, trait: str) -> None:
        found, size = np.unique(groups, return_counts=True)
        if len(found) < 2:
            raise UserError(
                f"trait {trait!r}: its {len(groups)} lines with genotype and value make no two "
                f"clusters of at least {LEAST_TESTED} to leave out; set structure: clusters to a "
                "larger number, or validation: scheme to kfold"
            )
        training = len(groups) - int(size.max())
        if training < 2 * self.inner_folds:
            raise UserError(
                f"trait {trait!r}: without its largest cluster {training} lines are left to train "
                f"on, too few for {self.inner_folds} inner folds of at least 2; lower validation: "
                "inner_folds, or set validation: scheme to kfold"
            )

    def splits(self, groups: np.ndarray) -> Iterator[Split]:
        for fold, left_out in enumerate(np.unique(groups)):
            yield 0, fold, np.flatnonzero(groups != left_out), np.flatnonzero(groups == left_out)

    def inner(self, groups: np.ndarray, seed: int) -> np.ndarray:
        clusters = len(np.unique(groups))
        parts = min(self.inner_folds, clusters)
        if parts > 1:
            inner = np.empty(len(groups), dtype=int)
            for number, (_, held_out) in enumerate(GroupKFold(parts).split(groups, groups=groups)):
                inner[held_out] = number
            if np.bincount(inner).max() <= MOST_HELD_OUT * len(groups):
                return inner
        log.warning(
            "%d training lines are of %d clusters: too few, or one too large, to hold whole "
            "clusters out, so these inner folds are random",
            *(len(groups), clusters),
        )
        return super().inner(groups, seed)


def _of_lines(structure: pd.DataFrame, samples: pd.Series) -> pd.DataFrame:
    """The rows of structure.tsv for these lines."""
    return structure.set_index("sample").loc[samples]


def _without_small(cluster: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(lines,) clusters where each of fewer than LEAST_TESTED lines, the smallest first, has
    joined the one whose centre is nearest; points: (lines, coordinates).
    """
    while True:
        found, size = np.unique(cluster, return_counts=True)
        if len(found) == 1 or size.min() >= LEAST_TESTED:
            return cluster
        small = size.argmin()
        centres = np.array([points[cluster == number].mean(axis=0) for number in found])
        apart = ((centres - centres[small]) ** 2).sum(axis=1)
        apart[small] = np.inf
        nearest = found[apart.argmin()]
        log.warning(
            "cluster %d has %d lines with a value, fewer than %d: they are left out with cluster "
            "%d, the nearest",
            *(found[small], size[small], LEAST_TESTED, nearest),
        )
        cluster = np.where(cluster == found[small], nearest, cluster)


def _dealt(groups: np.ndarray, parts: int, seed: int) -> np.ndarray:
    """(lines,) the part that each line is dealt to, every group's in turn."""
    order = np.random.default_rng(seed).permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    dealt = np.empty(len(groups), dtype=int)
    dealt[order] = np.arange(len(groups)) % parts
    return dealt
