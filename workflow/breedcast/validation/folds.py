"""How large a plan's folds are."""

from __future__ import annotations

import pandas as pd


def fold_sizes(plan: pd.DataFrame) -> pd.DataFrame:
    """Lines by role (columns train, test) in every repeat and fold, the candidates' unit aside."""
    folds = plan[plan["repeat"] >= 0]
    return folds.groupby(["repeat", "fold", "role"]).size().unstack("role")


def test_to_train(plan: pd.DataFrame) -> float:
    """n_test / n_train, the mean over the plan's folds where they differ in size."""
    size = fold_sizes(plan)
    return float((size["test"] / size["train"]).mean())
