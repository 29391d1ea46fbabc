"""What is a number in a table. Standard library only: read at every start."""

from __future__ import annotations

#: Beyond this nothing is measured, and squares overflow.
LARGEST = 1e100


def finite(text: str) -> float | None:
    """The text as a number of any size that is measured; None for all else.

    Python would take 1_2 for 12, and digits of other scripts.
    """
    if "_" in text or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < LARGEST else None


def whole(text: str) -> int | None:
    """The text as a whole number, be it written 100000, 1e+05 or 100000.0; None for all else."""
    number = finite(text)
    if number is None or not number.is_integer():
        return None
    return int(text) if text.isdecimal() else int(number)
