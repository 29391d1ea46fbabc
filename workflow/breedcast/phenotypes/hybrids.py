"""Hybrids: who their parents are, which crosses could be made, and whose genotype can be told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING

from breedcast.errors import UserError
from breedcast.phenotypes.spelling import spelled_otherwise
from breedcast.phenotypes.table import PhenotypeTable, is_missing, read_records

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

#: Columns of phenotypes.tsv that name the parents of a hybrid.
SIDES = ("female", "male")
#: The value of `candidates` that takes every cross of the parents that was not made.
ALL_CROSSES = "all_crosses"
#: More crosses than these are not predicted at a time.
MOST_CROSSES = 200_000
#: A parent with a larger share of heterozygous calls is no inbred line: its crosses segregate.
MOST_HETEROZYGOUS = 0.25
#: Why lines of the table are left out, as dropped.tsv has it.
NO_PARENTS = "no parents are told"
NOT_GENOTYPED = "a parent is not in the genotypes"
OUTBRED = f"a parent has over {100 * MOST_HETEROZYGOUS:g} % heterozygous calls"

#: Female and male parent of hybrids, by the hybrids' names.
Crosses = dict[str, tuple[str, str]]


def parents_of(lines: pd.DataFrame) -> pd.DataFrame | None:
    """female and male of rows of phenotypes.tsv; None where these are no hybrids."""
    return lines[list(SIDES)] if set(SIDES) <= set(lines.columns) else None


def parents_by_sample(lines: pd.DataFrame) -> pd.DataFrame | None:
    """The same by sample, each once, where a hybrid may have a row per environment."""
    return parents_of(lines.drop_duplicates("sample").set_index("sample"))


def is_factorial(crosses: Iterable[Sequence[str]]) -> bool:
    """Whether no parent is female in one cross and male in another."""
    pairs = list(crosses)
    return not {female for female, _ in pairs} & {male for _, male in pairs}


@dataclass(frozen=True)
class Hybrids:
    """The hybrids of a table, and the further crosses that are to be predicted.

    crosses: parents by hybrid; known: those whose genotypes can be told; reasons: why others
    cannot, by name; candidates: who is to be predicted, None for every known one without a value.
    """

    crosses: Crosses
    known: list[str]
    reasons: dict[str, str]
    candidates: list[str] | None

    @classmethod
    def of(
        cls,
        table: PhenotypeTable,
        columns: Iterable[str],
        candidates: str | Path | None,
        heterozygous: Mapping[str, float],
        excluded: Mapping[str, str],
    ) -> Hybrids:
        """From the table's columns of female and male parents.

        candidates: None, ALL_CROSSES, or a file as `read_candidate_crosses` takes it, or of names.
        heterozygous: share of heterozygous calls by genotyped line; excluded: why lines are not
        among these. Raises UserError for what is no cross, for a file without
        candidates, and where no hybrid can be used.
        """
        crosses = read_crosses(table, columns)
        names: list[str] | None = None
        if candidates == ALL_CROSSES:
            crosses |= crosses_not_made(crosses)
        elif candidates is not None:
            further = read_candidate_crosses(candidates, crosses)
            if not further:
                raise UserError(
                    f"{candidates} holds no candidate: write a row for each, or take candidates "
                    "out of the config"
                )
            names = list(further)
            unknown = [
                name for name, pair in further.items() if pair is None and name not in crosses
            ]
            if unknown:
                raise UserError(
                    f"{candidates}: candidate {unknown[0]!r} is no hybrid of {table.path}: give a "
                    "table with the columns female and male, or the names of its hybrids"
                )
            crosses |= {
                name: _oriented(pair, crosses) for name, pair in further.items() if pair is not None
            }
        known, reasons = _usable(crosses, heterozygous, excluded)
        reasons |= dict.fromkeys((it for it in table.samples if it not in crosses), NO_PARENTS)
        return cls(crosses, known, reasons, names)

    def with_parents(self, lines: pd.DataFrame) -> pd.DataFrame:
        """phenotypes.tsv of some of them with their parents, beside the weights."""
        pairs = [self.crosses[sample] for sample in lines["sample"]]
        lines = lines.copy()
        place = list(lines.columns).index("weight") + 1
        for side, name in reversed(list(enumerate(SIDES))):
            lines.insert(place, name, [pair[side] for pair in pairs])
        return lines


def read_crosses(table: PhenotypeTable, columns: Iterable[str]) -> Crosses:
    """The parents of every row that has any.

    columns: of the female and of the male parent. Raises UserError for a hybrid of one parent,
    or of one parent twice.
    """
    female, male = columns
    crosses: Crosses = {}
    rows = zip(table.line_numbers, table.samples, table.text(female), table.text(male), strict=True)
    for number, sample, mother, father in rows:
        if mother is not None and father is not None:
            crosses[sample] = _crossed(f"{table.path}, line {number}", sample, mother, father)
        elif mother is not None or father is not None:
            told, missing = (female, male) if father is None else (male, female)
            raise UserError(
                f"{table.path}, line {number}: hybrid {sample!r} has a parent in column {told!r} "
                f"and none in {missing!r}: name both, or none where it is no hybrid"
            )
    return crosses


def crosses_not_made(made: Crosses) -> Crosses:
    """Every cross of the parents that no hybrid is of, by the name that `cross_name` gives it.

    Of each female and each male; where a parent is on both sides, of all parents with each other.
    """
    females, males = (sorted({pair[side] for pair in made.values()}) for side in (0, 1))
    if is_factorial(made.values()):
        return _new(product(females, males), made)
    return _new(combinations(sorted({*females, *males}), 2), made)


def cross_name(female: str, male: str) -> str:
    """What a cross is called that has no name: as pedigrees are written."""
    return f"{female}/{male}"


def read_candidate_crosses(path: str | Path, made: Crosses) -> dict[str, tuple[str, str] | None]:
    """Who is to be predicted, by name, with the parents where the file tells them.

    A table with the columns female and male (and, if wanted, sample, the name); or one with the
    columns parent and pool, for every cross of parents of different pools; or names, one a row. A
    cross that a hybrid in `made` is of keeps the name of that. Raises UserError for what is no
    cross, and for a name that stands for two.
    """
    records = read_records(Path(path), "candidates")
    header = records[0][1] if records else []
    if {"parent", "pool"} <= set(header):
        pools: dict[str, dict[str, None]] = {}
        for _, row in _rows(records, path, ("parent", "pool")):
            pools.setdefault(row["pool"], {})[row["parent"]] = None
        if len(pools) < 2:
            raise UserError(f"{path}: one pool only; crosses are between parents of two or more")
        between = combinations(pools.values(), 2)
        pairs = [pair for two in between for pair in product(*two) if pair[0] != pair[1]]
        wanted = {frozenset(pair) for pair in pairs}
        there = {name: pair for name, pair in made.items() if frozenset(pair) in wanted}
        return {**there, **_new(pairs, made)}
    if not set(SIDES) <= set(header):
        return {name: None for _, record in records if (name := record[0])}
    crosses: Crosses = {}
    names = _names(made)
    for where, row in _rows(records, path, SIDES):
        pair = row["female"], row["male"]
        name = row.get("sample") or names.get(frozenset(pair)) or cross_name(*pair)
        _crossed(where, name, *pair)
        known = crosses.get(name) or made.get(name) or pair
        if set(known) != set(pair):
            raise UserError(
                f"{where}: {name!r} is the name of another cross; give this one its own"
            )
        crosses[name] = known
    return {**crosses}


def _oriented(pair: tuple[str, str], made: Crosses) -> tuple[str, str]:
    """The pair as the hybrids made have it: the parent that they have as male is the male."""
    if is_factorial(made.values()):
        females, males = ({it[side] for it in made.values()} for side in (0, 1))
        if pair[0] in males or pair[1] in females:
            return pair[1], pair[0]
    return pair


def _crossed(where: str, sample: str, female: str, male: str) -> tuple[str, str]:
    if female == male:
        raise UserError(
            f"{where}: both parents of {sample!r} are {female!r}: a selfed line is no hybrid; take "
            "its parents out, or the row"
        )
    return female, male


def _rows(
    records: list[tuple[int, list[str]]], path: str | Path, required: Iterable[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row stands, and what it says by column."""
    header = records[0][1]
    for number, record in records[1:]:
        where = f"{path}, line {number}"
        if len(record) != len(header):
            raise UserError(f"{where}: {len(record)} fields where the header has {len(header)}")
        row = dict(zip(header, record, strict=True))
        for column in required:
            if is_missing(row[column]):
                raise UserError(f"{where}: nothing in column {column!r}; name it")
        yield where, row


