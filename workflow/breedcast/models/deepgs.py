"""DeepGS: one convolution over the markers, max-pooled, then a small dense network.

Ma W. et al. (2018) A deep convolutional neural network approach for predicting phenotypes
from genotypes. Planta 248:1307-1318; R package DeepGS 1.2 (cma2015/DeepGS). No trained
network is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn

FILTERS = 8
WIDTH = 18
POOL = 4
# MXNet's weight decay d adds d w to the gradient: a penalty of d / 2
DECAY = 1e-5 / 2


@dataclass(frozen=True)
class DeepGS(NetworkModel):
    """8 filters of width 18, max-pooling by 4, 32 sigmoid units; three dropouts.

    The last dropout stands after the output, as published.

    Departures from the publication:
    - the network is added to a mixed model of kernels and learns what that leaves (published:
      it predicts alone, which shortcut: [] has it do);
    - dosages are centred and scaled by the lines trained on (published: as they are);
    - the target is standardised on the lines trained on;
    - early stopping by mean squared error, after 20 epochs without improvement (published:
      by mean absolute error, after 600);
    - Adam with learning rate 0.001, batches of 16 (published: stochastic gradient descent
      with learning rate 0.01, momentum 0.5, batches of 30, up to 6,000 epochs and a
      stop_metric of mae: these options train so).
    """

    #: One window of the convolution for each position of one pool.
    minimum_length: ClassVar[int] = WIDTH + POOL - 1
    own_shortcut: ClassVar[tuple[str, ...]] = ("additive", "gaussian")

    input: str = redefault("input", "dosage")
    patience: int = redefault("patience", 20)
    batch_size: int = redefault("batch_size", 16)

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.dropout import Dropout
        from breedcast.training.initialisers import near_zero
        from breedcast.training.layers import Conv1d, Penalty

        return nn.Sequential(
            Conv1d(channels, FILTERS, WIDTH, "valid", initialise=near_zero, penalty=Penalty(DECAY)),
            nn.ReLU(),
            nn.MaxPool1d(POOL),
            Dropout(0.2),
            nn.Flatten(),
        )

    def head(self, width: int, outputs: int) -> nn.Module:
        from torch import nn

        from breedcast.training.dropout import Dropout
        from breedcast.training.initialisers import near_zero
        from breedcast.training.layers import Dense, Penalty

        return nn.Sequential(
            Dense(width, 32, initialise=near_zero, penalty=Penalty(DECAY)),
            nn.Sigmoid(),
            Dropout(0.1),
            Dense(32, outputs, initialise=near_zero, penalty=Penalty(DECAY)),
            Dropout(0.05),
        )
