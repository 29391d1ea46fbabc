"""One trait's lines: which train, which are candidates, which are left out and why."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.genotypes.names import read_names
from breedcast.phenotypes.covariates import Covariates, column_of
from breedcast.phenotypes.spelling import spelled_otherwise
from breedcast.phenotypes.table import PhenotypeTable

log = logging.getLogger(__name__)

#: Why lines with a value are not used, as dropped.tsv has it.
NOT_GENOTYPED = "not in the genotypes"
MISSPELLED = "spelled otherwise in the genotypes"
#: Numbers that often stand for a missing value.
MISSING_CODES = (-9, -99, -999, -9999, 999, 9999)
#: Values farther than so many interquartile ranges from the median of others are far from them.
FAR = 10


@dataclass(frozen=True)
class CleanPhenotypes:
    """lines: sample, environment, value, weight and the covariates, records with a value in the
    order of the table, then the candidates (value NA), in every environment of the others.
    dropped: sample, reason.
    """

    lines: pd.DataFrame
    dropped: pd.DataFrame


def clean_phenotypes(
    table: PhenotypeTable,
    trait: str,
    covariates: list[str],
    weights: str | None,
    genotyped: list[str],
    excluded: dict[str, str],
    candidate_names: list[str] | None,
) -> CleanPhenotypes:
    """The lines of a trait that are genotyped, with and without a value, by environment if told.

    weights: the column that says how much each value counts, or None for all alike.
    genotyped: samples that passed the genotype filters; excluded: samples that did not, with
    the reason. candidate_names: the lines to predict, or None for every genotyped line
    without a value in any environment. A UserError tells of a trait that cannot be analysed.
    """
    position = {record: row for row, record in enumerate(table.records)}
    values = table.numbers(trait)
    measured = [record for record, row in position.items() if np.isfinite(values[row])]
    known = set(genotyped)
    phenotyped = [record for record in measured if record[0] in known]
    of_lines = list(dict.fromkeys(sample for sample, _ in measured))
    found = {values[position[record]] for record in phenotyped}
    _refuse_unpredictable(f"{table.path}, column {trait!r}", of_lines, genotyped, found)
    names = _candidates(candidate_names, genotyped, {sample for sample, _ in phenotyped})
    environments = dict.fromkeys(environment for _, environment in phenotyped)
    candidates = [(name, environment) for name in names for environment in environments]
    records = [*phenotyped, *candidates]
    lines = pd.DataFrame(records, columns=["sample", "environment"], dtype=object)
    lines["value"] = [values[position[it]] for it in phenotyped] + [np.nan] * len(candidates)
    weight = _weights(table, weights, [position[record] for record in phenotyped])
    lines["weight"] = weight + [1.0] * len(candidates)
    first = {sample: row for row, sample in reversed([*enumerate(table.samples)])}
    told = [
        position.get((sample, environment), first.get(sample, -1))
        for sample, environment in records
    ]
    covariate_columns = _covariate_columns(table, covariates, told)
    first_records = ~lines["sample"].duplicated() & lines["value"].notna()
    _check_covariates(table.path, trait, covariate_columns[first_records])
    dropped = _why_not_genotyped(table.path, of_lines, genotyped, excluded)
    chosen = set(lines["sample"])
    unnamed = [sample for sample in genotyped if sample not in chosen]
    dropped |= dict.fromkeys(unnamed, "no value, and not among the named candidates")
    reasons = pd.DataFrame(dropped.items(), columns=["sample", "reason"], dtype=str)
    return CleanPhenotypes(lines.join(covariate_columns), reasons)


def _refuse_unpredictable(
    where: str, measured: list[str], genotyped: list[str], found: set[float]
) -> None:
    """Raises UserError where no line, no genotyped line, or each of these has the same value.

    where: table and column; measured: lines with a value; found: the values of genotyped ones.
    """
    if not measured:
        raise UserError(f"{where}: every value is missing; drop the trait")
    if len(found) > 1:
        return
    known, told = set(genotyped), set(measured)
    absent = [sample for sample in measured if sample not in known]
    other = next((sample for sample in genotyped if sample not in told), genotyped[0])
    names = f"(table: {(absent or measured)[0]!r}, genotypes: {other!r}, ...)"
    if not found:
        raise UserError(
            f"{where}: none of its {len(measured)} lines with a value is genotyped {names}; use "
            "the same line names in both files"
        )
    same = f"all {len(measured) - len(absent)} genotyped lines have the value {found.pop():g}"
    if absent:
        raise UserError(
            f"{where}: {same}, and the other {len(absent)} of its lines with a value are not "
            f"genotyped {names}; use the same line names in both files, or drop the trait"
        )
    raise UserError(f"{where}: {same}; there is nothing to predict, drop the trait")


def _why_not_genotyped(
    path: str, measured: list[str], genotyped: list[str], excluded: dict[str, str]
) -> dict[str, str]:
    """Why lines with a value are not used, by name; the log tells of names misspelled."""
    known, told = set(genotyped), set(measured)
    reasons = {it: excluded.get(it, NOT_GENOTYPED) for it in measured if it not in known}
    unknown = [name for name, reason in reasons.items() if reason == NOT_GENOTYPED]
    alike = spelled_otherwise(unknown, [it for it in genotyped if it not in told])
    if alike:
        log.warning(
            "%s: %d lines with a value are left out as their names are spelled otherwise in the "
            "genotypes, the first %r, there %r; use the same names in both files",
            *(path, len(alike), *next(iter(alike.items()))),
        )
    return reasons | dict.fromkeys(alike, MISSPELLED)


def _candidates(names: list[str] | None, genotyped: list[str], phenotyped: set[str]) -> list[str]:
    if names is None:
        return [sample for sample in genotyped if sample not in phenotyped]
    if measured := [name for name in names if name in phenotyped]:
        log.warning(
            "candidates with a value train, and are not ranked: %d, the first %r",
            *(len(measured), measured[0]),
        )
    wanted = set(names) - phenotyped
    return [sample for sample in genotyped if sample in wanted]


def _weights(table: PhenotypeTable, column: str | None, rows: list[int]) -> list[float]:
    """Weights, of mean 1, of the rows that have a genotyped line and a value."""
    if column is None:
        return [1.0] * len(rows)
    given = table.numbers(column)
    for row in rows:
        if not given[row] > 0:
            raise UserError(
                f"{table.path}, column {column!r}: line {table.samples[row]!r} has a value but no "
                "weight above 0; give one, or take the value out"
            )
    mean = sum(given[row] for row in rows) / len(rows)
    return [given[row] / mean for row in rows]


def _covariate_columns(
    table: PhenotypeTable, covariates: list[str], rows: list[int]
) -> pd.DataFrame:
    """Covariates at these rows of the table (-1: in none), numbers where the column holds some."""
    columns = {
        column_of(name): table.numbers(name) if table.holds_numbers(name) else table.text(name)
        for name in covariates
    }
    return pd.DataFrame(columns, index=range(len(table.rows))).reindex(rows).reset_index(drop=True)


def _check_covariates(path: str, trait: str, of_lines: pd.DataFrame) -> None:
    """A UserError tells of covariates with more effects than half of the phenotyped lines.

    of_lines: (lines, covariates) of each line with a value, in its first environment.
    """
    fitted = Covariates.fit(of_lines)
    effects = 1 + fitted.columns
    if not fitted.columns or 2 * effects <= len(of_lines):
        return
    told = [f"{name!r} ({len(levels)} groups)" for name, levels in fitted.levels.items()]
    told += [f"{name!r} (numbers)" for name in fitted.numeric]
    raise UserError(
        f"{path}, column {trait!r}: {len(of_lines)} genotyped lines with a value are too few for "
        f"{effects} effects, the mean and those of the covariates {', '.join(told)}: there must be "
        "two lines for each; join small groups, or leave a covariate out"
    )


def read_candidates(path: str | Path, genotyped: set[str], excluded: dict[str, str]) -> list[str]:
    """The names in a file, one a row; a UserError names one that cannot be predicted."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; set candidates in the config to a file of names")
    names = read_names(path)
    for name, number in names.items():
        if name not in genotyped:
            reason = excluded.get(name, NOT_GENOTYPED)
            raise UserError(
                f"{path}, line {number}: candidate {name!r} cannot be predicted: {reason}"
            )
    return list(names)


