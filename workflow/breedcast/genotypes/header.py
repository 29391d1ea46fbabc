"""The header of a VCF or BCF: which samples it names, and whether it is whole."""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from breedcast.errors import UserError
from breedcast.genotypes.content import BYTE_ORDER_MARK, COPY_AGAIN, NUL_BYTES, head
from breedcast.genotypes.text import OLD_MAC

FIXED_COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
BCF_MAGIC = b"BCF\x02"
#: More is no header: a bomb, which a few packed bytes make.
LONGEST_HEADER = 1 << 27


@dataclass(frozen=True)
class Header:
    """samples: names in the order of the columns. text: the header as it lies in the file."""

    samples: list[str]
    text: bytes

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.text.count(b"\n")


def read_samples(path: Path) -> list[str]:
    """The sample names of a VCF or BCF, from its header alone.

    Raises UserError, with the line, for a header that is broken or names no samples or one
    sample twice, and for damage that the header or the file's end shows.
    """
    with head(path) as content:
        start = content.read(len(BCF_MAGIC))
        if start == BCF_MAGIC:
            return bcf_header(path, content.read).samples
        rest = io.BytesIO(start + content.readline(LONGEST_HEADER))
        return vcf_header(path, chain(rest, _until_columns(content))).samples


def _until_columns(content: BinaryIO) -> Iterable[bytes]:
    while line := content.readline(LONGEST_HEADER):
        yield line
        if not line.startswith(b"##"):
            return


def vcf_header(path: Path, lines: Iterable[bytes]) -> Header:
    """The header, from the lines of the file; no line after it is taken."""
    text: list[bytes] = []
    length = 0
    for number, line in enumerate(lines, start=1):
        text.append(line)
        length += len(line)
        if length >= LONGEST_HEADER:
            raise UserError(f"{path}: a header of over {LONGEST_HEADER:,} bytes: {COPY_AGAIN}")
        stripped = line.rstrip(b"\r\n")
        if number == 1:
            stripped = stripped.removeprefix(BYTE_ORDER_MARK)
        if number == 1 and not stripped.startswith((b"##", b"#CHROM")):
            raise UserError(
                f"{path} is not a VCF (it begins with neither ##fileformat=VCF nor #CHROM): "
                "give a VCF or BCF file, plain, gzip or bgzip"
            )
        if b"\r" in stripped:
            raise UserError(f"{path}, line {number}: {OLD_MAC}")
        if b"\0" in stripped:
            raise UserError(f"{path}, line {number}: {NUL_BYTES}")
        if not stripped.startswith(b"##"):
            samples = _sample_names(path, stripped, f"{path}, line {number}")
            return Header(samples, b"".join(text))
    if not text:
        raise UserError(f"{path} is not a VCF (there is nothing in it): {COPY_AGAIN}")
    raise UserError(f"{path}: the header has no #CHROM line: {COPY_AGAIN}")


def bcf_header(path: Path, read: Callable[[int], bytes]) -> Header:
    """The header of a BCF whose magic number has been read (a VCF header as text)."""
    start = read(5)
    length = struct.unpack("<I", start[1:])[0] if len(start) == 5 else 0
    text = read(length)
    if len(start) < 5 or len(text) < length:
        raise UserError(f"{path} is truncated in its header: {COPY_AGAIN}")
    return vcf_header(path, io.BytesIO(text.rstrip(b"\0")))


def _sample_names(path: Path, line: bytes, place: str) -> list[str]:
    """The names on the #CHROM line, which is checked."""
    try:
        columns = line.decode("utf-8").split("\t")
    except UnicodeDecodeError:
        raise UserError(
            f"{place}: sample names are not UTF-8: convert: iconv -f LATIN1 -t UTF-8 FILE > NEW"
        ) from None
    if columns[:8] != FIXED_COLUMNS[:8]:
        raise UserError(
            f"{place}: expected the column names {' '.join(FIXED_COLUMNS)}, separated by tabs: "
            "correct the header"
        )
    samples = [name.strip() for name in columns[9:]]
    if not any(samples):
        raise UserError(
            f"{path} has sites only, no samples: give the VCF that holds the genotypes (GT)"
        )
    if columns[8] != "FORMAT":
        raise UserError(f"{place}: column 9 is not FORMAT: correct the header")
    if "" in samples:
        raise UserError(
            f"{place}: column {10 + samples.index('')} has no sample name: correct the header"
        )
    twice = [name for name, count in Counter(samples).items() if count > 1]
    if twice:
        raise UserError(
            f"{place}: sample {twice[0]!r} is there twice ({len(twice)} such names in all): "
            "rename or remove one (bcftools reheader -s)"
        )
    return samples
