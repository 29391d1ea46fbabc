"""The content of a file, whatever it is packed in: read once, checked to its end, hashed.

Only the standard library is imported here; igzip, which inflates several times faster than
zlib, where whole files are read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from breedcast.errors import UserError

#: The empty block that ends every whole bgzip file (SAM specification, section 4.1.2).
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
BUFFER_BYTES = 1 << 20
#: Text that is held at a time, and the longest line that is no mistake.
TEXT_BYTES = 1 << 23
LONGEST_LINE = 1 << 29
#: A byte order mark of UTF-8, with which editors of Windows begin a text.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Calls of PLINK, which its users name without these.
PLINK_CALLS = (".bed", ".pgen")
COPY_AGAIN = "copy or download it again"
CHANGED = "changed while it was read: run again when it is complete"
NUL_BYTES = f"NUL bytes: the file is damaged; {COPY_AGAIN}"


def check_file(path: Path) -> None:
    """Raise UserError unless there is a readable file that is not empty."""
    if not path.exists():
        whole = [f"{path}{it}" for it in PLINK_CALLS if os.path.isfile(f"{path}{it}")]
        remedy = f"name {whole[0]}" if whole else "check genotypes.path"
        raise UserError(f"{path}: no such file: {remedy} in the config")
    if not path.is_file():
        raise UserError(f"{path} is not a file: genotypes.path must name a file of genotypes")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} cannot be read: check its permissions")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty: {COPY_AGAIN}")


def first_bytes(path: Path, number: int) -> bytes:
    """The first bytes of the inflated content. Raises UserError where it is damaged."""
    with head(path) as content:
        return content.read(number)


@contextmanager
def head(path: Path) -> Iterator[BinaryIO]:
    """The inflated bytes, to look at the first of them; damage met there is a UserError."""
    with open(path, "rb") as raw, damage(path, raw):
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        if packed:
            check_bgzf_end(path)
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw


class Opened:
    """What reads from an open file, `_raw`, which `with` closes."""

    _raw: BinaryIO | io.FileIO

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._raw.close()


class Content(Opened):
    """A file read from its first byte to its last, inflated where it is gzip or bgzip.

    sha256: of the file as it lies on disk, once all was read.
    """

    def __init__(self, path: str | Path) -> None:
        from isal import igzip

        self.path = Path(path)
        check_file(self.path)
        self._stamp = stamp(self.path)
        self._raw = open(self.path, "rb", buffering=0)  # noqa: SIM115  (closed by __exit__)
        self._digest = hashlib.sha256()
        buffered: Any = io.BufferedReader(_Hashed(self._raw, self._digest), BUFFER_BYTES)
        if buffered.peek(2)[:2] == b"\x1f\x8b":
            check_bgzf_end(self.path)
            self._content = igzip.IGzipFile(fileobj=buffered, mode="rb")
        else:
            self._content = buffered

    def read(self, size: int) -> bytes:
        """The next bytes; fewer at the end only. Raises UserError where the file is damaged."""
        with damage(self.path, self._raw):
            return self._content.read(size)

    def line(self) -> bytes:
        """The next line with its end; empty at the end. Raises UserError as `read` does."""
        with damage(self.path, self._raw):
            return self._content.readline(LONGEST_LINE)

    def lines(self) -> Iterator[bytearray]:
        """The rest of the text in pieces of whole lines, each line ending with a newline.

        Windows' line ends become newlines. Raises UserError as `read` does, and for a line of
        more than LONGEST_LINE bytes.
        """
        begun = b""
        while (text := self._filled(begun)) and len(text) > len(begun):
            cut = text.rfind(b"\n") + 1
            begun = bytes(memoryview(text)[cut:])
            del text[cut:]
            if text:
                yield _unix(text)
            if len(begun) > LONGEST_LINE:
                raise UserError(f"{self.path}: a line of over {LONGEST_LINE:,} bytes: {COPY_AGAIN}")
        if begun:
            yield _unix(bytearray(begun + b"\n"))

    def _filled(self, begun: bytes) -> bytearray:
        """What was begun, and the next bytes of the file."""
        text = bytearray(len(begun) + TEXT_BYTES)
        text[: len(begun)] = begun
        end = len(begun)
        with damage(self.path, self._raw), memoryview(text) as room:
            while end < len(text) and (read := self._content.readinto(room[end:])):
                end += read
        del text[end:]
        return text

    @property
    def sha256(self) -> str:
        """Of the file as it lies on disk. Raises UserError if it changed while it was read."""
        if stamp(self.path) != self._stamp:
            raise UserError(f"{self.path} {CHANGED}")
        return self._digest.hexdigest()


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read."""

    def __init__(self, raw: Any, digest: Any) -> None:
        self._file, self._hash = raw, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size: int = self._file.readinto(buffer)
        self._hash.update(memoryview(buffer)[:size])
        return size


@contextmanager
def damage(path: Path, raw: Any) -> Iterator[None]:
    """Damage of the compressed data becomes a UserError."""
    # igzip's own error, if that was imported
    igzip: Any = getattr(sys.modules.get("isal.isal_zlib"), "error", zlib.error)
    try:
        yield
    except EOFError:
        raise UserError(f"{path} is truncated: {COPY_AGAIN}") from None
    except (gzip.BadGzipFile, zlib.error, igzip) as error:
        near = f"near byte {raw.tell():,} of {path.stat().st_size:,}"
        raise UserError(
            f"{path}: the compressed data are damaged {near} ({error}): {COPY_AGAIN}"
        ) from None


def check_bgzf_end(path: Path) -> None:
    """Raise UserError for a bgzip file without the block that ends every whole one."""
    with open(path, "rb") as raw:
        start = raw.read(18)
        if start[3:4] != b"\x04" or start[12:14] != b"BC":
            return
        raw.seek(-min(len(BGZF_END), path.stat().st_size), os.SEEK_END)
        if raw.read() != BGZF_END:
            raise UserError(
                f"{path} is truncated (a bgzip file without its end marker): {COPY_AGAIN}; "
                "if it is known to be whole, pack it anew: gunzip -c FILE | bgzip > NEW"
            )


def stamp(path: Path) -> tuple[int, int]:
    """What tells that a file was changed: its size, and when it was written."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def sha256_of(path: Path) -> str:
    """The sha256 of a file as it lies on disk."""
    with open(path, "rb", buffering=0) as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def _unix(text: bytearray) -> bytearray:
    return text.replace(b"\r\n", b"\n") if b"\r" in text else text
