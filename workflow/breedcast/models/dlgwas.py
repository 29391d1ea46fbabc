"""DLGWAS: two streams of convolutions over one-hot genotypes, summed.

Liu Y. et al. (2019) Phenotype prediction and genome-wide association study using deep
convolutional neural network of soybean. Front Genet 10:1091. Layers, penalties and padding
are those of the residual network published with it (kateyliu/DL_gwas, model6.h5), whose
predictions this module reproduces from its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breedcast.models.network import NetworkModel

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class DLGWAS(NetworkModel):
    """Ten filters throughout; linear up to the bounded ISRU output.

    Departures from the publication:
    - the state frequencies of the lines trained on are taken from the one-hot channels. As
      the network is linear before its output this changes no function it can express, only
      that dropout no longer acts on what all lines share;
    - the dense layer starts at zero (published: truncated normal): with more weights than
      lines, much of what it starts with is still there when training stops;
    - the two dropouts of 0.75 on either side of the flattening are one of 0.9375, which
      has the same distribution;
    - the target is standardised on the lines trained on;
    - early stopping by mean squared error, with the best weights restored (published: by
      mean absolute error, the last weights kept);
    - batches of 32 (published: 250).
    """

    def trunk(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.layers import (
            ISRU,
            L2,
            Conv1d,
            Dense,
            Dropout,
            Flatten,
            LinearPair,
            Residual,
            truncated_normal,
            zero,
        )

        def convolution(inputs: int, kernel: int) -> Conv1d:
            return Conv1d(inputs, 10, kernel, initialise=truncated_normal, penalty=L2(0.1, 0.01))

        return nn.Sequential(
            Residual(
                nn.Sequential(
                    LinearPair(convolution(channels, 4), convolution(10, 20)), Dropout(0.75)
                ),
                convolution(channels, 4),
            ),
            convolution(10, 4),
            Flatten(),
            Dropout(0.9375),
            Dense(10 * length, 1, initialise=zero, penalty=L2(bias=0.01)),
            ISRU(a=0.5),
        )
