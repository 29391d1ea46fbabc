"""How much each marker moves a model's prediction, over the folds, and when that is remarkable.

Saliency has no scale: it grows with what a model learnt, and a model learns less of a permuted
trait. What is compared with the control is therefore a marker's prominence, its saliency as a
multiple of the mean over all markers.

A training job's table holds every marker in every unit by every statistic: it is read by
statistic and permutation, never whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SUMMARY = ["marker", "mean", "sd", "network_sd", "prominence"]


def statistics_of(path: str | Path) -> list[str]:
    """The statistics of a saliency.parquet, the one to be shown first; none without saliency."""
    import pyarrow.parquet as pq

    found: dict[str, None] = {}
    for batch in pq.ParquetFile(path).iter_batches(columns=["statistic"]):
        found |= dict.fromkeys(batch.column(0).unique().to_pylist())
    return list(found)


def read_saliency(path: str | Path, **equal: str | int) -> pd.DataFrame:
    """repeat, marker, saliency, sd of the rows in which these columns have these values."""
    return pd.read_parquet(
        path,
        columns=["repeat", "marker", "saliency", "sd"],
        filters=[(column, "==", value) for column, value in equal.items()],
    )


def summarise(path: str | Path) -> pd.DataFrame:
    """Mean and spread of each marker's saliency over the validation folds of the real trait.

    path: a saliency.parquet, of which the first statistic is taken. Returns marker, mean, sd (over
    folds; NaN of one fold), network_sd (of the networks of a fold, root of the mean square over
    folds; NaN where they are one) and prominence (as below), in the markers' order; no rows for a
    model without saliency.
    """
    statistics = statistics_of(path)
    if not statistics:
        return pd.DataFrame(columns=SUMMARY)
    real = read_saliency(path, statistic=statistics[0], permutation=0)
    by_marker = real[real["repeat"] >= 0].assign(square=real["sd"] ** 2).groupby("marker")
    summary = pd.DataFrame(
        {
            "mean": by_marker["saliency"].mean(),
            "sd": by_marker["saliency"].std(),
            "network_sd": np.sqrt(by_marker["square"].mean()),
            "prominence": prominence(real),
        }
    )
    return summary.reset_index()[SUMMARY]


def prominence(saliency: pd.DataFrame) -> pd.Series:
    """By marker: the mean saliency over the folds of repeat 0, as a multiple of all markers'.

    saliency: of one statistic and trait. The multiple is of the mean absolute value, as worth to
    the predictions can be negative. The control has repeat 0 alone, so the real trait is given no
    more. All are 0 where a model looks at no marker.
    """
    folds = saliency[saliency["repeat"] == 0]
    mean = folds.groupby("marker")["saliency"].mean()
    return (mean / mean.abs().mean()).fillna(0.0)


@dataclass(frozen=True)
class Standing:
    """What markers reach in the real trait, and what the best of them reaches by chance.

    prominence: (markers,); control: (permutations,) of each permuted trait the largest.
    """

    prominence: np.ndarray
    control: np.ndarray


def standings(path: str | Path) -> Iterator[tuple[str, Standing]]:
    """Each statistic of a saliency.parquet and how its markers stand."""
    for statistic in statistics_of(path):
        only: dict[str, Any] = {"statistic": statistic, "repeat": 0}
        real = prominence(read_saliency(path, permutation=0, **only)).to_numpy()
        control: list[float] = []
        while len(dealt := read_saliency(path, permutation=len(control) + 1, **only)):
            control.append(prominence(dealt).max())
        yield statistic, Standing(real, np.array(control))


@dataclass(frozen=True)
class Threshold:
    """What prominence a marker must exceed.

    value: NaN without a control, and then no marker is named. chance: of a trait that markers
    have no part in, that any marker exceeds it.
    """

    value: float
    chance: float


def threshold(control: np.ndarray, chance: float) -> Threshold:
    """From the control: each permuted trait's most prominent marker (Churchill & Doerge 1994,
    Genetics 138:963).

    The k-th largest of m permuted traits is exceeded with probability k / (m + 1), as all
    m + 1 traits are alike where none is genetic; k is the largest that keeps to `chance`, or 1.
    """
    if not len(control):
        return Threshold(np.nan, np.nan)
    traits = len(control) + 1
    k = max(1, int(chance * traits))
    return Threshold(float(np.sort(control)[-k]), k / traits)
