"""From the plots of a trait to the values of its lines, per environment and over all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.phenotypes.design import checks, environments
from breedcast.phenotypes.environments import (
    MeansByEnvironment,
    heritability_over_environments,
    over_environments,
)
from breedcast.phenotypes.spelling import warn_of_spellings
from breedcast.phenotypes.table import PhenotypeTable
from breedcast.phenotypes.terms import SamePlace, Term, terms_of
from breedcast.phenotypes.trial import (
    Heritability,
    Means,
    Trial,
    adjusted_means,
    heritability,
)

log = logging.getLogger(__name__)

#: Roles of columns that make terms of the field, and those of them that hold numbers.
OF_FIELD, NUMBERS = ("replicate", "block", "row", "column"), ("row", "column")
#: Columns of adjusted.tsv and of heritability.tsv.
MEANS = ("sample", "environment", "plots", "value", "standard_error", "weight")
VARIANCES = ("line", "interaction", "replicate", "block", "row", "column", "trend", "error")
HERITABILITY = (
    *("environment", "plots", "lines", "plots_per_line"),
    *(f"{name}_variance" for name in VARIANCES),
    *("line_mean", "cullis", "note"),
)


@dataclass(frozen=True)
class Adjusted:
    """means: sample, environment, plots, value, standard_error, weight. heritability: per
    environment. In both, rows without an environment are over all of them.
    """

    means: pd.DataFrame
    heritability: pd.DataFrame


def adjust_plots(table: PhenotypeTable, design: Mapping[str, str], trait: str) -> Adjusted:
    """Adjusted means and heritabilities of a trait.

    design: the table's columns by role. Lines are fixed and no marker is looked at. A UserError
    tells of a plot that is not described as others are.
    """
    plots = _plots(table, design, trait)
    if plots.empty:
        raise UserError(f"{table.path}, column {trait!r}: every value is missing; drop the trait")
    check = checks(table, design)
    warn_of_spellings(f"{table.path}, environments", plots["environment"])
    means, rows = [], []
    for environment in plots["environment"].unique():
        its = plots[plots["environment"] == environment]
        line, names = _numbered(its["sample"])
        is_check = np.isin(names, list(check))
        value = its["value"].to_numpy()
        trial = Trial(line, len(names), is_check, value, _terms(its, table, design))
        means.append(_means_table(names, environment, trial.plots, adjusted_means(trial)))
        found = heritability(trial)
        rows.append(_row(environment, trial.plots[~is_check], found, trial.untold))
    by_environment = pd.concat(means, ignore_index=True)
    rows.append(_row_over_environments(by_environment, check, rows))
    everywhere = means_over_environments(by_environment)
    return Adjusted(
        pd.concat([by_environment, everywhere], ignore_index=True),
        pd.DataFrame(rows, columns=list(HERITABILITY)),
    )


def means_over_environments(by_environment: pd.DataFrame) -> pd.DataFrame:
    """The lines' means over the environments whose rows are given, and no others.

    by_environment: rows of adjusted.tsv that have an environment. What is to predict an
    environment that is held out must be given the rows of the others alone.
    """
    if by_environment["environment"].nunique() == 1:
        return by_environment.assign(environment=None)
    means = over_environments(_by_environment(by_environment, set()))
    plots = by_environment.groupby("sample", sort=False)["plots"].sum()
    return _means_table(plots.index.to_numpy(), None, plots.to_numpy(), means)


def _plots(table: PhenotypeTable, design: Mapping[str, str], trait: str) -> pd.DataFrame:
    """The plots that have a value: number (the line of the file), sample, environment, value,
    and what the table tells of their place, by role.
    """
    told = {
        "environment": "all plots are taken for one environment",
        "replicate": "replicates are not adjusted for",
        "block": "blocks are not adjusted for",
        "row": "no trend over the field is taken off",
        "column": "no trend over the field is taken off",
    }
    columns = ", ".join(f"{role} {column!r}" for role, column in design.items())
    log.info("%s: columns that describe plots: %s", table.path, columns or "none")
    for role, consequence in told.items():
        if role not in design and not (role == "environment" and {"year", "location"} & {*design}):
            log.info("%s has no column for %s: %s", table.path, role, consequence)
    plots = pd.DataFrame(
        {
            "number": table.line_numbers,
            "sample": table.samples,
            "environment": environments(table, design),
            "value": table.numbers(trait),
        }
    )
    for role in OF_FIELD:
        if role in design:
            read = table.numbers if role in NUMBERS else table.text
            plots[role] = read(design[role])
    return plots[plots["value"].notna()]


def _terms(plots: pd.DataFrame, table: PhenotypeTable, design: Mapping[str, str]) -> list[Term]:
    """The field's terms of an environment's plots: of the columns that describe them there."""
    columns: dict[str, np.ndarray] = {}
    for role in OF_FIELD:
        if role not in plots or plots[role].isna().all():
            continue
        missing = plots.loc[plots[role].isna(), "number"]
        if len(missing):
            raise UserError(
                f"{table.path}, line {missing.iloc[0]}: no value in column {design[role]!r}, "
                f"which other plots of {plots['environment'].iloc[0]} have"
            )
        columns[role] = plots[role].to_numpy()
    try:
        return terms_of(columns)
    except SamePlace as error:
        raise UserError(
            f"{table.path}, line {plots['number'].iloc[error.plot]}: another plot of "
            f"{plots['environment'].iloc[0]} has the same row and column; correct one, or name "
            "the replicate or block that it is in"
        ) from None


def _numbered(names: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Each row's position among the different names, and these in the order they appear."""
    numbers, different = pd.factorize(names)
    return numbers, np.asarray(different, object)


def _means_table(
    names: np.ndarray, environment: str | None, plots: np.ndarray, means: Means
) -> pd.DataFrame:
    columns = (names, environment, plots, means.value, means.standard_error, means.weight)
    return pd.DataFrame(dict(zip(MEANS, columns, strict=True)))


def _by_environment(by_environment: pd.DataFrame, check: set[str]) -> MeansByEnvironment:
    line, names = _numbered(by_environment["sample"])
    environment, labels = _numbered(by_environment["environment"])
    return MeansByEnvironment(
        line,
        len(names),
        environment,
        list(labels),
        by_environment["value"].to_numpy(),
        by_environment["weight"].to_numpy(),
        np.isin(names, list(check)),
    )


def _row(
    environment: str | None, plots_per_line: np.ndarray, found: Heritability | None, note: str
) -> dict[str, object]:
    """A row of heritability.tsv. plots_per_line: (lines,) of those that are no checks."""
    lines = len(plots_per_line)
    row: dict[str, object] = {
        "environment": environment,
        "plots": int(plots_per_line.sum()),
        "lines": lines,
        "plots_per_line": plots_per_line.mean() if lines else None,
        "note": note or None,
    }
    if found:
        row |= {f"{name}_variance": value for name, value in found.variances.items()}
        row |= {"line_mean": found.line_mean, "cullis": found.cullis}
    return row


def _row_over_environments(
    by_environment: pd.DataFrame, check: set[str], rows: list[dict[str, object]]
) -> dict[str, object]:
    if len(rows) == 1:
        return rows[0] | {"environment": None}
    means = _by_environment(by_environment, check)
    entries = by_environment[~by_environment["sample"].isin(check)]
    plots_per_line = entries.groupby("sample")["plots"].sum().to_numpy()
    found = heritability_over_environments(means)
    note = "" if means.is_replicated else "too few lines were in several environments"
    return _row(None, plots_per_line, found, note)
