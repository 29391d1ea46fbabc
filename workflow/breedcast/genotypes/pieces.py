"""Text, plain or packed, read in pieces, of which every process can read some.

Plain text can be entered anywhere, and bgzip at every block. Of gzip every process inflates all, to
parse its share: igzip inflates text about as fast as a pipe would carry it from one that does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breedcast.errors import UserError
from breedcast.genotypes.content import (
    BUFFER_BYTES,
    COPY_AGAIN,
    LONGEST_LINE,
    Opened,
    check_bgzf_end,
    check_file,
    damage,
)

#: Text of the first piece, and of the others.
FIRST_BYTES = 1 << 20
PIECE_BYTES = 1 << 22
#: How a block of bgzip begins, and where it says its length (SAM specification, section 4.1).
BLOCK_MAGIC, BLOCK_HEAD, BLOCK_FIELD = b"\x1f\x8b\x08\x04", 18, b"\x06\x00BC\x02\x00"


@dataclass(frozen=True)
class Piece:
    """Some bytes of a text, and the lines that belong to them: those behind their newlines.

    start: byte of the file at which the text is entered: its begin, or that of a bgzip block.
    skip, size: bytes of text from there to the piece, and in it.
    """

    start: int
    skip: int
    size: int


class TextFile(Opened):
    """A file of text, inflated where it is gzip or bgzip, read in pieces. Closed by `with`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        check_file(self.path)
        self._raw = open(self.path, "rb", BUFFER_BYTES)  # noqa: SIM115  (closed by __exit__)
        self._packed = self._raw.read(2) == b"\x1f\x8b"
        if self._packed:
            check_bgzf_end(self.path)
        self._enter(0)

    def line(self) -> bytes:
        """The next line with its end; empty at the end. Raises UserError for damage."""
        with damage(self.path, self._raw):
            line: bytes = self._text.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE:
            raise UserError(f"{self.path}: a line of over {LONGEST_LINE:,} bytes: {COPY_AGAIN}")
        self._position += len(line)
        return line

    def pieces(self, header: int) -> Iterator[Piece]:
        """The pieces of the text behind a header of so many bytes, on and on behind its end.

        A bgzip file is entered at the last block of the piece before: all blocks are read to
        their ends, and so verified.
        """
        start, skip, size = 0, header - 1, FIRST_BYTES
        read = 0  # of the text, from start on
        last = (0, 0)
        for block, inflated in self._blocks():
            if read >= skip + size:
                yield Piece(start, skip, read - skip)
                (start, skip), size = last, PIECE_BYTES
                read = skip
            read += inflated
            last = block, inflated
        while True:
            yield Piece(start, skip, size)
            skip, size = skip + size, PIECE_BYTES

    def lines(self, piece: Piece) -> bytes | None:
        """Whole lines, each ending with a newline alone; None behind the end of the text.

        Pieces have to be read in their order. Raises UserError where the file is damaged, and
        for a line of LONGEST_LINE bytes.
        """
        end = piece.skip + piece.size
        if piece.start != self._start:
            self._enter(piece.start)
        if self._position <= piece.skip:
            self._pass(piece.skip)
            self.line()
        if self._position > end:
            return b""
        with damage(self.path, self._raw):
            text: bytes = self._text.read(end - self._position)
        self._position += len(text)
        text += self.line()
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        if not text.endswith(b"\n"):
            text += b"\n" if text else b""
        return text or None

    def is_read(self) -> bool:
        """Whether nothing follows what was read. Raises UserError for damage."""
        with damage(self.path, self._raw):
            return not self._text.peek(1)

    def ends_with_a_line(self) -> bool:
        """Whether a newline ends the text; of packed text its checksum tells that it is whole."""
        if self._packed:
            return True
        with open(self.path, "rb") as raw:
            raw.seek(-1, os.SEEK_END)
            return raw.read() == b"\n"

    def _enter(self, start: int) -> None:
        """Go on at a byte of the file at which text begins to be read."""
        self._raw.seek(start)
        self._text: Any = self._raw
        if self._packed:
            from isal import igzip

            self._text = igzip.IGzipFile(fileobj=self._raw, mode="rb")
        self._start, self._position = start, 0

    def _pass(self, position: int) -> None:
        """Go on at a byte of the text from where it was entered."""
        with damage(self.path, self._raw):
            self._position = self._text.seek(position)

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Where each block of bgzip begins in the file, and its bytes of text.

        Ends with the file, or at what is none.
        """
        at = 0
        with open(self.path, "rb", BUFFER_BYTES) as raw:
            while (head := raw.read(BLOCK_HEAD)).startswith(BLOCK_MAGIC):
                length = int.from_bytes(head[16:], "little") + 1
                if head[10:16] != BLOCK_FIELD or length <= BLOCK_HEAD:
                    return
                raw.seek(at + length - 4)
                yield at, int.from_bytes(raw.read(4), "little")
                at += length
