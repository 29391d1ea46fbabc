"""Genomic relationship matrices for any ploidy: additive (VanRaden 2008, J Dairy Sci 91:4414)
and dominance (Vitezica et al. 2013, Endelman et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.encode import DosageMeans, number_blocks


@dataclass(frozen=True)
class Relationship:
    """Relationships measured from the allele frequencies of some base lines.

    means: their mean dosages; scale: what the products of centred dosages are divided by, so
    that the base lines' mean diagonal is 1. VanRaden's 2 sum p(1-p) would give fully inbred
    lines a diagonal near 2, and with it half the genetic variance.
    """

    means: DosageMeans
    scale: float

    @classmethod
    def fit(cls, codes: np.ndarray, ploidy: int) -> Relationship:
        """Learn frequencies and scale from the codes (lines, markers) of the base lines.

        Raises UserError where no marker varies among them.
        """
        means = DosageMeans.fit(codes, ploidy)
        scale = _mean_square(cls(means, 1.0), codes)
        if scale == 0.0:
            raise UserError("no marker varies among these lines; keep more markers in the filter")
        return cls(means, scale)

    def of_markers(self, some: slice | np.ndarray) -> Relationship:
        """The same for some of the markers."""
        return Relationship(self.means.of_markers(some), self.scale)

    def centred(self, codes: np.ndarray) -> np.ndarray:
        """(lines, markers) dosages about the base means over sqrt(scale): K = Z Z'."""
        centred = self.means.centred(codes)
        centred /= np.sqrt(self.scale)
        return centred


@dataclass(frozen=True)
class DominanceRelationship:
    """Digenic dominance relationships, measured from the allele frequencies of some base lines.

    With ploidy m and alternate-allele frequency p, a dosage x is coded
    -m (m - 1) / 2 p^2 + (m - 1) p x - x (x - 1) / 2 (Endelman et al. 2018, Genetics 209:77); for
    m = 2 that is half the code of Vitezica et al. (2013, Genetics 195:1223), and `scale` takes
    the half away.

    means: the base lines' mean dosages; code_mean: (markers,) their mean code, which a missing
    call is taken to have; scale: as of Relationship.
    """

    means: DosageMeans
    code_mean: np.ndarray
    scale: float

    @classmethod
    def fit(cls, codes: np.ndarray, ploidy: int) -> DominanceRelationship:
        """Learn frequencies and scale from the codes (lines, markers) of the base lines.

        Raises ValueError where no base line is heterozygous anywhere: additive and dominance
        effects cannot be told apart then.
        """
        if not ((codes > 0) & (codes < ploidy)).any():
            raise ValueError("no marker is heterozygous in any of these lines")
        raw = cls(DosageMeans.fit(codes, ploidy), np.zeros(codes.shape[1]), 1.0)
        called = np.maximum((codes <= ploidy).sum(axis=0), 1)
        sums = [
            raw.of_markers(some).centred(codes[:, some]).sum(axis=0)
            for some in number_blocks(*codes.shape)
        ]
        about_mean = cls(raw.means, np.concatenate(sums) / called, 1.0)
        return cls(raw.means, about_mean.code_mean, _mean_square(about_mean, codes))

    def of_markers(self, some: slice | np.ndarray) -> DominanceRelationship:
        """The same for some of the markers."""
        return DominanceRelationship(self.means.of_markers(some), self.code_mean[some], self.scale)

    def centred(self, codes: np.ndarray) -> np.ndarray:
        """(lines, markers) codes about the base means over sqrt(scale): K = Z Z'."""
        m = self.means.ploidy
        p = self.means.mean / m
        x = codes.astype(np.float64)
        dominance = (m - 1) * p * x - m * (m - 1) / 2 * p**2 - x * (x - 1) / 2
        return np.where(codes <= m, dominance - self.code_mean, 0.0) / np.sqrt(self.scale)


def _mean_square(base: Relationship | DominanceRelationship, codes: np.ndarray) -> float:
    """The lines' mean squared norm of their centred codes."""
    total = 0.0
    for some in number_blocks(*codes.shape):
        centred = base.of_markers(some).centred(codes[:, some])
        total += float(np.einsum("ij,ij->", centred, centred))
    return total / len(codes)
