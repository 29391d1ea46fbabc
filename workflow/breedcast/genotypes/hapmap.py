"""HapMap (TASSEL's .hmp.txt), and other tables of calls in letters of any ploidy.

Policies:

- Calls of one letter are IUPAC codes of diploids (R = A/G), of two to eight letters the alleles
  themselves, also as A/C, A|C or A:C. N, X, `?`, NA, `.` and an empty cell are missing, and so is a
  call with any of these in it.
- `-` (deletion) and `+` (insertion), as TASSEL has them, are alleles where `alleles` names either,
  and missing calls elsewhere, as in files that write `--` for no call.
- `0`, which TASSEL writes for a heterozygote of any allele and a gap, is one of the marker's two
  alleles where either is a gap; among more it tells neither, and is missing, as it is elsewhere.
- The reference is the first of `alleles`, the others are alternates. Where calls hold letters
  that `alleles` lacks, and where there are no `alleles`, the letters that occur are the alleles, in
  alphabetical order; the former are counted.

The letters: https://bitbucket.org/tasseladmin/tassel-5-source/wiki/UserManual/Appendix/NucleotideCodes
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from breedcast.errors import UserError
from breedcast.genotypes.cells import Cells, read_cells
from breedcast.genotypes.content import Content
from breedcast.genotypes.dosages import of_allele, read_contigs
from breedcast.genotypes.source import MARKERS, MAX_PLOIDY, MISSING_DOSAGE, Block, Source
from breedcast.genotypes.table_header import MISSING as NO_CALL
from breedcast.genotypes.table_header import read_header
from breedcast.genotypes.text import decoded, line_names, whole_position

LETTERS = frozenset("ACGT+-")
CODES = {
    **{letter: letter * 2 for letter in LETTERS},
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC", "0": "00"},
}
MISSING = frozenset(["", "NA"])
SPELLINGS = str.maketrans({"/": None, "|": None, ":": None, ".": "N", "?": "N", "X": "N"})
CALL = re.compile(r"[ACGTN+-]+|0+")
GAPS = frozenset("+-")


@dataclass(frozen=True)
class Meaning:
    """What the calls of a marker say.

    unnamed: whether `alleles` lacks some of them. half: calls of which some allele is known.
    dosages: of each marker that it becomes, the dosage by call.
    """

    ref: str
    alts: list[str]
    unnamed: bool
    half: frozenset[str]
    dosages: list[dict[str, int]]


class HapmapSource(Source):
    """A table of calls in letters, a marker in each row."""

    format = "HapMap"

    def _open(self) -> list[str]:
        self._header = read_header(self.path)
        if "position" not in self._header.fields:
            raise UserError(
                f"{self.path}, line 1: calls in letters need columns for marker, contig and "
                "position before them: add them"
            )
        return line_names(self._header.columns[self._header.calls :], f"{self.path}, line 1")

    def blocks(self) -> Iterator[Block]:
        header = self._header
        with Content(self.path) as content:
            content.line()
            for cells in read_cells(content, header.delimiter, len(header.columns), 2):
                yield read_contigs(self, self._block(cells), self.ploidy or 0)
        self._sums = {self.path.name: content.sha256}

    def checksums(self) -> dict[str, str]:
        return self._sums

    def place(self, row: int) -> str:
        return f"{self.path}, line {row}"

    def _block(self, cells: Cells) -> Block:
        """The markers of some lines."""
        index, texts = cells.distinct(self._header.calls)
        calls = [_call(text) for text in texts.tolist()]
        self._check_calls(calls, index, cells)
        columns: dict[str, list[Any]] = {name: [] for name in MARKERS.names}
        dosages: list[np.ndarray] = []
        rows: list[int] = []
        for row, (line, fields) in enumerate(zip(index, self._fields(cells), strict=True)):
            times = np.bincount(line, minlength=len(calls))
            seen = frozenset(calls[code] for code in np.flatnonzero(times))
            meaning = _meaning(
                fields.get("alleles"), seen, self.ploidy or 2, self.reading.multi_allelic
            )
            self.counts["unnamed_alleles"] += meaning.unnamed
            self.counts["half_calls"] += sum(
                int(times[code]) for code, call in enumerate(calls) if call in meaning.half
            )
            self.counts["multi_allelic_dropped"] += not meaning.dosages
            for number, dosage_of in enumerate(meaning.dosages):
                table = np.array([dosage_of.get(call, MISSING_DOSAGE) for call in calls], np.int8)
                dosages.append(table[line])
                rows.append(cells.first + row)
                contig, position = self._marker_place(fields, cells.first + row)
                name, alts = fields.get("id", ""), meaning.alts
                if len(meaning.dosages) > 1:
                    alts = [alts[number]]
                    name = of_allele(name, contig, position, alts[0])
                columns["contig"].append(contig)
                columns["position"].append(position)
                columns["id"].append(name)
                columns["ref"].append(meaning.ref)
                columns["alt"].append(",".join(alts) or ".")
        dosage = np.array(dosages, np.int8).reshape(len(rows), len(self.samples))
        if self.ploidy is None and (dosage >= 0).any():
            self.ploidy = 2
        return Block(dosage, pa.table(columns, schema=MARKERS), np.array(rows, np.int64))

    def _fields(self, cells: Cells) -> list[dict[str, str]]:
        """What the columns before the calls say of every marker."""
        fields = self._header.fields
        texts = [
            [decoded(text, f"{self.path}, column {field}").strip() for text in cells.texts(column)]
            for field, column in fields.items()
        ]
        return [dict(zip(fields, row, strict=True)) for row in zip(*texts, strict=True)]

    def _marker_place(self, fields: dict[str, str], row: int) -> tuple[str, int]:
        """Contig and position of a marker; `un` and its row where the position is missing."""
        contig, position = fields.get("contig", ""), fields["position"]
        if not contig:
            raise UserError(f"{self.place(row)}: no contig: give one, `un` where it is unknown")
        if position.lower() in NO_CALL:
            self.counts["unplaced"] += 1
            return "un", row
        return contig, whole_position(position, self.place(row))

    def _check_calls(self, calls: Sequence[str], index: np.ndarray, cells: Cells) -> None:
        """Take the ploidy from the first call; raise UserError for what is no call of it."""
        known = [code for code, call in enumerate(calls) if not _is_missing(call)]
        sizes = [max(len(calls[code]), 2) for code in known]
        good = [
            code
            for code, size in zip(known, sizes, strict=True)
            if size <= MAX_PLOIDY and _alleles(calls[code], size) is not None
        ]
        if self.ploidy is None and good:
            first = index.ravel()[np.isin(index.ravel(), good).argmax()]
            self.ploidy = max(len(calls[first]), 2)
        for code in known:
            if _alleles(calls[code], self.ploidy or 2) is None:
                row, column = np.argwhere(index == code)[0]
                raise UserError(
                    f"{self.place(cells.first + int(row))}: line {self.samples[column]!r} has the "
                    f"call {calls[code]!r}: give {self.ploidy or 2} letters of ACGT+-"
                    f"{'' if (self.ploidy or 2) > 2 else ' or an IUPAC code'}, N if it is missing"
                )


def _call(text: bytes) -> str:
    """The letters of a call, whatever stands between them."""
    return text.decode("utf-8", "replace").strip().upper().translate(SPELLINGS)


def _is_missing(call: str) -> bool:
    """Whether a call tells nothing of its ploidy either."""
    return call in MISSING or not set(call) - set("N-+0")


def _alleles(call: str, ploidy: int) -> str | None:
    """The letters of a call, N = unknown; None for what is no call."""
    if call in MISSING or call == "N":
        return "N" * ploidy
    if len(call) == 1:
        code = CODES.get(call)
        if ploidy == 2:
            return code
        return call if ploidy == 1 and call in "ACGT" else "N" * ploidy if call in "+-0" else None
    if CALL.fullmatch(call) is None:
        return None
    if set(call) <= set("N-+0") and len(call) != ploidy:
        return "N" * ploidy
    return call if len(call) == ploidy else None


@cache
def _meaning(listed: str | None, seen: frozenset[str], ploidy: int, multi_allelic: str) -> Meaning:
    """What the calls that occur at a marker say. listed: its `alleles`, None if there are none."""
    letters_listed = re.split("[/,|]", (listed or "").upper())
    named = [it for it in dict.fromkeys(letters_listed) if it in LETTERS]
    unknown = frozenset("N0") | (frozenset() if GAPS & set(named) else GAPS)
    letters = {call: _alleles(call, ploidy) or "" for call in seen}
    if "0" in seen and ploidy == 2:
        others = set("".join(letters.values())) - unknown
        letters["0"] = _with_a_gap(set(named) | others)
    whole = {call: it for call, it in letters.items() if not unknown & set(it)}
    found = sorted(set("".join(whole.values())))
    unnamed = bool(listed) and not set(found) <= set(named)
    alleles = named if set(found) <= set(named) else found
    ref, alts = (alleles[0], alleles[1:]) if alleles else (".", [])
    half = frozenset(
        call
        for call, it in letters.items()
        if call not in whole and call not in MISSING and set(it) - unknown
    )
    if len(alts) > 1 and multi_allelic == "drop":
        counted = []
    elif len(alts) > 1 and multi_allelic == "split":
        counted = [frozenset(alt) for alt in alts]
    else:
        counted = [frozenset(alts)]
    dosages = [
        {call: sum(letter in some for letter in it) for call, it in whole.items()}
        for some in counted
    ]
    return Meaning(ref, alts, unnamed, half, dosages)


def _with_a_gap(alleles: set[str]) -> str:
    """The alleles of the call `0` at a marker of these, N = unknown."""
    two = set(GAPS) if alleles <= GAPS else alleles
    return "".join(sorted(two)) if len(two) == 2 and GAPS & two else "NN"
