"""RKHS regression: genetic values whose likeness between lines is a kernel of their markers.

Gianola D., van Kaam J.B. (2008) Genetics 178:2289-2303; kernels by de los Campos et al. (2010,
Genet Res 92:295), Cuevas et al. (2019, G3 9:2913), Henderson (1985), Vitezica et al. (2013).
Departures: variance components by REML, not by Gibbs sampling; the Gaussian bandwidths are
averaged into one kernel, which predicts as three components do and costs one decomposition;
kernels are centred on the training lines, which changes no prediction. The additive kernel beside
the Gaussian is the default because neither alone is good everywhere (wheat599, soynam).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.relationship import DominanceRelationship, Relationship
from breedcast.models.base import Choice, Fitted, Lines, Model, Prediction, option
from breedcast.models.kernels import (
    ArcCosine,
    Epistatic,
    Kernel,
    Linear,
    Products,
    Similarity,
    mean_gaussian,
)
from breedcast.models.multikernel import kernel_shares
from breedcast.models.reml import MixedModel, fit_reml
from breedcast.phenotypes.covariates import FullRankDesign

KERNELS = ("gaussian", "arc_cosine", "epistatic", "additive", "dominance")


#: Lines from which several kernels' shares in the genetic variance are estimated, at most.
SHARES_FROM = 1500


@dataclass(frozen=True)
class RKHS(Model):
    """One variance component per kernel, by REML; covariates are fixed effects.

    Of more than SHARES_FROM lines as many, drawn at random, tell the kernels' shares: a step of
    several kernels' REML costs the cube of the lines. The genetic and the residual variance, and
    the predictions, come from all.
    """

    permutes_windows: ClassVar[bool] = True

    kernels: tuple[str, ...] = option(
        ("additive", "gaussian"),
        "Kernels, each with a variance of its own: gaussian (any interaction), arc_cosine (a deep "
        "network's), epistatic (pairs of markers), additive (GBLUP's), dominance (heterozygosity).",
        Choice(
            (("additive", "gaussian"), ("gaussian",), ("arc_cosine",), ("additive", "epistatic"))
        ),
        items={"type": "string", "enum": list(KERNELS)},
        minItems=1,
        uniqueItems=True,
    )
    bandwidths: tuple[float, ...] = option(
        (0.1, 0.5, 2.5),
        "Bandwidths that the gaussian kernel is the mean of, for distances in units of their "
        "mean: the larger, the more it looks at close relatives alone.",
        Choice(((0.1, 0.5, 2.5), (0.1,), (0.5,), (2.5,))),
        items={"type": "number", "exclusiveMinimum": 0},
        minItems=1,
    )
    layers: int = option(4, "Layers of the arc_cosine kernel.", minimum=1)

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        return self.learn(lines, seed)

    def learn(self, lines: Lines, seed: int) -> FittedRKHS:
        """The kernels, their variances and the effects of these lines."""
        kernels, matrices = zip(*self._kernels(lines), strict=True)
        design = FullRankDesign.fit(lines.covariates)
        root = np.sqrt(lines.weights)
        matrices = tuple(K * np.outer(root, root) for K in matrices)
        y, X = lines.observed * root, design.matrix(lines.covariates) * root[:, None]
        some = _some_lines(len(lines), seed)
        shares = kernel_shares([K[np.ix_(some, some)] for K in matrices], y[some], X[some])
        mixed = fit_reml(_combined(shares, matrices), y, X).unweighted(root)
        return FittedRKHS(
            dict(zip(self.kernels, kernels, strict=True)), shares, design, mixed, lines.codes
        )

    def _kernels(self, lines: Lines) -> Iterator[tuple[Kernel, np.ndarray]]:
        """The kernels and their matrices; those of dosages share one array of them."""
        dosages: tuple[Relationship, np.ndarray] | None = None
        for name in self.kernels:
            base: Relationship | DominanceRelationship
            if name == "dominance":
                base = _dominance(lines)
                features = base.centred(lines.codes)
            else:
                if dosages is None:
                    additive = Relationship.fit(lines.codes, lines.ploidy)
                    dosages = additive, additive.centred(lines.codes)
                base, features = dosages
            yield Kernel.fit(base, features, partial(self._similarity, name))

    def _similarity(self, name: str, products: Products) -> Similarity:
        if name == "gaussian":
            return mean_gaussian(products, self.bandwidths)
        if name == "arc_cosine":
            return ArcCosine(self.layers)
        return Epistatic() if name == "epistatic" else Linear()


def _dominance(lines: Lines) -> DominanceRelationship:
    try:
        return DominanceRelationship.fit(lines.codes, lines.ploidy)
    except ValueError as error:
        raise UserError(f"rkhs: no dominance kernel: {error}; leave it out") from error


def _some_lines(lines: int, seed: int) -> np.ndarray:
    """Positions of all lines, or of SHARES_FROM drawn at random where there are more."""
    if lines <= SHARES_FROM:
        return np.arange(lines)
    return np.sort(np.random.default_rng(seed).choice(lines, SHARES_FROM, replace=False))


def _combined(shares: np.ndarray, kernels: Sequence[np.ndarray]) -> np.ndarray:
    return np.sum([share * K for share, K in zip(shares, kernels, strict=True)], axis=0)


@dataclass(frozen=True)
class FittedRKHS(Fitted):
    """kernels by name; shares: (kernels,) of the genetic variance; codes: the training lines'."""

    kernels: Mapping[str, Kernel]
    shares: np.ndarray
    design: FullRankDesign
    mixed: MixedModel
    codes: np.ndarray

    @property
    def facts(self) -> Mapping[str, float]:
        shares = zip(self.kernels, self.shares, strict=True)
        return {
            "heritability": self.mixed.heritability,
            **{f"share_{name}": float(share) for name, share in shares},
        }

    def predict(self, lines: Lines) -> Prediction:
        cross, own = zip(*(kernel.of(lines.codes) for kernel in self.kernels.values()), strict=True)
        return self.mixed.prediction(
            _combined(self.shares, cross),
            _combined(self.shares, own),
            self.design.matrix(lines.covariates),
        )

    def values(self, lines: Lines) -> np.ndarray:
        """(lines,) the predicted means alone: without their variances, which cost far more."""
        cross = [kernel.of(lines.codes)[0] for kernel in self.kernels.values()]
        return self.mixed.predict(
            _combined(self.shares, cross), self.design.matrix(lines.covariates)
        )

    def weights(self) -> dict[str, np.ndarray]:
        """dual: (training lines,), multiplies the lines' kernel with the training lines' codes."""
        return {
            "dual": self.mixed.dual,
            "kernel_shares": self.shares,
            "training_codes": self.codes,
            "fixed_effects": self.mixed.fixed_effects,
        }
