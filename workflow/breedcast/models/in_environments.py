"""Genetic values of lines in each of several environments: main effect and interaction.

With K the relationships of lines, values of two lines in two environments covary by K times a
covariance of the environments, which is

    unstructured: any, estimated for each pair (as that of traits, `multivariate.py`), errors having
        a variance of their own in each; of it the interaction is all but its mean.
    factor_analytic: that of few factors which all environments share, and a variance of each one's
        own (Smith, Cullis & Thompson 2001, Biometrics 57:1138): fewer numbers for many of them.
    uniform: a main effect and an interaction of one variance in all (Jarquín et al. 2014, Theor
        Appl Genet 127:595, without covariates; Lopez-Cruz et al. 2015, G3 5:569, of one variance).
    reaction_norm: these two and W W', W the environments' covariates (Jarquín et al. 2014): lines
        differ in what each covariate does to them, and so in an environment that is new.
    auto: one correlation of all pairs, factor_analytic or unstructured, by the least AIC.

K may be several kernels of markers (Cuevas et al. 2017, G3 7:41). Departures: variances by REML,
and of several kernels shares that are the same in all environments, from the lines' means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from breedcast.errors import UserError
from breedcast.limits import operations
from breedcast.models.base import Fitted, Lines, Prediction
from breedcast.models.between_environments import Between, vary
from breedcast.models.covariance import Form, alike, factor_analytic
from breedcast.models.kernel_sum import ADDITIVE, KernelSum
from breedcast.models.kernels import Kernel
from breedcast.models.kinship import Kinship
from breedcast.models.linear import absolute_effects
from breedcast.models.multikernel import combined, kernel_shares, named_shares, some_lines
from breedcast.models.multivariate import MultivariateModel, correlations, fit_multivariate
from breedcast.models.reml import MixedModel, fit_reml
from breedcast.phenotypes.covariates import FixedEffects, FullRankDesign
from breedcast.several_traits import BETWEEN_ENVIRONMENTS

AUTO, NONE, UNIFORM, UNSTRUCTURED = "auto", "none", "uniform", "unstructured"
FACTOR_ANALYTIC, REACTION_NORM = "factor_analytic", "reaction_norm"
INTERACTIONS = (AUTO, NONE, UNIFORM, UNSTRUCTURED, FACTOR_ANALYTIC, REACTION_NORM)
#: Those whose covariances are estimated for each pair of environments; of auto the best form.
BY_PAIRS = (AUTO, UNSTRUCTURED, FACTOR_ANALYTIC)
#: Told by a model that has the option.
DESCRIPTION = (
    "Where there are environments, how a line's values in them go together: unstructured (a "
    "covariance for each pair), factor_analytic (of few factors), uniform (main effect and "
    "interaction), reaction_norm (these and what environment covariates do), none (main effect "
    "alone), or auto, as the data allow."
)
#: Factors that environments share at most.
MOST_FACTORS = 3
#: Limits of `auto`: environments of an unstructured covariance and of a factor-analytic one; their
#: values, and what a step takes that heeds the missing ones; the fewest values of an environment.
MOST_UNSTRUCTURED, MOST_FACTOR_ANALYTIC = 8, 20
MOST_VALUES, MOST_OPERATIONS, LEAST_VALUES = 4000, 1.6e10, 50
#: Values of a uniform interaction or a reaction norm, and the fewest environments of the latter.
MOST_UNIFORM, LEAST_ENVIRONMENTS = 10_000, 4


def heeds_conditions(interaction: str) -> bool:
    """Whether a model with this option learns from environment covariates, where there are any."""
    return interaction in (AUTO, REACTION_NORM)


def interaction_of(lines: Lines, wanted: str) -> str:
    """The interaction that these training lines are fitted with; of one environment there is none.

    `auto` takes what the numbers of environments and values allow, and stays where these allow a
    covariance of each pair, whose form the fit chooses. Another name stands as it is, but for a
    reaction norm where covariates tell no environment from another, or two alone, of which they
    say what a main effect and an interaction say: it is then uniform.
    """
    if lines.environment is None:
        return NONE
    sizes = np.unique(lines.environment, return_counts=True)[1]
    if len(sizes) == 1:
        return NONE
    if wanted == REACTION_NORM:
        return REACTION_NORM if len(sizes) > 2 and vary(lines) else UNIFORM
    if wanted != AUTO:
        return wanted
    told = lines.conditions is not None and vary(lines)
    found = by_numbers(len(distinct(lines)[0]), sizes.tolist(), told)
    return UNIFORM if found == AUTO and not _vary_in_each(lines) else found


def by_numbers(lines: int, sizes: Sequence[int], conditions: bool) -> str:
    """What `auto` takes, where values vary in each environment.

    sizes: values in each; conditions: whether covariates tell environments apart.
    """
    values = sum(sizes)
    if len(sizes) < 2:
        return NONE
    if conditions and len(sizes) >= LEAST_ENVIRONMENTS and values <= MOST_UNIFORM:
        return REACTION_NORM
    few = len(sizes) <= MOST_FACTOR_ANALYTIC and values <= MOST_VALUES
    step = min(operations(values, lines * len(sizes) - values))
    if few and min(sizes) >= LEAST_VALUES and step <= MOST_OPERATIONS:
        return AUTO
    return UNIFORM if values <= MOST_UNIFORM else NONE


def _vary_in_each(lines: Lines) -> bool:
    """Whether the values vary within every environment."""
    environment = np.asarray(lines.environment)
    return all(np.ptp(lines.observed[environment == it]) > 0 for it in np.unique(environment))


class AcrossEnvironments(ABC):
    """What was learnt of lines in environments over one kernel, that of the distinct lines."""

    @property
    @abstractmethod
    def facts(self) -> dict[str, float]:
        """What the variances are."""

    @property
    @abstractmethod
    def main_dual(self) -> np.ndarray:
        """(distinct lines,) what multiplies their kernel with a line for its main effect."""

    @abstractmethod
    def predict(self, k: np.ndarray, k_self: np.ndarray, lines: Lines) -> Prediction:
        """Lines in their environments; k: (lines, distinct lines), k_self: (lines,) kernels."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, by name."""


