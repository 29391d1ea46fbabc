"""ResNet: residual blocks of convolutions, normalised before they are activated.

He K. et al. (2016) Identity mappings in deep residual networks. ECCV, arXiv:1603.05027.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breedcast.models.base import Range, option
from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn

#: The most positions that the blocks work on.
MOST_POSITIONS = 250


@dataclass(frozen=True)
class ResNet(NetworkModel):
    """A convolution of width 7, pooled; residual blocks; dropout and a dense layer.

    Dropout stands behind the last batch normalisation only.

    Departures from the publication: one dimension, few blocks of one width (published: 110
    layers and more of growing width), pooling to 250 positions at most before the blocks, a dense
    layer where it averages over all positions, as markers differ in what they do.
    """

    input: str = redefault("input", "dosage")
    learning_rate: float = redefault("learning_rate", 0.0003)
    filters: int = option(16, "Filters of every convolution.", Range(4, 64, log=True), minimum=1)
    blocks: int = option(2, "Residual blocks.", minimum=1)
    dropout_rate: float = option(
        0.5,
        "Rate of the dropouts about the dense layer.",
        Range(0.0, 0.7),
        minimum=0,
        exclusiveMaximum=1,
    )

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.blocks import dense_between_dropouts, pooled_by
        from breedcast.training.layers import Conv1d
        from breedcast.training.network import width_of

        convolutions = nn.Sequential(
            Conv1d(channels, self.filters, 7),
            nn.AvgPool1d(pooled_by(length, MOST_POSITIONS), ceil_mode=True),
            *(self._block() for _ in range(self.blocks)),
            *self._activated(),
            nn.Flatten(),
        )
        width = width_of(convolutions, channels, length)
        return nn.Sequential(convolutions, *dense_between_dropouts(width, 64, self.dropout_rate))

    def head(self, width: int, outputs: int) -> nn.Module:
        from breedcast.training.layers import Dense

        return Dense(width, outputs)

    def _block(self) -> nn.Module:
        from torch import nn

        from breedcast.training.layers import Conv1d, Residual

        def convolution() -> Conv1d:
            return Conv1d(self.filters, self.filters, 3)

        branch = [*self._activated(), convolution(), *self._activated(), convolution()]
        return Residual(nn.Sequential(*branch), nn.Identity())

    def _activated(self) -> list[nn.Module]:
        from torch import nn

        return [nn.BatchNorm1d(self.filters), nn.ReLU()]
