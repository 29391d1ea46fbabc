"""How a trained network's value changes with its input."""

from __future__ import annotations

import numpy as np
import torch

from breedcast.training.layers import Network
from breedcast.training.trainer import PREDICTION_BATCH, as_tensor


def input_gradients(network: Network, inputs: np.ndarray, device: torch.device) -> np.ndarray:
    """(lines, channels, positions) float32 gradient of each line's value by its channels.

    One-hot inputs are differentiated by channel, as if a genotype could change by degrees.
    """
    network.eval()
    gradients = []
    for batch in as_tensor(inputs, device).split(PREDICTION_BATCH):
        channels = network.input(batch).detach().requires_grad_()
        # lines do not meet in a network that predicts: the sum's gradient is each line's own
        (gradient,) = torch.autograd.grad(network.trunk(channels).sum(), channels)
        gradients.append(gradient.float().cpu())
    return torch.cat(gradients).numpy()
