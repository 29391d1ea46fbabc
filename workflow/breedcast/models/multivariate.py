"""Restricted maximum likelihood for several traits of the same lines, over one kernel.

The model is Y = X B + U + E with cov(vec U) = G x K and cov(vec E) = R x diag(1 / weight): G
(traits, traits) the genetic covariances, R the residual ones. Traits may as well be environments.
Along the eigenvectors of K, V falls into a (traits, traits) block for each, so that a likelihood of
complete data costs the lines times the cube of the traits (Thompson & Shaw 1990, Biometrics
46:399; Zhou & Stephens 2014, Nat Methods 11:407).

A value that is missing is given a fixed effect of its own. No contrast that is free of the
fixed effects then tells of it, so that the restricted likelihood is exactly that of the values
that are there, while V keeps its blocks. It costs the values times the square of the missing
ones, and never more than inverting the V of those that are there.

G and R are searched for by factors of theirs (`covariance.py`), along the average information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from breedcast.ascent import Point, along_information, climb
from breedcast.models.base import Prediction
from breedcast.models.covariance import Form, diagonal, unstructured

#: R has this share of each trait's variance on its diagonal at least, so that V has an inverse.
LEAST_RESIDUAL = 1e-5
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
    _eigenvectors: np.ndarray  # (n, n) U of K; rows times sqrt(weight)
    _precision: np.ndarray  # (n, traits, traits) of V along them
    _reach: np.ndarray  # (n, traits, f) V^-1 F C, F all fixed effects and C C' = (F' V^-1 F)^-1
    _fixed_root: np.ndarray  # (traits, c, f) the rows of C that belong to X

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
        errors = self.error_covariances(k, k_self, x, trait)
        target = np.array([0, 1 + trait])
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
        self, k: np.ndarray, k_self: np.ndarray, x: np.ndarray, trait: int
    ) -> np.ndarray:
        """(lines, 1 + traits, 1 + traits) of the errors of each line's predictions.

        The first is of g alone in one trait (its PEV), the others are of x B + g in every trait.
        """
        of = np.array([trait, *range(len(self.genetic))])
        own = self.genetic[of]
        rotated = k @ self._eigenvectors
        explained = np.einsum("si,nij,tj->nst", own, self._precision, own, optimize=True)
        prior = k_self[:, None, None] * self.genetic[np.ix_(of, of)]
        genetic = prior - np.tensordot(rotated**2, explained, axes=1)
        gap = -np.tensordot(rotated, np.einsum("nif,si->nsf", self._reach, own), axes=1)
        gap[:, 1:] += np.einsum("lc,tcf->ltf", x, self._fixed_root)
        return np.asarray(genetic + gap @ gap.transpose(0, 2, 1))


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
    d, U = np.linalg.eigh(K)
    traits = len(scale)
    any_of = unstructured(traits)
    residual = any_of if correlated_residuals else diagonal(traits)
    rotated = _Likelihood.of(np.maximum(d, 0.0), U, Y / scale, X, (any_of, residual))
    found = [_most_likely(rotated, form) for form in genetic]
    likelihood, best = min(found, key=lambda each: _aic(each[1]))
    G, R = likelihood.covariances(best.variances)
    solution = likelihood.solve(G, R)
    c = X.shape[1]
    own = np.concatenate([start + np.arange(c) for start in likelihood.starts])
    units = np.outer(scale, scale)
    return MultivariateModel(
        genetic=G * units,
        residual=R * units,
        fixed_effects=solution.b[own].reshape(traits, c).T * scale,
        dual=root[:, None] * (U @ solution.dual) / scale,
        _eigenvectors=root[:, None] * U,
        _precision=solution.precision / units,
        _reach=solution.reach / scale[:, None],
        _fixed_root=solution.root[own].reshape(traits, c, -1) * scale[:, None, None],
    )


def _most_likely(rotated: _Likelihood, genetic: Form | None) -> tuple[_Likelihood, Point]:
    """The likelihood with G of this form, None for any as `rotated` has it, and its maximum."""
    likelihood = rotated
    if genetic is not None:
        likelihood = replace(rotated, forms=(genetic, rotated.forms[1]))
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


@dataclass(frozen=True)
class _Solution:
    """What the equations give at some covariances, in rotated coordinates.

    b: (f,) fixed effects, those of missing values included; root: (f, f) C of
    C C' = (F' V^-1 F)^-1; the others as in MultivariateModel.
    """

    b: np.ndarray
    dual: np.ndarray
    precision: np.ndarray
    reach: np.ndarray
    root: np.ndarray
    likelihood: float


@dataclass(frozen=True)
class _Likelihood:
    """The restricted likelihood along the eigenvectors of K.

    d: (n,) eigenvalues; Y: (n, traits) rotated; fixed: by trait (n, its fixed effects), X rotated
    and then a column per missing value; forms: of G and of R, whose numbers are searched for.
    """

    d: np.ndarray
    Y: np.ndarray
    fixed: list[np.ndarray]
    forms: tuple[Form, Form]

    @classmethod
    def of(
        cls, d: np.ndarray, U: np.ndarray, Y: np.ndarray, X: np.ndarray, forms: tuple[Form, Form]
    ) -> _Likelihood:
        missing = ~np.isfinite(Y)
        return cls(
            d,
            U.T @ np.where(missing, 0.0, Y),
            [np.hstack([U.T @ X, U[gone].T]) for gone in missing.T],
            forms,
        )

    @property
    def starts(self) -> np.ndarray:
        """(traits,) position of each trait's first fixed effect among all."""
        return np.cumsum([0] + [F.shape[1] for F in self.fixed[:-1]])

    def _factors(self, numbers: np.ndarray) -> list[np.ndarray]:
        """The factors of G and R."""
        parts = np.split(numbers, [self.forms[0].numbers])
        return [form.factor(part) for form, part in zip(self.forms, parts, strict=True)]

    def covariances(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """G and R of these numbers."""
        G, R = self._factors(numbers)
        return G @ G.T, R @ R.T + LEAST_RESIDUAL * np.eye(len(R))

    def solve(self, G: np.ndarray, R: np.ndarray) -> _Solution:
        """The mixed model equations. Raises LinAlgError where rounding leaves them no solution."""
        from scipy.linalg import solve_triangular

        V = self.d[:, None, None] * G + R
        precision = np.linalg.inv(V)
        pushed = np.concatenate(
            [precision[:, :, t, None] * F[:, None] for t, F in enumerate(self.fixed)], axis=2
        )  # (n, traits, f): V^-1 F
        FVF = np.vstack([F.T @ pushed[:, t] for t, F in enumerate(self.fixed)])
        lower = np.linalg.cholesky(FVF)
        root = solve_triangular(lower, np.eye(len(lower)), lower=True).T
        n, traits, f = pushed.shape
        reach = (pushed.reshape(-1, f) @ root).reshape(n, traits, f)
        weighted = np.einsum("ist,it->is", precision, self.Y)
        b = root @ np.einsum("isf,is->f", reach, self.Y)
        dual = weighted - pushed @ b
        return _Solution(
            b=b,
            dual=dual,
            precision=precision,
            reach=reach,
            root=root,
            likelihood=-0.5
            * float(
                np.linalg.slogdet(V)[1].sum()
                + 2 * np.log(np.diag(lower)).sum()
                + np.vdot(dual, self.Y)
            ),
        )

    def at(self, numbers: np.ndarray) -> Point:
        """The likelihood and its derivatives by the numbers of the two factors."""
        from scipy.linalg import block_diag

        try:
            found = self.solve(*self.covariances(numbers))
        except np.linalg.LinAlgError:
            nothing = np.zeros(len(numbers))
            return Point(numbers, -np.inf, nothing, np.eye(len(numbers)))
        gradient, working, curvatures = [], [], []
        for form, factor, slope, d in zip(
            self.forms,
            self._factors(numbers),
            self._slopes(found),
            (self.d, np.ones_like(self.d)),
            strict=True,
        ):
            gradient.append(2 * (slope @ factor)[form.at])
            curvatures.append(_curvature(slope, *form.at))
            scores = d[:, None] * found.dual
            for row, column in zip(*form.at, strict=True):
                # the derivative of L L' by L[row, column] times the dual
                change = np.outer(scores[:, row], factor[:, column])
                change[:, row] += scores @ factor[:, column]
                working.append(change)
        changes = np.stack(working)
        weighted = np.einsum("ist,kit->kis", found.precision, changes)
        fixed = np.tensordot(changes, found.reach, axes=2)
        average = np.tensordot(changes, weighted, axes=([1, 2], [1, 2])) - fixed @ fixed.T
        information = 0.5 * average + block_diag(*curvatures)
        ties = block_diag(*(form.ties for form in self.forms))
        return Point(
            numbers,
            found.likelihood,
            ties.T @ np.concatenate(gradient),
            ties.T @ information @ ties,
        )

    def _slopes(self, found: _Solution) -> tuple[np.ndarray, np.ndarray]:
        """The derivatives of the likelihood by G and by R, each (traits, traits)."""
        left = found.precision - found.reach @ found.reach.transpose(0, 2, 1)
        each = 0.5 * (found.dual[:, :, None] * found.dual[:, None] - left)
        return np.tensordot(self.d, each, axes=1), each.sum(axis=0)

    def along_information(self, point: Point) -> Point:
        """The step of average information, or the same point where it gains nothing."""
        return along_information(self.at, point, np.full(len(point.variances), -np.inf))

    def along_each_number(self, point: Point) -> Point:
        """The same with each number's own information alone, of which none is another's."""
        own = np.diag(np.diag(point.information))
        return self.along_information(replace(point, information=own))

    def by_expectation(self, point: Point) -> Point:
        """The step of expectation-maximisation, or the same point where it gains nothing.

        For a G that may be any covariance.
        """
        G, R = self.covariances(point.variances)
        slopes = self._slopes(self.solve(G, R))
        least = (0.0, LEAST_RESIDUAL)
        factors = [
            _factor(S + 2 / len(self.d) * S @ slope @ S - bound * np.eye(len(S)))
            for S, slope, bound in zip((G, R), slopes, least, strict=True)
        ]
        tried = self.at(
            np.concatenate(
                [factor[form.at] for factor, form in zip(factors, self.forms, strict=True)]
            )
        )
        return tried if tried.likelihood > point.likelihood else point


def _factor(covariance: np.ndarray) -> np.ndarray:
    """The lower triangular L of L L' = covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    _, upper = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T)
    return upper.T


def _curvature(slope: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(entries, entries) what the bend of L L' adds to the information about entries of L.

    The average information is of covariances, whose derivatives by L vanish where L does: without
    this no step would end at a singular covariance. Entries bend L L' with those of their own
    column. Only directions in which the likelihood falls count, so that the information stays
    positive.
    """
    added = np.zeros((len(rows), len(rows)))
    for column in np.unique(columns):
        here = np.flatnonzero(columns == column)
        values, vectors = np.linalg.eigh(slope[np.ix_(rows[here], rows[here])])
        added[np.ix_(here, here)] = (vectors * np.maximum(-values, 0.0)) @ vectors.T
    return 2 * added
