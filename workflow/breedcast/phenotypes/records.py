"""Records: what is known of a line, of a line in an environment where environments are told apart.

The rows of phenotypes.tsv are records; so are those of every table that has the columns sample and
environment. Without environments (NA) a record is a line.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

#: Fewer lines, or group means, than these tell no correlation.
LEAST = 3


def keys(frame: pd.DataFrame, *columns: str) -> pd.MultiIndex:
    """(rows,) index of these columns and the record; a missing environment equals itself."""
    environment = frame["environment"].astype(object).where(frame["environment"].notna(), None)
    return pd.MultiIndex.from_arrays(
        [*(frame[column] for column in columns), frame["sample"].astype(object), environment],
        names=[*columns, "sample", "environment"],
    )


def has_environments(records: pd.DataFrame) -> bool:
    """Whether the records are of lines in environments."""
    return bool(records["environment"].notna().any())


def within(
    environment: np.ndarray, figures: Callable[[np.ndarray], dict[str, float]]
) -> dict[str, float]:
    """The figures of each environment's records, and of these the means.

    environment: (records,); figures: of the records at given positions. Environments of fewer than
    LEAST records count only where all are so small. A correlation that is undefined in some
    environments counts as 0 there. Without environments the figures of all.
    """
    number, names = pd.factorize(environment)
    if len(names) == 0:
        return figures(np.arange(len(number)))
    sizes = np.bincount(number)
    chosen = np.flatnonzero(sizes >= min(LEAST, sizes.max()))
    each = pd.DataFrame([figures(np.flatnonzero(number == it)) for it in chosen])
    correlations = each.columns.intersection(["pearson", "spearman"])
    somewhere = correlations[each[correlations].notna().any()]
    each[somewhere] = each[somewhere].fillna(0.0)
    return {str(name): float(mean) for name, mean in each.mean().items()}


def levels(environment: np.ndarray, known: np.ndarray, value: np.ndarray) -> np.ndarray:
    """(records,) the mean value of each record's environment, by those that are known.

    environment: (records,); known: (values,) the environments of values. One of which no value is
    known is at the mean of the others. Without environments all are 0.
    """
    means = pd.Series(value).groupby(known).mean()
    if means.empty:
        return np.zeros(len(environment))
    of_records = pd.Series(environment).map(means).fillna(means.mean())
    return of_records.to_numpy(np.float64)
