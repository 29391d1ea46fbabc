"""candidates.tsv, response.tsv: what each model predicts for the candidates, how surely, in what
order, and what selecting by it is worth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from breedcast.phenotypes.covariates import FixedEffects, not_of_candidates
from breedcast.phenotypes.hybrids import parents_of
from breedcast.phenotypes.records import keys
from breedcast.scoring.alignment import valued
from breedcast.scoring.intervals import unit_intervals
from breedcast.scoring.metrics import Direction, best_count, directed, rank_of, regression
from breedcast.validation.classes import CLASSES
from breedcast.validation.unit import CANDIDATE_UNIT

COLUMNS = [
    *("sample", "model", "predicted", "lower", "upper", "bv_lower", "bv_upper"),
    *("reliability", "top_probability", "distance", "extrapolated", "rank", "rank_sd", "method"),
]
RESPONSE = ["model", "fraction", "selected", "predicted_gain", "slope", "validated_gain"]
#: Shares of the candidates for which the response is told, beside the config's.
FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)
#: A candidate is extrapolated if it is farther from its nearest measured line than this share of
#: the measured lines are from theirs.
FAR_QUANTILE = 0.99


def rank_candidates(
    predictions: Mapping[str, pd.DataFrame],
    phenotypes: pd.DataFrame,
    structure: pd.DataFrame,
    *,
    level: float,
    fraction: float,
    direction: Direction,
) -> pd.DataFrame:
    """The candidates by model (in the order given) and rank.

    structure: structure.tsv. Returns COLUMNS. lower, upper: where a new adjusted mean of the line
    lies with probability `level`, by `unit_intervals` from all phenotyped lines, infinite where
    those are too few; method: which of its methods that is. bv_lower, bv_upper: the same for the
    genetic value, predicted -/+ z sd with the normal quantile z, NaN for models without sd.
    top_probability: that the line is among the best `fraction` of the candidates, by
    `top_probability`; it is of genetic values where the model tells their sd, else of new adjusted
    means, whose errors draw it towards `fraction`. distance, extrapolated: by `far_from_measured`.
    rank: 1 is best in the trait's direction; lines predicted alike share the better rank. rank_sd:
    standard deviation of the line's rank over the fits without each inner fold; how firm its place
    is where some lines are not measured, and a network trains from other first weights. Of hybrids
    also female, male and hybrid_class, T2, T1 or T0 by how many of these have measured hybrids. No
    candidates, no rows.
    """
    parts = [
        _of_one_model(table, phenotypes, level, fraction, direction).assign(model=model)
        for model, table in predictions.items()
    ]
    ranked = pd.concat(parts, ignore_index=True).join(
        far_from_measured(phenotypes, structure), on="sample"
    )[COLUMNS]
    return _with_parents(ranked, phenotypes)


def expected_response(
    predictions: Mapping[str, pd.DataFrame],
    phenotypes: pd.DataFrame,
    *,
    fraction: float,
    direction: Direction,
) -> pd.DataFrame:
    """What is gained by selecting the best of the candidates, by model and selected share.

    Returns RESPONSE. predicted_gain: mean prediction of the selected less that of all candidates,
    in the trait's units, positive where it is for the better: right for a model whose predictions
    spread as they should, as GBLUP's do. slope: of observed values on predictions, over the
    phenotyped lines when they were held out, within inner folds and less the effects of covariates
    that no candidate has; 0 of predictions that are all alike, or go the wrong way. validated_gain:
    the product, which a model that promises too much cannot raise; it errs to the low side where
    lines are few. No candidates, no rows.
    """
    rows = []
    for model, table in predictions.items():
        unit = table[table["repeat"] == CANDIDATE_UNIT]
        inner, candidates = (unit[unit["role"] == role] for role in ("inner", "candidate"))
        predicted = np.sort(directed(candidates["predicted"].to_numpy(np.float64), direction))
        slope = max(np.nan_to_num(_slope(inner, phenotypes)), 0.0)
        for share in sorted({*FRACTIONS, fraction}) if len(predicted) else ():
            count = best_count(len(predicted), share)
            gain = float(predicted[-count:].mean() - predicted.mean())
            rows.append((model, share, count, gain, slope, slope * gain))
    return pd.DataFrame(rows, columns=RESPONSE)


def _slope(inner: pd.DataFrame, phenotypes: pd.DataFrame) -> float:
    """Of observed values on predictions of lines that were held out, within their inner folds.

    Both less the effects of covariates that no candidate has. Over the folds it would be too low: a
    fold of high values was predicted from a training set with a lower mean.
    """
    lines = valued(phenotypes, inner)
    folds = inner["inner_fold"].astype(str).to_numpy(object)
    apart = lines[not_of_candidates(phenotypes)].assign(inner_fold=folds)
    weight = lines["weight"].to_numpy(np.float64)

    def beyond(value: pd.Series) -> np.ndarray:
        values = value.to_numpy(np.float64)
        return values - FixedEffects.fit(apart, values, weight).predict(apart)

    return regression(beyond(lines["value"]), beyond(inner["predicted"]))[0]


def top_probability(mean: np.ndarray, sd: np.ndarray, fraction: float) -> np.ndarray:
    """(lines,) probability that each of some independent normal values is among the best.

    Those above the limit that `fraction` of them are expected to exceed; so the probabilities add
    up to fraction x lines. NaN where an sd is not known or not finite.
    """
    if not len(mean) or not np.isfinite(sd).all():
        return np.full(len(mean), np.nan)
    spread = np.maximum(sd, 1e-9 * max(float(np.ptp(mean)), np.finfo(float).tiny))

    def above(limit: float) -> np.ndarray:
        probability: np.ndarray = ndtr((mean - limit) / spread)
        return probability

    low, high = float((mean - 40 * spread).min()), float((mean + 40 * spread).max())
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle).mean() > fraction else (low, middle)
    return above((low + high) / 2)


def far_from_measured(phenotypes: pd.DataFrame, structure: pd.DataFrame) -> pd.DataFrame:
    """distance, extrapolated of the candidates, by sample.

    distance: to the nearest phenotyped line in the principal coordinates of structure.tsv;
    extrapolated: whether it exceeds the FAR_QUANTILE of the phenotyped lines' distances to the
    nearest other one. Without coordinates, of lines that are all alike, all distances are 0.
    """
    from scipy.spatial import KDTree

    place = _places(phenotypes.drop_duplicates("sample"), structure)
    has_value = phenotypes["value"].notna()
    measured = place.loc[phenotypes.loc[has_value, "sample"].unique()]
    candidates = place.loc[phenotypes.loc[~has_value, "sample"].unique()]
    tree = KDTree(measured)
    usual = tree.query(measured, k=2)[0][:, 1]
    distance = tree.query(candidates)[0]
    far = distance > np.quantile(usual, FAR_QUANTILE)
    return pd.DataFrame({"distance": distance, "extrapolated": far}, index=candidates.index)


def _with_parents(candidates: pd.DataFrame, phenotypes: pd.DataFrame) -> pd.DataFrame:
    """The candidates and, where they are hybrids, their parents and class beside their names."""
    lines = phenotypes.drop_duplicates("sample").set_index("sample")
    parents = parents_of(lines)
    if parents is None:
        return candidates
    tested = parents[lines["value"].notna()].to_numpy().ravel()
    pairs = parents.loc[candidates["sample"]]
    known = pairs.isin(set(tested)).sum(axis=1).to_numpy()
    candidates.insert(1, "female", pairs["female"].to_numpy())
    candidates.insert(2, "male", pairs["male"].to_numpy())
    candidates.insert(3, "hybrid_class", np.array(CLASSES)[known])
    return candidates


def _places(phenotypes: pd.DataFrame, structure: pd.DataFrame) -> pd.DataFrame:
    """Coordinates of the lines by sample; those of a hybrid are the mean of its parents'.

    Coordinates are linear in dosages, and an F1 has the mean dosage of inbred parents.
    """
    known = structure.set_index("sample").filter(like="coordinate_").assign(origin=0.0)
    parents = parents_of(phenotypes)
    if parents is None:
        return known.loc[phenotypes["sample"]]
    halves = [known.loc[parents[side]].to_numpy() for side in parents]
    return pd.DataFrame(np.mean(halves, axis=0), phenotypes["sample"], known.columns)


def _of_one_model(
    predictions: pd.DataFrame,
    phenotypes: pd.DataFrame,
    level: float,
    fraction: float,
    direction: Direction,
) -> pd.DataFrame:
    unit = predictions[predictions["repeat"] == CANDIDATE_UNIT]
    candidates = unit[unit["role"] == "candidate"]
    intervals = unit_intervals(unit, phenotypes, level)
    predicted = candidates["predicted"]
    # only a model with a reliability has a posterior; the spread of dropout masks is none
    posterior_sd = candidates["sd"].where(candidates["reliability"].notna())
    quantile, half = ndtri((1 + level) / 2), (intervals["upper"] - intervals["lower"]) / 2
    value = predicted.to_numpy(np.float64)
    ranked = candidates.assign(
        **intervals,
        bv_lower=predicted - quantile * posterior_sd,
        bv_upper=predicted + quantile * posterior_sd,
        top_probability=top_probability(
            directed(value, direction),
            posterior_sd.fillna(half / quantile).to_numpy(np.float64),
            fraction,
        ),
        rank=rank_of(value, direction),
        rank_sd=_rank_sd(unit[unit["role"] == "member"], candidates, direction),
    )
    return ranked.sort_values(["rank", "sample"])


def _rank_sd(members: pd.DataFrame, candidates: pd.DataFrame, direction: Direction) -> np.ndarray:
    """(candidates,) standard deviation of a line's ranks by the members' predictions."""
    if candidates.empty:
        return np.empty(0)
    wanted = keys(candidates)
    ranks = [
        rank_of(rows["predicted"].to_numpy(np.float64), direction)[keys(rows).get_indexer(wanted)]
        for _, rows in members.groupby("inner_fold")
    ]
    deviation: np.ndarray = np.std(ranks, axis=0, ddof=1)
    return deviation
