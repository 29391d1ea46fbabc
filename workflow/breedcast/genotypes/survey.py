"""A first look at a variant file (VCF or BCF; plain, gzip or bgzip): whole, and of which shape?

htslib, which parses the calls later, only warns of a truncated file, ignores surplus columns
and crashes on an empty line. So every byte is inflated and every line counted here first: what
cannot be a whole, rectangular VCF is refused with the place, and the number of records is known
before any is parsed. Only the standard library is used, so that sample names are cheap to read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from breedcast.errors import UserError

FIXED_COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
BCF_MAGIC = b"BCF\x02"
#: The empty block that ends every whole bgzip file (SAM specification, section 4.1.2).
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
BUFFER_BYTES = 1 << 20
COPY_AGAIN = "copy or download it again"
NUL_BYTES = f"NUL bytes: the file is damaged; {COPY_AGAIN}"


@dataclass(frozen=True)
class Survey:
    """The shape of a variant file that was read to its end.

    samples: names in the order of the file.
    records: number of records (markers).
    header_lines: lines before the first record, or None for BCF, which has no lines.
    sha256: of the file as it lies on disk.
    stamp: size and time of change (ns), to notice a file that changes while it is read.
    """

    path: Path
    samples: list[str]
    records: int
    header_lines: int | None
    sha256: str
    stamp: tuple[int, int]

    def place(self, record: int) -> str:
        """Where a record (from 0) is to be found, for messages."""
        if self.header_lines is None:
            return f"{self.path}, record {record + 1}"
        return f"{self.path}, line {self.header_lines + record + 1}"

    def check_unchanged(self) -> None:
        """Raise UserError if the file is no longer the one surveyed."""
        if _stamp(self.path) != self.stamp:
            raise UserError(f"{self.path} changed while it was read: run again when it is complete")


def survey(path: str | Path) -> Survey:
    """Read a variant file to its end and check that it is whole and rectangular.

    Raises UserError, with the line, for: no such file, a directory, an empty file, neither VCF
    nor BCF, truncated or damaged compression, a header that is broken or names no samples or
    one sample twice, no records, a record with too few or too many columns.
    """
    path = Path(path)
    _check_file(path)
    stamp = _stamp(path)
    with open(path, "rb") as raw:
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    with _content(path) as content:
        if _is_bcf(content):
            samples = _bcf_samples(path, content)
            header_lines, records = None, _count_bcf_records(path, content)
        else:
            samples, header_lines = _header(path, content)
            records = _count_lines(path, content, len(samples), header_lines)
    if records == 0:
        raise UserError(f"{path}: a header and no records: give a file with genotypes")
    return Survey(path, samples, records, header_lines, sha256, stamp)


def read_samples(path: str | Path) -> list[str]:
    """The sample names of a variant file, from its header alone.

    Raises UserError for all that `survey` refuses and that the header or the file's end shows.
    """
    path = Path(path)
    _check_file(path)
    with _content(path) as content:
        return _bcf_samples(path, content) if _is_bcf(content) else _header(path, content)[0]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _check_file(path: Path) -> None:
    if not path.exists():
        raise UserError(f"{path}: no such file: check genotypes.path in the config")
    if not path.is_file():
        raise UserError(f"{path} is not a file: genotypes.path must name one VCF or BCF file")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} cannot be read: check its permissions")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty: {COPY_AGAIN}")


@contextmanager
def _content(path: Path) -> Iterator[BinaryIO]:
    """The inflated bytes of a file; damage met while the block reads them is a UserError."""
    with open(path, "rb") as raw:
        start = raw.peek(18)
        if start[:2] != b"\x1f\x8b":
            yield raw
            return
        if start[3:4] == b"\x04" and start[12:14] == b"BC":
            _check_bgzf_end(path)
        inflated = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)), BUFFER_BYTES)
        try:
            yield cast(BinaryIO, inflated)
        except EOFError:
            raise UserError(f"{path} is truncated: {COPY_AGAIN}") from None
        except (gzip.BadGzipFile, zlib.error) as damage:
            near = f"near byte {raw.tell():,} of {path.stat().st_size:,}"
            raise UserError(
                f"{path}: the compressed data are damaged {near} ({damage}): {COPY_AGAIN}"
            ) from None


def _check_bgzf_end(path: Path) -> None:
    with open(path, "rb") as raw:
        raw.seek(-min(len(BGZF_END), path.stat().st_size), os.SEEK_END)
        if raw.read() != BGZF_END:
            raise UserError(
                f"{path} is truncated (a bgzip file without its end marker): {COPY_AGAIN}; "
                "if it is known to be whole, pack it anew: gunzip -c FILE | bgzip > NEW"
            )


def _is_bcf(content: BinaryIO) -> bool:
    return cast(io.BufferedReader, content).peek(4)[:4] == BCF_MAGIC


def _header(path: Path, content: BinaryIO) -> tuple[list[str], int]:
    """Sample names and number of lines of a VCF header; `content` is left at the first record."""
    if not cast(io.BufferedReader, content).peek(16).startswith(b"##fileformat=VCF"):
        raise UserError(
            f"{path} is not a VCF (it does not begin with ##fileformat=VCF): "
            "give a VCF or BCF file, plain, gzip or bgzip"
        )
    for number, line in enumerate(content, start=1):
        text = line.rstrip(b"\r\n")
        if b"\r" in text:
            raise UserError(
                f"{path}, line {number}: line ends of an old Mac (CR alone): "
                "convert them: tr '\\r' '\\n' < FILE > NEW"
            )
        if b"\0" in text:
            raise UserError(f"{path}, line {number}: {NUL_BYTES}")
        if not text.startswith(b"##"):
            return _sample_names(path, text, f"{path}, line {number}"), number
    raise UserError(f"{path}: the header has no #CHROM line: {COPY_AGAIN}")


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
    samples = columns[9:]
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


def _count_lines(path: Path, content: BinaryIO, samples: int, header_lines: int) -> int:
    """The number of records of a VCF, each of which must have one column per sample."""
    tabs = len(FIXED_COLUMNS) + samples - 1
    number = header_lines
    for number, line in enumerate(content, start=header_lines + 1):
        if line.count(b"\t") != tabs or line.startswith(b"#") or b"\0" in line:
            raise UserError(f"{path}, line {number}: {_fault(line, tabs + 1)}")
    return number - header_lines


def _fault(line: bytes, columns: int) -> str:
    if not line.strip():
        return "an empty line: remove it"
    if line.startswith(b"#"):
        return "a header line among the records: join VCFs with bcftools concat, not with cat"
    if b"\0" in line:
        return NUL_BYTES
    found = line.count(b"\t") + 1
    return f"{found} columns where the header has {columns}: the line is damaged; {COPY_AGAIN}"


def _bcf_samples(path: Path, content: BinaryIO) -> list[str]:
    """The names in a BCF header (a VCF header as text); `content` is left at the first record."""
    start = content.read(9)
    length = struct.unpack("<I", start[5:])[0] if len(start) == 9 else 0
    text = content.read(length)
    if len(start) < 9 or len(text) < length:
        raise UserError(f"{path} is truncated in its header: {COPY_AGAIN}")
    header = io.BufferedReader(cast(io.RawIOBase, io.BytesIO(text.rstrip(b"\0"))))
    return _header(path, cast(BinaryIO, header))[0]


def _count_bcf_records(path: Path, content: BinaryIO) -> int:
    """The number of records of a BCF, each of which says how long it is."""
    records = 0
    while lengths := content.read(8):
        expected = sum(struct.unpack("<II", lengths)) if len(lengths) == 8 else 1
        if len(lengths) < 8 or len(content.read(expected)) < expected:
            raise UserError(f"{path} is truncated in record {records + 1}: {COPY_AGAIN}")
        records += 1
    return records
