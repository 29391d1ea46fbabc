"""What GBLUP and ridge regression on markers share: one mixed model, read in two ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from breedcast.genotypes.encode import number_blocks
from breedcast.genotypes.relationship import Relationship
from breedcast.limits import MOST_EXACT
from breedcast.models.base import Fitted, Lines, Prediction
from breedcast.models.iterative import FittedIterative
from breedcast.models.kinship import Kinship
from breedcast.models.linear import absolute_effects
from breedcast.models.products import Products
from breedcast.models.reml import MixedModel, fit_reml
from breedcast.phenotypes.covariates import FullRankDesign


def fit_blup(lines: Lines) -> Fitted:
    """The mixed model, exactly in lines or in markers, or by iterations where both are many."""
    if min(lines.codes.shape) > MOST_EXACT:
        return FittedIterative.fit(lines)
    return FittedBLUP.fit(lines)


def uses_products(lines: int, markers: int) -> bool:
    """Whether fits to half of so many lines or more may be of their relationships, and exact."""
    return lines // 2 <= min(MOST_EXACT, markers)


@dataclass(frozen=True)
class Rows:
    """Lines as a mixed model of Z's effects sees them: rows of one residual variance.

    genome: what has Z; K: (rows, rows) Z Z'; X: (rows, c); y: (rows,); root: (rows,) what a row of
    Z was multiplied by to become one of these; lines: how many lines the rows tell of.
    """

    genome: Kinship | FewMarkers
    K: np.ndarray
    X: np.ndarray
    y: np.ndarray
    root: np.ndarray
    lines: int

    @classmethod
    def of(cls, lines: Lines, X: np.ndarray, y: np.ndarray) -> Rows:
        """X (lines, c) fixed effects, y (lines,) values.

        A row is a line; where markers are fewer, one of as many rows as tell the same.
        """
        root = np.sqrt(lines.weights)
        X, y = X * root[:, None], y * root
        if lines.codes.shape[1] + X.shape[1] + 1 < len(lines):
            few, y, X = FewMarkers.fit(lines, y, X)
            return cls(few, few.Z @ few.Z.T, X, y, np.ones(len(y)), len(lines))
        genome = Kinship.fit(lines)
        K = genome.among_training().cross
        K *= root
        K *= root[:, None]
        return cls(genome, K, X, y, root, len(lines))


@dataclass(frozen=True)
class FittedBLUP(Fitted):
    """Genetic values g = Z u: K = Z Z' between lines, equal variances of marker effects u.

    genome: Z of the training lines, as their products or in few rows; mixed: fitted to these.
    """

    genome: Kinship | FewMarkers
    design: FullRankDesign
    mixed: MixedModel

    @classmethod
    def fit(cls, lines: Lines) -> FittedBLUP:
        """Frequencies from these lines, covariates as fixed effects, variances by REML."""
        design = FullRankDesign.fit(lines.covariates)
        rows = Rows.of(lines, design.matrix(lines.covariates), lines.observed)
        mixed = fit_reml(rows.K, rows.y, rows.X, rows.lines)
        return cls(rows.genome, design, mixed.unweighted(rows.root))

    @property
    def facts(self) -> Mapping[str, float]:
        return {"heritability": self.mixed.heritability}

    @cached_property
    def marker_effects(self) -> np.ndarray:
        """(markers,) effect of one allele copy."""
        return self.genome.marker_effects(self.mixed.dual)

    @property
    def saliency(self) -> dict[str, np.ndarray]:
        return absolute_effects(self.marker_effects)

    def predict(self, lines: Lines) -> Prediction:
        products = self.genome.with_training(lines)
        x = self.design.matrix(lines.covariates)
        return self.mixed.prediction(products.cross, products.own, x)

    def weights(self) -> dict[str, np.ndarray]:
        return {
            "marker_effects": self.marker_effects,
            "mean_dosages": self.genome.base.means.mean,
            "fixed_effects": self.mixed.fixed_effects,
        }


@dataclass(frozen=True)
class FewMarkers:
    """Z of many lines at few markers, in as many rows as tell the same (`condensed`)."""

    base: Relationship
    Z: np.ndarray

    @classmethod
    def fit(
        cls, lines: Lines, y: np.ndarray, X: np.ndarray
    ) -> tuple[FewMarkers, np.ndarray, np.ndarray]:
        """Z, and y (n,) and X (n, c), both times the roots of the lines' weights, in those rows."""
        base = Relationship.fit(lines.codes, lines.ploidy)
        root = np.sqrt(lines.weights)
        c = X.shape[1]
        rows = np.zeros((0, c + 1 + lines.codes.shape[1]))
        step = max(rows.shape[1], 1000)
        for start in range(0, len(lines), step):
            some = slice(start, start + step)
            more = joined_rows(X[some], y[some], base, lines.codes[some], root[some])
            rows = condensed(np.vstack([rows, more]))
        return cls(base, rows[:, c + 1 :]), rows[:, c], rows[:, :c]

    def with_training(self, lines: Lines) -> Products:
        """Products of lines' features with the rows."""
        return Products.of(self.base.centred(lines.codes), self.Z)

    def marker_effects(self, dual: np.ndarray) -> np.ndarray:
        """(markers,) effects, per unit of a code."""
        effects: np.ndarray = self.Z.T @ dual / np.sqrt(self.base.scale)
        return effects

    def features(self, markers: np.ndarray) -> np.ndarray:
        """(rows, some) Z of some of the markers."""
        return self.Z[:, markers]

    @property
    def lengths(self) -> np.ndarray:
        """(markers,) norm of each marker's column of Z."""
        return np.asarray(np.sqrt(np.einsum("ij,ij->j", self.Z, self.Z)))


def joined_rows(
    X: np.ndarray, y: np.ndarray, base: Relationship, codes: np.ndarray, root: np.ndarray
) -> np.ndarray:
    """[X y Z] (lines, c + 1 + markers), with no other copy of Z.

    X (lines, c) and y (lines,) are times root, the roots of the lines' weights, and Z becomes so: a
    line of weight w is one of residual variance 1 / w, and with all of it times sqrt(w) as any.
    """
    before = X.shape[1] + 1
    rows = np.empty((len(codes), before + codes.shape[1]))
    rows[:, :before] = np.column_stack([X, y])
    for some in number_blocks(*codes.shape):
        centred = base.of_markers(some).centred(codes[:, some])
        rows[:, before:][:, some] = centred * root[:, None]
    return rows


def condensed(rows: np.ndarray) -> np.ndarray:
    """[X y Z] (n, columns) in as few rows as tell the same, where columns are few.

    Of their Q R, R has as many rows as columns. In the coordinates Q the values are as independent
    as before, and orthogonally to them there is nothing but variance: `fit_reml` of R's columns,
    told of the n lines, is that of the lines.
    """
    if len(rows) <= rows.shape[1]:
        return rows
    from scipy.linalg import qr

    (R,) = qr(rows, mode="r", overwrite_a=True, check_finite=False)
    few: np.ndarray = R[: R.shape[1]]
    return few
