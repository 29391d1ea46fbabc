"""VCF: plain records by array operations, all others by htslib; and BCF, by htslib alone.

What htslib only warns of or crashes on is refused here: a record with too few or too many
columns, an empty line, a header among the records, NUL bytes, alleles that are no bases.
"""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from breedcast.errors import UserError
from breedcast.genotypes.careful import Records
from breedcast.genotypes.content import COPY_AGAIN, NUL_BYTES, Content, ahead
from breedcast.genotypes.header import BCF_MAGIC, FIXED_COLUMNS, bcf_header, vcf_header
from breedcast.genotypes.plain import Plain, fixed, line_ends, tabbed
from breedcast.genotypes.source import (
    MAX_PLOIDY,
    Block,
    Source,
    joined,
    with_ids,
    without_id,
)

#: Records of a BCF that are parsed at a time.
BCF_RECORDS = 4096
BASES = "[A-Za-z]+|[-.*]|<[^<>,]+>"
BREAKEND = r"[A-Za-z.]*[\[\]][^\[\],]+[\[\]][A-Za-z.]*|\.[A-Za-z]+|[A-Za-z]+\."
#: What may stand in a column, as regular expressions.
SPELLING = {
    "contig": r"^[^\s]+$",
    "ref": f"^({BASES})$",
    "alt": f"^({BASES}|{BREAKEND})(,({BASES}|{BREAKEND}))*$",
}
#: The first call of a record in which all alleles are known.
CALL = re.compile(rb"\tGT(?::[^\t]*)?(?:\t[^\t]*)*?\t(\d+(?:[/|]\d+)*)[:\t\n]")


class VcfSource(Source):
    """A VCF; plain, gzip or bgzip."""

    format = "VCF"

    def _open(self) -> list[str]:
        self._content = Content(self.path)
        self._header = vcf_header(self.path, iter(self._content.line, b""))
        self._records = Records(str(self.path), self._header.samples, self.reading, self.counts)
        return self._header.samples

    def blocks(self) -> Iterator[Block]:
        first = self._header.lines + 1
        with self._content:
            for text in ahead(self._content.lines()):
                lines = _Lines(text, np.arange(first, first + text.count(b"\n")))
                first += len(lines.numbers)
                if self.reading.is_partial:
                    lines = lines.where(self._wanted(lines))
                yield self._block(lines)
        self._records.warn()

    def checksums(self) -> dict[str, str]:
        return {self.path.name: self._content.sha256}

    def place(self, row: int) -> str:
        return f"{self.path}, line {row}"

    def _wanted(self, lines: _Lines) -> np.ndarray:
        """(lines,) whether each is on a contig, and in a region, that is read."""
        wanted = np.ones(len(lines.numbers), bool)
        for at, line in enumerate(lines.split()):
            head, _, rest = line.partition(b"\t")
            contig, position = head.decode("utf-8", "replace"), rest[:20].partition(b"\t")[0]
            # what is no position is for the parser to refuse
            if position.isdigit() and not self.reading.reads(contig, int(position)):
                wanted[at] = False
                self.counts["other_contigs"] += 1
                self.unread.add(contig)
        return wanted

    def _block(self, lines: _Lines) -> Block:
        """The markers of some lines."""
        parts = []
        if self.reading.field == "GT" and (ploidy := self._expected_ploidy(lines)):
            for read in (fixed, tabbed):
                plain = read(lines.text, len(self.samples), ploidy)
                good = self._accepted(plain, ploidy)
                if good.any():
                    self._records.ploidy = self.ploidy = ploidy
                    parts.append(self._plain_block(plain, good, lines.numbers))
                    others = np.ones(len(lines.numbers), bool)
                    others[plain.rows[good]] = False
                    lines = lines.where(others)
        if len(lines.numbers):
            parts.append(self._careful_block(lines))
        block = joined(parts)
        self._check_spelling(block)
        return block

    def _expected_ploidy(self, lines: _Lines) -> int | None:
        """The ploidy so far, else that of the first call; None where that cannot be told."""
        if self.ploidy is not None or not lines.text:
            return self.ploidy
        first = lines.text[: lines.text.index(b"\n") + 1]
        call = CALL.search(first)
        if (
            call is None
            or first.partition(b"\t")[0].decode("utf-8", "replace") in self.reading.contigs
        ):
            return None
        ploidy = len(re.split(rb"[/|]", call.group(1)))
        return ploidy if ploidy <= MAX_PLOIDY else None

    def _accepted(self, plain: Plain, ploidy: int) -> np.ndarray:
        """(records,) whether what array operations cannot decide does not occur."""
        alt, contig = plain.markers["alt"], plain.markers["contig"]
        haploid = [name for name, role in self.reading.contigs.items() if role == "haploid"]
        good = ~np.asarray(pc.is_in(contig, pa.array(haploid, pa.string())))
        no_alternate = np.asarray(pc.equal(alt, "."))
        good &= ~(no_alternate & (plain.dosage > 0).any(axis=1))
        if self.reading.multi_allelic != "collapse":
            good &= ~np.asarray(pc.match_substring(alt, ","))
        if self.ploidy is None:
            good &= (plain.dosage >= 0).any()
        return good

    def _plain_block(self, plain: Plain, good: np.ndarray, numbers: np.ndarray) -> Block:
        markers = plain.markers if good.all() else plain.markers.filter(pa.array(good))
        self.counts["half_calls"] += int(plain.half_calls[good].sum())
        self.counts["without_id"] += pc.sum(without_id(markers)).as_py() or 0
        dosage = plain.dosage if good.all() else plain.dosage[good]
        return Block(dosage, with_ids(markers), numbers[plain.rows[good]])

    def _careful_block(self, lines: _Lines) -> Block:
        """The markers of lines that are not plain, parsed by htslib."""
        for number, line in zip(lines.numbers, lines.split(), strict=True):
            self._check_shape(line, self.place(number))
        with tempfile.NamedTemporaryFile(suffix=".vcf") as file:
            file.write(self._header.text + lines.text)
            file.flush()
            self._records.ploidy = self.ploidy
            with self._records.opened(file.name) as records:
                block = self._records.read(records, lines.numbers, self.place)
            self.ploidy = self._records.ploidy
        return block

    def _check_shape(self, line: bytes, place: str) -> None:
        """Raise UserError for a line that is no record with a column per sample."""
        columns, found = len(FIXED_COLUMNS) + len(self.samples), line.count(b"\t") + 1
        if not line.strip():
            raise UserError(f"{place}: an empty line: remove it")
        if line.startswith(b"#"):
            raise UserError(
                f"{place}: a header line among the records: join VCFs with bcftools concat, "
                "not with cat"
            )
        if b"\0" in line:
            raise UserError(f"{place}: {NUL_BYTES}")
        if found != columns:
            raise UserError(
                f"{place}: {found} columns where the header has {columns}: "
                f"the line is damaged; {COPY_AGAIN}"
            )

    def _check_spelling(self, block: Block) -> None:
        """Raise UserError for a contig or allele that cannot be one."""
        for column, spelling in SPELLING.items():
            right = np.asarray(pc.match_substring_regex(block.markers[column], spelling))
            if not right.all():
                row = int(right.argmin())
                place, value = self.place(int(block.rows[row])), block.markers[column][row]
                raise UserError(
                    f"{place}: {value.as_py()!r} is no {column.upper()}: correct it, or leave the "
                    "marker out"
                )


