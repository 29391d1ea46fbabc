"""The user's trait table: a first column of line names, then traits and covariates."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from breedcast.errors import UserError
from breedcast.no_text import GZIP, refuse_no_text
from breedcast.numerals import finite

#: What stands for a missing value, in capitals too.
MISSING = frozenset({"", ".", "-", "na", "nan", "n/a", "#n/a", "null"})
#: What may separate columns; where it is not clear, the first of these does.
SEPARATORS = "\t;,"
#: Numbers of spreadsheets whose language has decimal commas; of these what could be thousands too.
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
#: Numbers in groups of three digits, 1.234,56 or 1,234,567.8, which are not read.
GROUPED = re.compile(r"[+-]?\d{1,3}((\.\d{3})+,\d+|(,\d{3})+(\.\d+)?)")
#: What may be meant for a number and is none: with a unit, a percent sign, thousands set apart, a
#: typographic minus.
LIKE_NUMBER = re.compile(
    r"[+\-\u2212]?\d+([., '\u2019\u00a0\u202f]\d{3})*([.,]\d+)?\s*(%|\s[^\W\d]\S*)?"
)
YEAR = re.compile(r"(19|20)\d\d")


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
        return [None if is_missing(row[position]) else row[position] for row in self.rows]

    def numbers(self, column: str) -> list[float]:
        """A column's values as numbers, NaN where missing; a UserError names what is neither."""
        text = self._with_points(column, self.text(column))
        values = []
        for number, sample, value in zip(self.line_numbers, self.samples, text, strict=True):
            parsed = math.nan if value is None else finite(value)
            if parsed is None:
                raise UserError(
                    f"{self.path}, line {number}, column {column!r} ({self.kind} {sample!r}): "
                    f"{value!r} is not a number; write numbers with a point, and NA for missing"
                )
            values.append(parsed)
        return values

    def holds_numbers(self, column: str) -> bool:
        """Whether any value of the column is a number: then the column is meant as one."""
        return any(value is not None and self._is_number(value) for value in self.text(column))

    def refuse_numbers_in_disguise(self, column: str) -> None:
        """Raises UserError for a column without a number all values of which seem meant for one."""
        told = [(at, value) for at, value in enumerate(self.text(column)) if value is not None]
        if not told or self.holds_numbers(column):
            return
        if all(LIKE_NUMBER.fullmatch(value) for _, value in told):
            at, value = told[0]
            raise UserError(
                f"{self.path}, line {self.line_numbers[at]}, column {column!r}: {value!r} is not a "
                "number, nor is any other value of the column; write numbers alone, without unit "
                "or sign, or name the traits in the config"
            )

    def _is_number(self, value: str) -> bool:
        return finite(value) is not None or any(
            it.fullmatch(value) for it in (DECIMAL_COMMA, GROUPED)
        )

    def _with_points(self, column: str, text: list[str | None]) -> list[str | None]:
        """The column's values, decimal commas as points.

        A UserError names a value with a point where others have commas, and commas or points that
        may separate thousands.
        """
        commas = _decimal_commas(text)
        if not commas:
            self._refuse_points_of_thousands(column, text)
            return text
        for number, value in zip(self.line_numbers, text, strict=True):
            if value and "." in value and finite(value) is not None:
                raise UserError(
                    f"{self.path}, line {number}, column {column!r}: {value!r} has a point where "
                    f"{commas[0]!r} has a comma; write all numbers of the column with a point"
                )
        if all(THOUSANDS.fullmatch(value) for value in commas):
            raise UserError(
                f"{self.path}, line {self.line_numbers[text.index(commas[0])]}, column "
                f"{column!r}: the comma of {commas[0]!r} may be a decimal one or separate "
                "thousands; write decimals with a point, and thousands without a mark"
            )
        return [
            value.replace(",", ".") if value and DECIMAL_COMMA.fullmatch(value) else value
            for value in text
        ]

    def _refuse_points_of_thousands(self, column: str, text: list[str | None]) -> None:
        """Raises UserError where all points may be meant so, as decimals elsewhere have commas."""
        points = [value for value in text if value and "." in value]
        if not all(THOUSANDS.fullmatch(value.replace(".", ",")) for value in points):
            return
        for other in self.columns if points else ():
            for comma in _decimal_commas(self.text(other))[:1]:
                raise UserError(
                    f"{self.path}, line {self.line_numbers[text.index(points[0])]}, column "
                    f"{column!r}: the point of {points[0]!r} may be a decimal one or separate "
                    f"thousands, as {comma!r} in column {other!r} has a decimal comma; write "
                    "decimals alike in all columns, and thousands without a mark"
                )

    def _position(self, column: str) -> int:
        if column not in self.columns:
            raise UserError(
                f"{self.path}: no column {column!r}; the columns are {', '.join(self.columns)}"
            )
        return self.columns.index(column)


def _decimal_commas(text: Iterable[str | None]) -> list[str]:
    return [value for value in text if value and DECIMAL_COMMA.fullmatch(value)]


def is_missing(value: str) -> bool:
    """Whether a cell tells that there is no value."""
    return value.lower() in MISSING


def read_phenotypes(path: str | Path, of_plots: bool = False) -> PhenotypeTable:
    """Read a table separated by tabs, semicolons or commas; a UserError names the wrong line.

    of_plots: a row is a plot, and a line may have several.
    """
    return as_table(path, read_records(Path(path), "phenotypes: path"), "sample", of_plots)


