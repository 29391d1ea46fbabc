"""Local: a locally connected layer over windows of markers, then dense layers.

Pook T. et al. (2020) Using local convolutional neural networks for genomic prediction. Front
Genet 11:561497.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.base import Range, option
from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn

#: The most windows that a genome is cut into.
MOST_WINDOWS = 1000


@dataclass(frozen=True)
class Local(NetworkModel):
    """Windows with weights of their own, two dense layers of 64 units; five networks are averaged.

    Departures from the publication:
    - windows of 10 markers, as published, but longer ones where there would be over 1,000;
    - markers as centred and scaled dosages;
    - sums over more than 1,000 inputs are scaled down (see WideDense);
    - early stopping on a stop set.
    """

    is_stacked_on_cpu: ClassVar[bool] = True

    input: str = redefault("input", "dosage")
    networks: int = redefault("networks", 5)
    learning_rate: float = redefault("learning_rate", 0.0003)
    window: int = option(10, "Markers per window, at least.", minimum=1)
    filters: int = option(4, "Units of each window.", Range(1, 16, log=True), minimum=1)
    dropout_rate: float = option(
        0.3,
        "Rate of the dropout behind each hidden layer.",
        Range(0.0, 0.7),
        minimum=0,
        exclusiveMaximum=1,
    )

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.blocks import LocallyConnected, WideDense
        from breedcast.training.dropout import Dropout

        window = max(self.window, -(-length // MOST_WINDOWS))
        local = LocallyConnected(channels, length, window, self.filters)
        return nn.Sequential(
            local,
            nn.ReLU(),
            nn.Flatten(),
            Dropout(self.dropout_rate),
            WideDense(local.windows * self.filters, 64),
            nn.ReLU(),
            Dropout(self.dropout_rate),
        )

    def head(self, width: int, outputs: int) -> nn.Module:
        from torch import nn

        from breedcast.training.dropout import Dropout
        from breedcast.training.layers import Dense

        return nn.Sequential(
            Dense(width, 64), nn.ReLU(), Dropout(self.dropout_rate), Dense(64, outputs)
        )
