"""VCF records of every kind, parsed one at a time. The format is that of VCF 4.0 to 4.5.

Of a record the place, the name, the alleles, GT and DS are read and have to be right. QUAL,
FILTER, INFO, the other fields of FORMAT, and what the header says of all these, are not looked at.
htslib is not used: a FORMAT or a header that it does not expect ends the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest

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
MISSING = b"."
#: The first field of each sample.
FIRST = re.compile(rb"\t([^\t:]*)")
#: Reads a field: its numbers, or None where it has none.
Read = Callable[[bytes], tuple[float, ...] | None]


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
        at = keys.index(b"GT")
        alleles = _table(columns[9], at, _call, NO_ALLELE, samples, f"{place}: GT").astype(np.int64)
    if b"DS" in keys and (field == "DS" or alleles is None):
        values = _table(columns[9], keys.index(b"DS"), _numbers, np.nan, samples, f"{place}: DS")
        if len(values) > max(len(alternates), 1):
            raise UserError(
                f"{place}: DS has {len(values)} values, but ALT names {len(alternates)}: "
                "correct either"
            )
    return Record(contig, int(position), name, ref, alternates, alleles, values)


def _columns(line: bytes, samples: int, place: str) -> list[bytes]:
    """The nine columns of the marker, and the rest of the line."""
    if line.startswith(b"#"):
        raise UserError(
            f"{place}: a header line among the records: join VCFs with bcftools concat, "
            "not with cat"
        )
    if b"\0" in line:
        raise UserError(f"{place}: {NUL_BYTES}")
    if b"\r" in line:
        raise UserError(f"{place}: {OLD_MAC}")
    columns, found = len(FIXED_COLUMNS) + samples, line.count(b"\t") + 1
    if found != columns:
        raise UserError(
            f"{place}: {found} columns where the header has {columns}: "
            f"the line is damaged; {COPY_AGAIN}"
        )
    return line.split(b"\t", len(FIXED_COLUMNS))


def _decoded(column: bytes, place: str) -> str:
    try:
        return column.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(
            f"{place}: {column.decode('utf-8', 'replace')!r} is not UTF-8: convert: "
            "iconv -f LATIN1 -t UTF-8 FILE > NEW"
        ) from None


def _table(
    cells: bytes, at: int, read: Read, fill: float, samples: Sequence[str], what: str
) -> np.ndarray:
    """(longest, samples) float64 numbers of a field of the cells, filled where it has fewer.

    A field that the cell ends before is missing. Raises UserError for what cannot be read.
    """
    if at == 0:
        texts = FIRST.findall(b"\t" + cells)
    else:
        fields = [cell.split(b":", at + 1) for cell in cells.split(b"\t")]
        texts = [field[at] if at < len(field) else MISSING for field in fields]
    column = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    values = []
    for text in column:
        value = read(text)
        if value is None:
            raise UserError(
                f"{what} of sample {samples[texts.index(text)]!r} is "
                f"{text.decode('utf-8', 'replace')!r}: correct it, or make it missing (.)"
            )
        values.append(value)
    distinct = np.array(list(zip_longest(*values, fillvalue=fill)), np.float64)
    return distinct[:, np.fromiter(map(column.__getitem__, texts), np.intp, len(texts))]


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
