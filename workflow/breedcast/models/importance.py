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

from breedcast.genotypes.columns import contig_ends
from breedcast.models.base import Fitted, Lines

#: The statistic's name in saliency.parquet.
PERMUTATION = "permutation"
#: Most lines of a fit whose calls are permuted; the folds add up to more.
MOST_LINES = 50
#: Windows whose permuted lines are predicted together.
AT_A_TIME = 20


def genome_windows(contig: pd.Series, count: int) -> np.ndarray:
    """(windows + 1,) first marker of each window, and the end: about `count` windows, or none.

    contig: (markers,) in the genome's order. Windows have about as many markers each and end with
    their contig; contigs in a row of less than half a window are one with the next.
    """
    if count == 0:
        return np.zeros(1, int)
    size = len(contig) / count
    starts = [0]
    for end in contig_ends(contig):
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

    def errors(variants: list[np.ndarray]) -> np.ndarray:
        """(variants,) mean squared error of the lines with each of these codes."""
        every = lines.take(np.tile(np.arange(len(lines)), len(variants)))
        predicted = fitted.predict(every.blind().with_codes(np.concatenate(variants))).mean
        return (predicted.reshape(len(variants), -1) - lines.observed) ** 2 @ weight

    def permuted(start: int, end: int) -> np.ndarray:
        order = rng.permutation(len(lines))
        codes = lines.codes.copy()
        codes[order, start:end] = lines.codes[np.roll(order, 1), start:end]
        return codes

    own = float(errors([lines.codes])[0])
    spans = list(pairwise(windows))
    grown = np.empty(len(spans), np.float32)
    for first in range(0, len(spans), AT_A_TIME):
        some = spans[first : first + AT_A_TIME]
        grown[first : first + AT_A_TIME] = errors([permuted(*span) for span in some]) - own
    return np.repeat(grown, np.diff(windows))
