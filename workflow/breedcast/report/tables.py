"""Tables of text, ready for the page, and the words for numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

#: What stands where there is no number.
NO_FIGURE = "NA"


@dataclass(frozen=True)
class Cell:
    """What a cell says, and what stands small beneath it."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Headings and rows of cells; the first column names the row.

    text: columns of words, the others hold numbers; marked: rows that stand out. file: the name,
    without its ending, under which the page offers the table as CSV; such a table can be sorted.
    menu: a column by whose values the page lets rows be chosen, those of the first row at first.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    text: frozenset[int] = frozenset({0})
    marked: frozenset[int] = frozenset()
    file: str = ""
    menu: int | None = None


def table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Iterable[str | Cell]],
    text: Iterable[int] = (0,),
    marked: Iterable[int] = (),
    file: str = "",
    menu: int | None = None,
) -> Table:
    """A table of strings and cells."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    return Table(caption, headings, cells, frozenset(text), frozenset(marked), file, menu)


def number(value: float, decimals: int = 2) -> str:
    """A number as text with so many decimals: NA for NaN, `unlimited` for infinity, never -0.00."""
    if np.isnan(value):
        return NO_FIGURE
    if np.isinf(value):
        return "unlimited"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def whole(value: float) -> str:
    """A count, with thousands set apart by a comma."""
    return f"{int(value):,}"


def p_text(value: float) -> str:
    """A p-value as text."""
    if np.isnan(value):
        return "not testable"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def decimals_for(sd: float) -> int:
    """Decimals that show a hundredth of a standard deviation, and no more than six."""
    if not sd > 0:
        return 2
    return int(np.clip(2 - np.floor(np.log10(sd)), 0, 6))
