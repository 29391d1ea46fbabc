"""How much each marker moves a model's prediction, over the folds, for the report."""

from __future__ import annotations

import pandas as pd


def summarise(saliency: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread of each marker's saliency over the validation folds (repeat 0 and above).

    saliency: repeat, fold, marker, saliency, as a training job writes it. Returns marker, mean,
    sd (over folds; NaN of one fold), in the markers' order; no rows for a model without saliency.
    """
    folds = saliency[saliency["repeat"] >= 0]
    return (
        folds.groupby("marker")["saliency"]
        .agg(["mean", "std"])
        .rename(columns={"std": "sd"})
        .reset_index()
    )