def as_table(
    path: str | Path,
    records: list[tuple[int, list[str]]],
    kind: str,
    repeated: bool = False,
) -> PhenotypeTable:
    """The records of a file as a table; a UserError names the line that is wrong.

    kind: what the first column names; repeated: whether a name may stand twice there.
    """
    row_of = "line" if kind == "sample" else kind
    if len(records) < 2:
        raise UserError(f"{path}: the table has no rows; it needs a header and a row per {row_of}")
    records = _named_columns(path, records)
    header_number, header = records[0]
    if len(header) < 2:
        raise UserError(
            f"{path}, line {header_number}: one column only; separate the columns by tabs, "
            "semicolons or commas"
        )
    if _holds_values(header[1:]):
        raise UserError(
            f"{path}, line {header_number}: {', '.join(header[1:4])} seem to be values where the "
            "columns' names should be; begin the table with a line of names"
        )
    _refuse_repeats(header, f"{path}, line {header_number}", "column")
    names, numbers, rows = [], [], []
    for number, record in records[1:]:
        if not record[0]:
            raise UserError(f"{path}, line {number}: no {row_of} name in the first column")
        names.append(record[0])
        numbers.append(number)
        rows.append(record[1:])
    if not repeated:
        _refuse_repeats(names, str(path), kind)
    return PhenotypeTable(str(path), header[1:], names, rows, numbers, kind=kind)


def _named_columns(
    path: str | Path, records: list[tuple[int, list[str]]]
) -> list[tuple[int, list[str]]]:
    """The records without empty columns that have no name, which spreadsheets leave.

    A UserError names a comment in the header's place, a row of another length than the header, and
    a value of no column.
    """
    header_number, header = records[0]
    if header[0].startswith("#") and (len(header) < 2 or len(header) != len(records[1][1])):
        raise UserError(
            f"{path}, line {header_number}: {header[0]!r} seems to be a comment where the columns' "
            "names should be; take it out"
        )
    named = [at for at, name in enumerate(header) if at == 0 or name]
    nameless = [at for at in range(1, len(header)) if not header[at]]
    more = len(header) + 1
    for number, record in records:
        if not named[-1] < len(record) <= len(header):
            raise UserError(
                f"{path}, line {number}: {len(record)} fields where the header has {len(header)}; "
                "give each column one, NA where a value is missing, and quote what holds a "
                "separator" + "; of R, write.table needs col.names = NA" * (len(record) == more)
            )
        if values := [record[at] for at in nameless if at < len(record) and record[at]]:
            raise UserError(
                f"{path}, line {number}: {values[0]!r} stands in a column without a name; name "
                f"it in line {header_number}, or clear it"
            )
    return [(number, [record[at] for at in named]) for number, record in records]


def _holds_values(header: list[str]) -> bool:
    """Whether names of columns are all numbers, and not all years, as those of trials may be."""
    names = [name.replace(",", ".") for name in header if not is_missing(name)]
    are_numbers = all(finite(name) is not None for name in names)
    return bool(names) and are_numbers and not all(YEAR.fullmatch(name) for name in names)


def read_records(path: Path, key: str) -> list[tuple[int, list[str]]]:
    """The non-empty records of the file with their line numbers, fields stripped of blanks.

    key: that of the config that names the file. A UserError tells of what is no table of text.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; set {key} in the config to the table")
    content = path.read_bytes()
    refuse_no_text(path, content, GZIP)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: byte {error.start} is not UTF-8 text; save the table as UTF-8"
        ) from None
    if "\0" in text:
        raise UserError(f"{path}: not a text table; save it as tab- or comma-separated text")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if re.fullmatch("sep=.", lines[0], re.IGNORECASE):
        lines[0] = ""  # by which Excel knows the separator
    separator = _separator(lines)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    records: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for record in reader:
            marks = len(records[0][1]) - 1 if records else 1
            is_long = reader.line_num > before + 1
            if is_long and any(field.count(separator) >= marks for field in record):
                raise csv.Error  # a cell has taken in another row
            if any(field.strip() for field in record):
                records.append((reader.line_num, [field.strip() for field in record]))
            before = reader.line_num
    except csv.Error:
        raise UserError(
            f"{path}, line {before + 1}: a cell begins with a quote that is not closed at its end; "
            "close it, or leave the quotes out"
        ) from None
    return records


def _separator(lines: list[str]) -> str:
    """The mark that splits the header into most fields, and the first row into as many if any does.

    Other marks may be part of names, or decimal commas.
    """

    def fit(mark: str) -> tuple[bool, int]:
        reader = csv.reader(filter(str.strip, lines), delimiter=mark)
        try:
            fields = [len(record) for record in islice(reader, 2)]
        except csv.Error:  # which reading the table by this mark tells
            return False, 0
        return len(set(fields)) == 1 and fields[0] > 1, max(fields[:1], default=0)

    return max(SEPARATORS, key=fit)


def _refuse_repeats(names: list[str], where: str, kind: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            hint = ", or set phenotypes: plots for a table of plots" if kind == "sample" else ""
            raise UserError(f"{where}: {kind} {name!r} stands twice; keep one{hint}")
        seen.add(name)
