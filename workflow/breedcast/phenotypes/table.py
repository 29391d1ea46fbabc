"""The user's trait table: a first column of line names, then traits and covariates."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breedcast.errors import UserError

MISSING = frozenset({"", "NA", "NaN", "nan", "."})


@dataclass(frozen=True)
class PhenotypeTable:
    """A trait table as text, each row with its line number in the file.

    environments: (rows,) that of each row, None where the table does not tell them apart; kind:
    what the first column names. Reading needs only the standard library: the Snakefile lists the
    traits at every start.
    """

    path: str
    columns: list[str]  # without the first, the line names
    samples: list[str]
    rows: list[list[str]]
    line_numbers: list[int]
    environments: list[str] | None = None
    kind: str = "sample"

    @property
    def records(self) -> list[tuple[str, str | None]]:
        """Line and environment of every row."""
        told: Sequence[str | None] = self.environments or [None] * len(self.samples)
        return list(zip(self.samples, told, strict=True))

    def text(self, column: str) -> list[str | None]:
        """A column's values as text, None where missing."""
        position = self._position(column)
        return [None if row[position] in MISSING else row[position] for row in self.rows]

    def numbers(self, column: str) -> list[float]:
        """A column's values as numbers, NaN where missing; a UserError names what is neither."""
        values = []
        for number, sample, value in zip(
            self.line_numbers, self.samples, self.text(column), strict=True
        ):
            parsed = _number(value)
            if parsed is None:
                raise UserError(
                    f"{self.path}, line {number}, column {column!r} ({self.kind} {sample!r}): "
                    f"{value!r} is not a number; write numbers with a point, and NA for missing"
                )
            values.append(parsed)
        return values

    def holds_numbers(self, column: str) -> bool:
        """Whether any value of the column is a number: then the column is meant as one."""
        return any(value is not None and _number(value) is not None for value in self.text(column))

    def _position(self, column: str) -> int:
        if column not in self.columns:
            raise UserError(
                f"{self.path}: no column {column!r}; the columns are {', '.join(self.columns)}"
            )
        return self.columns.index(column)


def _number(value: str | None) -> float | None:
    """The value as a finite number; NaN for a missing one; None for anything else."""
    if value is None:
        return float("nan")
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def read_phenotypes(path: str | Path, of_plots: bool = False) -> PhenotypeTable:
    """Read a tab- or comma-separated table; a UserError names the line that is wrong.

    of_plots: a row is a plot, and a line may have several.
    """
    return as_table(path, read_records(Path(path)), "sample", of_plots)


def as_table(
    path: str | Path, records: list[tuple[int, list[str]]], kind: str, repeated: bool = False
) -> PhenotypeTable:
    """The records of a file as a table; a UserError names the line that is wrong.

    kind: what the first column names; repeated: whether a name may stand twice there.
    """
    row_of = "line" if kind == "sample" else kind
    if len(records) < 2:
        raise UserError(f"{path}: the table has no rows; it needs a header and a row per {row_of}")
    header_number, header = records[0]
    if len(header) < 2:
        raise UserError(
            f"{path}, line {header_number}: one column only; separate the columns by tabs or commas"
        )
    _refuse_repeats(header, f"{path}, line {header_number}", "column")
    names, numbers, rows = [], [], []
    for number, record in records[1:]:
        if len(record) != len(header):
            raise UserError(
                f"{path}, line {number}: {len(record)} fields where the header has {len(header)}"
            )
        if not record[0]:
            raise UserError(f"{path}, line {number}: no {row_of} name in the first column")
        names.append(record[0])
        numbers.append(number)
        rows.append(record[1:])
    if not repeated:
        _refuse_repeats(names, str(path), kind)
    return PhenotypeTable(str(path), header[1:], names, rows, numbers, kind=kind)


def read_records(path: Path) -> list[tuple[int, list[str]]]:
    """The non-empty records of the file with their line numbers, fields stripped of blanks."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; set phenotypes: path in the config to the table")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: byte {error.start} is not UTF-8 text; save the table as UTF-8"
        ) from None
    if "\0" in text:
        raise UserError(f"{path}: not a text table; save it as tab- or comma-separated text")
    first_line = text.partition("\n")[0]
    delimiter = next((mark for mark in "\t,;" if mark in first_line), "\t")
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    try:
        return [
            (reader.line_num, [field.strip() for field in record])
            for record in reader
            if any(field.strip() for field in record)
        ]
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}") from None


def _refuse_repeats(names: list[str], where: str, kind: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            hint = ", or set phenotypes: plots for a table of plots" if kind == "sample" else ""
            raise UserError(f"{where}: {kind} {name!r} stands twice; keep one{hint}")
        seen.add(name)
