"""RR-BLUP: ridge regression on all markers, the penalty chosen by REML.

Meuwissen T.H.E., Hayes B.J., Goddard M.E. (2001) Genetics 157:1819-1829, as in rrBLUP
(Endelman 2011, Plant Genome 4:250-255). Its predictions are GBLUP's. It is solved in markers
where they are fewer than lines, which then costs far less: choose it for many lines and a
small chip.
"""

from __future__ import annotations

from dataclasses import dataclass

from breedcast.models.base import Fitted, Lines, Model
from breedcast.models.blup import FittedBLUP
from breedcast.models.reml import Rotation, fit_rotated


@dataclass(frozen=True)
class RRBLUP(Model):
    """Marker effects of one common variance, by REML; covariates are fixed effects."""

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        return FittedBLUP.fit(
            lines, lambda Z, y, X: fit_rotated(Rotation.of_markers(Z, y, X), y, X)
        )
