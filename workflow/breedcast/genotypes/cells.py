"""The cells of delimited text, found by array operations: some million cells at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.genotypes.content import NUL_BYTES, Content
from breedcast.genotypes.text import BLANK, OLD_MAC

#: Bytes of text that are looked at together.
TEXT_BYTES = 1 << 22
#: Cells of up to so many bytes are compared as numbers; of longer ones so many bytes are read.
WORD, LONGEST = 8, 64
NEWLINE, QUOTE = ord("\n"), ord('"')


@dataclass(frozen=True)
class Cells:
    """The cells of some successive lines.

    text: uint8, with LONGEST bytes behind its end. starts, ends: (rows, columns) places in it.
    first: the number of the first row's line in the file.
    """

    text: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    first: int

    def texts(self, column: int) -> list[bytes]:
        """What a column holds."""
        text = self.text.tobytes()
        places = zip(self.starts[:, column].tolist(), self.ends[:, column].tolist(), strict=True)
        return [text[start:end].replace(b'""', b'"') for start, end in places]

    def distinct(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """The cells from column `first` on as indices (rows, columns) into bytes (values,).

        Cells of more than WORD bytes each have a value of their own, cut to LONGEST bytes; where
        there are such, an empty value is among the others.
        """
        starts, lengths = self.starts[:, first:], (self.ends - self.starts)[:, first:]
        widest = min(int(lengths.max(initial=1)), WORD)
        kind = np.min_scalar_type(256**widest - 1)
        words = np.zeros(starts.shape, kind)
        for place in range(widest):
            letter = np.where(lengths > place, self.text[starts + place], 0)
            words |= letter.astype(kind) << (8 * place)
        long = lengths > WORD
        words[long] = 0
        codes, values = pd.factorize(words.ravel())
        index, known = codes.reshape(words.shape), values.astype("<u8").view(f"S{WORD}")
        if not long.any():
            return index, known
        lengths = np.minimum(lengths[long], LONGEST)
        letters = self.text[starts[long][:, None] + np.arange(LONGEST)]
        letters[np.arange(LONGEST) >= lengths[:, None]] = 0
        index[long] = len(known) + np.arange(len(letters))
        return index, np.concatenate([known, letters.view(f"S{LONGEST}").ravel()])


def read_cells(content: Content, delimiter: str, columns: int, first: int) -> Iterator[Cells]:
    """The rest of the content, whose first line is the file's line number `first`.

    Cells may be quoted, and then hold delimiters. Where the delimiter is a space, several are
    one. Empty lines at the end are none. Raises UserError, with the line, for other empty lines,
    and for a line that has not so many columns.
    """
    empty = 0
    for lines in content.lines():
        start = 0
        while start < len(lines):
            end = lines.rfind(b"\n", start, start + TEXT_BYTES) + 1 or lines.find(b"\n", start) + 1
            text = bytes(lines[start:end])
            start = end
            told = _without_empty_end(text)
            if empty and told:
                raise UserError(f"{content.path}, line {empty}: an empty line: remove it")
            if len(told) < len(text):
                empty = empty or first + told.count(b"\n")
            if not told:
                continue
            if delimiter == " ":
                told = re.sub(rb"(?m)^ +| +$", b"", re.sub(rb" +", b" ", told))
            cells = _cells(content, told, ord(delimiter), columns, first)
            yield cells
            first += len(cells.starts)


def _without_empty_end(text: bytes) -> bytes:
    """Whole lines without empty ones at their end."""
    end = len(text)
    while end:
        begin = text.rfind(b"\n", 0, end - 1) + 1
        if text[begin:end].strip(BLANK):
            break
        end = begin
    return text[:end]


def _cells(content: Content, text: bytes, delimiter: int, columns: int, first: int) -> Cells:
    letters = np.frombuffer(text + bytes(LONGEST), np.uint8)
    _check_text(content, text, first)
    ends = letters == delimiter
    quoted = b'"' in text
    if quoted:
        ends &= np.cumsum(letters == QUOTE) % 2 == 0
    ends = np.flatnonzero(ends | (letters == NEWLINE))
    last = np.flatnonzero(letters[ends] == NEWLINE)
    found = np.diff(last, prepend=-1)
    wrong = np.flatnonzero(found != columns)
    if len(wrong):
        row = int(wrong[0])
        begin = int(ends[last[row - 1]]) + 1 if row else 0
        place = f"{content.path}, line {first + row}"
        if not text[begin : ends[last[row]]].strip():
            raise UserError(f"{place}: an empty line: remove it")
        raise UserError(
            f"{place}: {found[row]} columns where the header has {columns}: correct the line"
        )
    starts = np.concatenate([[0], ends[:-1] + 1])
    if quoted:
        inside = (letters[starts] == QUOTE) & (letters[ends - 1] == QUOTE) & (ends - starts > 1)
        starts, ends = starts + inside, ends - inside
    return Cells(letters, starts.reshape(-1, columns), ends.reshape(-1, columns), first)


def _check_text(content: Content, text: bytes, first: int) -> None:
    """Raise UserError for bytes that are in no table."""
    for byte, what in ((b"\0", NUL_BYTES), (b"\r", OLD_MAC)):
        if byte in text:
            line = first + text.count(b"\n", 0, text.index(byte))
            raise UserError(f"{content.path}, line {line}: {what}")