def forms(Y: np.ndarray, interaction: str) -> list[Form | None]:
    """The forms of covariances between environments to choose from. Y: (distinct, environments)."""
    environments = Y.shape[1]
    most = min(MOST_FACTORS, environments // 2 - 1)  # more would be as many numbers as any has
    factors = [factor_analytic(Y, count) for count in range(1, most + 1)]
    if interaction == UNSTRUCTURED or (interaction == FACTOR_ANALYTIC and not factors):
        return [None]
    if interaction == FACTOR_ANALYTIC:
        return [*factors]
    any_of = [None] if environments <= MOST_UNSTRUCTURED else []
    return [alike(environments), *factors, *any_of]


@dataclass(frozen=True)
class Covariances(AcrossEnvironments):
    """By pairs of environments: of the forms asked for that which has the least AIC.

    names: the environments, in the order of the model's columns; fixed: covariates' effects and
    environments' means, which the model is fitted beside.
    """

    names: np.ndarray
    fixed: FixedEffects
    model: MultivariateModel

    @classmethod
    def fit(cls, K: np.ndarray, line: np.ndarray, lines: Lines, interaction: str) -> Covariances:
        """K: (distinct, distinct); line: (lines,) each one's row of it.

        A line counts by its mean weight. Environments' means are corrected beside genetic values.
        """
        names, column = np.unique(np.asarray(lines.environment), return_inverse=True)
        fixed = FixedEffects.fit(lines.covariates, lines.observed, lines.weights)
        Y = np.full((len(K), len(names)), np.nan)
        Y[line, column] = lines.observed - fixed.predict(lines.covariates)
        weights = np.bincount(line, lines.weights) / np.bincount(line)
        X = np.ones((len(K), 1))
        try:
            model = fit_multivariate(K, Y, X, weights, False, forms(Y, interaction))
        except ValueError as error:
            raise UserError(
                f"interaction: {interaction}: in one of the environments {error}; take {UNIFORM}"
            ) from error
        return cls(names, fixed, model)

    @property
    def facts(self) -> dict[str, float]:
        between = correlations(self.model.genetic)
        pairs = zip(*np.triu_indices(len(self.names), 1), strict=True)
        return {
            "heritability": float(self.model.heritabilities.mean()),
            **{
                f"{BETWEEN_ENVIRONMENTS}{self.names[one]}, {self.names[two]}": between[one, two]
                for one, two in pairs
                if np.isfinite(between[one, two])
            },
        }

    @property
    def main_dual(self) -> np.ndarray:
        dual: np.ndarray = self.model.dual @ self.model.genetic.mean(axis=1)
        return dual

    def predict(self, k: np.ndarray, k_self: np.ndarray, lines: Lines) -> Prediction:
        """A new environment is the mean of the known ones, with no reliability."""
        x = np.ones((len(lines), 1))
        mean = self.model.predict(k, x).mean(axis=1)
        sd, reliability = np.full((2, len(lines)), np.nan)
        for column, name in enumerate(self.names):
            here = lines.environment == name
            found = self.model.prediction(k[here], k_self[here], x[here], column)
            mean[here], sd[here] = found.mean, found.sd
            reliability[here] = found.reliability
        return Prediction(mean + self.fixed.predict(lines.covariates), sd, reliability)

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "genetic_covariances": self.model.genetic,
            "residual_variances": np.diag(self.model.residual),
            "environment_means": self.model.fixed_effects[0],
            "fixed_effects": self.fixed.coefficients,
            "dual": self.model.dual,
        }


