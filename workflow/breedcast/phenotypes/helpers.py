"""Values of the same lines in other traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd


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