def _names(crosses: Crosses) -> dict[frozenset[str], str]:
    """The first name of each pair of parents, whichever of them is the female."""
    names: dict[frozenset[str], str] = {}
    for name, pair in crosses.items():
        names.setdefault(frozenset(pair), name)
    return names


def _new(pairs: Iterable[tuple[str, str]], made: Crosses) -> Crosses:
    """Those of the pairs that no hybrid is of, by name; a UserError tells of too many."""
    known = _names(made)
    new: Crosses = {}
    for pair in pairs:
        if frozenset(pair) not in known:
            name = cross_name(*pair)
            if new.setdefault(name, pair) != pair:
                raise UserError(
                    f"candidates: {name!r} is the name of two crosses, {' x '.join(new[name])} and "
                    f"{' x '.join(pair)}; rename a parent"
                )
        if len(new) > MOST_CROSSES:
            raise UserError(
                f"candidates: these parents make more than {MOST_CROSSES:,} crosses, too many "
                "at a time: give a file with the columns female and male"
            )
    if both := new.keys() & made.keys():
        raise UserError(
            f"candidates: {min(both)!r} is the name of a hybrid of other parents; rename it"
        )
    return new


def _usable(
    crosses: Crosses, heterozygous: Mapping[str, float], excluded: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The hybrids whose genotypes can be told, and why those of others cannot.

    A hybrid that is genotyped itself needs no inbred parents, but genotyped ones. The log names
    the parents that are to blame; raises UserError where no hybrid is left.
    """
    known: list[str] = []
    reasons: dict[str, str] = {}
    blamed: dict[str, str] = {}
    for sample, pair in crosses.items():
        absent = [parent for parent in pair if parent not in heterozygous]
        outbred = [
            parent
            for parent in pair
            if sample not in heterozygous and heterozygous.get(parent, 0) > MOST_HETEROZYGOUS
        ]
        if absent:
            reasons[sample] = NOT_GENOTYPED
            blamed |= {it: excluded.get(it, "not in the genotypes") for it in absent}
        elif outbred:
            reasons[sample] = OUTBRED
            blamed |= {it: f"{heterozygous[it]:.0%} heterozygous calls" for it in outbred}
        else:
            known.append(sample)
    unknown = [it for it in blamed if it not in heterozygous and it not in excluded]
    for parent, meant in spelled_otherwise(unknown, heterozygous).items():
        blamed[parent] += f" but as {meant!r}"
    for parent, why in blamed.items():
        log.warning("parent %r: %s; hybrids of it are left out", parent, why)
    if not known:
        first = "".join(f" (parent {name!r}: {why})" for name, why in list(blamed.items())[:1])
        raise UserError(
            f"phenotypes: parents: none of {len(crosses)} hybrids can be used{first}: both parents "
            "of a hybrid have to be genotyped, by the same names, and inbred"
        )
    return known, reasons