@dataclass(frozen=True)
class SumOfTerms(AcrossEnvironments):
    """Uniform or a reaction norm. shares: of the terms between environments; line: of the training
    lines, each one's row of the kernel.
    """

    shares: np.ndarray
    between: Between
    design: FullRankDesign
    mixed: MixedModel
    line: np.ndarray

    @classmethod
    def fit(
        cls, K: np.ndarray, line: np.ndarray, lines: Lines, by_covariates: bool, seed: int
    ) -> SumOfTerms:
        """As of `Covariances`, by values: a value counts by its own weight."""
        between = Between.fit(lines, by_covariates)
        root = np.sqrt(lines.weights)
        design = FullRankDesign.fit(lines.covariates)
        y, X = lines.observed * root, design.matrix(lines.covariates) * root[:, None]
        some = some_lines(len(lines), seed)
        of_some, K_some = lines.take(some), K[np.ix_(line[some], line[some])]
        K_some = K_some * np.outer(root[some], root[some])
        terms = np.eye(len(between.terms))
        kernels = [K_some * between.covariance(term, of_some)[:, some] for term in terms]
        shares = kernel_shares(kernels, y[some], X[some])
        weighted = K[np.ix_(line, line)] * between.covariance(shares, lines)
        weighted *= root
        weighted *= root[:, None]
        mixed = fit_reml(weighted, y, X).unweighted(root)
        return cls(shares, between, design, mixed, line)

    @property
    def facts(self) -> dict[str, float]:
        _, *terms = self.between.terms  # the main effect is what is left
        return {
            "heritability": self.mixed.heritability,
            **named_shares(terms, self.shares[1:]),
        }

    @property
    def main_dual(self) -> np.ndarray:
        return np.bincount(self.line, self.shares[0] * self.mixed.dual)

    def predict(self, k: np.ndarray, k_self: np.ndarray, lines: Lines) -> Prediction:
        cross = k[:, self.line] * self.between.covariance(self.shares, lines)
        own = k_self * self.between.variance(self.shares, lines)
        return self.mixed.prediction(cross, own, self.design.matrix(lines.covariates))

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            **self.between.arrays(),
            "interaction_shares": self.shares,
            "fixed_effects": self.mixed.fixed_effects,
            "dual": self.mixed.dual,
            "line": self.line,
        }


@dataclass(frozen=True)
class FittedInEnvironments(KernelSum, Fitted):
    """The kernels are of the distinct training lines, and so are the codes."""

    codes: np.ndarray
    across: AcrossEnvironments

    @classmethod
    def fit(
        cls,
        genomes: Mapping[str, Kinship],
        kernels: Mapping[str, Kernel],
        matrices: Sequence[np.ndarray],
        lines: Lines,
        interaction: str,
        seed: int,
    ) -> FittedInEnvironments:
        """genomes, kernels, matrices (n, n) of each: of `distinct(lines)`, in its order."""
        first, line = distinct(lines)
        fixed = FixedEffects.fit(lines.covariates, lines.observed, lines.weights)
        left = lines.observed - fixed.predict(lines.covariates)
        means = np.bincount(line, left) / np.bincount(line)
        some = some_lines(len(first), seed)
        at = np.ix_(some, some)
        shares = kernel_shares([K[at] for K in matrices], means[some], np.ones((len(some), 1)))
        K = combined(shares, matrices)
        across: AcrossEnvironments
        if interaction in BY_PAIRS:
            across = Covariances.fit(K, line, lines, interaction)
        else:
            across = SumOfTerms.fit(K, line, lines, interaction == REACTION_NORM, seed)
        return cls(genomes, kernels, shares, lines.codes[first], across)

    @property
    def facts(self) -> Mapping[str, float]:
        told = named_shares(self.kernels, self.shares) if len(self.kernels) > 1 else {}
        return self.across.facts | told

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        """Main effects of the markers, where these are additive."""
        return absolute_effects(self.marker_effects) if list(self.kernels) == [ADDITIVE] else {}

    @property
    def marker_effects(self) -> np.ndarray:
        """(markers,) main effect of one allele copy, by the additive kernel."""
        dual = self.across.main_dual
        scaled = (dual - dual.mean()) / self.kernels[ADDITIVE].scale
        return self.genomes[ADDITIVE].marker_effects(scaled)

    def predict(self, lines: Lines) -> Prediction:
        return self.across.predict(*self.relationships(lines), lines)

    def weights(self) -> dict[str, np.ndarray]:
        return {
            **self.across.arrays(),
            "kernel_shares": self.shares,
            "training_codes": self.codes,
        }


def distinct(lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    """Positions of each line's first value, and (lines,) which of these each value's line is."""
    if lines.line is None:
        raise ValueError("these values do not tell of which line they are")
    _, first, line = np.unique(lines.line, return_index=True, return_inverse=True)
    return first, line