class _Lines:
    """Some whole lines of text, each with its number in the file."""

    def __init__(self, text: bytes, numbers: np.ndarray) -> None:
        self.text = text
        self.numbers = numbers

    def split(self) -> list[bytes]:
        """The lines without their ends."""
        return self.text.split(b"\n")[:-1]

    def where(self, keep: np.ndarray) -> _Lines:
        """Those lines (boolean mask)."""
        ends = line_ends(self.text)
        starts = np.concatenate([[0], ends[:-1]])
        places = zip(starts[keep].tolist(), ends[keep].tolist(), strict=True)
        return _Lines(b"".join([self.text[at:end] for at, end in places]), self.numbers[keep])


class BcfSource(Source):
    """A BCF, which is parsed by htslib."""

    format = "BCF"

    def _open(self) -> list[str]:
        with Content(self.path) as content:
            content.read(len(BCF_MAGIC))
            return bcf_header(self.path, content.read).samples

    def blocks(self) -> Iterator[Block]:
        number = self._survey()
        records = Records(str(self.path), self.samples, self.reading, self.counts)
        with records.opened(str(self.path)) as parsed:
            for first in range(0, number, BCF_RECORDS):
                rows = np.arange(first, min(first + BCF_RECORDS, number))
                block = records.read(parsed, rows, self.place)
                self.ploidy = records.ploidy
                yield block
        self.counts["other_contigs"] += records.unread.total()
        self.unread.update(records.unread)
        records.warn()

    def checksums(self) -> dict[str, str]:
        return {self.path.name: self._content.sha256}

    def place(self, row: int) -> str:
        return f"{self.path}, record {row + 1}"

    def _survey(self) -> int:
        """The number of records, each of which says how long it is. Raises UserError if cut."""
        self._content = Content(self.path)
        with self._content as content:
            content.read(len(BCF_MAGIC))
            bcf_header(self.path, content.read)
            records = 0
            while lengths := content.read(8):
                expected = sum(struct.unpack("<II", lengths)) if len(lengths) == 8 else 1
                if len(lengths) < 8 or len(content.read(expected)) < expected:
                    raise UserError(
                        f"{self.path} is truncated in record {records + 1}: {COPY_AGAIN}"
                    )
                records += 1
        return records
