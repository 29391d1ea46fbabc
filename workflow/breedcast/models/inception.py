"""Inception: blocks of parallel convolutions of several widths.

Szegedy C. et al. (2015) Going deeper with convolutions. CVPR, 1-9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breedcast.models.base import Range, option
from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn

#: The most positions that are left for the dense layer.
MOST_POSITIONS = 250
#: Branches of a block.
BRANCHES = 4


@dataclass(frozen=True)
class Inception(NetworkModel):
    """Two Inception blocks, each pooled, and a dense layer.

    A block is a convolution of width 1, one of 3 and one of 5, each behind one of width 1, and
    one of width 1 behind a max-pooling, side by side.

    Departures from the publication: one dimension, two blocks of equal branches (published:
    nine), a dense layer where it averages over all positions, as markers differ in what they
    do; the second pooling leaves 250 positions at most.
    """

    input: str = redefault("input", "dosage")
    learning_rate: float = redefault("learning_rate", 0.0003)
    filters: int = option(
        4, "Filters of each of the four branches of a block.", Range(2, 16, log=True), minimum=1
    )
    dropout_rate: float = option(
        0.3,
        "Rate of the dropouts about the dense layer.",
        Range(0.0, 0.7),
        minimum=0,
        exclusiveMaximum=1,
    )

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.blocks import dense_between_dropouts, pooled_by
        from breedcast.training.network import width_of

        blocks = nn.Sequential(
            self._block(channels),
            nn.MaxPool1d(2, ceil_mode=True),
            self._block(BRANCHES * self.filters),
            nn.MaxPool1d(pooled_by(-(-length // 2), MOST_POSITIONS), ceil_mode=True),
            nn.Flatten(),
        )
        width = width_of(blocks, channels, length)
        return nn.Sequential(blocks, *dense_between_dropouts(width, 64, self.dropout_rate))

    def head(self, width: int, outputs: int) -> nn.Module:
        from breedcast.training.layers import Dense

        return Dense(width, outputs)

    def _block(self, channels: int) -> nn.Module:
        from torch import nn

        from breedcast.training.layers import Branches, Conv1d

        def reduced(kernel: int) -> nn.Module:
            return nn.Sequential(
                Conv1d(channels, self.filters, 1),
                nn.ReLU(),
                Conv1d(self.filters, self.filters, kernel),
            )

        pooled = nn.Sequential(
            nn.MaxPool1d(3, stride=1, padding=1), Conv1d(channels, self.filters, 1)
        )
        alone = Conv1d(channels, self.filters, 1)
        return nn.Sequential(Branches(alone, reduced(3), reduced(5), pooled), nn.ReLU())
