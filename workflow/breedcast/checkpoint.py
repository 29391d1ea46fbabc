"""The state of long work, saved while it runs, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from breedcast.files import read_arrays, write_arrays

#: Saving may take this share of the time between two savings.
SHARE = 0.05


class Checkpoint:
    """A file of arrays and notes that is replaced as the work goes on.

    How often follows from how long a saving takes, so that it costs the work little: a small
    network is saved after every epoch. Nothing is saved where path is None.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._next = 0.0

    def part(self, name: str) -> Checkpoint:
        """Another one beside this, for a part of the work."""
        return Checkpoint(self.path and self.path.with_name(f"{self.path.name}.{name}"))

    @property
    def is_due(self) -> bool:
        """Whether it is time to save again."""
        return self.path is not None and time.monotonic() >= self._next

    def save(self, arrays: Mapping[str, np.ndarray], notes: Any) -> None:
        """Replace what was saved before. notes: anything that JSON can hold."""
        if self.path is None:
            return
        began = time.monotonic()
        write_arrays(arrays, self.path, notes)
        ended = time.monotonic()
        self._next = ended + (ended - began) / SHARE

    def load(self) -> tuple[dict[str, np.ndarray], Any] | None:
        """What was saved last, or None."""
        return read_arrays(self.path) if self.path is not None and self.is_there else None

    @property
    def is_there(self) -> bool:
        """Whether something was saved."""
        return self.path is not None and self.path.is_file()

    def remove(self) -> None:
        """Forget what was saved."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


NOWHERE = Checkpoint(None)

Array = TypeVar("Array")


def part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """Those whose names begin so, without the beginning."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


class Checkpoints:
    """A folder of checkpoints of one piece of work, by what it was made from.

    folder: of this work alone; key: a hash of all that the results depend on, so that nothing
    saved under another one is taken up.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self._current = folder / key

    @classmethod
    def of(cls, folder: str | Path, settings: Sequence[str], files: Iterable[str]) -> Checkpoints:
        """Checkpoints of what follows from these settings and the content of these files."""
        digest = hashlib.sha256("\x1f".join(settings).encode())
        for path in files:
            with open(path, "rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        return cls(Path(folder), digest.hexdigest()[:16])

    def begin(self) -> None:
        """Remove what was saved of other inputs or settings, which other parts may do as well."""
        if self.folder.is_dir():
            for old in self.folder.iterdir():
                if old != self._current:
                    shutil.rmtree(old, ignore_errors=True)

    def __getitem__(self, name: str) -> Checkpoint:
        return Checkpoint(self._current / name)

    def remove(self) -> None:
        """Forget all: the work is done."""
        shutil.rmtree(self.folder, ignore_errors=True)
