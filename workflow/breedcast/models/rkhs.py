"""RKHS regression: genetic values whose likeness between lines is a kernel of their markers.

Gianola D., van Kaam J.B. (2008) Genetics 178:2289-2303; kernels by de los Campos et al. (2010,
Genet Res 92:295), Cuevas et al. (2019, G3 9:2913), Henderson (1985), Vitezica et al. (2013).
Departures: variance components by REML, not by Gibbs sampling; the Gaussian bandwidths are
averaged into one kernel, which predicts as three components do and costs one decomposition;
kernels are centred on the training lines, which changes no prediction. The additive kernel beside
the Gaussian is the default because neither alone is good everywhere (wheat599, soynam).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.relationship import DominanceRelationship
from breedcast.models.base import Choice, Fitted, Lines, Model, Prediction, option
from breedcast.models.in_environments import (
    DESCRIPTION,
    INTERACTIONS,
    NONE,
    FittedInEnvironments,
    distinct,
    heeds_conditions,
    interaction_of,
)
from breedcast.models.kernel_model import KernelModel
from breedcast.models.kernel_sum import ADDITIVE, DOMINANCE, KernelSum, made_of
from breedcast.models.kernels import (
    ArcCosine,
    Epistatic,
    Kernel,
    Linear,
    Similarity,
    mean_gaussian,
)
from breedcast.models.kinship import Kinship
from breedcast.models.multikernel import named_shares
from breedcast.models.products import Products
from breedcast.models.reml import MixedModel
from breedcast.phenotypes.covariates import FullRankDesign

KERNELS = ("gaussian", "arc_cosine", "epistatic", ADDITIVE, DOMINANCE)


@dataclass(frozen=True)
class RKHS(Model):
    """One variance component per kernel, by REML (`KernelModel`); covariates are fixed effects."""

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
    interaction: str = option("auto", DESCRIPTION, enum=list(INTERACTIONS))

    @property
    def heeds_conditions(self) -> bool:
        return heeds_conditions(self.interaction)

    def uses_products(self, lines: int, markers: int) -> bool:
        return set(self.kernels) != {DOMINANCE}

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        interaction = interaction_of(lines, self.interaction)
        if interaction == NONE:
            return self.learn(lines, seed)
        genomes = self._genomes(lines.take(distinct(lines)[0]))
        kernels, matrices = self._kernels({it: genomes[it].among_training() for it in genomes})
        return FittedInEnvironments.fit(genomes, kernels, matrices, lines, interaction, seed)

    def learn(self, lines: Lines, seed: int) -> FittedRKHS:
        """The kernels, their variances and the effects of these lines."""
        genomes = self._genomes(lines)
        kernels, matrices = self._kernels({it: genomes[it].among_training() for it in genomes})
        model = KernelModel.fit(matrices, lines, seed)
        return FittedRKHS(genomes, kernels, model.shares, model.design, model.mixed, lines.codes)

    def _genomes(self, lines: Lines) -> dict[str, Kinship]:
        """What the kernels are made of: products of dosages, of dominance codes, or both."""
        genomes = {}
        if set(self.kernels) != {DOMINANCE}:
            genomes[ADDITIVE] = Kinship.fit(lines)
        if DOMINANCE in self.kernels:
            try:
                base = DominanceRelationship.fit(lines.codes, lines.ploidy)
            except ValueError as error:
                raise UserError(f"rkhs: no dominance kernel: {error}; leave it out") from error
            genomes[DOMINANCE] = Kinship(base, lines)
        return genomes

    def _kernels(
        self, products: Mapping[str, Products]
    ) -> tuple[dict[str, Kernel], list[np.ndarray]]:
        """The kernels by name, and their matrices (n, n) of the training lines."""
        kernels, matrices = {}, []
        for name in self.kernels:
            of_lines = products[made_of(name)]
            kernels[name], K = Kernel.fit(of_lines, self._similarity(name, of_lines))
            matrices.append(K)
        return kernels, matrices

    def _similarity(self, name: str, products: Products) -> Similarity:
        if name == "gaussian":
            return mean_gaussian(products, self.bandwidths)
        if name == "arc_cosine":
            return ArcCosine(self.layers)
        return Epistatic() if name == "epistatic" else Linear()


@dataclass(frozen=True)
class FittedRKHS(KernelSum, Fitted):
    """codes: the training lines'."""

    design: FullRankDesign
    mixed: MixedModel
    codes: np.ndarray

    @property
    def facts(self) -> Mapping[str, float]:
        shares = named_shares(self.kernels, self.shares)
        return {"heritability": self.mixed.heritability, **shares}

    def predict(self, lines: Lines) -> Prediction:
        cross, own = self.relationships(lines)
        return self.mixed.prediction(cross, own, self.design.matrix(lines.covariates))

    def values(self, lines: Lines) -> np.ndarray:
        """(lines,) the predicted means alone: without their variances, which cost far more."""
        cross, _ = self.relationships(lines)
        return self.mixed.predict(cross, self.design.matrix(lines.covariates))

    def weights(self) -> dict[str, np.ndarray]:
        """dual: (training lines,), multiplies the lines' kernel with the training lines' codes."""
        return {
            "dual": self.mixed.dual,
            "kernel_shares": self.shares,
            "training_codes": self.codes,
            "fixed_effects": self.mixed.fixed_effects,
        }
