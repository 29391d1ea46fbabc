"""BCF, parsed here: htslib, given a damaged one, ends the process without a word.

The format is section 6 of the VCF specification (VCFv4.3, "BCF specification").
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.content import COPY_AGAIN, Content
from breedcast.genotypes.header import BCF_MAGIC, Header, bcf_header
from breedcast.genotypes.records import MISSING_ALLELE, NO_ALLELE, Calls, Record
from breedcast.genotypes.source import Block, Source

#: Records that are parsed at a time.
RECORDS = 4096
#: The types of a typed value's numbers, by their codes.
NUMBERS = {1: "<i1", 2: "<i2", 3: "<i4"}
FLOAT, TEXT = 5, 7
LONG_VECTOR = 15
SHARED = struct.Struct("<iiifII")


class BcfSource(Source):
    """A BCF."""

    format = "BCF"

    def _open(self) -> list[str]:
        with Content(self.path) as content:
            content.read(len(BCF_MAGIC))
            header = bcf_header(self.path, content.read)
        self._dictionary = _Dictionary(header)
        self._calls = Calls(header.samples, self.reading, self.counts)
        return header.samples

    def blocks(self) -> Iterator[Block]:
        self._content = Content(self.path)
        with self._content as content:
            content.read(len(BCF_MAGIC))
            bcf_header(self.path, content.read)
            row = 0
            while records := list(self._records(row)):
                row += RECORDS
                block = self._calls.block(
                    [record for record in records if record is not None], self.place
                )
                self.ploidy = self._calls.ploidy
                yield block

    def checksums(self) -> dict[str, str]:
        return {self.path.name: self._content.sha256}

    def place(self, row: int) -> str:
        return f"{self.path}, record {row + 1}"

    def _records(self, first: int) -> Iterator[tuple[int, Record] | None]:
        """The next records with their rows; None for one that is not read."""
        for row in range(first, first + RECORDS):
            lengths = self._content.read(8)
            if not lengths:
                return
            expected = struct.unpack("<II", lengths) if len(lengths) == 8 else (1, 0)
            data = self._content.read(sum(expected))
            if len(data) < sum(expected):
                raise UserError(f"{self.path} is truncated in record {row + 1}: {COPY_AGAIN}")
            try:
                record = self._record(data, expected[0])
            except (IndexError, KeyError, ValueError, struct.error) as damage:
                raise UserError(
                    f"{self.place(row)}: it cannot be parsed ({damage}): {COPY_AGAIN}"
                ) from None
            yield None if record is None else (row, record)

    def _record(self, data: bytes, shared: int) -> Record | None:
        contig, position, _, _, of_alleles, of_samples = SHARED.unpack_from(data)
        contig = self._dictionary.contigs[contig]
        if not self.reading.reads(contig, position + 1):
            self.counts["other_contigs"] += 1
            self.unread.add(contig)
            return None
        if of_samples & 0xFFFFFF != len(self.samples):
            raise ValueError(f"{of_samples & 0xFFFFFF} samples")
        fields = _Fields(data, SHARED.size, shared)
        name = fields.text()
        alleles = [fields.text() for _ in range(of_alleles >> 16)]
        if not alleles:
            raise ValueError("no alleles")
        form = self._form(_Fields(data, shared, len(data)), of_samples >> 24)
        return Record(
            contig=contig,
            position=position + 1,
            id=name or ".",
            ref=alleles[0],
            alternates=alleles[1:],
            alleles=_alleles(form["GT"]) if "GT" in form else None,
            values=_values(form["DS"], max(len(alleles) - 1, 1)) if "DS" in form else None,
        )

    def _form(self, fields: _Fields, number: int) -> dict[str, np.ndarray]:
        """GT and DS: (samples, values of one) as they are stored."""
        form = {}
        for _ in range(number):
            key = self._dictionary.strings[int(fields.vector(1)[0][0])]
            values = fields.vector(len(self.samples))
            if key in ("GT", "DS"):
                form[key] = values
        return form


class _Dictionary:
    """The names that records refer to by number."""

    def __init__(self, header: Header) -> None:
        self.contigs: dict[int, str] = {}
        self.strings: dict[int, str] = {0: "PASS"}
        contigs: dict[str, int] = {}
        strings = {"PASS": 0}
        text = header.text.decode("utf-8", "replace")
        for kind, body in re.findall(
            r"^##(contig|INFO|FORMAT|FILTER)=<(.*)>", text, flags=re.MULTILINE
        ):
            named = re.search("(?:^|,)ID=([^,]+)", body)
            if named is None:
                continue
            names, numbers = (
                (self.contigs, contigs) if kind == "contig" else (self.strings, strings)
            )
            given = re.search(r",IDX=(\d+)$", body)
            # one that is there twice counts once
            number = int(given[1]) if given else numbers.get(named[1], len(numbers))
            numbers[named[1]] = number
            names[number] = named[1]


class _Fields:
    """Typed values one after another. Raises ValueError where they leave their part."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self._at, self._end = data, at, end

    def text(self) -> str:
        """A text."""
        return self.vector(1)[0].tobytes().rstrip(b"\0").decode("utf-8")

    def vector(self, rows: int) -> np.ndarray:
        """(rows, length) of the next type, of which each row is one value."""
        length, kind = self._type()
        form = {FLOAT: "<u4", TEXT: "u1", **NUMBERS}[kind] if length else "u1"
        size = rows * length * np.dtype(form).itemsize
        if self._at + size > self._end:
            raise ValueError("a value reaches beyond the record")
        values = np.frombuffer(self._data, form, rows * length, self._at)
        self._at += size
        return values.reshape(rows, length)

    def _type(self) -> tuple[int, int]:
        if self._at >= self._end:
            raise ValueError("the record ends early")
        descriptor = self._data[self._at]
        self._at += 1
        length, kind = descriptor >> 4, descriptor & 15
        if length == LONG_VECTOR:
            length = int(self.vector(1)[0][0])
            if length < LONG_VECTOR:
                raise ValueError(f"a vector of {length} values in the long form")
        return length, kind


def _alleles(stored: np.ndarray) -> np.ndarray:
    """(alleles, samples) allele numbers from (allele + 1) << 1 | phased."""
    if stored.dtype.kind != "i" or not stored.shape[1]:
        raise ValueError("GT is no vector of whole numbers")
    ended = stored == np.iinfo(stored.dtype).min + 1
    alleles = (stored.astype(np.int64) >> 1) - 1
    if ((stored < 0) & ~ended & (stored != np.iinfo(stored.dtype).min)).any():
        raise ValueError("an allele below 0")
    unknown = alleles < 0
    if (ended[:, :-1] & ~ended[:, 1:]).any():
        raise ValueError("a call goes on behind its end")
    alleles[unknown] = MISSING_ALLELE
    alleles[ended] = NO_ALLELE
    alleles[ended.all(axis=1), 0] = MISSING_ALLELE
    return np.ascontiguousarray(alleles.T)


def _values(stored: np.ndarray, alternates: int) -> np.ndarray:
    """(alternates, samples) float64 values."""
    if stored.dtype != np.dtype("<u4"):
        whole: Any = stored.astype(np.float64)
        whole[stored <= np.iinfo(stored.dtype).min + 1] = np.nan
        return np.ascontiguousarray(whole.T[:alternates])
    values = stored.view("<f4").astype(np.float64)
    return np.ascontiguousarray(values.T[:alternates])
