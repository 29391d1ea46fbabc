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


def line_means(records: pd.DataFrame) -> pd.DataFrame:
    """phenotypes.tsv with a row per line: its value the mean over its environments.

    The value is the line's BLUE in value = line + environment + error, each record counting alike,
    at the mean environment: lines grown in good environments alone are not taken for good ones. Its
    weight is the inverse of its error variance, of mean 1 over the lines with a value; what else
    the table tells of a line is that of its first record. Without environments the table as it is.
    """
    if not has_environments(records):
        return records
    from breedcast.phenotypes.environments import MeansByEnvironment, over_environments

    lines = records.drop_duplicates("sample").assign(environment=None)
    known = records[records["value"].notna()]
    line, names = pd.factorize(known["sample"])
    environment, labels = pd.factorize(known["environment"])
    means = over_environments(
        MeansByEnvironment(
            line,
            len(names),
            environment,
            list(labels),
            known["value"].to_numpy(np.float64),
            np.full(len(known), np.nan),
            np.full(len(names), False),
        )
    )
    weight = np.ones(len(names))
    if np.isfinite(means.weight).all():
        weight = means.weight / means.weight.mean()
    return lines.assign(
        value=lines["sample"].map(pd.Series(means.value, index=names)),
        weight=lines["sample"].map(pd.Series(weight, index=names)).fillna(1.0),
    ).reset_index(drop=True)


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
