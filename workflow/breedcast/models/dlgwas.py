"""DLGWAS: two streams of convolutions over one-hot genotypes.

Liu Y. et al. (2019) Phenotype prediction and genome-wide association study using deep
convolutional neural network of soybean. Front Genet 10:1091. Layers, penalties and padding
are those of the networks published with it (kateyliu/DL_gwas: the residual network of
soybean yield, the two-branch network of the simulation), whose predictions this module
reproduces from their weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.base import option
from breedcast.models.network import NetworkModel

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class DLGWAS(NetworkModel):
    """Linear up to the bounded ISRU output, with 10 (residual) or 15 and 20 filters.

    Departures from the publication:
    - the network is added to a mixed model of kernels and learns what that leaves (published:
      it predicts alone, which shortcut: [] has it do);
    - the state frequencies of the lines trained on are taken from the one-hot channels. As
      the network is linear before its output this changes no function it can express, only
      that dropout no longer acts on what all lines share;
    - the dense layer that reads the genome starts at zero (published: truncated normal): with
      more weights than lines, much of what it starts with is still there when training stops;
    - residual: the two dropouts of 0.75 on either side of the flattening are one of 0.9375,
      which has the same distribution;
    - the target is standardised on the lines trained on;
    - early stopping by mean squared error, with the best weights restored (published: by
      mean absolute error, the last weights kept);
    - batches of 32 (published: 250).
    """

    own_shortcut: ClassVar[tuple[str, ...]] = ("additive", "gaussian")

    form: str = option(
        "residual",
        "The network published for soybean yield, a convolution beside two (residual), or that "
        "of the simulations, two convolutions of different widths (two_branch).",
        enum=["residual", "two_branch"],
    )
    isru: float = option(
        0.5,
        "The output is bounded by 1 / sqrt(isru) standard deviations (published for height: 0.03).",
        exclusiveMinimum=0,
    )

    def features(self, channels: int, length: int) -> nn.Module:
        return _two_branch(channels) if self.form == "two_branch" else _residual(channels)

    def head(self, width: int, outputs: int) -> nn.Module:
        from torch import nn

        from breedcast.training.activations import ISRU
        from breedcast.training.initialisers import truncated_normal, zero
        from breedcast.training.layers import Dense, Penalty

        if self.form == "residual":
            last = Dense(width, outputs, initialise=zero, penalty=Penalty(bias_l2=0.01))
            return nn.Sequential(last, ISRU(self.isru))
        return nn.Sequential(
            Dense(width, 20, initialise=zero, penalty=Penalty(bias_l2=0.01)),
            Dense(20, outputs, initialise=truncated_normal, penalty=Penalty(bias_l2=0.02)),
            ISRU(self.isru),
        )


def _residual(channels: int) -> nn.Module:
    from torch import nn

    from breedcast.training.dropout import Dropout
    from breedcast.training.initialisers import truncated_normal
    from breedcast.training.layers import Conv1d, Flatten, LinearPair, Penalty, Residual

    def convolution(inputs: int, kernel: int) -> Conv1d:
        return Conv1d(inputs, 10, kernel, initialise=truncated_normal, penalty=Penalty(0.1, 0.01))

    return nn.Sequential(
        Residual(
            nn.Sequential(LinearPair(convolution(channels, 4), convolution(10, 20)), Dropout(0.75)),
            convolution(channels, 4),
        ),
        convolution(10, 4),
        Flatten(),
        Dropout(0.9375),
    )


def _two_branch(channels: int) -> nn.Module:
    from torch import nn

    from breedcast.training.dropout import Dropout
    from breedcast.training.initialisers import truncated_normal
    from breedcast.training.layers import Branches, Conv1d, Flatten, Penalty

    def convolution(inputs: int, outputs: int, kernel: int, l2: float) -> Conv1d:
        penalty = Penalty(l2, 0.01)
        return Conv1d(inputs, outputs, kernel, initialise=truncated_normal, penalty=penalty)

    return nn.Sequential(
        Branches(convolution(channels, 15, 4, 0.1), convolution(channels, 15, 2, 0.1)),
        Dropout(0.1),
        convolution(30, 20, 2, 0.01),
        Flatten(),
        Dropout(0.1),
    )
