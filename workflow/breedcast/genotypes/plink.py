"""PLINK 1 (.bed, .bim, .fam) and PLINK 2 (.pgen, .pvar, .psam).

Dosages are those of a VCF that plink2 exports from the same files: A1 of a .bim is the alternate
allele, A2 the reference.
"""

from __future__ import annotations

import logging
import os
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pgenlib
import pyarrow as pa
from bed_reader import open_bed

from breedcast.errors import UserError
from breedcast.genotypes.content import COPY_AGAIN, Content, sha256_of
from breedcast.genotypes.dosages import of_allele, read_contigs, whole
from breedcast.genotypes.plink_header import companions, read_samples
from breedcast.genotypes.source import MARKERS, MISSING_DOSAGE, Block, Source
from breedcast.genotypes.text import decoded, numbered

BLOCK_BYTES = 1 << 24
#: What bed_reader writes for a missing call.
MISSING_IN_BED = -127
BIM_COLUMNS = ["CHROM", "ID", "CM", "POS", "ALT", "REF"]
PVAR_COLUMNS = ["CHROM", "POS", "ID", "REF", "ALT"]
DIGITS = re.compile("[0-9]{1,15}")

logger = logging.getLogger(__name__)


class PlinkSource(Source):
    """A file of calls, with a table of markers and a table of lines beside it."""

    def _open(self) -> list[str]:
        if self.reading.ploidy not in (None, 2):
            raise UserError(
                f"{self.path}: PLINK files are diploid, the config's genotypes: ploidy is "
                f"{self.reading.ploidy}: leave it out"
            )
        self.ploidy = 2
        self._markers, self._lines = (Path(it) for it in companions(self.path))
        self._stamps = self._stamped()
        samples = read_samples(self.path)
        self._step = max(1, BLOCK_BYTES // len(samples))
        return samples

    def blocks(self) -> Iterator[Block]:
        first = 0
        with _readable(self.path), self._opened() as calls:
            rows = _marker_rows(self._markers)
            while chunk := list(islice(rows, self._step)):
                if first + len(chunk) > self._count():
                    break
                yield read_contigs(self, self._block(calls, first, chunk), 2)
                first += len(chunk)
            read = first + len(chunk) + sum(1 for _ in rows)
        if read != self._count():
            raise UserError(
                f"{self.path} has {self._count()} markers, {self._markers.name} has {read}: "
                f"give the files that were made together, or {COPY_AGAIN.replace('it', 'them')}"
            )

    def checksums(self) -> dict[str, str]:
        files = (self.path, self._markers, self._lines)
        sums = {file.name: sha256_of(file) for file in files}
        if self._stamped() != self._stamps:
            raise UserError(f"{self.path} changed while it was read: run again when it is complete")
        return sums

    def _stamped(self) -> list[tuple[int, int]]:
        files = (self.path, self._markers, self._lines)
        return [(it.stat().st_size, it.stat().st_mtime_ns) for it in files]

    @abstractmethod
    def _count(self) -> int:
        """How many markers the file of calls has."""

    @abstractmethod
    def _opened(self) -> Any:
        """A context in which calls are read."""

    @abstractmethod
    def _block(self, calls: Any, first: int, rows: Sequence[Sequence[str]]) -> Block:
        """The markers that these rows describe, the first of them given by its number."""


class BedSource(PlinkSource):
    """PLINK 1: a .bed with its .bim and .fam."""

    format = "PLINK 1 (.bed)"

    def _open(self) -> list[str]:
        samples = super()._open()
        # Three bytes, then two bits a call; each marker begins with a new byte.
        calls, bytes_per_marker = self.path.stat().st_size - 3, -(-len(samples) // 4)
        if calls % bytes_per_marker:
            raise UserError(
                f"{self.path}: {calls + 3:,} bytes are no whole number of markers of the "
                f"{len(samples)} lines in {self._lines.name}: the file is truncated or the "
                f"{self._lines.name} of another; {COPY_AGAIN}"
            )
        self._markers_in_bed = calls // bytes_per_marker
        self._last_is_unset = True
        return samples

    def blocks(self) -> Iterator[Block]:
        yield from super().blocks()
        if self._last_is_unset:
            logger.warning(
                "%s: the last line, %s, has A1 twice at every marker, as lines seem to have that "
                "%s names and the .bed lacks: see whether the files were made together",
                *(self.path, self.samples[-1], self._lines.name),
            )

    def _count(self) -> int:
        return self._markers_in_bed

    def _opened(self) -> Any:
        return open_bed(
            self.path, iid_count=len(self.samples), sid_count=self._count(), num_threads=1
        )

    def _block(self, calls: Any, first: int, rows: Sequence[Sequence[str]]) -> Block:
        self._check_padding(first, len(rows))
        dosage = calls.read(np.s_[:, first : first + len(rows)], dtype="int8", order="F").T
        self._last_is_unset &= bool((dosage[:, -1] == 2).all())
        dosage[dosage == MISSING_IN_BED] = MISSING_DOSAGE
        return Block(dosage, _table(rows), np.arange(first, first + len(rows)))

    def _check_padding(self, first: int, markers: int) -> None:
        """Raise UserError where bits behind the last line are set: they are calls of others."""
        width, over = -(-len(self.samples) // 4), len(self.samples) % 4
        packed = np.memmap(self.path, np.uint8, "r", 3 + first * width, (markers, width))
        if over and (packed[:, -1] >> (2 * over)).any():
            raise UserError(
                f"{self.path} has calls of more lines than the {len(self.samples)} in "
                f"{self._lines.name}: give the files that were made together"
            )


class PgenSource(PlinkSource):
    """PLINK 2: a .pgen with its .pvar and .psam."""

    format = "PLINK 2 (.pgen)"

    def blocks(self) -> Iterator[Block]:
        # pgenlib must know how many alleles every marker has before it reads one
        alleles = [2 + row[4].count(",") for row in _marker_rows(self._markers)]
        self._allele_offsets = np.concatenate([[0], np.cumsum(alleles)]).astype(np.uintp)
        yield from super().blocks()

    def _count(self) -> int:
        return len(self._allele_offsets) - 1

    def _opened(self) -> Any:
        return pgenlib.PgenReader(
            os.fsencode(self.path),
            raw_sample_ct=len(self.samples),
            variant_ct=self._count(),
            allele_idx_offsets=self._allele_offsets,
        )

    def _block(self, calls: Any, first: int, rows: Sequence[Sequence[str]]) -> Block:
        described: list[Sequence[str]] = []
        numbers: list[int] = []
        alleles: list[int] = []
        for number, row in enumerate(rows, start=first):
            alts = row[4].split(",")
            if len(alts) > 1 and self.reading.multi_allelic == "drop":
                self.counts["multi_allelic_dropped"] += 1
            elif len(alts) > 1 and self.reading.multi_allelic == "split":
                described += [_row_of_allele(row, alt) for alt in alts]
                numbers += [number] * len(alts)
                alleles += range(1, len(alts) + 1)
            else:
                described.append(row)
                numbers.append(number)
                alleles.append(0)
        dosage = self._dosage(calls, numbers, np.array(alleles, np.int8))
        return Block(dosage, _table(described), np.array(numbers, np.int64))

    def _dosage(self, calls: Any, numbers: Sequence[int], alleles: np.ndarray) -> np.ndarray:
        """(markers, lines) int8 copies of these alleles of the markers; of all but 0 for 0."""
        imputed = self.reading.field == "DS"
        read = calls.read_dosages if imputed else calls.read
        copies = np.empty((len(numbers), len(self.samples)), np.float32 if imputed else np.int8)
        for number, allele, row in zip(numbers, alleles.tolist(), copies, strict=True):
            read(number, row, allele)
        missing = copies < 0
        copies = np.where(alleles[:, None] == 0, 2 - copies, copies)
        if imputed:
            copies, far = whole(copies)
            self.counts["rounded_dosages"] += int((far & ~missing).sum())
        return np.where(missing, MISSING_DOSAGE, copies).astype(np.int8)


def _marker_rows(path: Path) -> Iterator[list[str]]:
    """Contig, position, id, ref and alt of every row of a .bim or .pvar. Raises UserError."""
    columns = BIM_COLUMNS
    with Content(path) as content:
        for number, line in numbered(iter(content.line, b""), path):
            if line.startswith(b"##"):
                continue
            place = f"{path}, line {number}"
            text = decoded(line, place)
            row = text.split("\t" if "\t" in text else None)
            if row[:1] == ["#CHROM"]:
                columns = ["CHROM", *row[1:]]
                if not set(PVAR_COLUMNS) <= set(columns):
                    raise UserError(f"{place}: expected #CHROM POS ID REF ALT: correct the header")
                continue
            if len(row) != len(columns):
                raise UserError(
                    f"{place}: {len(row)} columns instead of {len(columns)} "
                    f"({' '.join(columns)}): correct the line"
                )
            yield _described(dict(zip(columns, row, strict=True)), place)


def _described(row: Mapping[str, str], place: str) -> list[str]:
    """Contig, position, id, ref and alt; PLINK 1 writes an allele that it never saw as 0."""
    if not DIGITS.fullmatch(row["POS"]):
        raise UserError(f"{place}: position {row['POS']!r}: give a whole number, 0 where unknown")
    ref, alt = ("." if row[name] == "0" else row[name] for name in ("REF", "ALT"))
    return [row["CHROM"], row["POS"], row["ID"], ref, alt]


def _row_of_allele(row: Sequence[str], alt: str) -> list[str]:
    """The row of a marker that has this alternate allele alone."""
    contig, position, name, ref, _ = row
    return [contig, position, of_allele(name, contig, int(position), alt), ref, alt]


def _table(rows: Sequence[Sequence[str]]) -> pa.Table:
    """The markers that these rows describe."""
    values: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [[] for _ in MARKERS.names]
    values[1] = [int(position) for position in values[1]]
    return pa.table(dict(zip(MARKERS.names, values, strict=True)), schema=MARKERS)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Where the libraries are called: what they raise becomes a UserError, in their words."""
    try:
        yield
    except UserError:
        raise
    except Exception as failure:  # RuntimeError, OSError, ValueError, AssertionError ...
        words = str(failure).strip() or type(failure).__name__
        raise UserError(f"{path}: {words}: {COPY_AGAIN}") from failure
