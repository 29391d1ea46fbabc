"""One environment's plots: adjusted means of its lines, variances and heritability.

The model is y = line + terms of the field + e, all terms random. Lines are fixed for their adjusted
means (BLUEs) and random for the heritability, each time with variances by REML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from breedcast.ascent import Point, maximise
from breedcast.phenotypes.equations import Equations, Records
from breedcast.phenotypes.terms import Term

#: Fewest plots beyond the first of each line from which an error variance is estimated.
LEAST_REPEATED = 10
#: Variances stay above this share of the variance of the plots, and below twice it count as 0.
LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Trial:
    """The plots of one environment that have a value.

    line: (plots,) positions of the plots' lines; lines: how many there are; check: (lines,)
    which of them are checks; value: (plots,); terms: of the field.
    """

    line: np.ndarray
    lines: int
    check: np.ndarray
    value: np.ndarray
    terms: list[Term]

    @property
    def plots(self) -> np.ndarray:
        """(lines,) plots of each line."""
        return np.bincount(self.line, minlength=self.lines)

    @property
    def untold(self) -> str:
        """Why the plots do not tell error from lines; nothing where they do."""
        repeated = len(self.value) - self.lines
        if repeated < LEAST_REPEATED:
            return (
                f"{repeated} plots repeat a line and {LEAST_REPEATED} are needed to tell error "
                "from lines: nothing is adjusted for"
            )
        return "all plots have one value" if np.ptp(self.value) == 0 else ""


@dataclass(frozen=True)
class Means:
    """Estimates of lines: value, standard error and weight, each (lines,).

    weight: the inverse of the error variance, as `Records.line_information` gives it. Errors and
    weights are NaN where nothing tells of them.
    """

    value: np.ndarray
    standard_error: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Heritability:
    """Variances with lines random, checks fixed, and how much of the lines' means is genetic.

    variances: by name, `line` and `error` among them. line_mean: s2g / (s2g + mean error
    variance of a line's mean). cullis: 1 - mean variance of a difference of BLUPs / (2 s2g),
    Cullis, Smith & Coombes (2006, J Agric Biol Environ Stat 11:381-393).
    """

    variances: dict[str, float]
    line_mean: float
    cullis: float


def adjusted_means(trial: Trial) -> Means:
    """The lines' BLUEs at the mean of all effects of the field.

    Where the plots do not tell error from lines, nor from the field, the plain means.
    """
    if trial.untold:
        plain = np.bincount(trial.line, trial.value, trial.lines) / trial.plots
        unknown = np.full(trial.lines, np.nan)
        return Means(plain, unknown, unknown)
    model = _Model.of(trial, random=np.zeros(trial.lines, bool))
    variances = model.fitted_variances()
    error = variances[-1]
    equations = model.equations(variances)
    lines, _ = equations.solve(*model.records.sums(trial.value[:, None]))
    information = model.records.line_information(model.other_ridge(variances))
    return Means(
        lines[:, 0], np.sqrt(error * equations.line_variances), np.maximum(information, 0) / error
    )


def heritability(trial: Trial) -> Heritability | None:
    """None where no error variance can be told, or fewer than two lines are no checks."""
    random = ~trial.check
    if trial.untold or random.sum() < 2:
        return None
    model = _Model.of(trial, random)
    variances = model.fitted_variances()
    difference = model.equations(variances).mean_variance_of_difference(random)
    of_mean = float(np.mean(1 / trial.plots[random]))
    real = np.where(variances > 2 * LEAST_SHARE * trial.value.var(), variances, 0.0)
    named = dict(zip(model.names, map(float, real), strict=True))
    return heritable(named, variances[-1] * of_mean, variances[-1] * difference)


def heritable(
    variances: dict[str, float], of_mean: float, difference: float | None
) -> Heritability:
    """Heritabilities from the mean error variances of a line's mean and of two BLUPs' difference.

    Both are 0 where the lines have no variance, and there is no difference of BLUPs.
    """
    genetic = variances["line"]
    if not genetic or difference is None:
        return Heritability(variances, 0.0, 0.0)
    return Heritability(variances, genetic / (genetic + of_mean), 1 - difference / (2 * genetic))


@dataclass(frozen=True)
class _Model:
    """The mixed model of a trial.

    random: (lines,) which lines are; with any, an intercept is the first of the other effects.
    slices: the columns of each term among the other effects.
    """

    trial: Trial
    random: np.ndarray
    records: Records
    slices: list[slice]
    names: list[str]

    @classmethod
    def of(cls, trial: Trial, random: np.ndarray) -> _Model:
        intercept = [_intercept(len(trial.value))] if random.any() else []
        terms = [it for it in trial.terms if random.any() or _is_seen_within_lines(it, trial)]
        design = [*intercept, *terms]
        ends = np.cumsum([0, *(it.T.shape[1] for it in design)])
        slices = [slice(*it) for it in pairwise(ends)][len(intercept) :]
        records = records_of(trial.line, trial.lines, design, np.ones(len(trial.value)))
        line = ["line"] if random.any() else []
        names = [*(it.name for it in terms), *line, "error"]
        return cls(trial, random, records, slices, names)

    @property
    def effects(self) -> np.ndarray:
        """(random components,) how many effects each has."""
        lines = [int(self.random.sum())] if self.random.any() else []
        return np.array([*(it.stop - it.start for it in self.slices), *lines], int)

    def other_ridge(self, variances: np.ndarray) -> np.ndarray:
        """(others,) the residual variance over that of each effect, 0 for the intercept."""
        ridge = np.zeros(self.records.T.shape[1])
        for place, variance in zip(self.slices, variances, strict=False):
            ridge[place] = variances[-1] / variance
        return ridge

    def equations(self, variances: np.ndarray) -> Equations:
        of_lines = self.random * (variances[-1] / variances[-2]) if self.random.any() else 0.0
        return self.records.equations(
            np.broadcast_to(of_lines, self.trial.lines), self.other_ridge(variances)
        )

    def fitted_variances(self) -> np.ndarray:
        """The variances by REML in the order of `names`, in squared units of the trait."""
        value, count = self.trial.value, len(self.names)
        y = (value - value.mean()) / value.std()
        ranks = np.array([*self.effects, len(y)])
        found = maximise(
            lambda variances: self._likelihood(variances, y),
            start=np.full(count, 1 / count),
            least=np.full(count, LEAST_SHARE),
            ranks=ranks,
        )
        return found.variances * value.var()

    def _likelihood(self, variances: np.ndarray, y: np.ndarray) -> Point:
        """The restricted likelihood of y and its derivatives, all from the equations.

        Johnson & Thompson (1995, J Dairy Sci 78:449-456).
        """
        error, effects = variances[-1], self.effects
        try:
            equations = self.equations(variances)
        except np.linalg.LinAlgError:  # a step so far that a ratio of variances is lost in rounding
            return Point(variances, -np.inf, np.zeros(len(variances)), np.eye(len(variances)))
        line, other = equations.solve(*self.records.sums(y[:, None]))
        residual = y - self.records.fitted(line, other)[:, 0]
        yPy = float(y @ residual) / error
        fixed = (~self.random).sum() + self.random.any()
        free = len(y) - int(fixed)
        parts = [(other[it, 0], np.diag(equations.S_inverse)[it].sum()) for it in self.slices]
        if self.random.any():
            parts.append((line[self.random, 0], equations.line_variances[self.random].sum()))
        traces = np.array([trace for _, trace in parts]) * error
        squares = np.array([float(u @ u) for u, _ in parts])
        random = variances[:-1]
        explained = effects - traces / random  # the effects that the data tell of
        gradient = np.append(
            explained / random - squares / random**2,
            (free - explained.sum()) / error - residual @ residual / error**2,
        )
        working = self._working(line[:, 0], other[:, 0], residual) / variances
        left = working - self.records.fitted(*equations.solve(*self.records.sums(working)))
        deviance = (
            (free - effects.sum()) * np.log(error)
            + effects @ np.log(random)
            + equations.logdet
            + yPy
        )
        return Point(variances, -0.5 * deviance, -0.5 * gradient, 0.5 * working.T @ left / error)

    def _working(self, line: np.ndarray, other: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """(plots, components) the share of each component in the plots."""
        columns = []
        for place in self.slices:
            alone = np.zeros_like(other)
            alone[place] = other[place]
            columns.append(self.records.B @ (self.records.T @ alone))
        if self.random.any():
            columns.append((line * self.random)[self.trial.line])
        return np.column_stack([*columns, residual])


def records_of(
    line: np.ndarray, lines: int, design: Sequence[Term], precision: np.ndarray
) -> Records:
    """Records of lines with these terms side by side."""
    from scipy.sparse import block_diag, csr_array, hstack

    nothing = csr_array((len(line), 0))
    B = csr_array(hstack([nothing, *(it.B for it in design)]))
    T = csr_array(block_diag([csr_array((0, 0)), *(it.T for it in design)]))
    return Records(line, lines, B, T, precision)


def _intercept(plots: int) -> Term:
    from scipy.sparse import csr_array

    return Term("intercept", csr_array(np.ones((plots, 1))), csr_array(np.eye(1)))


def _is_seen_within_lines(term: Term, trial: Trial) -> bool:
    """Whether any effect of the term differs between plots of one line."""
    records = records_of(trial.line, trial.lines, [term], np.ones(len(trial.value)))
    within = records.square - records.cross.T @ (records.cross / records.counts[:, None])
    return bool(within.diagonal().sum() > 1e-9 * records.square.diagonal().sum())
