"""What follows from adjusted plots: the values of the lines, and their heritability."""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.phenotypes.table import PhenotypeTable


def line_table(
    plots: PhenotypeTable, adjusted: pd.DataFrame, trait: str, covariates: list[str]
) -> tuple[PhenotypeTable, str | None]:
    """A table with a row per line for `clean_phenotypes`, and its column of weights, if any.

    Where the plots' environments are told apart it has a row per line and environment. adjusted:
    adjusted.tsv, of which accordingly the rows over all environments, or of single ones, are taken.
    Lines without a value are in the table too, with their covariates; a UserError names a line of
    which the plots of a row tell different ones.
    """
    apart = plots.environments is not None
    first: dict[tuple[str, str | None], int] = {}
    for position, record in enumerate(plots.records):
        first.setdefault(record, position)
    columns: dict[str, list[str | None]] = {}
    for covariate in covariates:
        text = plots.text(covariate)
        columns[covariate] = [text[position] for position in first.values()]
        for number, record, value in zip(plots.line_numbers, plots.records, text, strict=True):
            if value != text[first[record]]:
                raise UserError(
                    f"{plots.path}, line {number}, column {covariate!r}: {value!r} where an "
                    f"earlier plot of {record[0]!r} has {text[first[record]]!r}; give one value a "
                    "line"
                )
    own = adjusted[adjusted["environment"].notna() == apart]
    own_records = [
        (sample, environment if apart else None)
        for sample, environment in zip(own["sample"], own["environment"], strict=True)
    ]
    weight = f"weight of {trait}"
    for name, column in ((trait, "value"), (weight, "weight")):
        values = zip(own_records, own[column], strict=True)
        held = {record: f"{it:.17e}" for record, it in values if np.isfinite(it)}
        columns[name] = [held.get(record) for record in first]
    rows = [[value or "NA" for value in row] for row in zip(*columns.values(), strict=True)]
    numbers = [plots.line_numbers[position] for position in first.values()]
    samples, told = zip(*first, strict=True)
    environments = list(told) if apart else None
    table = PhenotypeTable(plots.path, list(columns), list(samples), rows, numbers, environments)
    known = own.loc[np.isfinite(own["value"]), "weight"].notna()
    return table, weight if known.all() or (known.any() and not apart) else None


def heritability_of_values(heritability: pd.DataFrame, apart: bool = False) -> float:
    """That of the lines over all environments (Cullis), from heritability.tsv; NaN if unknown.

    apart: the mean of those within environments, where their values are told apart.
    """
    return float(heritability.loc[heritability["environment"].notna() == apart, "cullis"].mean())
