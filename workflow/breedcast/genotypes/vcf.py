"""VCF: plain records by array operations on many, all others one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from breedcast.errors import UserError
from breedcast.genotypes.content import Content, ahead, in_turn
from breedcast.genotypes.header import vcf_header
from breedcast.genotypes.line import parsed
from breedcast.genotypes.plain import Lines, Plain, fixed, tabbed
from breedcast.genotypes.records import Calls
from breedcast.genotypes.source import (
    MAX_PLOIDY,
    Block,
    Source,
    joined,
)

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


class VcfSource(Source):
    """A VCF; plain, gzip or bgzip."""

    format = "VCF"

    def _open(self) -> list[str]:
        self._content = Content(self.path)
        self._header = vcf_header(self.path, iter(self._content.line, b""))
        self._calls = Calls(self._header.samples, self.reading, self.counts)
        self._empty_line: int | None = None
        return self._header.samples

    def blocks(self) -> Iterator[Block]:
        with self._content:
            records = map(self._ended, ahead(self._lines()))
            for done in in_turn(self._read_plain, records, self.reading.threads):
                # what was read before the ploidy was known may have been read with another
                right = self.ploidy in (None, done.ploidy)
                if len(done.lines):
                    yield self._block(done if right else self._read_plain(done.lines))

    def checksums(self) -> dict[str, str]:
        return {self.path.name: self._content.sha256}

    def place(self, row: int) -> str:
        return f"{self.path}, line {row}"

    def _lines(self) -> Iterator[Lines]:
        """The records' lines, some megabytes at a time, but for those that are not wanted."""
        first = self._header.lines + 1
        for text in self._content.lines():
            lines = Lines(text, first)
            first += len(lines)
            yield lines.where(self._wanted(lines)) if self.reading.is_partial else lines

    def _ended(self, lines: Lines) -> Lines:
        """Those lines without empty ones. Raises UserError unless these end the file."""
        text = lines.ends - lines.starts > 1
        if self._empty_line is None and text.all():
            return lines
        if self._empty_line is None:
            self._empty_line = int(lines.numbers[~text][0])
        if (lines.numbers[text] > self._empty_line).any():
            raise UserError(f"{self.place(self._empty_line)}: an empty line: remove it")
        return lines.where(text)

    def _wanted(self, lines: Lines) -> np.ndarray:
        """(lines,) whether each is on a contig, and in a region, that is read."""
        wanted = np.ones(len(lines), bool)
        for at, line in enumerate(lines.split()):
            head, _, rest = line.partition(b"\t")
            contig, position = head.decode("utf-8", "replace"), rest[:20].partition(b"\t")[0]
            # what is no position is for the parser to refuse
            if position.isdigit() and not self.reading.reads(contig, int(position)):
                wanted[at] = False
                self.counts["other_contigs"] += 1
                self.unread.add(contig)
        return wanted

    def _read_plain(self, lines: Lines) -> _Done:
        """What array operations can read of some lines."""
        done = _Done(lines, self._expected_ploidy(lines), [], lines)
        if done.ploidy is None or self.reading.field != "GT":
            return done
        for read in (fixed, tabbed):
            damaged = read is tabbed and (b"\0" in done.left.text or b"\r" in done.left.text)
            if damaged or not len(done.left):
                break
            plain = read(done.left, len(self.samples), done.ploidy)
            plain = plain.where(self._accepted(plain))
            others = np.ones(len(done.left), bool)
            others[plain.rows] = False
            numbers = done.left.numbers[plain.rows]
            done.parts.append((Block(plain.dosage, plain.markers, numbers), plain.half_calls))
            done.left = done.left.where(others) if len(plain.rows) else done.left
        return done

    def _block(self, done: _Done) -> Block:
        """The markers of some lines: what was read, and what is left."""
        blocks = []
        for block, half_calls in done.parts:
            self.counts["half_calls"] += int(half_calls.sum())
            blocks.append(block)
            if self.ploidy is None and (block.dosage >= 0).any():
                self.ploidy = done.ploidy
        if len(done.left):
            blocks.append(self._careful_block(done.left))
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
        alt, good = plain.markers["alt"], np.ones(len(plain.rows), bool)
        for column, spelling in PLAIN_SPELLING.items():
            values = plain.markers[column]
            odd = [value for value in values.unique().to_pylist() if not spelling.fullmatch(value)]
            if odd:
                good &= ~np.asarray(pc.is_in(values, pa.array(odd)))
        haploid = [name for name, role in self.reading.contigs.items() if role == "haploid"]
        if haploid:
            good &= ~np.asarray(pc.is_in(plain.markers["contig"], pa.array(haploid)))
        if self.reading.multi_allelic != "collapse":
            good &= ~np.asarray(pc.match_substring(alt, ","))
        without = np.flatnonzero(np.asarray(pc.equal(alt, ".")))
        good[without] &= ~(plain.dosage[without] > 0).any(axis=1)
        return good

    def _careful_block(self, lines: Lines) -> Block:
        """The markers of lines that are not plain."""
        records = (
            (number, parsed(line, self.samples, self.reading.field, self.place(number)))
            for number, line in zip(lines.numbers.tolist(), lines.split(), strict=True)
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
                        f"{self.place(int(block.rows[row]))}: {value!r} is no {name}: "
                        "correct it, or leave the marker out"
                    )


@dataclass
class _Done:
    """Some lines: what was read of them, and with which ploidy; and the lines that are left."""

    lines: Lines
    ploidy: int | None
    parts: list[tuple[Block, np.ndarray]]
    left: Lines
