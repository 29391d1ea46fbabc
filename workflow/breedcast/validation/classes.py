"""Which of a test hybrid's parents were tested in other hybrids.

T2: both have other hybrids in training; T1: one is new; T0: both are (Technow et al. 2014, Genetics
197:1343-1355). Hybrids of tested parents are predicted far better than those of new ones, so each
class has an accuracy of its own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

#: The class of a hybrid by how many of its parents have hybrids in training.
CLASSES = ("T0", "T1", "T2")


def hybrid_classes(plan: pd.DataFrame, parents: pd.DataFrame) -> pd.DataFrame:
    """repeat, fold, sample and class (T2, T1, T0) of every test hybrid of a plan, and candidate.

    parents: female and male, by sample. A parent counts as tested in whichever role it has been.
    """
    parts = []
    for (repeat, fold), unit in plan.groupby(["repeat", "fold"], sort=False):
        train, test = (unit.loc[unit["role"] == role, "sample"] for role in ("train", "test"))
        tested, test = np.unique(parents.loc[train].to_numpy(str)), test.drop_duplicates()
        known = np.isin(parents.loc[test].to_numpy(str), tested).sum(axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "repeat": repeat,
                    "fold": fold,
                    "sample": test.to_numpy(),
                    "class": np.array(CLASSES)[known],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
