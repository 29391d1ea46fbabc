"""The control: the same work on a trait whose values were dealt to other lines."""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.seeds import derive_seed


def permuted(lines: pd.DataFrame, seed: int, trait: str, permutation: int) -> pd.DataFrame:
    """The trait's lines with values, weights and covariates permuted jointly among them.

    The genotypes stay where they are, so whatever accuracy is left comes from elsewhere (a
    covariate, a leak). The model has no part in the seed: all models see the same
    permutation. Permutation 0 is the real trait; the candidates (no value) are not moved.
    """
    if permutation == 0:
        return lines
    rows = np.flatnonzero(lines["value"].notna())
    order = np.arange(len(lines))
    generator = np.random.default_rng(derive_seed(seed, trait, "permutation", permutation))
    order[rows] = generator.permutation(rows)
    moved = lines.columns.difference(["sample", "environment"], sort=False)
    result = lines.copy()
    result[moved] = lines[moved].take(order).set_axis(lines.index)
    return result
