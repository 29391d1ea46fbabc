"""DNN: a plain multilayer perceptron over all markers.

Such networks are described, and compared with GBLUP, by Montesinos-Lopez A. et al. (2018)
Multi-environment genomic prediction of plant traits using deep learners with dense
architecture. G3 8:3813-3828.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.base import Range, option
from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class DNN(NetworkModel):
    """Dense layers of ReLU units, each with a dropout behind it; five networks are averaged.

    Departures from the publication:
    - two layers of 128 and 32 units with dropout (published: one to three layers of equal
      width, chosen by a grid for each data set);
    - markers are the input (published: the Cholesky factor of the relationship matrix);
    - the sum over more than 1,000 inputs is scaled down, so that one learning rate suits
      panels of any size.
    """

    is_stacked_on_cpu: ClassVar[bool] = True

    input: str = redefault("input", "dosage")
    networks: int = redefault("networks", 5)
    learning_rate: float = redefault("learning_rate", 0.0001)
    units: int = option(
        128, "Units of the first hidden layer.", Range(32, 512, log=True), minimum=1
    )
    layers: int = option(2, "Hidden layers, each a quarter as wide as the one before.", minimum=1)
    dropout_rate: float = option(
        0.3,
        "Rate of the dropout behind each hidden layer.",
        Range(0.0, 0.7),
        minimum=0,
        exclusiveMaximum=1,
    )

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.blocks import WideDense
        from breedcast.training.dropout import Dropout

        first = WideDense(channels * length, self.units)
        return nn.Sequential(nn.Flatten(), first, nn.ReLU(), Dropout(self.dropout_rate))

    def head(self, width: int, outputs: int) -> nn.Module:
        from torch import nn

        from breedcast.training.dropout import Dropout
        from breedcast.training.layers import Dense

        hidden: list[nn.Module] = []
        for layer in range(1, self.layers):
            units = max(1, self.units // 4**layer)
            hidden += [Dense(width, units), nn.ReLU(), Dropout(self.dropout_rate)]
            width = units
        return nn.Sequential(*hidden, Dense(width, outputs))
