"""VCF: plain records by array operations on many, all others one by one."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np
import pyarrow.compute as pc

from breedcast.errors import UserError
from breedcast.genotypes.arrow import among, numbers
from breedcast.genotypes.content import CHANGED, sha256_of, stamp
from breedcast.genotypes.header import vcf_header
from breedcast.genotypes.line import parsed
from breedcast.genotypes.pieces import Piece, TextFile
from breedcast.genotypes.plain import Lines, Plain, fixed, tabbed
from breedcast.genotypes.records import Calls
from breedcast.genotypes.source import (
    MAX_PLOIDY,
    Block,
    Source,
    joined,
)
from breedcast.genotypes.text import quoted
from breedcast.workers import in_turn, meanwhile

BASES = r"[A-Za-z0-9*+-]+|<[^<>,]+>"
BREAKEND = r"[A-Za-z.]*[\[\]][^\[\],]+[\[\]][A-Za-z.]*|\.[A-Za-z]+|[A-Za-z]+\."
#: What may stand in a column, and what VCF calls it.
SPELLING = {
    "contig": ("CHROM", re.compile(r"\S+")),
    "ref": ("REF", re.compile(rf"\.|{BASES}")),
    "alt": ("ALT", re.compile(rf"\.|({BASES}|{BREAKEND})(,({BASES}|{BREAKEND}))*")),
}
#: What stands there mostly; the rest is looked at one by one.
PLAIN_SPELLING = {
    "contig": re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:-]*"),
    "ref": re.compile("[A-Za-z]+|[01]"),
    "alt": re.compile(r"[A-Za-z]+(,[A-Za-z]+)*|[01]|\."),
}
#: The first call of a record in which all alleles are known.
CALL = re.compile(rb"\tGT(?::[^\t]*)?(?:\t[^\t]*)*?\t(\d+(?:[/|]\d+)*)[:\t\n]")

logger = logging.getLogger(__name__)


class VcfSource(Source):
    """A VCF; plain, gzip or bgzip."""

    format = "VCF"

    def _open(self) -> list[str]:
        self._stamp = stamp(self.path)
        with TextFile(self.path) as file:
            self._header = vcf_header(self.path, iter(file.line, b""))
        self._calls = Calls(self._header.samples, self.reading, self.counts)
        self._lines = self._header.lines
        self._empty_line: int | None = None
        return self._header.samples

    def blocks(self) -> Iterator[Block]:
        threads = self.reading.threads
        sha256 = partial(sha256_of, self.path)
        with meanwhile(sha256, threads) as checksum, TextFile(self.path) as file:
            pieces = file.pieces(len(self._header.text))
            # read here, so that the processes know the ploidy
            yield from self._blocks(file, self._parts(file, islice(pieces, 1)))
            if not file.is_read():
                yield from self._blocks(file, in_turn(self._share, threads))
            self._sums = {self.path.name: checksum()}
        if not file.ends_with_a_line():
            logger.warning(
                "%s: its last line has no end: see whether the file was cut off", self.path
            )

    def checksums(self) -> dict[str, str]:
        if stamp(self.path) != self._stamp:
            raise UserError(f"{self.path} {CHANGED}")
        return self._sums

    def place(self, row: int) -> str:
        return f"{self.path}, line {row}"

    def _share(self, process: int) -> Iterator[_Part]:
        """What one of the processes reads."""
        with TextFile(self.path) as file:
            pieces = file.pieces(len(self._header.text))
            yield from self._parts(file, islice(pieces, 1 + process, None, self.reading.threads))

    def _parts(self, file: TextFile, pieces: Iterable[Piece]) -> Iterator[_Part]:
        for piece in pieces:
            text = file.lines(piece)
            if text is None:
                return
            yield self._read(piece, text)

    def _blocks(self, file: TextFile, parts: Iterable[_Part]) -> Iterator[Block]:
        """The markers of successive parts of the file."""
        for part in parts:
            # what was read before the ploidy was known may have been read with another
            if self.ploidy not in (None, part.ploidy):
                part = self._read(part.piece, file.lines(part.piece) or b"")
            self._check_empty_line(part)
            self.counts["other_contigs"] += part.unread.total()
            self.unread |= set(part.unread)
            if part.plain or len(part.left):
                yield self._block(part)
            self._lines += part.lines

    def _read(self, piece: Piece, text: bytes) -> _Part:
        """What array operations can read of a piece; it is all that other processes do."""
        lines = Lines(text)
        part = _Part(piece, len(lines))
        if self.reading.is_partial:
            lines = lines.where(self._wanted(lines, part.unread))
        empty = lines.ends - lines.starts == 1
        if empty.any():
            part.empty_line = int(lines.numbers[empty][0])
            lines = lines.where(~empty)
        part.last_line = int(lines.numbers[-1]) if len(lines) else 0
        part.left, part.ploidy = lines, self._expected_ploidy(lines)
        if part.ploidy is None or self.reading.field != "GT":
            return part
        for read in (fixed, tabbed):
            damaged = read is tabbed and (b"\0" in part.left.text or b"\r" in part.left.text)
            if damaged or not len(part.left):
                break
            plain = read(part.left, len(self.samples), part.ploidy)
            plain = plain.where(self._accepted(plain))
            others = np.ones(len(part.left), bool)
            others[plain.rows] = False
            part.plain.append(Block(plain.dosage, plain.markers, part.left.numbers[plain.rows]))
            part.half_calls += int(plain.half_calls.sum())
            part.left = part.left.where(others) if len(plain.rows) else part.left
        return part

    def _wanted(self, lines: Lines, unread: Counter[str]) -> np.ndarray:
        """(lines,) whether each is on a contig, and in a region, that is read; counts others."""
        wanted = np.ones(len(lines), bool)
        for at, line in enumerate(lines.split()):
            head, _, rest = line.partition(b"\t")
            contig, position = head.decode("utf-8", "replace"), rest[:20].partition(b"\t")[0]
            # what is no position is for the parser to refuse
            if position.isdigit() and not self.reading.reads(contig, int(position)):
                wanted[at] = False
                unread[contig] += 1
        return wanted

    def _check_empty_line(self, part: _Part) -> None:
        """Raise UserError unless empty lines end the file."""
        if self._empty_line is None and part.empty_line:
            self._empty_line = self._lines + part.empty_line
        if self._empty_line is not None and self._lines + part.last_line > self._empty_line:
            raise UserError(f"{self.place(self._empty_line)}: an empty line: remove it")

    def _block(self, part: _Part) -> Block:
        """The markers of a part: what was read, and what is left."""
        self.counts["half_calls"] += part.half_calls
        blocks = [dataclasses.replace(it, rows=it.rows + self._lines) for it in part.plain]
        if self.ploidy is None and any((block.dosage >= 0).any() for block in blocks):
            self.ploidy = part.ploidy
        if len(part.left):
            blocks.append(self._careful_block(part.left))
        return joined(blocks)

    def _expected_ploidy(self, lines: Lines) -> int | None:
        """The ploidy so far, else that of the first call; None where that cannot be told."""
        if self.ploidy is not None or not len(lines):
            return self.ploidy
        first = lines.text[: lines.ends[0]]
        contig = first.partition(b"\t")[0].decode("utf-8", "replace")
        call = CALL.search(first)
        if call is None or contig in self.reading.contigs:
            return None
        ploidy = len(re.split(rb"[/|]", call.group(1)))
        return ploidy if ploidy <= MAX_PLOIDY else None

    def _accepted(self, plain: Plain) -> np.ndarray:
        """(records,) whether what array operations cannot decide does not occur."""
        odd = {
            column: {
                value
                for value in plain.markers[column].unique().to_pylist()
                if not spelling.fullmatch(value)
            }
            for column, spelling in PLAIN_SPELLING.items()
        }
        odd["contig"] |= {name for name, role in self.reading.contigs.items() if role == "haploid"}
        good = np.ones(len(plain.rows), bool)
        for column, values in odd.items():
            good &= ~among(plain.markers[column], values)
        if self.reading.multi_allelic != "collapse":
            good &= ~numbers(pc.match_substring(plain.markers["alt"], ","))
        without = np.flatnonzero(among(plain.markers["alt"], {"."}))
        good[without] &= ~(plain.dosage[without] > 0).any(axis=1)
        return good

    def _careful_block(self, lines: Lines) -> Block:
        """The markers of lines that are not plain."""
        records = (
            (number, parsed(line, self.samples, self.reading.field, self.place(number)))
            for number, line in zip(
                (lines.numbers + self._lines).tolist(), lines.split(), strict=True
            )
        )
        self._calls.ploidy = self.ploidy
        block = self._calls.block(records, self.place)
        self.ploidy = self._calls.ploidy
        self._check_spelling(block)
        return block

    def _check_spelling(self, block: Block) -> None:
        """Raise UserError for a contig or allele that cannot be one."""
        for column, (name, spelling) in SPELLING.items():
            for value in block.markers[column].unique().to_pylist():
                if not spelling.fullmatch(value):
                    row = pc.index(block.markers[column], value).as_py()
                    raise UserError(
                        f"{self.place(int(block.rows[row]))}: {quoted(value)} is no {name}: "
                        "correct it, or leave the marker out"
                    )


@dataclass
class _Part:
    """A piece of the file: what array operations could read, and what is left.

    Lines are numbered from 1 within the piece. lines: how many it has. empty_line: the first
    empty one, last_line: the last other one, 0 if there is none. unread: how many lines are not
    wanted, by contig. ploidy: with which `plain` was read.
    """

    piece: Piece
    lines: int
    unread: Counter[str] = field(default_factory=Counter)
    empty_line: int = 0
    last_line: int = 0
    ploidy: int | None = None
    plain: list[Block] = field(default_factory=list)
    half_calls: int = 0
    left: Lines = field(default_factory=lambda: Lines(b""))
