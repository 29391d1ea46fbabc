"""How large a plan's folds are, and which of them tell of the same lines."""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.phenotypes.records import has_environments

FOLD = ["repeat", "fold"]


def fold_sizes(plan: pd.DataFrame) -> pd.DataFrame:
    """Rows by role (columns train, test) in every repeat and fold, the candidates' unit aside."""
    return plan[plan["repeat"] >= 0].groupby([*FOLD, "role"]).size().unstack("role")


def test_to_train(plan: pd.DataFrame) -> float:
    """n_test / n_train, the mean over the plan's folds where they differ in size."""
    return _share(fold_sizes(plan))


def replicates(plan: pd.DataFrame) -> tuple[pd.Series, float]:
    """What a test over folds counts as one, and n_test / n_train of that.

    Folds of a repeat that test the same new lines, in different environments, count once: nothing
    was known of these lines, and their training sets hardly differ. Returns the number of what each
    (repeat, fold) belongs to; where folds are joined, n_test and n_train are of lines.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    folds = plan[plan["repeat"] >= 0]
    names = folds.set_index(FOLD).index.unique()
    if not has_environments(folds):
        return pd.Series(np.arange(len(names)), names), test_to_train(plan)
    is_test = folds["role"] == "test"
    cell = pd.MultiIndex.from_frame(folds[[*FOLD, "sample"]])
    new = folds[is_test & ~cell.isin(cell[~is_test])]
    fold = names.get_indexer(pd.MultiIndex.from_frame(new[FOLD]))
    line, lines = pd.MultiIndex.from_frame(new[["repeat", "sample"]]).factorize()
    tests = coo_array((np.ones(len(new)), (fold, line)), (len(names), len(lines)))
    count, number = connected_components(tests @ tests.T, directed=False)
    if count == len(names):
        return pd.Series(number, names), test_to_train(plan)
    of_lines = folds.groupby([*FOLD, "role"])["sample"].nunique().unstack("role")
    return pd.Series(number, names), _share(of_lines)


def _share(size: pd.DataFrame) -> float:
    return float((size["test"] / size["train"]).mean())
