"""The lines of PLINK files, from the .fam of a .bed and the .psam of a .pgen.

Standard library only: read at every start.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from breedcast.errors import UserError
from breedcast.genotypes.content import check_file, head
from breedcast.genotypes.text import decoded, line_names, numbered

#: .bed: "variant-major" is its third byte (PLINK 1.9, file format reference).
BED_MAGIC = b"\x6c\x1b\x01"
#: .pgen; the third byte says how the calls are stored (PLINK 2 file format specification).
PGEN_MAGIC = b"\x6c\x1b"
FAM_COLUMNS = ["FID", "IID", "PAT", "MAT", "SEX", "PHENO1"]


def read_samples(path: Path) -> list[str]:
    """The lines of a .bed or .pgen: their IIDs, or FID_IID where IIDs repeat.

    Raises UserError for a companion that is absent or broken.
    """
    table = companions(path)[1]
    check_file(Path(table))
    with head(Path(table)) as content:
        rows = [
            (number, decoded(line, f"{table}, line {number}").split())
            for number, line in numbered(content, table)
            if not line.startswith(b"##")
        ]
    first = rows[0][1] if rows else []
    header = bool(first) and first[0] in ("#FID", "#IID")
    # a .fam may hold further traits (GEMMA)
    more = [f"PHENO{number}" for number in range(2, len(first) - 4)]
    columns = [first[0].removeprefix("#"), *first[1:]] if header else [*FAM_COLUMNS, *more]
    if "IID" not in columns:
        raise UserError(f"{table}, line {rows[0][0]}: no column IID: correct the header")
    rows = rows[1:] if header else rows
    for number, row in rows:
        if len(row) != len(columns):
            raise UserError(
                f"{table}, line {number}: {len(row)} columns instead of {len(columns)} "
                f"({' '.join(columns)}): correct the line"
            )
    return line_names(_names(columns, [row for _, row in rows]), table)


def _names(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The IIDs, with their families before them where that is needed to tell lines apart."""
    iid = columns.index("IID")
    names = [row[iid] for row in rows]
    if "FID" not in columns or len(set(names)) == len(names):
        return names
    fid = columns.index("FID")
    return [f"{row[fid]}_{row[iid]}" for row in rows]


def companions(path: Path) -> list[str]:
    """The tables of markers and of lines beside a .bed or .pgen. Raises UserError if absent."""
    with open(path, "rb") as content:
        magic = content.read(3)
    if magic.startswith(b"\x1f\x8b"):
        raise UserError(f"{path} is packed: PLINK's files are read unpacked: gunzip {path.name}")
    is_bed = magic == BED_MAGIC
    markers, lines = (".bim", ".fam") if is_bed else (".pvar", ".psam")
    for suffix in (markers, lines):
        companion = path.with_suffix(suffix)
        packed = path.with_suffix(f"{suffix}.zst")
        if not companion.exists() and packed.exists():
            raise UserError(f"{packed} is packed: unpack it: zstd -d {packed.name}")
        if not companion.exists():
            raise UserError(
                f"{companion}: no such file: a {path.suffix} needs its {markers} and {lines} "
                "beside it; copy them there"
            )
    return [str(path.with_suffix(markers)), str(path.with_suffix(lines))]
