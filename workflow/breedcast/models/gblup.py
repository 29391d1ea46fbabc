"""GBLUP: best linear unbiased prediction from genomic relationships.

VanRaden P.M. (2008) J Dairy Sci 91:4414-4423. Equivalent to ridge regression on markers with
the penalty chosen by REML (rrBLUP, Endelman 2011, Plant Genome 4:250-255).
"""

from __future__ import annotations

from dataclasses import dataclass

from breedcast.models.base import Fitted, Lines, Model, option
from breedcast.models.blup import fit_blup, uses_products
from breedcast.models.in_environments import (
    DESCRIPTION,
    INTERACTIONS,
    NONE,
    FittedInEnvironments,
    distinct,
    heeds_conditions,
    interaction_of,
)
from breedcast.models.kernels import Kernel, Linear
from breedcast.models.kinship import Kinship


@dataclass(frozen=True)
class GBLUP(Model):
    """Genetic values with variance K s2g, K from the training lines' frequencies, by REML.

    Covariates are fixed effects of the same mixed model. Where there are environments, values in
    them covary as `in_environments.py` has it.
    """

    interaction: str = option("auto", DESCRIPTION, enum=list(INTERACTIONS))

    @property
    def heeds_conditions(self) -> bool:
        return heeds_conditions(self.interaction)

    def uses_products(self, lines: int, markers: int) -> bool:
        return uses_products(lines, markers)

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        interaction = interaction_of(lines, self.interaction)
        if interaction == NONE:
            return fit_blup(lines)
        genome = Kinship.fit(lines.take(distinct(lines)[0]))
        kernel, K = Kernel.fit(genome.among_training(), Linear())
        kernels, genomes = {"additive": kernel}, {"additive": genome}
        return FittedInEnvironments.fit(genomes, kernels, [K], lines, interaction, seed)
