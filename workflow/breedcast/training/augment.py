"""Training data made from training data: noise, mixed lines, hidden markers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from breedcast.training.noise import Noise


class Augment(nn.Module):
    """What is done to a batch before the network learns from it; never to one it predicts.

    input_noise: standard deviation of normal noise added to the channels; label_noise: of that
    added to the target, in the target's units; mask: share of the calls that is hidden, as if
    missing; missing: the code that says so.
    """

    def __init__(self, input_noise: float, label_noise: float, mask: float, missing: int) -> None:
        super().__init__()
        self.sizes = (input_noise, label_noise, mask)
        self.missing = missing
        self.on_input, self.on_label, self.on_calls = Noise(), Noise(), Noise()

    def batch(self, batch: Tensor) -> Tensor:
        """Codes with some of the calls hidden."""
        share = self.sizes[2]
        if not share:
            return batch
        return torch.where(self.on_calls.below(share, batch), self.missing, batch)

    def channels(self, channels: Tensor) -> Tensor:
        """Channels with noise."""
        size = self.sizes[0]
        return channels + size * self.on_input.normal(channels) if size else channels

    def target(self, target: Tensor) -> Tensor:
        """A target with noise."""
        size = self.sizes[1]
        return target + size * self.on_label.normal(target) if size else target


def mix(lines: Tensor, share: Tensor) -> Tensor:
    """Each line mixed with the one before it in the batch (Zhang et al. 2018, mixup).

    share: how much of itself a line keeps. Batches are in random order, so that is any other.
    """
    return share * lines + (1.0 - share) * lines.roll(1, 0)
