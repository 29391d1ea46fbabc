"""The mixed model of several kernels that RKHS and GCA + SCA share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.models.base import Lines, Prediction
from breedcast.models.multikernel import combined, kernel_shares, some_lines
from breedcast.models.reml import MixedModel, fit_reml
from breedcast.phenotypes.covariates import FullRankDesign


@dataclass(frozen=True)
class KernelModel:
    """Genetic values with a variance component per kernel, covariates as fixed effects.

    shares: (kernels,) of the genetic variance; mixed: the model of their sum.
    """

    shares: np.ndarray
    design: FullRankDesign
    mixed: MixedModel

    @classmethod
    def fit(cls, kernels: Sequence[np.ndarray], lines: Lines, seed: int) -> KernelModel:
        """By REML. kernels: (n, n) each, of mean diagonal 1, between these lines; they are changed.

        Of more than SHARES_FROM lines as many, drawn at random, tell the kernels' shares: a step
        of several kernels' REML costs the cube of the lines. All else comes from all.
        """
        design = FullRankDesign.fit(lines.covariates)
        root = np.sqrt(lines.weights)
        for K in kernels:
            K *= root
            K *= root[:, None]
        y, X = lines.observed * root, design.matrix(lines.covariates) * root[:, None]
        some = some_lines(len(lines), seed)
        shares = kernel_shares([K[np.ix_(some, some)] for K in kernels], y[some], X[some])
        return cls(shares, design, fit_reml(combined(shares, kernels), y, X).unweighted(root))

    def predict(
        self, cross: Sequence[np.ndarray], own: Sequence[np.ndarray], covariates: pd.DataFrame
    ) -> Prediction:
        """Of lines with these kernels to the training lines (lines, n) and themselves (lines,)."""
        k, k_self = combined(self.shares, cross), combined(self.shares, own)
        return self.mixed.prediction(k, k_self, self.design.matrix(covariates))

    def component(self, number: int, cross: np.ndarray, own: np.ndarray) -> Prediction:
        """The part of lines' genetic values that is of one kernel alone, about its mean."""
        share, none = self.shares[number], np.zeros((len(cross), len(self.mixed.fixed_effects)))
        return self.mixed.prediction(share * cross, share * own, none)
