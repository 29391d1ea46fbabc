"""Which format a file of genotypes has, told from its content.

Read at every start of the workflow, for the names of the lines, so it stays light: the readers
themselves, and numpy, are imported where they are needed.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from breedcast.errors import UserError
from breedcast.genotypes.content import BYTE_ORDER_MARK, check_file, first_bytes
from breedcast.genotypes.plink_header import BED_MAGIC, PGEN_MAGIC
from breedcast.genotypes.table_header import has_letters
from breedcast.genotypes.table_header import orientation as table_orientation
from breedcast.no_text import refuse_no_text

if TYPE_CHECKING:
    from breedcast.genotypes.source import Reading, Source

#: The modules of a format: the light one that reads its head, and that with its `Source`.
FORMATS = {
    "vcf": ("header", "vcf:VcfSource"),
    "bcf": ("header", "bcf:BcfSource"),
    "bed": ("plink_header", "plink:BedSource"),
    "pgen": ("plink_header", "plink:PgenSource"),
    "hapmap": ("table_header", "hapmap:HapmapSource"),
    "matrix": ("table_header", "matrix:MatrixSource"),
}
ENOUGH = 1 << 16
KNOWN = "VCF, BCF, PLINK (.bed or .pgen), HapMap or a table of dosages"
#: Files that lie beside calls, with the suffix of the latter.
BESIDE = {".bim": ".bed", ".fam": ".bed", ".pvar": ".pgen", ".psam": ".pgen"}
#: How files begin that are often taken for genotypes, with what to do about them.
OTHERS = {
    b"\x89HDF": "HDF5: export it as VCF or HapMap (TASSEL does)",
    b"\x6c\x1b\x00": "a .bed with lines in rows: convert it: plink --bfile NAME --make-bed",
}


def recognise(path: str | Path) -> str:
    """The name of the file's format, a key of FORMATS. Raises UserError for what is none."""
    path = Path(path)
    check_file(path)
    start = first_bytes(path, ENOUGH)
    refuse_no_text(path, start, OTHERS)
    if start[257:262] == b"ustar":
        raise UserError(f"{path} is a tar archive: unpack it: tar -xf FILE")
    if start.startswith(b"BCF\x02"):
        return "bcf"
    if start.startswith(BED_MAGIC):
        return "bed"
    if start.startswith(PGEN_MAGIC):
        return "pgen"
    if start.removeprefix(BYTE_ORDER_MARK).startswith((b"##", b"#CHROM\tPOS\tID\tREF")):
        return "vcf"
    if path.suffix == ".ped":
        raise UserError(
            f"{path} is PLINK's text: make a .bed of it, and name that: "
            "plink --file NAME --make-bed --out NAME"
        )
    if path.suffix in BESIDE:
        raise UserError(f"{path} has no calls: name the {BESIDE[path.suffix]} beside it")
    if not start.strip() or b"\0" in start[:16]:
        raise UserError(f"{path} is no file of genotypes: give {KNOWN}")
    if path.name.lower().endswith((".vcf", ".vcf.gz")):
        return "vcf"  # which says what its header lacks
    return "hapmap" if has_letters(path) else "matrix"


def read_samples(path: str | Path, lines_in: str | None = None) -> list[str]:
    """The names of the lines, from the head of the file alone. Raises UserError.

    lines_in: of a delimited matrix, as `orientation` tells.
    """
    given = [lines_in] if recognise(path) == "matrix" else []
    return cast(list[str], _light(path).read_samples(Path(path), *given))


def orientation(
    path: str | Path, known_lines: Collection[str], known_columns: Collection[str] = ()
) -> str | None:
    """Whether a delimited matrix has its lines in `rows` or `columns`; None for other formats.

    known_lines: names of lines that are found in one of both. known_columns: of the phenotypes,
    which are no markers. Raises UserError.
    """
    if recognise(path) != "matrix":
        return None
    return table_orientation(Path(path), known_lines, known_columns)


def files_of(path: str | Path) -> list[str]:
    """The file and those that belong to it (.bim and .fam of a .bed). Raises UserError."""
    light = _light(path)
    return [str(path), *getattr(light, "companions", lambda path: [])(Path(path))]


def open_source(path: str | Path, reading: Reading) -> Source:
    """The file, opened by the reader of its format. Raises UserError."""
    kind = recognise(path)
    if kind != "matrix" and reading.map:
        raise UserError(
            f"{path}: genotypes: map is for tables of dosages, other files tell where their "
            "markers are: leave it out of the config"
        )
    module, _, name = FORMATS[kind][1].partition(":")
    return cast(
        "Source", getattr(import_module(f"breedcast.genotypes.{module}"), name)(path, reading)
    )


def _light(path: str | Path) -> Any:
    return import_module(f"breedcast.genotypes.{FORMATS[recognise(path)][0]}")
