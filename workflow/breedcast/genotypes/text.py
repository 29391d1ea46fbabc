"""Names and lines of text files, checked. Standard library only: read at every start."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from breedcast.errors import UserError
from breedcast.genotypes.content import NUL_BYTES
from breedcast.numerals import whole

Line = TypeVar("Line", bytes, bytearray)
LONGEST_QUOTE = 60
GROUPED = re.compile(r"\d{1,3}(\.000)+")
#: What an empty line may hold: spreadsheets leave separators in theirs.
BLANK = b"\t;, \r\n"
OLD_MAC = "line ends of an old Mac (CR alone): convert them: tr '\\r' '\\n' < FILE > NEW"


def decoded(line: bytes, place: str) -> str:
    """A line of text without its end. Raises UserError for what is no line of UTF-8 text."""
    text = line.removesuffix(b"\n").removesuffix(b"\r")
    if b"\r" in text:
        raise UserError(f"{place}: {OLD_MAC}")
    if b"\0" in text:
        raise UserError(f"{place}: {NUL_BYTES}")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(
            f"{place}: not UTF-8: convert: iconv -f LATIN1 -t UTF-8 FILE > NEW"
        ) from None


def numbered(lines: Iterable[Line], path: object, first: int = 1) -> Iterator[tuple[int, Line]]:
    """The lines of a file with their numbers, without empty ones at its end.

    first: number of the first line. Raises UserError for an empty line before others.
    """
    empty = 0
    for number, line in enumerate(lines, start=first):
        if not line.strip(BLANK):
            empty = empty or number
        elif empty:
            raise UserError(f"{path}, line {empty}: an empty line: remove it")
        else:
            yield number, line


def quoted(text: str) -> str:
    """Text from a file, for a message: in quotes, and no longer than a message may be."""
    return repr(text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}...")


def line_names(names: Sequence[str], place: str) -> list[str]:
    """Names of lines. Raises UserError unless there are some, none empty and none there twice."""
    if not names:
        raise UserError(f"{place}: no lines: give a file with genotypes")
    if "" in names:
        raise UserError(f"{place}: line {names.index('') + 1} of the lines has no name: name it")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(
            f"{place}: line {twice[0]!r} is there twice ({len(twice)} such names in all): "
            "rename or remove one"
        )
    return list(names)


def whole_position(text: str, place: str) -> int:
    """A position in base pairs, also where R wrote it as 1e+05. Raises UserError."""
    number = whole(text)
    # 1.000 may be a thousand
    if number is None or not 0 <= number < 1e15 or GROUPED.fullmatch(text):
        raise UserError(
            f"{place}: position {text!r}: give whole numbers, 0 where unknown "
            "(without points between thousands; centimorgans: times 1000)"
        )
    return number
