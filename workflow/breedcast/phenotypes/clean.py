"""One trait's lines: which train, which are candidates, which are left out and why."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.phenotypes.table import PhenotypeTable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CleanPhenotypes:
    """lines: sample, environment, value, weight and the covariates, phenotyped lines in the
    order of the table, then the candidates (value NA). dropped: sample, reason.
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
    """The lines of a trait that are genotyped, with and without a value.

    weights: the column that says how much each value counts, or None for all alike.
    genotyped: samples that passed the genotype filters; excluded: samples that did not, with
    the reason. candidate_names: the lines to predict, or None for every genotyped line
    without a value. A UserError tells of a trait that cannot be analysed.
    """
    values = dict(zip(table.samples, table.numbers(trait), strict=True))
    measured = {sample: value for sample, value in values.items() if np.isfinite(value)}
    if not measured:
        raise UserError(f"{table.path}, column {trait!r}: every value is missing; drop the trait")
    known = set(genotyped)
    phenotyped = [sample for sample in measured if sample in known]
    if not phenotyped:
        raise UserError(
            f"{table.path}, column {trait!r}: none of its {len(measured)} lines with a value is "
            f"genotyped (table: {next(iter(measured))!r}, genotypes: {genotyped[0]!r}, ...); "
            "use the same line names in both files"
        )
    if len({measured[sample] for sample in phenotyped}) == 1:
        raise UserError(
            f"{table.path}, column {trait!r}: all {len(phenotyped)} genotyped lines have the "
            f"value {measured[phenotyped[0]]:g}; there is nothing to predict, drop the trait"
        )
    candidates = _candidates(candidate_names, genotyped, set(phenotyped))
    lines = pd.DataFrame({"sample": [*phenotyped, *candidates]})
    lines["environment"] = pd.Series([None] * len(lines), dtype=object)
    lines["value"] = [measured.get(sample, np.nan) for sample in lines["sample"]]
    lines["weight"] = _weights(table, weights, phenotyped, len(candidates))
    lines = lines.join(_covariate_columns(table, covariates), on="sample")
    dropped = [
        (sample, excluded.get(sample, "not in the genotypes"))
        for sample in measured
        if sample not in known
    ]
    chosen = set(lines["sample"])
    dropped += [
        (sample, "no value, and not among the named candidates")
        for sample in genotyped
        if sample not in chosen
    ]
    return CleanPhenotypes(lines, pd.DataFrame(dropped, columns=["sample", "reason"], dtype=str))


def _candidates(names: list[str] | None, genotyped: list[str], phenotyped: set[str]) -> list[str]:
    if names is None:
        return [sample for sample in genotyped if sample not in phenotyped]
    for name in names:
        if name in phenotyped:
            log.warning("candidate %r has a value: it trains, and is not ranked", name)
    wanted = set(names) - phenotyped
    return [sample for sample in genotyped if sample in wanted]


def _weights(
    table: PhenotypeTable, column: str | None, phenotyped: list[str], candidates: int
) -> list[float]:
    """Weights with mean 1 of the phenotyped lines, and 1 for the candidates."""
    if column is None:
        return [1.0] * (len(phenotyped) + candidates)
    given = dict(zip(table.samples, table.numbers(column), strict=True))
    for sample in phenotyped:
        if not given[sample] > 0:
            raise UserError(
                f"{table.path}, column {column!r}: line {sample!r} has a value but no weight above "
                "0; give one, or take the value out"
            )
    mean = sum(given[sample] for sample in phenotyped) / len(phenotyped)
    return [given[sample] / mean for sample in phenotyped] + [1.0] * candidates


def _covariate_columns(table: PhenotypeTable, covariates: list[str]) -> pd.DataFrame:
    """Covariates by sample: numbers where the column holds numbers, else text."""
    columns = {
        name: table.numbers(name) if table.holds_numbers(name) else table.text(name)
        for name in covariates
    }
    return pd.DataFrame(columns, index=table.samples)


def read_candidates(path: str | Path, genotyped: set[str], excluded: dict[str, str]) -> list[str]:
    """The names in a file, one a row; a UserError names one that cannot be predicted."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; set candidates in the config to a file of names")
    names = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines()]
    for number, name in enumerate(names, start=1):
        if name and name not in genotyped:
            reason = excluded.get(name, "not in the genotypes")
            raise UserError(
                f"{path}, line {number}: candidate {name!r} cannot be predicted: {reason}"
            )
    return [name for name in names if name]


def phenotyped_lines(lines: pd.DataFrame) -> pd.DataFrame:
    """The rows of phenotypes.tsv that have a value; the others are the candidates."""
    return lines[lines["value"].notna()].reset_index(drop=True)
