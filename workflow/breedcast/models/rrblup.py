"""RR-BLUP: ridge regression on all markers, the penalty chosen by REML.

Meuwissen T.H.E., Hayes B.J., Goddard M.E. (2001) Genetics 157:1819-1829, as in rrBLUP
(Endelman 2011, Plant Genome 4:250-255). It is GBLUP read in markers, and its predictions are
GBLUP's: both are solved in lines or in markers, whichever are fewer.
"""

from __future__ import annotations

from dataclasses import dataclass

from breedcast.models.base import Fitted, Lines, Model
from breedcast.models.blup import fit_blup, uses_products


@dataclass(frozen=True)
class RRBLUP(Model):
    """Marker effects of one common variance, by REML; covariates are fixed effects."""

    def uses_products(self, lines: int, markers: int) -> bool:
        return uses_products(lines, markers)

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        return fit_blup(lines)
