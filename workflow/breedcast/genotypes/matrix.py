"""Tables of dosages: lines in rows or in columns, 0 .. ploidy or -1, 0, 1.

Policies:

- NA, NaN, `.`, `-`, -9 and an empty cell are missing.
- Where -1 occurs and 2 does not, dosages are -1, 0, 1 of diploids. Else the ploidy is the largest
  dosage: a table of 0 and 1 alone is one of haploid codes (inbreds, presence and absence).
- Where that would take slips for a coding the config has to tell the ploidy: -1 is rare beside more
  of 0, few calls are larger than the largest of a lower ploidy, or the largest is odd, above 1.
- What is no whole number is rounded; a dosage rounded by more than 0.1 is counted.
- Values from 0 to 1 of which more than MANY_HALVES are exactly 0.5, or more than MANY_BETWEEN from
  0.25 to 0.75, are refused, unless the config says that the lines are haploid: rounded, all
  heterozygotes of a coding 0, 0.5, 1 would be lost, and pools would become lines.
- Where markers are comes from the map, else from columns contig and position; a marker of which
  either is not known is on contig `un`, its position its number in the table, and counted.
- Markers are sorted by contig, in the order in which these first occur, and position.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections import Counter
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
    fields_anywhere,
    orientation,
    parse_header,
    read_header,
    read_samples,
    split,
)
from breedcast.genotypes.text import decoded, numbered, whole_position

BLOCK_BYTES = 1 << 24
#: More of the cells being exactly 0.5 is no chance of imputation, but a coding of heterozygotes.
MANY_HALVES, MANY_BETWEEN = 0.001, 0.01
#: Where -1 is as rare, and rarer than 0, it may be a missing call beside 0 and 1: as a dosage it is
#: a homozygote, which is rare only where each marker's rarer allele is the one not counted.
RARE = 0.05
#: As many calls may be slips: any of FEW, where the table is not tiny, and a share of large ones.
FEW, FEW_OF_MANY, TINY = 2, 0.001, 0.01
#: A missing call in the spool, where -1 may be a dosage.
UNKNOWN = -128
#: What a map says of a marker that it does not have.
NOWHERE = {"contig": "", "position": ""}

logger = logging.getLogger(__name__)


class MatrixSource(Source):
    """A delimited table of dosages."""

    format = "table of dosages"

    def _open(self) -> list[str]:
        self._lines_in = self.reading.lines_in or orientation(self.path, ())
        self._header = read_header(self.path, of_dosages=True)
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
        self._times: Counter[int] = Counter()
        self._cells, self._halves, self._between, self._are_shares = 0, 0, 0, True
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
        times = np.bincount(index.ravel(), minlength=len(texts))
        missing = np.isin(np.char.lower(np.char.strip(texts)), [it.encode() for it in MISSING])
        numbers = _numbers(np.where(missing, b"0", texts), self._header.delimiter)
        missing |= numbers == -9
        numbers[missing] = 0
        self._look_for_shares(numbers, times)
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
            self.counts["rounded_dosages"] += int(times[far].sum())
        meaning = np.where(missing, UNKNOWN, dosage).astype(np.int8)
        for value in set(meaning.tolist()) - {UNKNOWN}:
            self._times[value] += int(times[meaning == value].sum())
            if value not in self._met:
                row, column = np.argwhere(meaning[index] == value)[0]
                self._met[value] = self._place(cells, row, column)
        return meaning[index]

    def _look_for_shares(self, numbers: np.ndarray, times: np.ndarray) -> None:
        """Count the cells that are, or are nearly, 0.5; see whether all are from 0 to 1."""
        self._cells += int(times.sum())
        self._halves += int(times[numbers == 0.5].sum())
        self._between += int(times[(numbers > 0.25) & (numbers < 0.75)].sum())
        self._are_shares &= bool(((numbers >= 0) & (numbers <= 1)).all())

    def _check_shares(self) -> None:
        """Raise UserError for dosages that seem to be divided by the ploidy."""
        if self.ploidy == 1 or not self._are_shares:
            return
        halves = self._halves > MANY_HALVES * self._cells
        if halves or self._between > MANY_BETWEEN * self._cells:
            found = f"{self._halves if halves else self._between:,} of {self._cells:,} calls are "
            found += "0.5" if halves else "from 0.25 to 0.75"
            raise UserError(
                f"{self.path}: {found}, and none is above 1: where 0.5 is a heterozygous call "
                "multiply all by the ploidy (of diploids: double them, 0, 1, 2); of haploid lines "
                "set genotypes: ploidy: 1 in the config"
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
            self._check_signed(largest)
            self.ploidy = 2
            logger.info("%s: dosages are -1, 0, 1", self.path)
            return np.int8(1)
        if self.ploidy is None:
            self._check_largest(largest)
            self.ploidy = max(largest, 1)
        elif largest > self.ploidy:
            raise UserError(
                f"{places[largest]}: {largest} is more than the ploidy {self.ploidy} of the "
                "config: correct genotypes: ploidy, or the table"
            )
        logger.info("%s: dosages are 0 to %d", self.path, self.ploidy)
        return np.int8(0)

    def _check_signed(self, largest: int) -> None:
        """Raise UserError where -1 is no dosage, or may be a missing call."""
        place, times = self._met[-1], self._times
        if largest > 1:
            raise UserError(
                f"{self._met[largest]}: {largest}, but {place.removeprefix(f'{self.path}, ')}: "
                "-1: write NA if -1 is a missing call, or use one coding, 0 to the ploidy or "
                "-1, 0, 1"
            )
        if self.ploidy not in (None, 2):
            raise UserError(
                f"{place}: -1, which is a dosage of diploids only: correct genotypes: "
                "ploidy in the config, or write NA if -1 is a missing call"
            )
        calls = times.total()
        if self.ploidy is None and times[-1] < min(RARE * calls, times[0]):
            raise UserError(
                f"{place}: -1, as {times[-1]:,} of {calls:,} calls are: write NA if it is a "
                "missing call; if dosages are -1, 0, 1 set genotypes: ploidy: 2 in the config"
            )

    def _check_largest(self, largest: int) -> None:
        """Raise UserError where the largest dosage may be no ploidy."""
        calls = self._times.total()
        few = min(max(FEW, FEW_OF_MANY * calls), TINY * calls)
        for ploidy in range(2, largest, 2):
            above = sum(times for value, times in self._times.items() if value > ploidy)
            if above <= few:
                raise UserError(
                    f"{self._met[largest]}: {largest}, where nearly all calls are at most "
                    f"{ploidy}: correct it, or set genotypes: ploidy in the config"
                )
        if largest > 1 and largest % 2:
            raise UserError(
                f"{self._met[largest]}: {largest} is the largest dosage, but an odd ploidy is not "
                "taken from the data: correct it, or set genotypes: ploidy in the config"
            )

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
            unknown = contig.lower() in MISSING or position.lower() in MISSING
            self.counts["unplaced"] += unknown
            markers["contig"].append("un" if unknown else contig)
            markers["position"].append(number if unknown else whole_position(position, place))
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
        fields = fields_anywhere(header.columns)
        missing = [name for name in ("contig", "position") if name not in fields]
        if missing:
            raise UserError(
                f"{path}, line 1: no column {' and '.join(missing)}: give columns marker, contig, "
                "position, and ref and alt if you have them"
            )
        for number, line in numbered(content, path, 2):
            place = f"{path}, line {number}"
            cells = split(decoded(line, place), header.delimiter, place)
            if len(cells) != len(header.columns):
                raise UserError(
                    f"{place}: {len(cells)} columns where the header has {len(header.columns)}: "
                    "correct the line"
                )
            name = cells[fields["id"]]
            if name in places:
                raise UserError(f"{place}: marker {name!r} is there before: remove one")
            places[name] = {field: cells[at] for field, at in fields.items() if field != "id"}
    if not places.keys() & set(wanted):
        raise UserError(
            f"{path} has none of the markers of the genotypes (map: {next(iter(places), '')!r}, "
            f"genotypes: {min(wanted, default='')!r}, ...): use the same names in both"
        )
    return places


def _numbers(texts: np.ndarray, delimiter: str) -> np.ndarray:
    """(texts,) what bytes say as finite numbers, NaN where they say none.

    Commas that do not separate cells are decimal ones.
    """
    if delimiter != ",":
        texts = np.char.replace(texts, b",", b".")
    try:
        numbers = texts.astype(np.float64)
    except ValueError:
        numbers = np.array([_number(text) for text in texts.tolist()])
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
