"""DNNGP: convolutions over principal components.

Wang K. et al. (2023) DNNGP, a deep neural network-based method for genomic prediction using
multi-omics data in plants. Mol Plant 16:279-293. Layers, penalties and padding are those of
the network published with it (AIBreeding/DNNGP, training.model.h5), whose predictions this
module reproduces from its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class DNNGP(NetworkModel):
    """Three convolutions of 64 filters, each normalised over the batch, then two dense layers.

    Dropout stands before the first two batch normalisations, as published.

    Departures from the publication:
    - the network is added to a mixed model of kernels and learns what that leaves (published:
      it predicts alone, which shortcut: [] has it do);
    - the components are learnt from the lines trained on, not from all lines, and their
      scores are divided by one common number (published: raw scores);
    - the target is standardised; early stopping on a stop set, with the best weights
      restored (published: the trait as it is, 10 epochs);
    - the large dense layer starts at zero (published: Glorot uniform): with more weights
      than lines, much of what it starts with is still there when training stops;
    - the moving averages of the batch normalisations have momentum 0.9 (published: 0.99),
      which with a dozen steps an epoch lags too far behind for early stopping to judge by;
    - learning rate 0.0001 and batches of 32 (published: 0.01 and 10).
    """

    own_shortcut: ClassVar[tuple[str, ...]] = ("additive", "gaussian")

    input: str = redefault("input", "pca")
    learning_rate: float = redefault("learning_rate", 0.0001)

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.dropout import Dropout
        from breedcast.training.initialisers import truncated_normal
        from breedcast.training.layers import Conv1d, Flatten, Penalty

        def convolution(inputs: int, penalty: Penalty) -> nn.Module:
            return Conv1d(inputs, 64, kernel=4, initialise=truncated_normal, penalty=penalty)

        def normalisation() -> nn.Module:
            # PyTorch's momentum is the weight of the new batch: Keras' 0.9
            return nn.BatchNorm1d(64, eps=1e-3, momentum=0.1)

        return nn.Sequential(
            convolution(channels, Penalty(0.01, 0.1)),
            nn.ReLU(),
            Dropout(0.3),
            normalisation(),
            convolution(64, Penalty(0.001, 0.00001)),
            nn.ReLU(),
            Dropout(0.3),
            normalisation(),
            convolution(64, Penalty(0.001, 0.0001)),
            nn.ReLU(),
            normalisation(),
            Flatten(),
        )

    def head(self, width: int, outputs: int) -> nn.Module:
        from torch import nn

        from breedcast.training.dropout import Dropout
        from breedcast.training.initialisers import zero
        from breedcast.training.layers import Dense

        return nn.Sequential(Dense(width, 3, initialise=zero), Dropout(0.3), Dense(3, outputs))
