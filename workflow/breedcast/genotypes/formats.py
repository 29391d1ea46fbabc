"""Which format a file of genotypes has, told from its content.

Read at every start of the workflow, for the names of the lines, so it stays light: the readers
themselves, and numpy, are imported where they are needed.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from breedcast.genotypes.content import check_file, first_bytes

if TYPE_CHECKING:
    from breedcast.genotypes.source import Reading, Source

#: The modules of a format: the light one that reads its head, and that with its `Source`.
FORMATS = {
    "vcf": ("header", "vcf:VcfSource"),
    "bcf": ("header", "bcf:BcfSource"),
}
ENOUGH = 1 << 16


def recognise(path: str | Path) -> str:
    """The name of the file's format, a key of FORMATS. Raises UserError for what is none."""
    path = Path(path)
    check_file(path)
    start = first_bytes(path, ENOUGH)
    if start.startswith(b"BCF\x02"):
        return "bcf"
    return "vcf"


def read_samples(path: str | Path) -> list[str]:
    """The names of the lines, from the head of the file alone. Raises UserError."""
    return cast(list[str], _light(path).read_samples(Path(path)))


def files_of(path: str | Path) -> list[str]:
    """The file and those that belong to it (.bim and .fam of a .bed). Raises UserError."""
    light = _light(path)
    return [str(path), *getattr(light, "companions", lambda path: [])(Path(path))]


def open_source(path: str | Path, reading: Reading) -> Source:
    """The file, opened by the reader of its format. Raises UserError."""
    module, _, name = FORMATS[recognise(path)][1].partition(":")
    return cast(
        "Source", getattr(import_module(f"breedcast.genotypes.{module}"), name)(path, reading)
    )


def _light(path: str | Path) -> Any:
    return import_module(f"breedcast.genotypes.{FORMATS[recognise(path)][0]}")
