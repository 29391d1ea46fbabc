"""The columns of the trait table that a config names, and what they stand for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from breedcast.errors import UserError, nearest
from breedcast.phenotypes.table import PhenotypeTable
from breedcast.validation.names import FOLLOWED

#: Names that stand beside the traits' folders in the output.
RESERVED_TRAITS = {"genotypes", "figures", "report.html", "summary.json", "manifest.json"}
RESERVED_TRAITS |= {"index.tsv", "index_gains.tsv", "index_correlations.tsv"}
PLAIN_TRAIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
#: What the trait table may tell of lines beside values, by its key under phenotypes.
LABELS = ("family", "year")


def label_columns(config: dict[str, Any], table: PhenotypeTable) -> dict[str, str]:
    """The columns of the trait table that tell families and years, by these keys.

    Raises UserError where one is not there, or is not named and the validation scheme follows it,
    and for a year that is not a number.
    """
    given = config["phenotypes"]
    columns = {label: given[label] for label in LABELS if given[label] is not None}
    for label, column in columns.items():
        _must_have(table, [column], f"phenotypes: {label}")
    scheme = config["validation"]["scheme"]
    followed = FOLLOWED.get(scheme)
    if followed in LABELS and followed not in columns:
        raise UserError(
            f"config, validation: scheme {scheme} asks for the {followed} of each line: name the "
            f"column that holds it (phenotypes: {followed}); {table.path} has the columns "
            f"{', '.join(table.columns)}"
        )
    if "year" in columns:
        table.numbers(columns["year"])
    return columns


def trait_ids(
    config: dict[str, Any], table: PhenotypeTable, design: Iterable[str] = ()
) -> dict[str, str]:
    """The traits to analyse: their ids (safe as folder names) and columns of the table.

    design: columns that describe plots. Raises UserError for a trait, covariate or direction
    that names no column.
    """
    covariates = config["phenotypes"]["covariates"]
    weights = config["phenotypes"]["weights"]
    others = _no_traits(config, table, design)
    if config["traits"] == "all":
        for column in passed_over(config, table, design):
            table.refuse_numbers_in_disguise(column)
        columns = [
            column
            for column in table.columns
            if column not in others and table.holds_numbers(column)
        ]
        if not columns:
            raise UserError(f"{table.path}: no column holds numbers; there is no trait to analyse")
    else:
        columns = config["traits"]
    for key, names in (
        ("traits", columns),
        ("phenotypes: covariates", covariates),
        ("phenotypes: weights", [*weights, *weights.values()]),
        ("directions", config["directions"]),
    ):
        _must_have(table, names, key)
    both = set(columns) & others
    if both:
        raise UserError(
            f"config: {min(both)!r} cannot be both a trait and a covariate, a weight, a family, a "
            "year, a parent, an environment or a description of plots"
        )
    return {trait_id(column): column for column in columns}


def passed_over(
    config: dict[str, Any], table: PhenotypeTable, design: Iterable[str] = ()
) -> list[str]:
    """The columns that `traits: all` leaves out as they hold no numbers; none for named traits."""
    if config["traits"] != "all":
        return []
    others = _no_traits(config, table, design)
    return [it for it in table.columns if it not in others and not table.holds_numbers(it)]


def _no_traits(config: dict[str, Any], table: PhenotypeTable, design: Iterable[str]) -> set[str]:
    """The columns that have another part: covariates, weights, labels, parents, of plots."""
    given = config["phenotypes"]
    labels = label_columns(config, table).values()
    others = {*given["covariates"], *given["weights"].values(), *design, *labels}
    others |= set(parent_columns(config, table))
    apart = given["environments"]
    if isinstance(apart, str):
        others.add(apart)
    if isinstance(apart, dict):
        others |= set(table.columns) - set(apart)
    return others


def trait_id(column: str) -> str:
    """The column's name where it is safe in a path, else a slug with eight hash digits."""
    if PLAIN_TRAIT.fullmatch(column) and column not in RESERVED_TRAITS and ".." not in column:
        return column
    slug = re.sub(r"[^A-Za-z0-9]+", "_", column).strip("_")[:40] or "trait"
    return f"{slug}_{hashlib.sha256(column.encode()).hexdigest()[:8]}"


def parent_columns(config: dict[str, Any], table: PhenotypeTable) -> list[str]:
    """The columns of the trait table that name hybrids' parents; a UserError for one not there."""
    columns: list[str] = config["phenotypes"]["parents"] or []
    _must_have(table, columns, "phenotypes: parents")
    return columns


def _must_have(table: PhenotypeTable, columns: Iterable[str], key: str) -> None:
    """A UserError tells of a column that the config names at `key` and the table has not."""
    for column in columns:
        if column not in table.columns:
            raise UserError(
                f"config, {key}: {table.path} has no column {column!r}"
                f"{nearest(column, table.columns)}"
            )
