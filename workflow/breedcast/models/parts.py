"""How a model cuts the lines it is given, to choose by lines that it was not fitted to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from breedcast.validation.plan import shuffled


def parts_of(line: np.ndarray, parts: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions fitted to and held out, of each of so many parts, or as many as there are lines.

    Whole lines, dealt at random: what is chosen is for new lines. line: (records,) as
    `Lines.numbers` gives them, or those of some.
    """
    names, number = np.unique(line, return_inverse=True)
    for _, chosen in shuffled(len(names), min(parts, len(names)), seed):
        held_out = np.isin(number, chosen)
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out)
