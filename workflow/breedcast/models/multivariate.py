"""Restricted maximum likelihood for several traits of the same lines, over one kernel.

The model is Y = X B + U + E with cov(vec U) = G x K and cov(vec E) = R x diag(1 / weight): G
(traits, traits) the genetic covariances, R the residual ones. Traits may as well be environments.
G and R are searched for by factors of theirs (`covariance.py`), along the average information of
their likelihood (`restricted.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from breedcast.ascent import Point, climb
from breedcast.models.base import Prediction
from breedcast.models.covariance import Form, diagonal, unstructured
from breedcast.models.prediction_errors import Errors
from breedcast.models.restricted import Likelihood, Observed, Rotated

#: The gain in log-likelihood that a step is worth: steps are dear, and many numbers as likely.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class MultivariateModel:
    """A fitted model of several traits.

    genetic, residual: (traits, traits) G of a line whose K_ii is 1, and R of one of weight 1.
    fixed_effects: (columns of X, traits) B.
    dual: (n, traits) V^-1 (Y - X B), 0 where Y is missing: genetic values of lines are k dual G.
    """

    genetic: np.ndarray
    residual: np.ndarray
    fixed_effects: np.ndarray
    dual: np.ndarray
    _errors: Errors

    @property
    def heritabilities(self) -> np.ndarray:
        """(traits,) share of the genetic variance where K has a mean diagonal of 1."""
        genetic = np.diag(self.genetic)
        return genetic / (genetic + np.diag(self.residual))

    def predict(self, k: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(lines, traits) x B + g of lines with relationships k (lines, n) and x (lines, c)."""
        return x @ self.fixed_effects + k @ self.dual @ self.genetic

    def prediction(
        self,
        k: np.ndarray,
        k_self: np.ndarray,
        x: np.ndarray,
        trait: int,
        known: np.ndarray | None = None,
    ) -> Prediction:
        """Values x B + g of lines in one trait.

        k_self: (lines,) the lines' own K_ii; known: (lines, traits) their own values in other
        traits, of weight 1, NaN where there is none: each line is predicted by its own. The
        reliability of a line of no genetic variance, a line without calls, is 0.
        """
        values = self.predict(k, x)
        mean = values[:, trait].copy()
        traits = [trait] if known is None else range(len(self.genetic))
        errors = self.error_covariances(k, k_self, x, trait, traits)
        target = np.array([0, 1 if known is None else 1 + trait])
        left = errors[:, target, target]
        if known is not None:
            for pattern in np.unique(np.isfinite(known), axis=0):
                lines = np.flatnonzero((np.isfinite(known) == pattern).all(axis=1))
                told = np.flatnonzero(pattern)
                noisy = (
                    errors[np.ix_(lines, 1 + told, 1 + told)] + self.residual[np.ix_(told, told)]
                )
                shared = errors[np.ix_(lines, 1 + told, target)]
                gain = np.linalg.solve(noisy, shared)
                surprise = known[np.ix_(lines, told)] - values[np.ix_(lines, told)]
                mean[lines] += np.einsum("lk,lk->l", gain[:, :, 1], surprise)
                left[lines] -= np.einsum("lkt,lkt->lt", gain, shared)
        genetic, total = np.maximum(left, 0.0).T
        prior = k_self * self.genetic[trait, trait]
        reliability = 1.0 - np.divide(genetic, prior, out=np.ones_like(prior), where=prior > 0)
        return Prediction(mean, np.sqrt(total), reliability)

    def error_covariances(
        self, k: np.ndarray, k_self: np.ndarray, x: np.ndarray, trait: int, others: Sequence[int]
    ) -> np.ndarray:
        """(lines, 1 + others, 1 + others) of the errors of each line's predictions.

        The first is of g alone in one trait (its PEV), the others are of x B + g in these traits.
        """
        of = np.array([trait, *others])
        prior = k_self[:, None, None] * self.genetic[np.ix_(of, of)]
        return np.asarray(prior - self._errors.explained(k, x, self.genetic, of))


def correlations(covariance: np.ndarray) -> np.ndarray:
    """The correlations of a covariance matrix; NaN with what does not vary."""
    sd = np.sqrt(np.diag(covariance))
    sd = np.where(sd > 0, sd, np.nan)
    return np.asarray(covariance / np.outer(sd, sd))


def fit_multivariate(
    K: np.ndarray,
    Y: np.ndarray,
    X: np.ndarray,
    weights: np.ndarray | None = None,
    correlated_residuals: bool = True,
    genetic: Sequence[Form | None] = (None,),
) -> MultivariateModel:
    """Covariances by REML and the BLUP equations' solution.

    K: (n, n) relationships; Y: (n, traits), NaN where missing; X: (n, c) fixed effects of full
    column rank, an intercept included, that each trait has its own of; weights: (n,) of the lines,
    None for all alike; correlated_residuals: R is full, else diagonal (values of different plots,
    as those of environments are); genetic: forms of G, None for any, of which that of the least
    AIC is taken. Raises ValueError where a trait's values tell less than its fixed effects and a
    variance, or do not vary.
    """
    root = np.ones(len(Y)) if weights is None else np.sqrt(weights)
    Y, X, K = Y * root[:, None], X * root[:, None], K * np.outer(root, root)
    scale = _scales(Y, X)
    traits = len(scale)
    any_of = unstructured(traits)
    forms = any_of, any_of if correlated_residuals else diagonal(traits)
    way = Observed if Observed.is_quicker(Y) else Rotated
    of_any = way.of(forms, K, Y / scale, X)
    found = [_most_likely(of_any, form) for form in genetic]
    likelihood, best = min(found, key=lambda each: _aic(each[1]))
    G, R = likelihood.covariances(best.variances)
    solution = likelihood.solve(G, R)
    units = np.outer(scale, scale)
    return MultivariateModel(
        genetic=G * units,
        residual=R * units,
        fixed_effects=solution.fixed_effects * scale,
        dual=root[:, None] * solution.dual_of_lines / scale,
        _errors=solution.errors(root, scale),
    )


def _most_likely(likelihood: Likelihood, genetic: Form | None) -> tuple[Likelihood, Point]:
    """The likelihood with G of this form, None for any as it has it, and its maximum."""
    if genetic is not None:
        likelihood = replace(likelihood, forms=(genetic, likelihood.forms[1]))
    best = climb(
        likelihood.at(np.concatenate([form.start for form in likelihood.forms])),
        likelihood.along_information,
        likelihood.by_expectation if genetic is None else likelihood.along_each_number,
        tolerance=TOLERANCE,
    )
    return likelihood, best


def _aic(best: Point) -> float:
    """Akaike's criterion, to compare forms of G for the same values: the less the better."""
    return 2 * (len(best.variances) - best.likelihood)


def _scales(Y: np.ndarray, X: np.ndarray) -> np.ndarray:
    """(traits,) standard deviation of what each trait's fixed effects leave of its values."""
    scales = []
    for y in Y.T:
        seen = np.isfinite(y)
        left = int(seen.sum()) - np.linalg.matrix_rank(X[seen])
        if left < 1 or np.linalg.matrix_rank(X[seen]) < X.shape[1]:
            raise ValueError(
                f"{seen.sum()} lines cannot estimate {X.shape[1]} fixed effects and two variances"
            )
        residual = y[seen] - X[seen] @ np.linalg.lstsq(X[seen], y[seen], rcond=None)[0]
        if not residual @ residual > 1e-24 * (y[seen] @ y[seen]):
            raise ValueError("a trait does not vary beyond its fixed effects")
        scales.append(np.sqrt(residual @ residual / left))
    return np.array(scales)
