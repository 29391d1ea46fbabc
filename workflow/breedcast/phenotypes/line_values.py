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

    adjusted: adjusted.tsv, of which the rows over all environments are taken. Lines without a
    value are in the table too, with their covariates; a UserError names a line of which plots tell
    different ones.
    """
    first: dict[str, int] = {}
    for position, sample in enumerate(plots.samples):
        first.setdefault(sample, position)
    columns: dict[str, list[str | None]] = {}
    for covariate in covariates:
        text = plots.text(covariate)
        columns[covariate] = [text[position] for position in first.values()]
        for number, sample, value in zip(plots.line_numbers, plots.samples, text, strict=True):
            if value != text[first[sample]]:
                raise UserError(
                    f"{plots.path}, line {number}, column {covariate!r}: {value!r} where an "
                    f"earlier plot of {sample!r} has {text[first[sample]]!r}; give one value a line"
                )
    own = adjusted[adjusted["environment"].isna()].set_index("sample")
    weight = f"weight of {trait}"
    for name, values in ((trait, own["value"]), (weight, own["weight"])):
        held = {sample: repr(float(it)) for sample, it in values.items() if np.isfinite(it)}
        columns[name] = [held.get(sample) for sample in first]
    rows = [[value or "NA" for value in row] for row in zip(*columns.values(), strict=True)]
    numbers = [plots.line_numbers[position] for position in first.values()]
    table = PhenotypeTable(plots.path, list(columns), list(first), rows, numbers)
    return table, weight if own["weight"].notna().any() else None


def heritability_of_values(heritability: pd.DataFrame) -> float:
    """That of the lines over all environments (Cullis), from heritability.tsv; NaN if unknown."""
    everywhere = heritability[heritability["environment"].isna()]
    return float(everywhere["cullis"].iloc[0])
