"""From codes to numbers a model can use; what is learnt here is learnt from training lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DosageMeans:
    """Mean dosage per marker of some training lines: what a missing call is taken to be.

    mean: (markers,) float64; a marker with no call in training has mean 0.
    """

    mean: np.ndarray
    ploidy: int

    @classmethod
    def fit(cls, codes: np.ndarray, ploidy: int) -> DosageMeans:
        """Learn the means from codes (lines, markers), missing calls left out."""
        called = codes <= ploidy
        total = np.where(called, codes, 0).sum(axis=0, dtype=np.float64)
        return cls(total / np.maximum(called.sum(axis=0), 1), ploidy)

    def centred(self, codes: np.ndarray) -> np.ndarray:
        """(lines, markers) float64 dosage less the training mean; a missing call is 0."""
        return np.where(codes <= self.ploidy, codes - self.mean, 0.0)
