"""The ensemble: one more model, a weighted sum of the others.

Weights are learnt within each unit (repeat, fold, permutation) from its inner predictions: what
each model said of training lines it had not seen. Nothing of the test lines takes part.

All is looked at within inner folds, and in these within environments: predictions and values less
their means there. A fold whose values happen to be high was predicted from a training set with a
lower mean, so that over folds every model seems worse than it is, a poor one most of all; and an
environment that a fold holds out was predicted at the mean of the others.

`stack` is non-negative stacking (Breiman 1996, Machine Learning 24:49-64): non-negative least
squares of the trait on the models' predictions, standardised so that a model that shrinks its
predictions is not taken for a poor one. `mean` gives the standardised predictions equal weight,
scaled by least squares. `auto` lies between them, as far as the lines can tell. Models predict much
alike, so that on a hundred lines plain stacking chooses between them by chance, while equal weights
carry a poor model along. It is stacking with an empirical prior: weights in proportion to each
model's covariance with the trait, these being drawn towards their mean by the share of their
differences that is chance. A weight may differ from its prior by as much as the prior's weights
amount to (their root mean square), so no constant has to be chosen. Figures are in
tests/benchmarks (ensembles.py, ensemble_prior.py).

`elbpso` is how DeepGS weights its models: swarms of particles look for the weights that put the
best lines first (swarm.py), here by the mean NDCG of the best 10 % in the trait's direction, and
of standardised predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from breedcast.phenotypes.records import has_environments, keys, levels
from breedcast.scoring.alignment import valued
from breedcast.scoring.metrics import BEST_SHARE, Direction, directed
from breedcast.scoring.swarm import mean_ndcg_of_weights, swarm_weights
from breedcast.seeds import derive_seed
from breedcast.validation.unit import UNIT

Method = Literal["auto", "mean", "stack", "elbpso"]

#: A model whose inner predictions spread less than this share of the trait's standard deviation
#: predicts a constant: standardising would blow up what is left of it.
LEAST_SPREAD = 0.02

#: Stands for the inner fold of predictions that belong to none.
NO_FOLD = -1

#: The name under which the intercept stands in weights.tsv; no model can be called so.
INTERCEPT = "(intercept)"


@dataclass(frozen=True)
class Combination:
    """A weighted sum of models: weights (models,) and intercept in the trait's units."""

    weights: np.ndarray
    intercept: float

    @classmethod
    def fit(
        cls,
        predicted: np.ndarray,
        value: np.ndarray,
        method: Method,
        part: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        direction: Direction = "high",
        seed: int = 0,
    ) -> Combination:
        """Learn weights, none negative, from inner predictions (lines, models) and values.

        part: (lines,) that within which each is looked at; None is one for all. weight: (lines,)
        how much each counts (not for `elbpso`, which orders lines); None: all alike. direction:
        which end of the trait `elbpso` looks at; seed: that of its swarms.
        Constant models get no weight. Where no weighting of the others agrees with the values
        (as in most permuted traits) their plain mean stands in, so that a ranking remains to be
        scored; where all are constant, the mean of the values.
        """
        part = np.zeros(len(value), dtype=int) if part is None else part
        weight = np.ones(len(value)) if weight is None else weight / weight.mean()
        deviation, centred = _within(predicted, part, weight), _within(value, part, weight)
        mean = np.average(predicted, axis=0, weights=weight)
        spread = np.sqrt(weight @ deviation**2 / len(value))
        varies = spread > LEAST_SPREAD * value.std()
        weights = np.zeros(len(mean))
        if varies.any():
            Z = deviation[:, varies] / spread[varies]
            if method == "elbpso":
                standardised = _elbpso_weights(Z, centred, direction, seed)
            else:
                root = np.sqrt(weight)
                standardised = _standardised_weights(root[:, None] * Z, root * centred, method)
            weights[varies] = (
                standardised / spread[varies] if standardised.any() else 1 / varies.sum()
            )
        return cls(weights, float(np.average(value, weights=weight) - weights @ mean))

    def predict(self, predicted: np.ndarray) -> np.ndarray:
        """(lines,) the weighted sum of the models' predictions (lines, models)."""
        return self.intercept + predicted @ self.weights


