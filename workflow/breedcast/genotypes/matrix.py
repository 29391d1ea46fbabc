"""Tables of dosages: lines in rows or in columns, 0 .. ploidy or -1, 0, 1.

Policies:

- NA, NaN, `.`, `-`, -9 and an empty cell are missing.
- Where -1 occurs and 2 does not, dosages are -1, 0, 1 of diploids. Else the ploidy is the largest
  dosage: a table of 0 and 1 alone is one of haploid codes (inbreds, presence and absence).
- What is no whole number is rounded; a dosage rounded by more than 0.1 is counted.
- Values from 0 to 1 of which more than MANY_HALVES are exactly 0.5 are refused, unless the config
  says that the lines are haploid: rounded, all heterozygotes of a coding 0, 0.5, 1 would be lost.
- Where markers are comes from the map, else from columns contig and position; a marker of which
  neither is known is on contig `un`, its position its number in the table, and counted.
- Markers are sorted by contig, in the order in which these first occur, and position.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from breedcast.errors import UserError
from breedcast.genotypes.cells import Cells, read_cells
from breedcast.genotypes.content import Content, check_file, head
from breedcast.genotypes.dosages import read_contigs, whole
from breedcast.genotypes.source import (
    MARKERS,
    MAX_PLOIDY,
    MISSING_DOSAGE,
    Block,
    Source,
)
from breedcast.genotypes.table_header import (
    MISSING,
    orientation,
    parse_header,
    read_header,
    read_samples,
    split,
)
from breedcast.genotypes.text import decoded, whole_position

BLOCK_BYTES = 1 << 24
#: More of the cells being exactly 0.5 is no chance of imputation, but a coding of heterozygotes.
MANY_HALVES = 0.001
#: A missing call in the spool, where -1 may be a dosage.
UNKNOWN = -128
#: What a map says of a marker that it does not have.
NOWHERE = {"contig": "", "position": ""}


class MatrixSource(Source):
    """A delimited table of dosages."""

    format = "table of dosages"

    def _open(self) -> list[str]:
        self._lines_in = self.reading.lines_in or orientation(self.path, ())
        self._header = read_header(self.path)
        return read_samples(self.path, self._lines_in)

    def blocks(self) -> Iterator[Block]:
        with tempfile.TemporaryFile() as spool:
            described = self._spool(spool)
            rows, columns = len(described), len(self._header.columns) - self._header.calls
            if not rows:
                raise UserError(f"{self.path}: a header and no rows: give a file with genotypes")
            dosage = np.memmap(spool, np.int8, "r", shape=(rows, columns))
            if self._lines_in == "rows":
                dosage = dosage.T
            shift = self._coding()
            markers, order = self._markers(described)
            step = max(1, BLOCK_BYTES // len(self.samples))
            for first in range(0, len(order), step):
                some = order[first : first + step]
                in_order = some[-1] - some[0] == len(some) - 1 and (np.diff(some) == 1).all()
                # a slice of a file of lines is read much faster than as many markers one by one
                block = dosage[some[0] : some[-1] + 1] if in_order else dosage[some]
                block = np.ascontiguousarray(block)
                block = np.where(block == UNKNOWN, np.int8(MISSING_DOSAGE), block + shift)
                yield read_contigs(
                    self, Block(block, markers.take(pa.array(some)), some), self.ploidy or 0
                )

    def checksums(self) -> dict[str, str]:
        return self._sums

    def _spool(self, spool: Any) -> list[tuple[bytes, ...]]:
        """Write all calls to a file as they are in the table; the fields that describe each row."""
        header = self._header
        columns = sorted(set(header.fields.values()) or {header.names})
        described: list[tuple[bytes, ...]] = []
        self._met: dict[int, str] = {}
        self._cells, self._halves, self._are_shares = 0, 0, True
        with Content(self.path) as content:
            content.line()
            for cells in read_cells(content, header.delimiter, len(header.columns), 2):
                dosage = self._dosages(cells)
                spool.write(dosage.tobytes())
                described += zip(*(cells.texts(column) for column in columns), strict=True)
        spool.flush()
        self._sums = {self.path.name: content.sha256}
        return described

    def _dosages(self, cells: Cells) -> np.ndarray:
        """(rows, columns) int8 whole numbers as they are written, UNKNOWN = missing."""
        index, texts = cells.distinct(self._header.calls)
        missing = np.isin(np.char.lower(np.char.strip(texts)), [it.encode() for it in MISSING])
        numbers = _numbers(np.where(missing, b"0", texts))
        missing |= numbers == -9
        numbers[missing] = 0
        self._look_for_shares(numbers, index)
        dosage, far = whole(numbers)
        wrong = ~((dosage >= -1) & (dosage <= MAX_PLOIDY))
        if wrong.any():
            row, column = np.argwhere(wrong[index])[0]
            text = texts[index[row, column]].decode("utf-8", "replace")
            raise UserError(
                f"{self._place(cells, row, column)}: {text!r} is no dosage: give 0 to the ploidy, "
                "or -1, 0, 1; NA where it is missing"
            )
        if far.any():
            self.counts["rounded_dosages"] += int(far[index].sum())
        meaning = np.where(missing, UNKNOWN, dosage).astype(np.int8)
        for value in set(meaning.tolist()) - {UNKNOWN} - set(self._met):
            row, column = np.argwhere(meaning[index] == value)[0]
            self._met[value] = self._place(cells, row, column)
        return meaning[index]

    def _look_for_shares(self, numbers: np.ndarray, index: np.ndarray) -> None:
        """Count the cells that are exactly 0.5, and see whether all are from 0 to 1."""
        halves = numbers == 0.5
        self._cells += index.size
        self._halves += int(halves[index].sum()) if halves.any() else 0
        self._are_shares &= bool(((numbers >= 0) & (numbers <= 1)).all())

    def _check_shares(self) -> None:
        """Raise UserError for dosages that seem to be divided by the ploidy."""
        if self.ploidy == 1 or not self._are_shares:
            return
        if self._halves > MANY_HALVES * self._cells:
            raise UserError(
                f"{self.path}: {self._halves:,} of {self._cells:,} calls are 0.5, and none is "
                "above 1: where 0.5 is a heterozygous call multiply all by the ploidy (of "
                "diploids: double them, 0, 1, 2); of haploid lines set genotypes: ploidy: 1 in "
                "the config"
            )

    def _place(self, cells: Cells, row: int, column: int) -> str:
        """Where a call is: its line, and the names of its row and column."""
        header = self._header
        name = cells.texts(header.names)[row].decode("utf-8", "replace")
        return (
            f"{self.path}, line {cells.first + row}, row {name!r}, "
            f"column {header.columns[header.calls + column]!r}"
        )

    def _coding(self) -> np.int8:
        """What is added to the numbers of the table to make them dosages; sets the ploidy."""
        places = self._met
        if not places:
            raise UserError(f"{self.path}: every call is missing: give a file with genotypes")
        self._check_shares()
        largest = max(places)
        if -1 in places:
            if largest > 1:
                elsewhere = places[-1].removeprefix(f"{self.path}, ")
                raise UserError(
                    f"{places[largest]}: {largest}, but {elsewhere}: "
                    "-1: write NA if -1 is a missing call, or use one coding, 0 to the ploidy or "
                    "-1, 0, 1"
                )
            if self.ploidy not in (None, 2):
                raise UserError(
                    f"{places[-1]}: -1, which is a dosage of diploids only: correct genotypes: "
                    "ploidy in the config, or write NA if -1 is a missing call"
                )
            self.ploidy = 2
            return np.int8(1)
        if self.ploidy is None:
            self.ploidy = max(largest, 1)
        elif largest > self.ploidy:
            raise UserError(
                f"{places[largest]}: {largest} is more than the ploidy {self.ploidy} of the "
                "config: correct genotypes: ploidy, or the table"
            )
        return np.int8(0)

    def _markers(self, described: Sequence[tuple[bytes, ...]]) -> tuple[pa.Table, np.ndarray]:
        """All markers of the table, and the order in which they are given."""
        header = self._header
        if self._lines_in == "rows":
            rows = [{"id": name} for name in header.columns[header.calls :]]
        else:
            fields = sorted(header.fields, key=header.fields.__getitem__)
            rows = [dict(zip(fields, map(self._text, cells), strict=True)) for cells in described]
        if self.reading.map:
            path = Path(self.reading.map)
            placed = read_map(path, {row["id"] for row in rows})
            self._sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
            rows = [row | placed.get(row["id"], NOWHERE) for row in rows]
        markers: dict[str, list[Any]] = {name: [] for name in MARKERS.names}
        for number, row in enumerate(rows, start=1):
            place = f"{self.path}, marker {row.get('id') or number}"
            contig, position = row.get("contig", ""), row.get("position", "")
            unknown = contig.lower() in MISSING and position.lower() in MISSING
            self.counts["unplaced"] += unknown
            markers["contig"].append("un" if contig.lower() in MISSING else contig)
            markers["position"].append(
                number if position.lower() in MISSING else whole_position(position, place)
            )
            markers["id"].append(row.get("id", ""))
            markers["ref"].append(row.get("ref") or ".")
            markers["alt"].append(row.get("alt") or ".")
        runs = {contig: run for run, contig in enumerate(dict.fromkeys(markers["contig"]))}
        run = [runs[contig] for contig in markers["contig"]]
        return pa.table(markers, schema=MARKERS), np.lexsort([markers["position"], run])

    def _text(self, cell: bytes) -> str:
        return decoded(cell, str(self.path)).strip()


def read_map(path: Path, wanted: Collection[str]) -> dict[str, dict[str, str]]:
    """contig and position, and ref and alt where there are such columns, of each marker.

    A marker's name is in the column marker (or id ...), else in the first. Raises UserError for a
    table without contig and position, a marker that is there twice, and one that has none of the
    markers that are wanted.
    """
    check_file(path)
    places: dict[str, dict[str, str]] = {}
    with head(path) as content:
        header = parse_header(path, content.readline(), b"")
        missing = [name for name in ("contig", "position") if name not in header.fields]
        if missing:
            raise UserError(
                f"{path}, line 1: no column {' and '.join(missing)}: give columns marker, contig, "
                "position, and ref and alt if you have them"
            )
        for number, line in enumerate(content, start=2):
            place = f"{path}, line {number}"
            cells = split(decoded(line, place), header.delimiter, place)
            if len(cells) != len(header.columns):
                raise UserError(
                    f"{place}: {len(cells)} columns where the header has {len(header.columns)}: "
                    "correct the line"
                )
            name = cells[header.names]
            if name in places:
                raise UserError(f"{place}: marker {name!r} is there before: remove one")
            places[name] = {
                field: cells[at] for field, at in header.fields.items() if field != "id"
            }
    if not places.keys() & set(wanted):
        raise UserError(
            f"{path} has none of the markers of the genotypes (map: {next(iter(places), '')!r}, "
            f"genotypes: {min(wanted, default='')!r}, ...): use the same names in both"
        )
    return places


def _numbers(texts: np.ndarray) -> np.ndarray:
    """(texts,) what bytes say as numbers, NaN where they say none."""
    try:
        return texts.astype(np.float64)
    except ValueError:
        return np.array([_number(text) for text in texts.tolist()])


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
