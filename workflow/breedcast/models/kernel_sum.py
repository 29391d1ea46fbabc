"""Several kernels of the same lines as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from breedcast.models.base import Lines
from breedcast.models.kernels import Kernel
from breedcast.models.kinship import Kinship
from breedcast.models.multikernel import combined

ADDITIVE, DOMINANCE = "additive", "dominance"


def made_of(kernel: str) -> str:
    """The products that a kernel is made of."""
    return DOMINANCE if kernel == DOMINANCE else ADDITIVE


@dataclass(frozen=True)
class KernelSum:
    """genomes: what the kernels, by name, are made of; shares: of each in the variance."""

    genomes: Mapping[str, Kinship]
    kernels: Mapping[str, Kernel]
    shares: np.ndarray

    def relationships(self, lines: Lines) -> tuple[np.ndarray, np.ndarray]:
        """Lines' k (lines, n) with the training lines and k_self (lines,) with themselves."""
        products = {name: genome.with_training(lines) for name, genome in self.genomes.items()}
        found = [kernel.of(products[made_of(name)]) for name, kernel in self.kernels.items()]
        cross, own = zip(*found, strict=True)
        return combined(self.shares, cross), combined(self.shares, own)
