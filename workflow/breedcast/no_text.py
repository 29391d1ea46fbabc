"""Files that are given for tables or genotypes and are neither, told by their first bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from breedcast.errors import UserError

#: How they begin, and what to do about them.
NO_TEXT = {
    b"PK\x03\x04": "an Excel workbook or a zip archive: save the sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save the sheet as CSV",
    b"\xff\xfe": "UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8 FILE > NEW)",
    b"\xfe\xff": "UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8 FILE > NEW)",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it: zstd -d FILE",
    **{b"BZh%d1AY&SY" % it: "packed by bzip2: unpack it: bunzip2 FILE" for it in range(1, 10)},
    b"\xfd7zXZ": "packed by xz: unpack it: unxz FILE",
    b"\x1f\x9d": "packed by compress: unpack it: gunzip FILE",
}
#: Where files may not be packed by gzip either.
GZIP = {b"\x1f\x8b": "packed by gzip: unpack it: gunzip FILE"}


def refuse_no_text(path: str | Path, start: bytes, more: Mapping[bytes, str]) -> None:
    """A UserError tells of a file that begins so. more: beginnings that this kind may not have."""
    for magic, what in (NO_TEXT | dict(more)).items():
        if start.startswith(magic):
            raise UserError(f"{path} is {what}")
