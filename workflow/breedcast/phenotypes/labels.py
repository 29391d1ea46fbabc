"""What the trait table tells of the lines beside values and covariates: families and years.

Labels are kept apart from the covariates (labels.tsv): no model sees them, unless the same column
is a covariate too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from breedcast.files import read_table
from breedcast.phenotypes.records import keys
from breedcast.phenotypes.table import PhenotypeTable


def labels_of(
    table: PhenotypeTable, columns: Mapping[str, str], lines: pd.DataFrame
) -> pd.DataFrame:
    """labels.tsv: sample, environment, and a column for each label.

    columns: of the table, by label (family, year); lines: phenotypes.tsv, whose rows these are. A
    record that the table lacks has the family of the line's first one. Years are numbers, so a
    UserError names what is not.
    """
    told = {
        label: table.numbers(column) if label == "year" else table.text(column)
        for label, column in columns.items()
    }
    rows = pd.DataFrame(table.records, columns=["sample", "environment"], dtype=object)
    rows = pd.concat([rows, pd.DataFrame(told)], axis=1)
    found = lines[["sample", "environment"]].reset_index(drop=True)
    position = keys(rows).get_indexer(keys(found))
    for label in told:
        found[label] = rows[label].reindex(position).array
    if "family" in told:
        by_line = rows.drop_duplicates("sample").set_index("sample")["family"]
        found["family"] = found["family"].fillna(found["sample"].map(by_line))
    return found


def read_labels(path: str | Path) -> pd.DataFrame:
    """Read labels.tsv; a family keeps its name, whatever it looks like (001)."""
    return read_table(path, text=("family",))


def families_of(labels: pd.DataFrame) -> pd.Series | None:
    """The family of each line, by sample; None where families are not told."""
    if "family" not in labels:
        return None
    return labels.drop_duplicates("sample").set_index("sample")["family"]
