"""The table of environment covariates: what is known of environments beside what grew there.

Read at every start of the workflow: only the standard library is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from breedcast.errors import UserError, nearest
from breedcast.phenotypes.table import as_table, read_records

if TYPE_CHECKING:
    import pandas as pd

#: The column that names the environments; where there is none the first column does.
ENVIRONMENT = "environment"


def read_conditions(path: str | Path, environments: Iterable[str]) -> dict[str, dict[str, float]]:
    """The covariates by name, of each its number in every one of these environments.

    A UserError tells of an environment without a row or a number, and of one that stands twice.
    """
    records = read_records(Path(path), "phenotypes: environment_covariates")
    table = as_table(path, _environment_first(records), ENVIRONMENT)
    row = {name: number for number, name in enumerate(table.samples)}
    wanted = list(dict.fromkeys(environments))
    for name in wanted:
        if name not in row:
            raise UserError(
                f"{path}: no row for environment {name!r} of the trait table{nearest(name, row)}"
            )
    found = {}
    for column in table.columns:
        values = table.numbers(column)
        found[column] = {name: values[row[name]] for name in wanted}
        for name, value in found[column].items():
            if math.isnan(value):
                raise UserError(
                    f"{path}, line {table.line_numbers[row[name]]}, column {column!r}: no value of "
                    f"environment {name!r}; give one, or leave the column out"
                )
    return found


def check_conditions(path: str | Path, environments: Iterable[str]) -> None:
    """Raises a UserError for what `read_conditions` does, and if no covariate varies."""
    found = read_conditions(path, environments)
    if all(len(set(values.values())) == 1 for values in found.values()):
        raise UserError(
            f"{path}: no column ({', '.join(found)}) differs between the environments of the trait "
            "table; give one that does, or leave the table out"
        )


def _environment_first(records: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """The records with the column that names the environments at the front."""
    at = records[0][1].index(ENVIRONMENT) if records and ENVIRONMENT in records[0][1] else 0
    return [(line, [*row[at : at + 1], *row[:at], *row[at + 1 :]]) for line, row in records]


def conditions_of(
    environment: pd.Series, covariates: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """(records, covariates) of each record's environment, by what `read_conditions` found.

    Columns are called by the environment, since a covariate of lines may have the same name.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            f"{ENVIRONMENT} {name}": environment.map(values).astype(float)
            for name, values in covariates.items()
        }
    )
