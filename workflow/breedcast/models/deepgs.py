"""DeepGS: one convolution over the markers, max-pooled, then a small dense network.

Ma W. et al. (2018) A deep convolutional neural network approach for predicting phenotypes
from genotypes. Planta 248:1307-1318; R package DeepGS 1.2 (cma2015/DeepGS). No trained
network is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.base import option
from breedcast.models.network import NetworkModel, redefault

if TYPE_CHECKING:
    from torch import nn

    from breedcast.training.optimisers import Optimiser

FILTERS = 8
WIDTH = 18
POOL = 4


@dataclass(frozen=True)
class DeepGS(NetworkModel):
    """8 filters of width 18, max-pooling by 4, 32 sigmoid units; three dropouts.

    The last dropout stands after the output, as published.

    Departures from the publication:
    - dosages are centred and scaled by the lines trained on (published: as they are);
    - the target is standardised on the lines trained on;
    - early stopping by mean squared error, after 20 epochs without improvement (published:
      by mean absolute error, after 600);
    - Adam with learning rate 0.001, batches of 16 (published: stochastic gradient descent
      with learning rate 0.01, momentum 0.5, batches of 30, up to 6,000 epochs: `optimiser:
      sgd` with these options trains so).
    """

    #: One window of the convolution for each position of one pool.
    minimum_length: ClassVar[int] = WIDTH + POOL - 1

    input: str = redefault("input", "dosage")
    patience: int = redefault("patience", 20)
    batch_size: int = redefault("batch_size", 16)
    optimiser: str = option(
        "adam",
        "Adam, or the published stochastic gradient descent with momentum 0.5 (sgd), which "
        "needs a learning_rate of 0.01 and many times the epochs and patience.",
        enum=["adam", "sgd"],
    )

    def trunk(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.layers import L2, Conv1d, Dense, Dropout, near_zero

        # MXNet's weight decay d adds d w to the gradient: a penalty of d / 2
        decay = L2(weight=1e-5 / 2)
        pooled = (length - WIDTH + 1) // POOL
        return nn.Sequential(
            Conv1d(channels, FILTERS, WIDTH, "valid", initialise=near_zero, penalty=decay),
            nn.ReLU(),
            nn.MaxPool1d(POOL),
            Dropout(0.2),
            nn.Flatten(),
            Dense(FILTERS * pooled, 32, initialise=near_zero, penalty=decay),
            nn.Sigmoid(),
            Dropout(0.1),
            Dense(32, 1, initialise=near_zero, penalty=decay),
            Dropout(0.05),
        )

    def make_optimiser(self) -> Optimiser:
        from breedcast.training.optimisers import SGD

        if self.optimiser == "sgd":
            return SGD(self.learning_rate, momentum=0.5)
        return super().make_optimiser()
