"""What is seen of long work while it runs: a line now and then, never a flood."""

from __future__ import annotations

import logging
import mmap
import os
import time
from collections.abc import Callable

import numpy as np

log = logging.getLogger(__name__)

#: Told after every epoch: the fit's number, the epoch, the best one so far, whether it ended.
Listener = Callable[[int, int, int, bool], None]

#: Seconds between two lines.
PAUSE = 30.0
#: How many networks in training a line speaks of.
SHOWN = 4


def unheard(fit: int, epoch: int, best_epoch: int, ended: bool) -> None:
    """A listener for who does not want to know."""


class Progress:
    """How far the fits of a job have come, written by its processes and read by the first.

    what: the work's name; fits: how many it is; before: how many of them an earlier run has
    left. A fit's row says (epochs so far, the best epoch, whether it is being trained), in memory
    that forked processes share.
    """

    def __init__(self, what: str, fits: int, before: int = 0) -> None:
        self.what = what
        self.fits = fits
        self.before = before
        self.done = 0
        self._owner = os.getpid()
        self._rows = np.frombuffer(mmap.mmap(-1, max(1, fits) * 3 * 8), np.int64).reshape(-1, 3)
        self._began = self._said = time.monotonic()

    def finished(self, fits: int) -> None:
        """So many more fits are done."""
        self.done += fits
        self.maybe_say()

    def listener(self, first: int) -> Listener:
        """For the fits from `first` on."""

        def listen(fit: int, epoch: int, best_epoch: int, ended: bool) -> None:
            self._rows[first + fit] = (epoch, best_epoch, not ended)
            if os.getpid() == self._owner:
                self.maybe_say()

        return listen

    def maybe_say(self) -> None:
        """Log a line if the last one is long enough ago."""
        now = time.monotonic()
        if now - self._said >= PAUSE:
            self._said = now
            log.info("%s", self.line())

    def line(self) -> str:
        """The state of the work in a line."""
        line = f"{self.what}: {self.done} of {self.fits} fits done"
        training = self._rows[self._rows[:, 2] == 1]
        if len(training):
            shown = "; ".join(
                f"epoch {epoch}, best {best}" for epoch, best, _ in training[:SHOWN].tolist()
            )
            more = " ..." if len(training) > SHOWN else ""
            line += f", {len(training)} in training ({shown}{more})"
        here = self.done - self.before  # what came from before took no time
        if here > 0 and self.done < self.fits:
            left = (time.monotonic() - self._began) / here * (self.fits - self.done)
            line += f", about {spelt(left)} left"
        return line


def spelt(seconds: float) -> str:
    """A duration as a person says it: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
