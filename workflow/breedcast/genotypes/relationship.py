"""The genomic relationship matrix (VanRaden 2008, J Dairy Sci 91:4414), for any ploidy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.encode import DosageMeans


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
        """Learn frequencies and scale from the codes (lines, markers) of the base lines."""
        means = DosageMeans.fit(codes, ploidy)
        centred = means.centred(codes)
        scale = float(np.einsum("ij,ij->", centred, centred)) / len(codes)
        if scale == 0.0:
            raise ValueError("no marker varies among these lines")
        return cls(means, scale)

    def centred(self, codes: np.ndarray) -> np.ndarray:
        """(lines, markers) dosages about the base means over sqrt(scale): K = Z Z'."""
        return self.means.centred(codes) / np.sqrt(self.scale)
