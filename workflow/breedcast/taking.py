"""Things of a machine that one process at a time may use, shared out by locks."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

log = logging.getLogger(__name__)

#: Seconds between two looks for one that is free.
PATIENCE = 1.0

#: The locks that this process holds: the kernel takes them back when it ends, however it ends.
_held: list[int] = []


def take_one(kind: str, names: Sequence[str], folder: Path | None = None) -> int:
    """The position of one that no other process has taken; it is this one's until it ends.

    kind: what they are; names: what tells them from all others of the machine. Waits where all
    are taken. The locks are files in a folder (that of temporary files), the user's own: they
    keep apart the jobs of one user on one machine.
    """
    folder = Path(tempfile.gettempdir()) if folder is None else folder
    paths = [folder / f"breedcast-{os.getuid()}-{kind}-{name}.lock" for name in names]
    waiting = False
    while True:
        for position, path in enumerate(paths):
            lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                _held.append(lock)
                return position
        if not waiting:
            log.info("waiting for a %s: %d of %d are taken", kind, len(names), len(names))
            waiting = True
        time.sleep(PATIENCE)
