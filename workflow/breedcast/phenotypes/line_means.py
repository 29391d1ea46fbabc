"""Lines from their records: one value each, where environments are told apart.

Apart from records.py, which all stages import, so that editing the trials' analysis trains nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.phenotypes.environments import MeansByEnvironment, over_environments
from breedcast.phenotypes.records import has_environments


def line_means(records: pd.DataFrame) -> pd.DataFrame:
    """phenotypes.tsv with a row per line: its value the mean over its environments.

    The value is the line's BLUE in value = line + environment + error, each record counting alike,
    at the mean environment: lines grown in good environments alone are not taken for good ones. Its
    weight is the inverse of its error variance, of mean 1 over the lines with a value; what else
    the table tells of a line is that of its first record. Without environments the table as it is.
    """
    if not has_environments(records):
        return records
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
