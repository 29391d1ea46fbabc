"""The one exception a user is meant to see, and faults of the machine told as one."""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable


class UserError(Exception):
    """Something a user can mend: bad input, bad config, an absent device.

    The message is one readable line that says what is wrong, where (file, line, column,
    sample), and what to do about it. It is shown as it is, without a traceback.
    """


def nearest(name: str, known: Iterable[object]) -> str:
    """What the user may have meant: the nearest known name, else all of them."""
    names = [str(key) for key in known]
    lower = {key.lower(): key for key in names}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {lower[close[0]]!r}?"
    return f"; known are {', '.join(names)}" if names else "; it takes no options"


_NO_SPACE = "free some, and run again: it goes on where it was"
_NOT_ALLOWED = "let it be written to, and run again"
#: What a user can do about what the operating system refuses.
_REMEDIES = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), and run again",
    errno.EROFS: _NOT_ALLOWED,
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EIO: "its disk, or the way there, is failing: see what the system's log says",
    errno.ESTALE: "its disk, or the way there, is failing: see what the system's log says",
}
#: By what NumPy, PyTorch and CUDA say it.
_NO_MEMORY = ("Unable to allocate", "allocate memory", "out of memory")


def fault_of_the_machine(error: BaseException, folder: str) -> str | None:
    """One line for an error that disk or memory is to blame for; None for any other.

    folder: what is written to, told where the error names no file. Libraries that write by
    themselves (safetensors, Arrow) keep only the words of the system's error: these count too.
    """
    said = str(error)
    for code, remedy in _REMEDIES.items():
        if getattr(error, "errno", None) == code or os.strerror(code) in said:
            where = getattr(error, "filename", None) or folder
            return f"{where}: {os.strerror(code).lower()}; {remedy}"
    about = [line for line in said.splitlines() if any(words in line for words in _NO_MEMORY)]
    if about or isinstance(error, MemoryError):
        return (
            f"not enough memory ({about[0] if about else 'there is no more'}); lower threads in "
            "the config, or run where there is more"
        )
    return None
