"""What the trait table tells of the lines beside values and covariates: families and years.

Labels are kept apart from the covariates (labels.tsv): no model sees them, unless the same column
is a covariate too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from breedcast.files import read_table
from breedcast.phenotypes.table import PhenotypeTable


def labels_of(
    table: PhenotypeTable, columns: Mapping[str, str], samples: pd.Series
) -> pd.DataFrame:
    """labels.tsv: sample, and a column for each label.

    columns: of the table, by label (family, year). A line that the table lacks has none. Years are
    numbers, so a UserError names what is not.
    """
    told = {
        label: table.numbers(column) if label == "year" else table.text(column)
        for label, column in columns.items()
    }
    found = pd.DataFrame(told, index=table.samples).reindex(samples)
    return found.rename_axis("sample").reset_index()


def read_labels(path: str | Path) -> pd.DataFrame:
    """Read labels.tsv; a family keeps its name, whatever it looks like (001)."""
    return read_table(path, text=("family",))


def families_of(labels: pd.DataFrame) -> pd.Series | None:
    """The family of each line, by sample; None where families are not told."""
    return labels.set_index("sample")["family"] if "family" in labels else None
