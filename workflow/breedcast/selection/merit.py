"""Genetic values of all lines and effects of all markers, from every line that has a value.

One ridge regression (RR-BLUP, which is GBLUP read in markers) for what is asked of the additive
part of a trait: whom to cross, how much to use each, whom to measure next. Missing calls are the
marker's mean dosage. Codes are read in blocks of markers, so that memory grows with the lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.genotypes.columns import CodeColumns
from breedcast.genotypes.encode import DosageMeans
from breedcast.models.reml import MixedModel, fit_weighted
from breedcast.phenotypes.covariates import FullRankDesign, column_of, covariate_columns


@dataclass(frozen=True)
class Merit:
    """What the lines are worth as parents.

    lines: rows of phenotypes.tsv, the `trained` first of which have a value; codes: theirs.
    K: (lines, lines) relationships, of mean diagonal 1 over the trained lines; scale: what the
    products of centred dosages were divided by. mixed: the model; X: (lines, columns) the fixed
    effects of all lines; between: (lines,) the families' effects about the trained lines' mean, 0
    where these are no covariate.
    """

    lines: pd.DataFrame
    codes: CodeColumns
    trained: int
    K: np.ndarray
    scale: float
    mixed: MixedModel
    X: np.ndarray
    between: np.ndarray

    @classmethod
    def fit(cls, codes: CodeColumns, lines: pd.DataFrame, family: str | None = None) -> Merit:
        """Variances and effects by REML. codes: of these lines, in their order.

        family: the trait table's column of families; if it is a covariate its effects are part of
        what a line is worth, as they are of the candidates' predictions. Raises UserError where no
        marker varies among the lines with a value.
        """
        trained = int(lines["value"].notna().sum())
        products = np.zeros((len(lines), len(lines)))
        for _, dosage in _blocks(codes, trained):
            products += dosage @ dosage.T
        scale = float(np.trace(products[:trained, :trained])) / trained
        if scale == 0:
            raise UserError(
                f"no marker varies among the {trained} lines with a value: genotype lines "
                "that differ, or leave out selection"
            )
        K, known = products / scale, lines.iloc[:trained]
        covariates = lines[covariate_columns(lines)]
        design = FullRankDesign.fit(covariates.iloc[:trained])
        X = design.matrix(covariates)
        value, weight = (known[it].to_numpy(np.float64) for it in ("value", "weight"))
        mixed = fit_weighted(K[:trained, :trained], value, X[:trained], weight)
        is_family = covariates.columns == (None if family is None else column_of(family))
        of_family = covariates.where(np.broadcast_to(is_family, covariates.shape))
        between = design.matrix(of_family) @ mixed.fixed_effects
        between -= between[:trained].mean()
        return cls(lines, codes, trained, K, scale, mixed, X, between)

    @property
    def genetic(self) -> np.ndarray:
        """(lines,) genetic values about their mean over the trained lines' alleles."""
        return self.K[:, : self.trained] @ self.mixed.dual + self.between

    @property
    def values(self) -> np.ndarray:
        """(lines,) the same in the trait's units, at the trained lines' mean covariates."""
        return self.genetic + float(np.mean(self.X[: self.trained] @ self.mixed.fixed_effects))

    @property
    def error_variances(self) -> np.ndarray:
        """(trained,) variance of each value's error: the residual variance over its weight."""
        weight = self.lines["weight"].to_numpy(np.float64)[: self.trained]
        return self.mixed.sigma2_e / weight

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Markers, some at a time, and the lines' dosages (lines, markers) about the means."""
        return _blocks(self.codes, self.trained)

    def effects(self, dosage: np.ndarray) -> np.ndarray:
        """(markers,) effect of one allele copy; dosage: one of the blocks."""
        return dosage[: self.trained].T @ self.mixed.dual / self.scale

    def precision(self) -> np.ndarray:
        """(trained, trained) P = V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1, V the values' variance."""
        V = self.mixed.sigma2_g * self.K[: self.trained, : self.trained]
        inverse = np.linalg.inv(V + np.diag(self.error_variances))
        VX = inverse @ self.X[: self.trained]
        return inverse - VX @ np.linalg.solve(self.X[: self.trained].T @ VX, VX.T)


def _blocks(codes: CodeColumns, trained: int) -> Iterator[tuple[slice, np.ndarray]]:
    first = 0
    for block in codes.blocks(0, codes.markers):
        end = first + block.shape[1]
        yield slice(first, end), DosageMeans.fit(block[:trained], codes.ploidy).centred(block)
        first = end
