"""The control: the same work on a trait whose values were dealt to other lines."""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.phenotypes.hybrids import SIDES
from breedcast.seeds import derive_seed


def permuted(
    lines: pd.DataFrame,
    seed: int,
    trait: str,
    permutation: int,
    families: pd.Series | None = None,
) -> pd.DataFrame:
    """The trait's lines with values, weights and covariates permuted jointly among them.

    The genotypes stay where they are, so whatever accuracy is left comes from elsewhere (a
    covariate, a leak). A negative permutation deals values within families (by sample), those
    of lines without a family among these: what is left comes from the families' means. Where there
    are environments, values are dealt within each, whose mean tells nothing of lines. The model
    has no part in the seed: all models see the same permutation. Permutation 0 is the real trait;
    the candidates (no value) are not moved.
    """
    if permutation == 0:
        return lines
    environment = pd.factorize(lines["environment"])[0]
    rows = np.flatnonzero(lines["value"].notna())
    rows = rows[np.argsort(environment[rows], kind="stable")]
    order = np.arange(len(lines))
    generator = np.random.default_rng(derive_seed(seed, trait, "permutation", permutation))
    parts = np.split(rows, np.flatnonzero(np.diff(environment[rows])) + 1)
    dealt = np.concatenate([generator.permutation(part) for part in parts])
    if permutation < 0:
        if families is None:
            raise ValueError("a permutation within families needs the families")
        family = pd.factorize(lines["sample"].map(families))[0]
        rows, dealt = (
            it[np.lexsort((np.arange(len(it)), family[it], environment[it]))]
            for it in (rows, dealt)
        )
    order[rows] = dealt
    moved = lines.columns.difference(["sample", "environment", *SIDES], sort=False)
    result = lines.copy()
    result[moved] = lines[moved].take(order).set_axis(lines.index)
    return result
