"""GBLUP: best linear unbiased prediction from genomic relationships.

VanRaden P.M. (2008) J Dairy Sci 91:4414-4423. Equivalent to ridge regression on markers with
the penalty chosen by REML (rrBLUP, Endelman 2011, Plant Genome 4:250-255).
"""

from __future__ import annotations

from dataclasses import dataclass

from breedcast.models.base import Fitted, Lines, Model
from breedcast.models.blup import fit_blup, uses_products


@dataclass(frozen=True)
class GBLUP(Model):
    """Genetic values with variance K s2g, K from the training lines' frequencies, by REML.

    Covariates are fixed effects of the same mixed model.
    """

    def uses_products(self, lines: int, markers: int) -> bool:
        return uses_products(lines, markers)

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        return fit_blup(lines)
