"""LeNet: LeNet-5 in one dimension.

LeCun Y. et al. (1998) Gradient-based learning applied to document recognition. Proc IEEE
86:2278-2324.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breedcast.models.base import Range, option
from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn

#: The most positions that are left for the dense layers.
MOST_POSITIONS = 500


@dataclass(frozen=True)
class LeNet(NetworkModel):
    """Twice a convolution of width 5 and pooling, then dense layers of 120 and 84 units.

    Departures from the publication:
    - one dimension, `same` padding, ReLU (published: images, tanh);
    - the second pooling leaves 500 positions at most;
    - plain averages in pooling (published: with a trained factor), each filter sees all of the
      first six (published: some), a dense output (published: radial basis functions);
    - a dropout behind each dense layer (published: none).
    """

    input: str = redefault("input", "dosage")
    learning_rate: float = redefault("learning_rate", 0.0003)
    dropout_rate: float = option(
        0.3,
        "Rate of the dropout behind each dense layer.",
        Range(0.0, 0.7),
        minimum=0,
        exclusiveMaximum=1,
    )

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.blocks import WideDense, pooled_by
        from breedcast.training.dropout import Dropout
        from breedcast.training.layers import Conv1d
        from breedcast.training.network import width_of

        convolutions = nn.Sequential(
            Conv1d(channels, 6, 5),
            nn.ReLU(),
            nn.AvgPool1d(2, ceil_mode=True),
            Conv1d(6, 16, 5),
            nn.ReLU(),
            nn.AvgPool1d(pooled_by(-(-length // 2), MOST_POSITIONS), ceil_mode=True),
            nn.Flatten(),
        )
        width = width_of(convolutions, channels, length)
        return nn.Sequential(
            convolutions, WideDense(width, 120), nn.ReLU(), Dropout(self.dropout_rate)
        )

    def head(self, width: int, outputs: int) -> nn.Module:
        from torch import nn

        from breedcast.training.dropout import Dropout
        from breedcast.training.layers import Dense

        return nn.Sequential(
            Dense(width, 84), nn.ReLU(), Dropout(self.dropout_rate), Dense(84, outputs)
        )
