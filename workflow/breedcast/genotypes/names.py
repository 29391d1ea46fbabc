"""Lists of names that choose lines and markers: files with one name a row."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from breedcast.errors import UserError
from breedcast.no_text import GZIP, refuse_no_text

logger = logging.getLogger(__name__)


def read_names(path: str | Path) -> dict[str, int]:
    """The names in a file and the lines they first stand in; empty rows are none.

    Blanks and quotes about a name are no part of it. Raises UserError for a file that is not UTF-8
    or holds no name.
    """
    content = Path(path).read_bytes()
    refuse_no_text(path, content, GZIP)
    try:
        rows = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"{path}: names are not UTF-8: convert: iconv -f LATIN1 -t UTF-8 FILE > NEW"
        ) from None
    names: dict[str, int] = {}
    for line, row in enumerate(rows, start=1):
        if name := _unquoted(row.strip()):
            names.setdefault(name, line)
    if not names:
        raise UserError(f"{path} holds no name: write one a row, or take the key out of the config")
    return names


def _unquoted(name: str) -> str:
    """The name without the quotes that R and spreadsheets put about it, and double in it."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"').strip()
    return name


def named(path: str | Path, known: Sequence[str], what: str, key: str) -> tuple[np.ndarray, int]:
    """Which of the known names stand in the file, (known,) bool, and how many there are unknown.

    Lists are often made for more material than one file holds, so names that are not in the
    genotypes are told as a warning; UserError is raised where none is.
    """
    names = read_names(path)
    there = set(known)
    absent = [name for name in names if name not in there]
    if len(absent) == len(names):
        raise UserError(
            f"{path} (filter: {key}): none of its {len(names)} names is a {what} of the genotypes "
            f"(list: {next(iter(names))!r}, genotypes: {known[0]!r}, ...); use the same names in "
            "both files"
        )
    if absent:
        logger.warning(
            "%s (filter: %s): %d of its %d names are not in the genotypes, the first being %r",
            *(path, key, len(absent), len(names), absent[0]),
        )
    return np.array([name in names for name in known]), len(absent)
