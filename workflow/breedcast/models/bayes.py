"""A Bayesian sparse model: few markers of large effect upon a background of small ones.

The Bayesian sparse linear mixed model (Zhou, Carbonetto & Stephens 2013, PLoS Genet 9:e1003264):
every marker has a small normal effect, as in GBLUP, and a few have a large one more (spike and
slab, as in BayesC-pi; Habier et al. 2011, BMC Bioinformatics 12:186). Chosen before BayesB and
BayesC-pi because it is GBLUP where no locus is large.

Departures: no Gibbs sampling. The large effects are fitted by the variational approximation of
Carbonetto & Stephens (2012, Bayesian Anal 7:73), in the coordinates in which background and
residual are independent; the background's variance by REML on what the large effects leave; the
two in turn. That takes seconds and is deterministic. The approximation understates posterior
variances, so none are told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from breedcast.genotypes.encode import marker_blocks
from breedcast.genotypes.relationship import Relationship
from breedcast.models.band import Band
from breedcast.models.base import Fitted, Lines, Model, Range, option
from breedcast.models.blup import condensed, joined_rows
from breedcast.models.linear import FittedLinear
from breedcast.models.reml import MixedModel, fit_band
from breedcast.models.target import StandardisedTarget
from breedcast.phenotypes.covariates import FullRankDesign

#: Most turns between background and large effects, and most passes over the markers in each.
TURNS, PASSES = 6, 30
#: A pass that moves no inclusion probability further than this is the last.
TOLERANCE = 1e-3
#: Log odds below which a marker is out for this pass, which spares the arithmetic of most.
NEVER = -12.0


@dataclass(frozen=True)
class Bayes(Model):
    """Marker effects from a mixture of two normals; covariates are fixed effects."""

    large_share: float = option(
        0.02,
        "Share of the trait's variance that a locus of large effect explains, as expected before "
        "the data; it counts as much as one such locus that is found.",
        Range(0.002, 0.1, log=True),
        exclusiveMinimum=0,
        exclusiveMaximum=1,
    )

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        target = StandardisedTarget.fit(lines)
        y = target.standardise(lines)
        relationship = Relationship.fit(lines.codes, lines.ploidy)
        design = FullRankDesign.fit(lines.covariates)
        root = np.sqrt(lines.weights)
        X, y = design.matrix(lines.covariates) * root[:, None], y * root
        rows = condensed(joined_rows(X, y, relationship, lines.codes, root))
        c = X.shape[1]
        band = Band.of(rows[:, c + 1 :] @ rows[:, c + 1 :].T)
        for some in marker_blocks(*rows.shape):  # in place: they are most of the memory
            rows[:, some] = band.rotated(rows[:, some])
        X, y, Z, band = rows[:, :c], rows[:, c], rows[:, c + 1 :], band.itself
        large = LargeEffects.none(Z.shape[1], self.large_share * Z.shape[1])
        for _ in range(TURNS):
            background = fit_band(band, y - Z @ large.mean, X, len(lines))
            before, large = large, large.updated(*_whitened(X, y, Z, background))
            if np.abs(large.inclusion - before.inclusion).max() < TOLERANCE:
                break
        background = fit_band(band, y - Z @ large.mean, X, len(lines))
        effects = large.mean + Z.T @ background.dual
        coefficients = target.fixed.coefficients.copy()
        coefficients[design.columns] += target.sd * background.fixed_effects
        return FittedBayes(
            replace(target.fixed, coefficients=coefficients),
            relationship.means,
            target.sd * effects / np.sqrt(relationship.scale),
            large.inclusion,
        )


def _whitened(
    X: np.ndarray, y: np.ndarray, Z: np.ndarray, background: MixedModel
) -> tuple[np.ndarray, np.ndarray]:
    """Trait y (m,) and markers (markers, m) of unit residual variance, free of fixed effects.

    X: (m, c), Z: (m, markers), in the coordinates of the background's band.
    """

    def unit(M: np.ndarray) -> np.ndarray:
        white: np.ndarray = background.factor.half(M) / np.sqrt(background.sigma2_g)
        return white

    Q = np.linalg.qr(unit(X))[0]

    def free(M: np.ndarray) -> np.ndarray:
        white = unit(M)
        return np.asarray(white - Q @ (Q.T @ white))

    markers = np.empty(Z.shape[::-1])
    for some in marker_blocks(*Z.shape):
        markers[some] = free(Z[:, some]).T
    return free(y[:, None])[:, 0], markers


@dataclass(frozen=True)
class LargeEffects:
    """The variational posterior of the large effects, markers independent of one another.

    inclusion: (markers,) probability that a marker has one; mean: (markers,) its expected
    value, zero included. probability, variance: of the prior; first_variance: the variance
    expected before the data.
    """

    inclusion: np.ndarray
    mean: np.ndarray
    probability: float
    variance: float
    first_variance: float

    @classmethod
    def none(cls, markers: int, variance: float) -> LargeEffects:
        """Before the data: no effect, and one large one expected among the markers."""
        zero = np.zeros(markers)
        return cls(zero, zero, 1 / (markers + 1), variance, variance)

    def updated(self, y: np.ndarray, Z: np.ndarray) -> LargeEffects:
        """After passes over the markers Z (markers, m), of the trait y (m,), until they settle.

        The prior's probability is its posterior mode under Beta(2, markers + 1), its variance
        the mean square of the large effects and of one more, as expected before the data.
        """
        norms = np.einsum("ij,ij->i", Z, Z)
        # of markers in linkage disequilibrium, the most associated has the first word
        order = np.argsort(-((Z @ y) ** 2) / np.maximum(norms, 1e-12), kind="stable")
        state, markers = self, len(norms)
        for _ in range(PASSES):
            s2 = 1 / (norms + 1 / state.variance)
            inclusion, effect = state._pass(y, Z, norms, s2, order)
            found = inclusion.sum()
            squares = float(inclusion @ (effect**2 + s2))
            moved = np.abs(inclusion - state.inclusion).max()
            state = replace(
                state,
                inclusion=inclusion,
                mean=inclusion * effect,
                probability=float((found + 1) / (2 * markers + 1)),
                variance=(squares + self.first_variance) / float(found + 1),
            )
            if moved < TOLERANCE:
                break
        return state

    def _pass(
        self, y: np.ndarray, Z: np.ndarray, norms: np.ndarray, s2: np.ndarray, order: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inclusion probabilities and effects if included, each marker in view of all others.

        Carbonetto & Stephens (2012), equations 8 to 10, for a residual variance of 1. s2:
        (markers,) posterior variances of the effects if included.
        """
        prior_odds = np.log(self.probability / (1 - self.probability))
        log_odds = (prior_odds + 0.5 * np.log(s2 / self.variance)).tolist()
        norm, spread = norms.tolist(), s2.tolist()
        mean, effect = self.mean.tolist(), [0.0] * len(norms)
        inclusion = [0.0] * len(norms)
        residual = y - self.mean @ Z
        for marker in order.tolist():
            z, before = Z[marker], mean[marker]
            value = spread[marker] * (float(z @ residual) + norm[marker] * before)
            odds = log_odds[marker] + value * value / (2 * spread[marker])
            share = 1 / (1 + math.exp(-odds)) if odds > NEVER else 0.0
            if share * value != before:
                residual -= (share * value - before) * z
            mean[marker], effect[marker], inclusion[marker] = share * value, value, share
        return np.array(inclusion), np.array(effect)


@dataclass(frozen=True)
class FittedBayes(FittedLinear):
    """inclusion: (markers,) probability that a marker has a large effect."""

    inclusion: np.ndarray

    @property
    def facts(self) -> Mapping[str, float]:
        return {"large_loci": float(self.inclusion.sum())}

    def weights(self) -> dict[str, np.ndarray]:
        return {**super().weights(), "inclusion": self.inclusion}
