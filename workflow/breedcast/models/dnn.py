"""DNN: a plain multilayer perceptron over all markers.

Such networks are described, and compared with GBLUP, by Montesinos-Lopez A. et al. (2018)
Multi-environment genomic prediction of plant traits using deep learners with dense
architecture. G3 8:3813-3828.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from breedcast.models.base import Range, option
from breedcast.models.network import NetworkModel
from breedcast.models.options import OWN, redefault

if TYPE_CHECKING:
    from torch import nn

    from breedcast.training.network import Network


@dataclass(frozen=True)
class DNN(NetworkModel):
    """Dense layers of ReLU units, each with a dropout behind it; five networks are averaged.

    Departures from the publication:
    - two layers of 128 and 32 units with dropout (published: one to three layers of equal
      width, chosen by a grid for each data set);
    - of very many markers each network is given others, so that time and memory have a bound;
    - markers are the input (published: the Cholesky factor of the relationship matrix);
    - the sum over more than 1,000 inputs is scaled down, so that one learning rate suits
      panels of any size.
    """

    is_stacked_on_cpu: ClassVar[bool] = True

    input: str = redefault("input", "dosage")
    networks: int = redefault("networks", 5)
    most_markers: int | None = redefault("most_markers", 5000)
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
    first_layer: str = option(
        "chance",
        "How the first layer starts: by chance, or each unit as the genomic relationship with a "
        "training line, drawn at random (kernel).",
        enum=["chance", "kernel"],
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first_layer == "kernel" and (self.pretrained or self.initialise != OWN):
            raise ValueError("first_layer: kernel sets the weights; no initialise, no pretrained")

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.blocks import WideDense
        from breedcast.training.dropout import Dropout

        first = WideDense(channels * length, self.units)
        return nn.Sequential(nn.Flatten(), first, nn.ReLU(), Dropout(self.dropout_rate))

    def begin(self, network: Network, inputs: np.ndarray) -> None:
        """first_layer: kernel. A unit is 1 of its own line, and 0 of one not related to it.

        Units beyond the training lines start by chance. Such a layer is a kernel's features on
        landmarks (Williams & Seeger 2001, NIPS 13:682), which training then moves.
        """
        if self.first_layer == "chance":
            return
        import torch

        first = network.features[1]  # type: ignore[index]
        with torch.no_grad():
            drawn = torch.randperm(len(inputs))[: self.units].numpy()
            lines = network.input(torch.from_numpy(inputs[drawn])).flatten(1)
            own = (lines**2).sum(dim=1, keepdim=True).clamp_min(1e-12)
            first.weight[: len(lines)] = lines / (own * first.share)

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
