"""Rows of one table found in another: a line is its sample and, where given, its environment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.phenotypes.records import keys


def observed(phenotypes: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """(rows,) the trait values of the lines that `rows` name; errors as `valued`."""
    return valued(phenotypes, rows)["value"].to_numpy(np.float64)


def valued(phenotypes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of phenotypes.tsv for the lines that `rows` name.

    Raises ValueError for a line without a value, and for one that has two.
    """
    lines = lines_of(phenotypes, rows)
    missing = lines["value"].isna().to_numpy()
    if missing.any():
        raise ValueError(f"line {keys(rows)[missing][0]} has no value")
    return lines


def lines_of(phenotypes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of phenotypes.tsv for the lines that `rows` name, values missing or not.

    Raises ValueError for a line that is not there, and for one that has two rows.
    """
    known, wanted = keys(phenotypes), keys(rows)
    if known.has_duplicates:
        raise ValueError(f"line {known[known.duplicated()][0]} has two values")
    position = known.get_indexer(wanted)
    if (position < 0).any():
        raise ValueError(f"line {wanted[position < 0][0]} has no value")
    return phenotypes.iloc[position]
