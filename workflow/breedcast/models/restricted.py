"""The restricted likelihood of several traits' covariances, and its derivatives, in two ways.

Both are the likelihood of the same values (`multivariate.py` has the model), by numbers that
factors of G and R follow from:

    Rotated: along the eigenvectors of K, V falls into a (traits, traits) block for each (Thompson &
        Shaw 1990, Biometrics 46:399; Zhou & Stephens 2014, Nat Methods 11:407), where all lines
        have all traits. A value that is missing is given a fixed effect of its own. No contrast
        that is free of the fixed effects then tells of it, so that the likelihood is exactly that
        of the values that are there. It costs the values times the square of the missing ones.
    Observed: V of the values that are there, inverted. It costs their cube.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from breedcast.ascent import Point, along_information
from breedcast.limits import is_quicker_by_values
from breedcast.models.covariance import Form
from breedcast.models.prediction_errors import Errors, ErrorsByEigenvectors, ErrorsByValues

#: R has this share of each trait's variance on its diagonal at least, so that V has an inverse.
LEAST_RESIDUAL = 1e-5


class Solved(ABC):
    """The likelihood at some G and R, and what its derivatives are made of.

    likelihood: up to a constant. scores: (n, traits) K V^-1 (Y - X B) and V^-1 (Y - X B): times a
    change of G or of R, they are that change of V times V^-1 (Y - X B). slopes: (traits, traits)
    the likelihood's derivatives by G and by R.
    """

    likelihood: float

    @property
    @abstractmethod
    def scores(self) -> tuple[np.ndarray, np.ndarray]: ...

    @property
    @abstractmethod
    def slopes(self) -> tuple[np.ndarray, np.ndarray]: ...

    @abstractmethod
    def products(self, changes: np.ndarray) -> np.ndarray:
        """(changes, changes) c' P c of changes (changes, n, traits), where P = V^-1 without what
        fixed effects can tell.
        """

    @property
    @abstractmethod
    def fixed_effects(self) -> np.ndarray:
        """(c, traits) B."""

    @property
    @abstractmethod
    def dual_of_lines(self) -> np.ndarray:
        """(n, traits) V^-1 (Y - X B), 0 where Y is missing."""

    @abstractmethod
    def errors(self, root: np.ndarray, scale: np.ndarray) -> Errors:
        """Of the errors of predictions, where rows were multiplied by root (n,) and traits
        divided by scale (traits,).
        """


@dataclass(frozen=True)
class Likelihood(ABC):
    """forms: of G and of R, whose numbers are searched for."""

    forms: tuple[Form, Form]

    @property
    @abstractmethod
    def lines(self) -> int:
        """How many lines there are."""

    @abstractmethod
    def solve(self, G: np.ndarray, R: np.ndarray) -> Solved:
        """Raises LinAlgError where rounding leaves the equations no solution."""

    def _factors(self, numbers: np.ndarray) -> list[np.ndarray]:
        """The factors of G and R."""
        parts = np.split(numbers, [self.forms[0].numbers])
        return [form.factor(part) for form, part in zip(self.forms, parts, strict=True)]

    def covariances(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """G and R of these numbers."""
        G, R = self._factors(numbers)
        return G @ G.T, R @ R.T + LEAST_RESIDUAL * np.eye(len(R))

    def at(self, numbers: np.ndarray) -> Point:
        """The likelihood and its derivatives by the numbers of the two factors."""
        from scipy.linalg import block_diag

        try:
            found = self.solve(*self.covariances(numbers))
        except np.linalg.LinAlgError:
            nothing = np.zeros(len(numbers))
            return Point(numbers, -np.inf, nothing, np.eye(len(numbers)))
        gradient, working, curvatures = [], [], []
        for form, factor, slope, scores in zip(
            self.forms, self._factors(numbers), found.slopes, found.scores, strict=True
        ):
            gradient.append(2 * (slope @ factor)[form.at])
            curvatures.append(_curvature(slope, *form.at))
            for row, column in zip(*form.at, strict=True):
                # the derivative of L L' by L[row, column] times the dual
                change = np.outer(scores[:, row], factor[:, column])
                change[:, row] += scores @ factor[:, column]
                working.append(change)
        information = 0.5 * found.products(np.stack(working)) + block_diag(*curvatures)
        ties = block_diag(*(form.ties for form in self.forms))
        return Point(
            numbers,
            found.likelihood,
            ties.T @ np.concatenate(gradient),
            ties.T @ information @ ties,
        )

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
        least = (0.0, LEAST_RESIDUAL)
        factors = [
            _factor(S + 2 / self.lines * S @ slope @ S - bound * np.eye(len(S)))
            for S, slope, bound in zip((G, R), self.solve(G, R).slopes, least, strict=True)
        ]
        tried = self.at(
            np.concatenate(
                [factor[form.at] for factor, form in zip(factors, self.forms, strict=True)]
            )
        )
        return tried if tried.likelihood > point.likelihood else point


@dataclass(frozen=True)
class RotatedSolution(Solved):
    """What the equations give at some covariances, in rotated coordinates.

    b: (f,) fixed effects, those of missing values included; dual: (n, traits)
    V^-1 (Y - F b); precision: (n, traits, traits) of V; root: (f, f) C of C C' = (F' V^-1 F)^-1;
    reach: (n, traits, f) V^-1 F C.
    """

    equations: Rotated
    b: np.ndarray
    dual: np.ndarray
    precision: np.ndarray
    reach: np.ndarray
    root: np.ndarray
    likelihood: float

    @property
    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        return self.equations.d[:, None] * self.dual, self.dual

    @property
    def slopes(self) -> tuple[np.ndarray, np.ndarray]:
        left = self.precision - self.reach @ self.reach.transpose(0, 2, 1)
        each = 0.5 * (self.dual[:, :, None] * self.dual[:, None] - left)
        return np.tensordot(self.equations.d, each, axes=1), each.sum(axis=0)

    def products(self, changes: np.ndarray) -> np.ndarray:
        weighted = np.einsum("ist,kit->kis", self.precision, changes)
        fixed = np.tensordot(changes, self.reach, axes=2)
        found: np.ndarray = np.tensordot(changes, weighted, axes=([1, 2], [1, 2]))
        return found - fixed @ fixed.T

    @property
    def fixed_effects(self) -> np.ndarray:
        found: np.ndarray = self.b[self.equations.own].T
        return found

    @property
    def dual_of_lines(self) -> np.ndarray:
        found: np.ndarray = self.equations.U @ self.dual
        return found

    def errors(self, root: np.ndarray, scale: np.ndarray) -> ErrorsByEigenvectors:
        return ErrorsByEigenvectors(
            root[:, None] * self.equations.U,
            self.precision / np.outer(scale, scale),
            self.reach / scale[:, None],
            self.root[self.equations.own] * scale[:, None, None],
        )


@dataclass(frozen=True)
class Rotated(Likelihood):
    """Along the eigenvectors of K.

    d: (n,) eigenvalues, U: (n, n) eigenvectors; Y: (n, traits) rotated; fixed: by trait (n, its
    fixed effects), X rotated and then a column per missing value; own: (traits, c) positions of
    X's effects among all.
    """

    d: np.ndarray
    U: np.ndarray
    Y: np.ndarray
    fixed: list[np.ndarray]
    own: np.ndarray

    @classmethod
    def of(cls, forms: tuple[Form, Form], K: np.ndarray, Y: np.ndarray, X: np.ndarray) -> Rotated:
        """Of values Y (n, traits), NaN where missing, with fixed effects X (n, c)."""
        d, U = np.linalg.eigh(K)
        missing = ~np.isfinite(Y)
        effects = X.shape[1] + missing.sum(axis=0)
        return cls(
            forms,
            np.maximum(d, 0.0),
            U,
            U.T @ np.where(missing, 0.0, Y),
            [np.hstack([U.T @ X, U[gone].T]) for gone in missing.T],
            (np.cumsum(effects) - effects)[:, None] + np.arange(X.shape[1]),
        )

    @property
    def lines(self) -> int:
        return len(self.d)

    def solve(self, G: np.ndarray, R: np.ndarray) -> RotatedSolution:
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
        return RotatedSolution(
            equations=self,
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


@dataclass(frozen=True)
class ObservedSolution(Solved):
    """dual: (n, traits) P y, 0 where a value is missing; P: (values, values); W: (traits c,
    traits c) (X' V^-1 X)^-1; estimator: (traits c, values) W X' V^-1.
    """

    equations: Observed
    dual: np.ndarray
    P: np.ndarray
    W: np.ndarray
    estimator: np.ndarray
    likelihood: float

    @property
    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        return self.equations.K @ self.dual, self.dual

    @property
    def slopes(self) -> tuple[np.ndarray, np.ndarray]:
        left = self.equations.among_traits(self.equations.K_values * self.P)
        one, two = self.equations.same_line
        own = np.zeros_like(left)
        np.add.at(own, (self.equations.trait[one], self.equations.trait[two]), self.P[one, two])
        by_genetic, by_residual = self.scores
        return 0.5 * (self.dual.T @ by_genetic - left), 0.5 * (self.dual.T @ by_residual - own)

    def products(self, changes: np.ndarray) -> np.ndarray:
        seen = changes[:, self.equations.line, self.equations.trait]
        found: np.ndarray = seen @ self.P @ seen.T
        return found

    @property
    def fixed_effects(self) -> np.ndarray:
        b: np.ndarray = self.estimator @ self.equations.y
        return b.reshape(self.dual.shape[1], -1).T

    @property
    def dual_of_lines(self) -> np.ndarray:
        return self.dual

    def errors(self, root: np.ndarray, scale: np.ndarray) -> ErrorsByValues:
        line, trait = self.equations.line, self.equations.trait
        of_values, of_effects = scale[trait], np.repeat(scale, len(self.W) // len(scale))
        return ErrorsByValues(
            *(line, trait, root[line]),
            P=self.P / np.outer(of_values, of_values),
            W=self.W * np.outer(of_effects, of_effects),
            estimator=self.estimator * of_effects[:, None] / of_values,
        )


@dataclass(frozen=True)
class Observed(Likelihood):
    """Of the values that are there, trait after trait.

    K: (n, n) relationships; y: (values,); X: (values, traits c), each trait's fixed effects its
    own; line, trait: (values,) whose and of what each is; K_values: (values, values) K of their
    lines; same_line: pairs of values of one line.
    """

    K: np.ndarray
    y: np.ndarray
    X: np.ndarray
    line: np.ndarray
    trait: np.ndarray
    K_values: np.ndarray
    same_line: tuple[np.ndarray, np.ndarray]

    @staticmethod
    def is_quicker(Y: np.ndarray) -> bool:
        """Whether a step takes less than one of `Rotated`, of values Y (n, traits)."""
        missing = int(np.isnan(Y).sum())
        return is_quicker_by_values(Y.size - missing, missing)

    @classmethod
    def of(cls, forms: tuple[Form, Form], K: np.ndarray, Y: np.ndarray, X: np.ndarray) -> Observed:
        """Of values Y (n, traits), NaN where missing, with fixed effects X (n, c)."""
        trait, line = np.nonzero(np.isfinite(Y.T))
        fixed = np.zeros((len(line), Y.shape[1], X.shape[1]))
        fixed[np.arange(len(line)), trait] = X[line]
        one, two = np.nonzero(line[:, None] == line)
        return cls(
            forms,
            K,
            Y[line, trait],
            fixed.reshape(len(line), -1),
            line,
            trait,
            K[np.ix_(line, line)],
            (one, two),
        )

    @property
    def lines(self) -> int:
        return len(self.K)

    def among_traits(self, values: np.ndarray) -> np.ndarray:
        """(traits, traits) the sums of (values, values) over the values of two traits."""
        starts = np.searchsorted(self.trait, np.arange(self.forms[0].rows.max() + 1))
        return np.add.reduceat(np.add.reduceat(values, starts, axis=0), starts, axis=1)

    def solve(self, G: np.ndarray, R: np.ndarray) -> ObservedSolution:
        from scipy.linalg import cho_factor, cho_solve, lapack

        V = self.K_values * G[np.ix_(self.trait, self.trait)]
        one, two = self.same_line
        V[one, two] += R[self.trait[one], self.trait[two]]
        # V is its own transpose: LAPACK takes it by columns, without a copy
        upper, failed = lapack.dpotrf(V.T, lower=0, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError("V is not positive definite")
        logarithm = 2 * np.log(np.diag(upper)).sum()
        inverse = lapack.dpotri(upper, lower=0, overwrite_c=1)[0]
        P = np.triu(inverse)
        P += np.triu(inverse, 1).T
        pushed = P @ self.X
        factor = cho_factor(self.X.T @ pushed)
        estimator = cho_solve(factor, pushed.T)
        P -= pushed @ estimator
        Py = P @ self.y
        dual = np.zeros((self.lines, len(G)))
        dual[self.line, self.trait] = Py
        logarithm += 2 * np.log(np.diag(factor[0])).sum()
        return ObservedSolution(
            equations=self,
            dual=dual,
            P=P,
            W=cho_solve(factor, np.eye(len(estimator))),
            estimator=estimator,
            likelihood=-0.5 * float(logarithm + Py @ self.y),
        )


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
