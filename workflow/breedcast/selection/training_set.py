"""learning_curve.tsv, phenotype_next.tsv: what more lines, more markers, or a value of which line
would be worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from breedcast.models.base import Lines
from breedcast.models.rrblup import RRBLUP
from breedcast.scoring.metrics import pearson_within
from breedcast.seeds import derive_seed
from breedcast.selection.merit import Merit
from breedcast.validation.plan import units

CURVE = ["by", "share", "lines", "markers", "fold", "pearson"]
NEXT = ["order", "sample", "reliability", "mean_reliability"]
#: Fewer lines, or markers, than these say nothing.
LEAST = 10


def learning_curve(
    lines: pd.DataFrame,
    codes: np.ndarray,
    ploidy: int,
    plan: pd.DataFrame,
    *,
    line_shares: Sequence[float],
    marker_shares: Sequence[float],
    seed: int,
) -> pd.DataFrame:
    """Predictive ability of GBLUP by the share of each fold's training lines, and of the markers.

    lines: phenotypes.tsv; codes: (lines, markers) theirs; plan: of the trait, of which repeat 0 is
    used. A fold's test lines stay the same; the training lines, or markers, of a smaller share are
    drawn from those of a larger one.

    Returns CURVE: how many lines (in several environments, values) were trained on and markers
    used, and the correlation with the test lines' values (NaN where the prediction is constant).
    Shares of fewer than LEAST lines, or markers, are left out. The fit is ridge regression, whose
    predictions are those of GBLUP.
    """
    every = Lines.of(codes, ploidy, lines)
    rows = []
    for unit in units(plan[plan["repeat"] == 0], lines, permutations=0):
        rng = np.random.default_rng(derive_seed(seed, "learning curve", unit.fold))
        train, markers = rng.permutation(unit.train), rng.permutation(codes.shape[1])
        test = every.take(unit.test)
        parts = [("lines", share, used, markers) for share, used in _parts(train, line_shares)]
        parts += [("markers", share, train, used) for share, used in _parts(markers, marker_shares)]
        for by, share, used, where in parts:
            given = _at(every.take(used), where)
            predicted = RRBLUP().fit(given, 0, "cpu").predict(_at(test, where).blind()).mean
            score = pearson_within(test.environments, test.observed, predicted)
            rows.append((by, share, len(used), len(where), unit.fold, score))
    return pd.DataFrame(rows, columns=CURVE)


def phenotype_next(merit: Merit, count: int) -> pd.DataFrame:
    """Which candidates to measure, one after another, so that all are predicted most reliably.

    Each step takes the line whose value would raise the candidates' mean reliability (1 - PEV /
    genetic variance) most: the criterion CDmean (Rincent et al. 2012, Genetics 192:715) of genetic
    values instead of contrasts, by GBLUP, with the variance components as they are now and unknown
    fixed effects. A value is an adjusted mean of weight 1. What it changes follows from the errors'
    covariances, by an update of rank one.

    Returns NEXT: the line's reliability before it is measured, and the candidates' mean once it
    and those before it are. No candidates, no rows.
    """
    new = slice(merit.trained, len(merit.lines))
    own = np.diag(merit.K)[new] * merit.mixed.sigma2_g
    has_variance = own > 0  # a line without calls has none, and reliability 0
    weight = np.divide(1.0, own, out=np.zeros_like(own), where=has_variance)
    S, X = _errors(merit), merit.X[new]
    lines = slice(len(own))
    names = merit.lines["sample"].to_numpy()[new]
    left, rows = np.full(len(own), True), []
    for order in range(1, min(count, len(own)) + 1):
        T = S[:, lines] + S[:, len(own) :] @ X.T  # with the candidates' values
        variance = np.diag(T) + np.einsum("ij,ji->i", X, T[len(own) :]) + merit.mixed.sigma2_e
        lowered = weight @ T[lines] ** 2 / variance
        chosen = int(np.argmax(np.where(left, lowered, -np.inf)))
        before = has_variance[chosen] - weight[chosen] * S[chosen, chosen]
        left[chosen] = False
        S = S - np.outer(T[:, chosen], T[:, chosen]) / variance[chosen]
        mean = float(np.mean(has_variance - weight * np.diag(S)[lines]))
        rows.append((order, names[chosen], before, mean))
    return pd.DataFrame(rows, columns=NEXT)


def _errors(merit: Merit) -> np.ndarray:
    """Covariances of the errors of the candidates' genetic values, then of the fixed effects."""
    trained, mixed = merit.trained, merit.mixed
    known, new = slice(trained), slice(trained, len(merit.lines))
    K = merit.K * mixed.sigma2_g
    V = K[known, known] + np.diag(merit.error_variances)
    X, fixed = merit.X[known], merit.X.shape[1]
    answers = np.linalg.solve(V, np.column_stack([K[known, new], X]))
    explained, VX = answers[:, :-fixed], answers[:, -fixed:]
    b = np.linalg.inv(X.T @ VX)
    shared = K[new, known] @ VX
    g = K[new, new] - K[new, known] @ explained + shared @ b @ shared.T
    return np.block([[g, -shared @ b], [-b @ shared.T, b]])


def _parts(shuffled: np.ndarray, shares: Sequence[float]) -> Iterator[tuple[float, np.ndarray]]:
    """Every share, and its part of shuffled lines or markers."""
    for share in sorted(set(shares)):
        count = round(share * len(shuffled))
        if count >= LEAST:
            yield share, shuffled[:count]


def _at(lines: Lines, markers: np.ndarray) -> Lines:
    """The lines with these markers alone."""
    return replace(lines, codes=lines.codes[:, markers])