def warn_of_missing_codes(table: PhenotypeTable, columns: Iterable[str]) -> None:
    """The log names numbers far from all others of their column that may stand for missing ones.

    table: as the user wrote it; columns that hold no numbers are passed over.
    """
    for column in filter(table.holds_numbers, columns):
        values = np.array(table.numbers(column))
        for code in _far_codes(values):
            rows = np.flatnonzero(values == code)
            names = list(dict.fromkeys(table.samples[row] for row in rows))
            more = ", ..." if len(names) > 3 else ""
            log.warning(
                "%s, column %r: %d stands %d times, far from the other values (%s): if it means "
                "that a value is missing, write NA",
                *(table.path, column, code, len(rows), ", ".join(map(repr, names[:3])) + more),
            )


def _far_codes(values: np.ndarray) -> list[int]:
    """Which of MISSING_CODES occur, and far from the values that are none of them."""
    others = values[np.isfinite(values) & ~np.isin(values, MISSING_CODES)]
    if not len(others):
        return []
    there = np.array([code for code in MISSING_CODES if code in values])
    return list(there[are_far(there, others)])


def are_far(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(values,) whether each is far from other values, of which it may be one.

    Where half of the others are equal, as scores may be, their range is the measure.
    """
    low, median, high = np.percentile(others, [25, 50, 75])
    spread = high - low or np.ptp(others)
    far: np.ndarray = np.abs(values - median) > FAR * spread
    return far


def phenotyped_lines(lines: pd.DataFrame) -> pd.DataFrame:
    """The rows of phenotypes.tsv that have a value; the others are the candidates."""
    return lines[lines["value"].notna()].reset_index(drop=True)
