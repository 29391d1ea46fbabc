"""The predictions of several models, as far as a rule takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from breedcast.validation.unit import CANDIDATE_UNIT


def read_predictions(
    models: Sequence[str], paths: Iterable[str], candidates: bool | None = None
) -> dict[str, pd.DataFrame]:
    """By model, its predictions.parquet, in the file's order.

    candidates: whether the candidates' unit alone is read, or all others; None: every row.
    """
    wanted = None
    if candidates is not None:
        wanted = [("repeat", "==" if candidates else "!=", CANDIDATE_UNIT)]
    tables = (pd.read_parquet(path, filters=wanted) for path in paths)
    return dict(zip(models, tables, strict=True))
