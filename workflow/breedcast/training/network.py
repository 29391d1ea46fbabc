"""A network: input layer, features along the genome, dense head, readout."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from breedcast.training.losses import Readout


class OneHotInput(nn.Module):
    """Codes (lines, positions) uint8 to channels (lines, states, positions), in the batch.

    centre: (states, positions) to be taken from the channels, or (states, 1) zeros.
    """

    centre: Tensor
    states: Tensor

    def __init__(self, centre: Tensor) -> None:
        super().__init__()
        states = torch.arange(len(centre), dtype=torch.uint8)[:, None]
        self.register_buffer("centre", centre, persistent=False)
        self.register_buffer("states", states, persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        return torch.eq(codes[:, None, :], self.states).to(self.centre.dtype) - self.centre


class DosageInput(nn.Module):
    """Codes (lines, positions) uint8 to one channel of scaled dosages, in the batch.

    mean, scale: (positions,). A missing code, `ploidy` + 1, is the mean.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, ploidy: int) -> None:
        super().__init__()
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.ploidy = ploidy

    def forward(self, codes: Tensor) -> Tensor:
        dosage = (codes.to(self.mean.dtype) - self.mean) * self.scale
        return torch.where(codes <= self.ploidy, dosage, 0.0)[:, None, :]


class NumberInput(nn.Module):
    """Numbers (lines, positions) to one channel (lines, 1, positions)."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers[:, None, :]


class Network(nn.Module):
    """input: nothing in it is trained; features: from channels (lines, channels, positions) to
    (lines, width); head: from these, and from covariates where there are any, to outputs;
    readout: from outputs to the predicted value.
    """

    def __init__(
        self, input_layer: nn.Module, features: nn.Module, head: nn.Module, readout: Readout
    ) -> None:
        super().__init__()
        self.input = input_layer
        self.features = features
        self.head = head
        self.readout = readout

    def forward(self, batch: Tensor, covariates: Tensor) -> Tensor:
        """(lines,) values of a batch (lines, positions) and covariates (lines, columns)."""
        return self.values(self.input(batch), covariates)

    def values(self, channels: Tensor, covariates: Tensor) -> Tensor:
        """(lines,) values of channels (lines, channels, positions)."""
        return self.readout(self.outputs(channels, covariates))

    def outputs(self, channels: Tensor, covariates: Tensor) -> Tensor:
        """(lines, outputs)"""
        return self.join(self.features(channels), covariates)

    def join(self, features: Tensor, covariates: Tensor) -> Tensor:
        """(lines, outputs) of features (lines, width) and covariates (lines, columns)."""
        joined = torch.cat([features, covariates], dim=1) if covariates.shape[1] else features
        outputs: Tensor = self.head(joined)
        return outputs


def width_of(features: nn.Module, channels: int, length: int) -> int:
    """How many numbers the features of a line are; nothing is drawn and nothing learnt."""
    was_training = features.training
    with torch.no_grad():
        made = features.eval()(torch.zeros(1, channels, length))
    features.train(was_training)
    return int(made.shape[1])
