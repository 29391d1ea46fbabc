"""A Bayesian sparse model: few markers of large effect upon a background of small ones.

The Bayesian sparse linear mixed model (Zhou, Carbonetto & Stephens 2013, PLoS Genet 9:e1003264):
every marker has a small normal effect, as in GBLUP, and a few have a large one more (spike and
slab, as in BayesC-pi; Habier et al. 2011, BMC Bioinformatics 12:186). Chosen before BayesB and
BayesC-pi because it is GBLUP where no locus is large.

Departures: no Gibbs sampling. The large effects are fitted by the variational approximation of
Carbonetto & Stephens (2012, Bayesian Anal 7:73), in the coordinates in which background and
residual are independent; the background's variance by REML on what the large effects leave; the
two in turn. That takes seconds and is deterministic. The approximation understates posterior
variances, so none are told. Of many markers only those may have a large effect that are the most
associated with what background and large effects leave, looked for anew in each turn (iterated
sure independence screening; Fan & Lv 2008, J R Stat Soc B 70:849).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from breedcast.limits import MOST_CANDIDATES
from breedcast.models.band import Band
from breedcast.models.base import Fitted, Lines, Model, Range, option
from breedcast.models.blup import Rows, uses_products
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

    def uses_products(self, lines: int, markers: int) -> bool:
        return uses_products(lines, markers)

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        target = StandardisedTarget.fit(lines)
        design = FullRankDesign.fit(lines.covariates)
        rows = Rows.of(lines, design.matrix(lines.covariates), target.standardise(lines))
        band = Band.of(rows.K)
        X, y = band.rotated(rows.X), band.rotated(rows.y[:, None])[:, 0]
        markers = lines.codes.shape[1]
        candidates = Candidates.none(rows)
        large = LargeEffects.none(markers, self.large_share * markers)
        for _ in range(TURNS):
            background = fit_band(band.itself, y - candidates.Z @ large.mean, X, len(lines))
            candidates = candidates.with_most_associated(rows, band, background)
            before = large.of_candidates(len(candidates.markers))
            large = before.updated(*_whitened(X, y, candidates.Z, background))
            if np.abs(large.inclusion - before.inclusion).max() < TOLERANCE:
                break
        background = fit_band(band.itself, y - candidates.Z @ large.mean, X, len(lines))
        effects = _effects(rows, band, background)
        effects[candidates.markers] += large.mean / np.sqrt(rows.genome.base.scale)
        inclusion = np.zeros(markers)
        inclusion[candidates.markers] = large.inclusion
        coefficients = target.fixed.coefficients.copy()
        coefficients[design.columns] += target.sd * background.fixed_effects
        fixed = replace(target.fixed, coefficients=coefficients)
        return FittedBayes(fixed, rows.genome.base.means, target.sd * effects, inclusion)


@dataclass(frozen=True)
class Candidates:
    """Markers that may have a large effect.

    markers: (k,) which; Z: (rows, k) their features, in the coordinates of the band; lengths:
    (markers,) of every marker's features.
    """

    markers: np.ndarray
    Z: np.ndarray
    lengths: np.ndarray

    @classmethod
    def none(cls, rows: Rows) -> Candidates:
        return cls(np.zeros(0, np.intp), np.zeros((len(rows.y), 0)), rows.genome.lengths)

    def with_most_associated(self, rows: Rows, band: Band, left: MixedModel) -> Candidates:
        """These and the most associated with what large effects and their background leave.

        A marker's variance given the background is taken to be proportional to that without, as
        in GRAMMAR-Gamma (Svishcheva et al. 2012, Nat Genet 44:1166).
        """
        if len(self.markers) == len(self.lengths):
            return self
        association = np.abs(_effects(rows, band, left)) / np.maximum(self.lengths, 1e-12)
        most = np.argsort(-association, kind="stable")[:MOST_CANDIDATES]
        new = np.setdiff1d(most, self.markers)
        features = band.rotated(rows.root[:, None] * rows.genome.features(new))
        return replace(self, markers=np.append(self.markers, new), Z=np.hstack([self.Z, features]))


def _effects(rows: Rows, band: Band, background: MixedModel) -> np.ndarray:
    """(markers,) small effects, of one copy of the allele."""
    dual = band.back(background.dual[:, None])[:, 0]
    return rows.genome.marker_effects(rows.root * dual)


def _whitened(
    X: np.ndarray, y: np.ndarray, Z: np.ndarray, background: MixedModel
) -> tuple[np.ndarray, np.ndarray]:
    """Trait y (m,) and candidates (k, m) of unit residual variance, free of fixed effects.

    X: (m, c), Z: (m, k), in the coordinates of the background's band.
    """

    def unit(M: np.ndarray) -> np.ndarray:
        white: np.ndarray = background.factor.half(M) / np.sqrt(background.sigma2_g)
        return white

    Q = np.linalg.qr(unit(X))[0]

    def free(M: np.ndarray) -> np.ndarray:
        white = unit(M)
        return np.asarray(white - Q @ (Q.T @ white))

    return free(y[:, None])[:, 0], np.ascontiguousarray(free(Z).T)


@dataclass(frozen=True)
class LargeEffects:
    """The variational posterior of the large effects, markers independent of one another.

    inclusion: (k,) probability that a candidate has one; mean: (k,) its expected value, zero
    included; markers: how many there are, candidates and others. probability, variance: of the
    prior; first_variance: the variance expected before the data.
    """

    inclusion: np.ndarray
    mean: np.ndarray
    markers: int
    probability: float
    variance: float
    first_variance: float

    @classmethod
    def none(cls, markers: int, variance: float) -> LargeEffects:
        """Before the data: no candidates yet, and one large effect expected among the markers."""
        nothing = np.zeros(0)
        return cls(nothing, nothing, markers, 1 / (markers + 1), variance, variance)

    def of_candidates(self, k: int) -> LargeEffects:
        """The same of k candidates, of which the last were none before."""
        more = np.zeros(k - len(self.mean))
        inclusion, mean = (np.append(each, more) for each in (self.inclusion, self.mean))
        return replace(self, inclusion=inclusion, mean=mean)

    def updated(self, y: np.ndarray, Z: np.ndarray) -> LargeEffects:
        """After passes over the candidates Z (k, m), of the trait y (m,), until they settle.

        The prior's probability is its posterior mode under Beta(2, markers + 1), its variance
        the mean square of the large effects and of one more, as expected before the data.
        """
        norms = np.einsum("ij,ij->i", Z, Z)
        # of markers in linkage disequilibrium, the most associated has the first word
        order = np.argsort(-((Z @ y) ** 2) / np.maximum(norms, 1e-12), kind="stable")
        state, others = self, self.markers - len(norms)
        for _ in range(PASSES):
            s2 = 1 / (norms + 1 / state.variance)
            inclusion, effect = state._pass(y, Z, norms, s2, order)
            # what is no candidate counts as associated with nothing, which rules out no effect
            found = inclusion.sum() + others * (1 / (1 + np.exp(-state._log_odds(s2)))).mean()
            squares = float(inclusion @ (effect**2 + s2))
            moved = np.abs(inclusion - state.inclusion).max()
            state = replace(
                state,
                inclusion=inclusion,
                mean=inclusion * effect,
                probability=float((found + 1) / (2 * self.markers + 1)),
                variance=(squares + self.first_variance) / float(found + 1),
            )
            if moved < TOLERANCE:
                break
        return state

    def _log_odds(self, s2: np.ndarray) -> np.ndarray:
        """(k,) of a large effect, where a marker is associated with nothing."""
        prior = np.log(self.probability / (1 - self.probability))
        return np.asarray(prior + 0.5 * np.log(s2 / self.variance))

    def _pass(
        self, y: np.ndarray, Z: np.ndarray, norms: np.ndarray, s2: np.ndarray, order: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inclusion probabilities and effects if included, each marker in view of all others.

        Carbonetto & Stephens (2012), equations 8 to 10, for a residual variance of 1. s2:
        (k,) posterior variances of the effects if included.
        """
        log_odds = self._log_odds(s2).tolist()
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
