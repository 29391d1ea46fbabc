"""How much each marker moves a model's prediction, over the folds, and when that is remarkable.

Saliency has no scale: it grows with what a model learnt, and a model learns less of a permuted
trait. What is compared with the control is therefore a marker's prominence, its saliency as a
multiple of the mean over all markers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


def summarise(saliency: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread of each marker's saliency over the validation folds of the real trait.

    saliency: repeat, fold, permutation, marker, saliency, as a training job writes it. Returns
    marker, mean, sd (over folds; NaN of one fold), prominence (as below), in the markers' order;
    no rows for a model without saliency.
    """
    folds = saliency[(saliency["repeat"] >= 0) & (saliency["permutation"] == 0)]
    by_marker = folds.groupby("marker")["saliency"]
    summary = pd.DataFrame({"mean": by_marker.mean(), "sd": by_marker.std()})
    real = prominence(saliency[saliency["permutation"] == 0]).T.reindex(columns=[0])
    return summary.assign(prominence=real[0]).reset_index()


def prominence(saliency: pd.DataFrame) -> pd.DataFrame:
    """Each marker's saliency over the folds of repeat 0, over the mean of all markers.

    Returns (permutations, markers), the real trait being permutation 0. The control has repeat 0
    alone, so the real trait is given no more. All are 0 where a model looks at no marker.
    """
    folds = saliency[saliency["repeat"] == 0]
    mean = folds.groupby(["permutation", "marker"])["saliency"].mean().unstack()
    return mean.div(mean.mean(axis=1), axis=0).fillna(0.0)


@dataclass(frozen=True)
class Threshold:
    """What prominence a marker must exceed.

    value: NaN without a control, and then no marker is named. chance: of a trait that markers
    have no part in, that any marker exceeds it.
    """

    value: float
    chance: float


def threshold(prominence: pd.DataFrame, chance: float) -> Threshold:
    """From the control: each permuted trait's most prominent marker (Churchill & Doerge 1994,
    Genetics 138:963).

    The k-th largest of m permuted traits is exceeded with probability k / (m + 1), as all
    m + 1 traits are alike where none is genetic; k is the largest that keeps to `chance`, or 1.
    """
    largest = np.sort(prominence.drop(index=0, errors="ignore").max(axis=1))[::-1]
    if not len(largest):
        return Threshold(np.nan, np.nan)
    traits = len(largest) + 1
    k = max(1, int(chance * traits))
    return Threshold(float(largest[k - 1]), k / traits)
