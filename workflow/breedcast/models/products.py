"""Inner products of lines' codes, and of what is made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.encode import number_blocks

#: Whole numbers up to this are exact in float32.
EXACT = 1 << 24


@dataclass(frozen=True)
class Products:
    """Inner products of lines' features.

    cross: (lines, n) with the n training lines; own: (lines,) squared norms of the lines;
    training: (n,) those of the training lines.
    """

    cross: np.ndarray
    own: np.ndarray
    training: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, training: np.ndarray) -> Products:
        """Products of features (lines, p) with those of the training lines (n, p)."""
        return cls(features @ training.T, _norms(features), _norms(training))

    def among(self, rows: np.ndarray) -> Products:
        """Of the training lines' products with each other, those of some of them."""
        return Products(self.cross[np.ix_(rows, rows)], self.own[rows], self.training[rows])

    @property
    def distances(self) -> np.ndarray:
        """(lines, n) squared Euclidean distances to the training lines."""
        return np.maximum(self.own[:, None] + self.training - 2 * self.cross, 0.0)


@dataclass(frozen=True)
class DosageProducts:
    """Inner products of the dosages of all lines of a job, of which some lines have their rows.

    matrix: (all lines, all lines) float32, exact; rows: (lines,).
    """

    matrix: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, ploidy: int) -> DosageProducts | None:
        """Those of codes (lines, markers) uint8; None where a call is missing, or where float32
        cannot hold the sums.
        """
        lines, markers = codes.shape
        if ploidy**2 * markers > EXACT or codes.max(initial=0) > ploidy:
            return None
        matrix = np.zeros((lines, lines), np.float32)
        for some in number_blocks(lines, markers):
            dosage = codes[:, some].astype(np.float32)
            matrix += dosage @ dosage.T
        return cls(matrix, np.arange(lines))

    def take(self, rows: np.ndarray) -> DosageProducts:
        """Of the lines at these positions."""
        return DosageProducts(self.matrix, self.rows[rows])

    def with_lines(self, others: DosageProducts) -> np.ndarray:
        """(lines, others) float64."""
        return self.matrix[np.ix_(self.rows, others.rows)].astype(np.float64)

    @property
    def own(self) -> np.ndarray:
        """(lines,) float64 products of each with itself."""
        return self.matrix[self.rows, self.rows].astype(np.float64)


def _norms(features: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", features, features)
