"""Names that differ in spelling alone: told, and not taken for one.

Read at every start of the workflow: only the standard library is needed.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterable

log = logging.getLogger(__name__)

#: What may stand between parts of a name.
MARKS = r"[\s_.-]+"


def plain(name: str) -> str:
    """What is left of a name without what spellings of it differ in.

    These are letter case, leading zeros, blanks, hyphens, underscores and points that do not keep
    numbers apart, characters of no width, and how accents are coded.
    """
    text = unicodedata.normalize("NFKC", name.casefold())
    text = "".join(it for it in text if unicodedata.category(it) != "Cf")
    text = re.sub(rf"(?<=\d){MARKS}(?=\d)", " ", text)
    text = re.sub(rf"(?<!\d){MARKS}|{MARKS}(?!\d)", "", text)
    return re.sub(r"(?<![\d ])0+(?=\d)", "", text)


def spelled_otherwise(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """The known name of each name that differs from one in spelling alone."""
    by_plain: dict[str, str] = {}
    for it in known:
        by_plain.setdefault(plain(it), it)
    return {name: by_plain[plain(name)] for name in names if plain(name) in by_plain}


def warn_of_spellings(where: str, names: Iterable[str | None]) -> None:
    """The log tells of groups that differ in spelling alone, and so may be one.

    where: the table, and the column or what the names are of.
    """
    groups = list(dict.fromkeys(name for name in names if name is not None))
    again = {it: first for it, first in spelled_otherwise(groups, groups).items() if it != first}
    for name, first in list(again.items())[:1]:
        log.warning(
            "%s: %r and %r differ in spelling alone (such names: %d) and are groups of their own; "
            "write them alike if they are one",
            *(where, first, name, len(again)),
        )
