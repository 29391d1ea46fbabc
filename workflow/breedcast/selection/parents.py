"""What parents give to their hybrids, and which crosses are best: GCA + SCA on all hybrids.

parents.tsv, hybrids.tsv and hybrid_variances.tsv. They rest on one model (gca_sca.py), whichever
are validated, since it alone tells parents apart from crosses.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from breedcast.genotypes.store import Codes
from breedcast.models.base import Lines, Parents
from breedcast.models.gca_sca import GCASCA, FittedGCASCA
from breedcast.phenotypes.hybrids import SIDES
from breedcast.scoring.metrics import Direction, directed, rank_of

PARENTS = ["parent", "pool", "hybrids", "gca", "sd", "reliability", "rank"]
#: What the parents of a pool are called, by the sides that they are on.
POOLS = {(0,): "female", (1,): "male", (0, 1): "both"}
#: Hybrids whose kernels are held at a time.
AT_ONCE = 5000


def rate_parents(
    genotypes: Codes, lines: pd.DataFrame, direction: Direction, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """parents.tsv, hybrids.tsv and hybrid_variances.tsv of a trait.

    lines: its phenotypes.tsv, with the parents. Of parents: PARENTS, by pool and rank; gca in the
    trait's units about the mean of the measured hybrids, with the standard deviation of what is
    not known of it; hybrids: how many were measured. Of hybrids: sample, female, male, value (NA:
    not measured), the components' part in each, predicted (at the measured ones' mean covariates),
    rank among those not measured. Of
    variances: component (with `residual`), variance (of a hybrid that is as those measured are on
    average), share in the sum.
    """
    pairs, measured = lines[list(SIDES)], lines["value"].notna().to_numpy()
    parents = Parents.of(genotypes, pairs)
    no_codes = np.empty((len(lines), 0), np.uint8)
    given = Lines.of(no_codes, genotypes.ploidy, lines, parents=parents)
    fitted = GCASCA().fit(given.take(np.flatnonzero(measured)), seed, "cpu")
    rated = [_of_pool(fitted, side, genotypes, pairs, measured, direction) for side in fitted.pools]
    starts = range(0, len(lines), AT_ONCE)
    blocks = [
        fitted.components(parents.take(np.arange(len(lines))[it : it + AT_ONCE])) for it in starts
    ]
    parts = {name: np.concatenate([it[name] for it in blocks]) for name in fitted.kernels}
    design = fitted.model.design.matrix(given.covariates.iloc[measured])
    mean = float(np.mean(design @ fitted.model.mixed.fixed_effects))
    hybrids = lines[["sample", *SIDES, "value"]].assign(
        **parts, predicted=mean + sum(parts.values())
    )
    predicted = hybrids["predicted"].to_numpy()
    rank = np.full(len(hybrids), np.nan)
    rank[~measured] = rank_of(predicted[~measured], direction)
    order = np.argsort(-directed(predicted, direction), kind="stable")
    hybrids = hybrids.assign(rank=pd.array(rank, dtype="Int64")).iloc[order]
    return pd.concat(rated, ignore_index=True), hybrids, variances(fitted)


def variances(fitted: FittedGCASCA) -> pd.DataFrame:
    """hybrid_variances.tsv: component, variance, share."""
    mixed = fitted.model.mixed
    component = [*fitted.kernels, "residual"]
    variance = np.array([*mixed.sigma2_g * fitted.model.shares, mixed.sigma2_e])
    return pd.DataFrame(
        {"component": component, "variance": variance, "share": variance / variance.sum()}
    )


def _of_pool(
    fitted: FittedGCASCA,
    side: tuple[int, ...],
    genotypes: Codes,
    pairs: pd.DataFrame,
    measured: np.ndarray,
    direction: Direction,
) -> pd.DataFrame:
    columns = pairs[[SIDES[number] for number in side]]
    names = pd.unique(columns.to_numpy().ravel())
    position = pd.Index(genotypes.samples).get_indexer(pd.Index(names))
    ability = fitted.combining_abilities(side, genotypes.codes[position])
    count = pd.Series(columns[measured].to_numpy().ravel()).value_counts()
    rated = pd.DataFrame(
        {
            "parent": names,
            "pool": POOLS[side],
            "hybrids": count.reindex(names, fill_value=0).to_numpy(),
            "gca": ability.mean,
            "sd": ability.sd,
            "reliability": ability.reliability,
            "rank": rank_of(ability.mean, direction),
        },
        columns=PARENTS,
    )
    return rated.sort_values(["rank", "parent"])