def combine(
    predictions: Mapping[str, pd.DataFrame],
    phenotypes_of: Callable[[int], pd.DataFrame],
    method: Method,
    direction: Direction = "high",
    seed: int = 0,
    plan: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ensemble's predictions and weights from every model's predictions.

    phenotypes_of: the trait's phenotypes as a permutation deals them (0: the real trait); a
    control is combined by weights learnt from its own permutation. direction: of the trait;
    seed: the config's, from which that of every fit of weights follows. plan: the trait's, where
    it may tell what else a fit without an inner fold leaves out (its column left_out).

    Returns predictions (the models' rows; no sd, no reliability) and weights (repeat, fold,
    permutation, model, weight; a row per model and one for the intercept). Predictions of an inner
    line, and of test lines by fits without an inner fold (role member), use weights learnt without
    that fold; other predictions of test lines, controls and candidates use those of all training
    lines. Where there are environments, deviations from the mean training value of each are
    combined, since all models know these means; without an intercept, which would tell an inner
    fold of environments of its own values, since the other folds' fits saw them. Raises ValueError
    when the models' rows differ.
    """
    inputs = _Inputs.of(predictions, plan)
    fit = partial(Combination.fit, method=method, direction=direction)
    combined = np.empty(len(inputs.rows))
    records = []
    for unit, rows in inputs.rows.groupby(list(UNIT)):
        phenotypes = phenotypes_of(int(rows["permutation"].iloc[0]))
        seed_of = partial(derive_seed, seed, "weights", *unit)
        found, combined[rows.index] = _combine_unit(inputs, rows, phenotypes, fit, seed_of)
        weights = zip([INTERCEPT, *predictions], [found.intercept, *found.weights], strict=True)
        records += [(*unit, *item) for item in weights]
    return (
        inputs.rows.assign(predicted=combined, sd=np.nan, reliability=np.nan),
        pd.DataFrame(records, columns=[*UNIT, "model", "weight"]),
    )


@dataclass(frozen=True)
class _Inputs:
    """What is combined: the rows that all models predict, numbered from 0.

    predicted: (rows, models); environment: (rows,) names, missing where they are not told apart.
    inner_fold: (rows,), NO_FOLD of none; part: (rows,) a number for each inner fold and
    environment; left_out: (rows,) as `_left_out` gives it.
    """

    rows: pd.DataFrame
    predicted: np.ndarray
    environment: np.ndarray
    inner_fold: np.ndarray
    part: np.ndarray
    left_out: np.ndarray

    @classmethod
    def of(cls, predictions: Mapping[str, pd.DataFrame], plan: pd.DataFrame | None) -> _Inputs:
        """Raises ValueError when the models' rows differ."""
        rows, predicted = _aligned(predictions)
        environment, inner_fold = rows["environment"].to_numpy(object), _inner_fold(rows)
        cells = pd.MultiIndex.from_arrays([inner_fold, pd.factorize(environment)[0]])
        left_out = _left_out(rows, plan)
        return cls(rows, predicted, environment, inner_fold, cells.factorize()[0], left_out)

    def seen_without(self, fold: int, known: np.ndarray) -> np.ndarray:
        """(known,) whether the fit without an inner fold has seen these rows, of other folds."""
        return np.array([str(fold) not in it.split() for it in self.left_out[known]], dtype=bool)

    def learn(
        self,
        known: np.ndarray,
        lines: pd.DataFrame,
        seen: np.ndarray,
        wanted: np.ndarray,
        fit: Callable[..., Combination],
    ) -> tuple[Combination, np.ndarray]:
        """Weights from rows whose values are known; (wanted,) the combined predictions of others.

        lines: those of phenotypes.tsv that the known rows are of. seen: (known,) whether the fits
        of the wanted rows have seen them too. fit: as `Combination.fit`, all else given.
        """
        value, weight = (lines[it].to_numpy(np.float64) for it in ("value", "weight"))
        level = levels(self.environment, self.environment[known[seen]], value[seen])
        deviations = self.predicted[known] - level[known, None]
        found = fit(deviations, value - level[known], part=self.part[known], weight=weight)
        if has_environments(self.rows):
            found = replace(found, intercept=0.0)
        return found, found.predict(self.predicted[wanted] - level[wanted, None]) + level[wanted]


def _combine_unit(
    inputs: _Inputs,
    unit: pd.DataFrame,
    phenotypes: pd.DataFrame,
    fit: Callable[..., Combination],
    seed_of: Callable[..., int],
) -> tuple[Combination, np.ndarray]:
    """The weights learnt from all training lines of a unit, and (rows,) its rows combined.

    unit: its rows; phenotypes: as its permutation deals them. seed_of: of an inner fold, or none.
    """
    positions, is_inner = unit.index.to_numpy(), (unit["role"] == "inner").to_numpy()
    inner, fold_of = positions[is_inner], inputs.inner_fold[positions]
    lines = valued(phenotypes, unit[is_inner])
    combined = np.empty(len(unit))
    for fold in np.unique(fold_of[is_inner]):
        others, wanted = fold_of[is_inner] != fold, fold_of == fold
        known = inner[others]
        _, combined[wanted] = inputs.learn(
            *(known, lines[others], inputs.seen_without(fold, known), positions[wanted]),
            partial(fit, seed=seed_of(fold)),
        )
    wanted = fold_of == NO_FOLD
    found, combined[wanted] = inputs.learn(
        *(inner, lines, np.full(len(inner), True), positions[wanted]),
        partial(fit, seed=seed_of()),
    )
    return found, combined


def _standardised_weights(Z: np.ndarray, value: np.ndarray, method: Method) -> np.ndarray:
    """Weights of standardised predictions Z (lines, models) for a centred value (lines,)."""
    if method == "mean":
        return _scaled(np.ones(Z.shape[1]), Z, value)
    if method == "stack":
        return nnls(Z, value)[0]
    prior = _prior(Z, value)
    if not prior.any():
        return prior
    error = np.mean((value - Z @ prior) ** 2)
    strength = np.sqrt(error / np.mean(prior**2))
    rows = np.vstack([Z, strength * np.eye(len(prior))])
    return nnls(rows, np.append(value, strength * prior))[0]


def _prior(Z: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Where `auto` starts from: weights by covariance with the value, as far as these differ."""
    products = Z * value[:, None]
    covariance = products.mean(axis=0)
    apart = products - products.mean(axis=1, keepdims=True)
    by_chance = apart.var(axis=0).mean() / len(Z)
    difference = covariance - covariance.mean()
    found = np.mean(difference**2)
    sure = max(1 - by_chance / found, 0.0) if found > 0 else 0.0
    return _scaled(np.maximum(covariance.mean() + sure * difference, 0.0), Z, value)


def _within(values: np.ndarray, part: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """values (lines, ...) less their weighted mean in the line's part."""
    centred: np.ndarray = values.astype(np.float64)
    for number in np.unique(part):
        rows = part == number
        centred[rows] -= np.average(centred[rows], axis=0, weights=weight[rows])
    return centred


def _elbpso_weights(
    Z: np.ndarray, value: np.ndarray, direction: Direction, seed: int
) -> np.ndarray:
    """`_standardised_weights` by swarms, at the scale of least squares."""
    shuffled = np.random.default_rng(seed).permutation(len(Z))  # ties must not follow the file
    gain = directed(value[shuffled], direction)
    gain = gain - gain.min()
    if not gain.any():
        return np.zeros(Z.shape[1])
    fitness = mean_ndcg_of_weights(gain, directed(Z[shuffled], direction), BEST_SHARE)
    return _scaled(swarm_weights(fitness, Z.shape[1], seed), Z, value)


def _scaled(direction: np.ndarray, Z: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Weights in this proportion, times the least squares slope; zero where that is negative."""
    summed = Z @ direction
    square = summed @ summed
    return direction * max(summed @ value / square, 0.0) if square > 0 else np.zeros(len(direction))


def _aligned(predictions: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows all models predict, and what each predicts for them: (rows, models)."""
    names = iter(predictions)
    first = next(names)
    rows = predictions[first].reset_index(drop=True)
    wanted = _row_keys(rows)
    columns = [rows["predicted"].to_numpy(np.float64)]
    for name in names:
        table = predictions[name]
        position = _row_keys(table).get_indexer(wanted)
        if len(table) != len(rows) or (position < 0).any():
            raise ValueError(f"models {first} and {name} do not predict the same lines")
        columns.append(table["predicted"].to_numpy(np.float64)[position])
    return rows, np.column_stack(columns)


def _left_out(rows: pd.DataFrame, plan: pd.DataFrame | None) -> np.ndarray:
    """(rows,) the inner folds, as plan.tsv names them, whose fits have not seen the row either."""
    if plan is None or "left_out" not in plan:
        return np.full(len(rows), "", dtype=object)
    found = pd.Series(plan["left_out"].to_numpy(), keys(plan, "repeat", "fold"), dtype=object)
    told: np.ndarray = found.reindex(keys(rows, "repeat", "fold")).fillna("").to_numpy(object)
    return told


def _row_keys(rows: pd.DataFrame) -> pd.MultiIndex:
    return keys(rows.assign(inner_fold=_inner_fold(rows)), *UNIT, "role", "inner_fold")


def _inner_fold(rows: pd.DataFrame) -> np.ndarray:
    """(rows,) the inner fold of predictions without it, NO_FOLD for the others."""
    return rows["inner_fold"].fillna(NO_FOLD).to_numpy(np.int64)
