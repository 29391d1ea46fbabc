"""DeepGS: one convolution over the markers, max-pooled, then a small dense network.

Ma W. et al. (2018) A deep convolutional neural network approach for predicting phenotypes
from genotypes. Planta 248:1307-1318; R package DeepGS 1.2 (cma2015/DeepGS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.network import NetworkModel, redefault

if TYPE_CHECKING:
    from torch import nn

WIDTH = 18
POOL = 4


@dataclass(frozen=True)
class DeepGS(NetworkModel):
    """8 filters of width 18, max-pooling by 4, 32 sigmoid units.

    Departures from the publication.
    """

    #: One window of the convolution for each position of one pool.
    minimum_length: ClassVar[int] = WIDTH + POOL - 1

    input: str = redefault("input", "dosage")

    def trunk(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.layers import Conv1d, Dense

        pooled = (length - WIDTH + 1) // POOL
        return nn.Sequential(
            Conv1d(channels, 8, kernel=WIDTH, padding="valid"),
            nn.ReLU(),
            nn.MaxPool1d(POOL),
            nn.Dropout(0.2),
            nn.Flatten(),
            Dense(8 * pooled, 32),
            nn.Sigmoid(),
            nn.Dropout(0.1),
            Dense(32, 1),
            nn.Dropout(0.05),
        )
