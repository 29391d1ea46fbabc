"""Values of the same lines in other traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

#: A helper trait is left out of a fit where fewer training lines than this have a value.
LEAST_VALUES = 20


def that_tell(values: pd.DataFrame, X: np.ndarray) -> list[str]:
    """The helper traits that vary among enough lines to estimate their fixed effects.

    values: (lines, helper traits), NaN where there is none; X: (lines, fixed effects).
    """
    return [
        str(name)
        for name, it in values.items()
        if it.count() >= LEAST_VALUES
        and it.nunique() > 1
        and np.linalg.matrix_rank(X[it.notna()]) == X.shape[1]
    ]


def with_helper_lines(lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A trait's phenotypes.tsv, and below it the lines that only other traits have a value of.

    tables: by trait, its phenotypes.tsv. Candidates are in `lines` already.
    """
    measured = [table[table["value"].notna()] for table in tables.values()]
    others = pd.concat([lines, *measured], ignore_index=True).drop_duplicates("sample")
    others = others.iloc[len(lines) :].assign(value=float("nan"), weight=1.0)
    return pd.concat([lines, others], ignore_index=True) if len(others) else lines


def helper_values(samples: Sequence[str], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """(samples, traits) values from each trait's phenotypes.tsv, NaN where it has none."""
    return pd.DataFrame(
        {
            name: table.set_index("sample")["value"].reindex(list(samples)).to_numpy(float)
            for name, table in tables.items()
        }
    )
