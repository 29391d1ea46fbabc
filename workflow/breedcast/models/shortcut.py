"""What a network adds to: kernels' mixed model of the same lines, whose rest the network learns.

What the mixed model leaves of its own lines in its fit is shrunken, and tells the network nothing.
It learns what the model leaves of each line that is taken out of the fit, as it leaves new lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from breedcast.models.base import Lines
from breedcast.models.kernel_sum import ADDITIVE
from breedcast.models.products import Products
from breedcast.models.rkhs import RKHS, FittedRKHS
from breedcast.models.target import StandardisedTarget


@dataclass(frozen=True)
class Shortcut:
    """A mixed model of kernels of the dosages (see rkhs), fitted to some lines."""

    fitted: FittedRKHS

    @classmethod
    def fit(cls, kernels: tuple[str, ...], lines: Lines, seed: int) -> Shortcut:
        """Covariates are fixed effects; missing calls count as the mean.

        Raises UserError where the markers or the trait do not vary.
        """
        StandardisedTarget.fit(lines)
        return cls(RKHS(kernels=kernels).learn(lines, seed))

    def left_of(self, lines: Lines) -> Lines:
        """The lines it is fitted to, their values less what it predicts for each by the others."""
        return replace(lines, value=self.fitted.mixed.left_out)

    def predict(self, lines: Lines) -> np.ndarray:
        """(lines,) values in the trait's units."""
        return self.fitted.values(lines)

    def gradient(self, codes: np.ndarray) -> np.ndarray:
        """(lines, markers) how the value of lines with these codes changes by an allele copy."""
        return self._slopes(codes, [(1.0, 1.0)])

    def contributions(self, codes: np.ndarray) -> np.ndarray:
        """(lines, markers) what each marker adds to a line's value: integrated gradients.

        From the mean line on; they sum to what sets the line's value apart from the mean line's.
        """
        from breedcast.training.gradients import way_from_zeros

        means = self.fitted.genomes[ADDITIVE].base.means
        return self._slopes(codes, way_from_zeros()) * means.centred(codes)

    def _slopes(self, codes: np.ndarray, steps: Sequence[tuple[float, float]]) -> np.ndarray:
        """Sum of the gradients at these shares of the way from the mean line, times its weight."""
        fitted = self.fitted
        genome = fitted.genomes[ADDITIVE]
        features, training = (genome.base.centred(it) for it in (codes, genome.training.codes))
        total = np.zeros(codes.shape)
        for at, weight in steps:
            here = at * features
            products = Products.of(here, training)
            for share, kernel in zip(fitted.shares, fitted.kernels.values(), strict=True):
                by_cross, by_own = kernel.slopes(products, fitted.mixed.dual)
                by_feature = by_cross @ training + 2 * here * by_own[:, None]
                total += share * weight * by_feature
        return total / np.sqrt(genome.base.scale)

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, by name."""
        return {f"shortcut.{name}": array for name, array in self.fitted.weights().items()}
