"""What lines' own values in helper traits are worth to the prediction of another trait."""

from __future__ import annotations

import numpy as np

from breedcast.agreement import pearson_or_zero
from breedcast.genotypes.encode import DosageMeans
from breedcast.models.base import Lines


def own_helper_accuracies(
    lines: Lines, without: np.ndarray, helped: np.ndarray
) -> dict[str, float]:
    """Correlations of test lines' predictions, without and with their own helper values.

    Traits that are measured on the same plots share errors, so that a line's own helper values
    tell of the error of its value too: against that value (CV2) such predictions seem better than
    they are for the genetic value. CV2* (Runcie & Cheng 2019, G3 9:3727) sets them against the
    value of each line's nearest relative, which shares genes and no plot. The relatives are test
    lines too, and their helper values have no part in the prediction. Its correlations are low,
    since relatives differ; what counts is the difference between those with and without. What does
    not vary, as in a fold of one line, counts as 0.
    """
    relatives = nearest_relatives(lines)
    return {
        f"{scheme}_{kind}": pearson_or_zero(predicted, value)
        for kind, predicted in (("without", without), ("helped", helped))
        for scheme, value in (("cv2", lines.observed), ("cv2_star", lines.observed[relatives]))
    }


def nearest_relatives(lines: Lines) -> np.ndarray:
    """(lines,) the position of the line that is nearest to each by its genotype."""
    z = DosageMeans.fit(lines.codes, lines.ploidy).centred(lines.codes)
    norms = np.einsum("ij,ij->i", z, z)
    distances = norms - 2 * z @ z.T  # of the row's line, but for its own norm
    np.fill_diagonal(distances, np.inf)
    return np.asarray(distances.argmin(axis=1))
