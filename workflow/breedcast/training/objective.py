"""The loss of one step, as a module: so that many networks' can be computed side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from breedcast.training.augment import Augment, mix
from breedcast.training.dropout import dropouts
from breedcast.training.network import Network


class Objective(nn.Module):
    """A network with the loss it is trained by.

    samples: how many dropout masks each line of a batch is given, their losses averaged
    (multi-sample dropout, Inoue 2019, arXiv:1905.09788).
    """

    def __init__(self, network: Network, augment: Augment, samples: int = 1, mixes: bool = False):
        super().__init__()
        self.network = network
        self.augment = augment
        self.samples = samples
        self.mixes = mixes
        #: The masks of the features differ too where these have a dropout; else the features
        #: are computed once.
        self.copies_input = bool(dropouts(network.features))

    def forward(
        self, inputs: Tensor, covariates: Tensor, target: Tensor, weight: Tensor, keep: Tensor
    ) -> Tensor:
        """The loss of a batch; the penalties of the weights are the optimiser's.

        keep: the share of itself that a line keeps where lines are mixed, a number.
        """
        network, copies = self.network, self.samples
        channels = self.augment.channels(network.input(self.augment.batch(inputs)))
        target = self.augment.target(target)
        if self.mixes:
            channels, covariates = mix(channels, keep), mix(covariates, keep)
            target, weight = mix(target, keep), mix(weight, keep)
        if copies > 1 and self.copies_input:
            channels = channels.repeat(copies, 1, 1)
        features = network.features(channels)
        if copies > 1:
            covariates = covariates.repeat(copies, 1)
            target, weight = torch.cat([target] * copies), weight.repeat(copies)
            features = features if self.copies_input else features.repeat(copies, 1)
        return network.readout.loss(network.join(features, covariates), target, weight)
