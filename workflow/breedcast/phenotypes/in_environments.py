"""Trait tables that tell a line's values in several environments apart.

Read at every start of the workflow: only the standard library is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from breedcast.errors import UserError
from breedcast.phenotypes.design import complete, design_columns, environments
from breedcast.phenotypes.table import PhenotypeTable, is_missing, read_phenotypes

KEY = "config, phenotypes: environments"
#: How a config may tell environments apart: of plots (True), by a column, by columns of each trait.
Apart = bool | str | Mapping[str, list[str]] | None


def read_trait_table(
    path: str | Path, plots: Mapping[str, str] | None, apart: Apart
) -> PhenotypeTable:
    """The trait table of a config, its environments told apart if the config says so.

    plots: columns that describe plots, where rows are plots; apart: the config's phenotypes:
    environments. A UserError tells what is wrong with the table.
    """
    if plots is not None:
        table = read_phenotypes(path, of_plots=True)
        design = design_columns(plots, table)
        return replace(table, environments=environments(table, design)) if apart else table
    if apart is None:
        return read_phenotypes(path)
    if isinstance(apart, bool):
        raise UserError(f"{KEY}: true is for plots; name the column, or the columns of each trait")
    return in_environments(read_phenotypes(path, of_plots=isinstance(apart, str)), apart)


def in_environments(table: PhenotypeTable, given: str | Mapping[str, list[str]]) -> PhenotypeTable:
    """The table with a row per line and environment.

    given: the column that names each row's environment; or, of a table with a row per line, each
    trait's columns, one per environment, called as the environment is. The traits are then columns
    of the table, in the place of theirs. A UserError tells of a column that is not there, and of a
    line that stands twice in an environment.
    """
    return _long(table, given) if isinstance(given, str) else _melted(table, given)


def _long(table: PhenotypeTable, column: str) -> PhenotypeTable:
    _check(table, [column])
    names = complete(table, column)
    seen: dict[tuple[str, str], int] = {}
    for number, sample, name in zip(table.line_numbers, table.samples, names, strict=True):
        first = seen.setdefault((sample, name), number)
        if first != number:
            raise UserError(
                f"{table.path}, line {number}: {sample!r} stands in environment {name!r} already "
                f"(line {first}); keep one row, or set phenotypes: plots for a table of plots"
            )
    return replace(table, environments=names)


def _melted(table: PhenotypeTable, traits: Mapping[str, list[str]]) -> PhenotypeTable:
    for trait, columns in traits.items():
        _check(table, columns)
        for column in columns:
            table.numbers(column)  # told by the column's name, which is not the trait's
        if trait in table.columns and trait not in columns:
            raise UserError(
                f"{KEY}: {table.path} has a column {trait!r}; give the trait another name"
            )
    spread = {column for columns in traits.values() for column in columns}
    kept = [column for column in table.columns if column not in spread]
    held = {column: table.columns.index(column) for column in table.columns}
    names = list(dict.fromkeys(column for columns in traits.values() for column in columns))
    rows, samples, numbers, told = [], [], [], []
    for sample, number, row in zip(table.samples, table.line_numbers, table.rows, strict=True):
        for name in names:
            values = [row[held[name]] if name in columns else "NA" for columns in traits.values()]
            if all(map(is_missing, values)) and name != names[0]:
                continue  # the first row of a line tells its covariates, values or not
            rows.append([*values, *(row[held[column]] for column in kept)])
            samples.append(sample)
            numbers.append(number)
            told.append(name)
    return PhenotypeTable(table.path, [*traits, *kept], samples, rows, numbers, told)


def _check(table: PhenotypeTable, columns: list[str]) -> None:
    for column in columns:
        if column not in table.columns:
            raise UserError(
                f"{KEY}: {table.path} has no column {column!r}; the columns are "
                f"{', '.join(table.columns)}"
            )
