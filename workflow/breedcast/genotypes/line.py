"""VCF records of every kind, parsed one at a time. The format is that of VCF 4.0 to 4.5.

Of a record the place, the name, the alleles, GT and DS are read and have to be right. QUAL,
FILTER, INFO, the other fields of FORMAT, and what the header says of all these, are not looked at.
htslib is not used: a FORMAT or a header that it does not expect ends the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import TypeVar

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.content import COPY_AGAIN, NUL_BYTES
from breedcast.genotypes.header import FIXED_COLUMNS
from breedcast.genotypes.plain import LARGEST_POSITION
from breedcast.genotypes.records import MISSING_ALLELE, NO_ALLELE, Record
from breedcast.genotypes.text import OLD_MAC

#: A call; since VCF 4.4 the phase of the first allele may come first.
CALL = re.compile(rb"[/|]?(?:[0-9]{1,9}|\.)(?:[/|](?:[0-9]{1,9}|\.))*")
NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|nan|NaN")
#: Calls that are remembered.
KNOWN_CALLS = 1 << 14
MISSING = b"."
T = TypeVar("T")


def parsed(line: bytes, samples: Sequence[str], field: str, place: str) -> Record:
    """The record of a line without its end. Raises UserError for what is no record.

    samples: names of the columns. field: DS reads the dosages too. place: file and line.
    """
    columns = _columns(line, len(samples), place)
    contig, position, name, ref, alt = (_decoded(column, place) for column in columns[:5])
    if not re.fullmatch("[0-9]{1,19}", position) or int(position) > LARGEST_POSITION:
        raise UserError(f"{place}: position {position!r}: correct it, or leave the marker out")
    alternates = [] if alt == "." else alt.split(",")
    keys = columns[8].split(b":")
    alleles = values = None
    if b"GT" in keys:
        calls = _each(columns, keys.index(b"GT"), _call, samples, f"{place}: GT")
        alleles = np.array(list(zip_longest(*calls, fillvalue=NO_ALLELE)), np.int64)
    if b"DS" in keys and (field == "DS" or alleles is None):
        dosages = _each(columns, keys.index(b"DS"), _numbers, samples, f"{place}: DS")
        values = np.array(list(zip_longest(*dosages, fillvalue=np.nan)), np.float64)
        if len(values) > max(len(alternates), 1):
            raise UserError(
                f"{place}: DS has {len(values)} values, but ALT names {len(alternates)}: "
                "correct either"
            )
    return Record(contig, int(position), name, ref, alternates, alleles, values)


def _columns(line: bytes, samples: int, place: str) -> list[bytes]:
    """The columns of a record, one per sample after those of the marker."""
    if line.startswith(b"#"):
        raise UserError(
            f"{place}: a header line among the records: join VCFs with bcftools concat, "
            "not with cat"
        )
    if b"\0" in line:
        raise UserError(f"{place}: {NUL_BYTES}")
    if b"\r" in line:
        raise UserError(f"{place}: {OLD_MAC}")
    columns = line.split(b"\t")
    if len(columns) != len(FIXED_COLUMNS) + samples:
        raise UserError(
            f"{place}: {len(columns)} columns where the header has "
            f"{len(FIXED_COLUMNS) + samples}: the line is damaged; {COPY_AGAIN}"
        )
    return columns


def _decoded(column: bytes, place: str) -> str:
    try:
        return column.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(
            f"{place}: {column.decode('utf-8', 'replace')!r} is not UTF-8: convert: "
            "iconv -f LATIN1 -t UTF-8 FILE > NEW"
        ) from None


def _each(
    columns: Sequence[bytes],
    at: int,
    value: Callable[[bytes], tuple[T, ...] | None],
    samples: Sequence[str],
    what: str,
) -> list[tuple[T, ...]]:
    """A field of every sample; one that is cut short by the end of the cell is missing."""
    cells = columns[len(FIXED_COLUMNS) :]
    if at:
        fields = [cell.split(b":", at + 1) for cell in cells]
        texts = [field[at] if at < len(field) else MISSING for field in fields]
    else:
        texts = [cell.partition(b":")[0] for cell in cells]
    values = []
    for text, sample in zip(texts, samples, strict=True):
        found = value(text)
        if found is None:
            shown = text.decode("utf-8", "replace")
            raise UserError(
                f"{what} of sample {sample!r} is {shown!r}: correct it, or make it missing (.)"
            )
        values.append(found)
    return values


@lru_cache(KNOWN_CALLS)
def _call(text: bytes) -> tuple[int, ...] | None:
    """The allele numbers of a call; None for what is none."""
    if not CALL.fullmatch(text):
        return None
    alleles = text.replace(b"|", b"/").removeprefix(b"/").split(b"/")
    return tuple(MISSING_ALLELE if it == MISSING else int(it) for it in alleles)


def _numbers(text: bytes) -> tuple[float, ...] | None:
    """The numbers of a list, NaN where missing; None for what is none."""
    numbers = text.split(b",")
    if not all(it == MISSING or NUMBER.fullmatch(it) for it in numbers):
        return None
    return tuple(np.nan if it == MISSING else float(it) for it in numbers)
