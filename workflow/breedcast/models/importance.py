"""How much windows of markers are worth to a model's predictions of lines that it has not seen.

Permutation importance (Breiman 2001, Machine Learning 45:5-32; of any model, Fisher et al. 2019,
JMLR 20:177): by how much the squared error grows where a window's calls are those of other lines.
The lines are held out from the fit and belong to the training lines of the fold.

Single markers are not permuted: a linked neighbour tells what one does, so that each seems to be
worth nothing, and a prediction for each marker of each fit would cost far more than the training.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from breedcast.models.base import Fitted, Lines

#: The statistic's name in saliency.parquet.
PERMUTATION = "permutation"
#: Most lines of a fit whose calls are permuted; the folds add up to more.
MOST_LINES = 50


def genome_windows(contig: pd.Series, count: int) -> np.ndarray:
    """(windows + 1,) first marker of each window, and the end: about `count` windows, or none.

    contig: (markers,) in the genome's order. Windows have about as many markers each and end with
    their contig; contigs in a row of less than half a window are one with the next.
    """
    if count == 0:
        return np.zeros(1, int)
    size = len(contig) / count
    ends = np.flatnonzero((contig != contig.shift(-1)).to_numpy()) + 1
    starts = [0]
    for end in ends.tolist():
        held = end - starts[-1]
        if held >= size / 2 or end == len(contig):
            parts = min(held, max(1, round(held / size)))
            starts += np.linspace(starts[-1], end, parts + 1).astype(int)[1:].tolist()
    return np.array(starts)


def window_importance(
    fitted: Fitted, lines: Lines, windows: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(markers,) float32 importance of each marker's window, in the trait's units squared.

    lines: held out from the fit, with their values, of which MOST_LINES at random are taken;
    windows: (windows + 1,) first marker of each, and the end. Each line is given the calls of
    another in the window, and its prediction's squared error less that of its own calls counts by
    the line's weight. Around 0 or below where the window tells nothing.
    """
    lines = lines.take(np.sort(rng.permutation(len(lines))[:MOST_LINES]))
    weight = lines.weights / lines.weights.sum()

    def error(codes: np.ndarray) -> float:
        blind = Lines(codes, lines.ploidy, lines.covariates, weight=lines.weight)
        return float(weight @ (fitted.predict(blind).mean - lines.observed) ** 2)

    own = error(lines.codes)
    grown = np.empty(len(windows) - 1, np.float32)
    for number, (start, end) in enumerate(pairwise(windows)):
        order = rng.permutation(len(lines))
        codes = lines.codes.copy()
        codes[order, start:end] = lines.codes[np.roll(order, 1), start:end]
        grown[number] = error(codes) - own
    return np.repeat(grown, np.diff(windows))
