"""How a trained network's value changes with its input."""

from __future__ import annotations

import numpy as np
import torch

from breedcast.training.fleet import PREDICTION_BATCH, as_tensor
from breedcast.training.network import Network


def input_gradients(
    network: Network, inputs: np.ndarray, covariates: np.ndarray, device: torch.device
) -> np.ndarray:
    """(lines, channels, positions) float32 gradient of each line's value by its channels.

    One-hot inputs are differentiated by channel, as if a genotype could change by degrees.
    """
    network.eval()
    gradients = []
    for batch, known in zip(
        as_tensor(inputs, device).split(PREDICTION_BATCH),
        as_tensor(covariates, device).split(PREDICTION_BATCH),
        strict=True,
    ):
        channels = network.input(batch).detach().requires_grad_()
        # lines do not meet in a network that predicts: the sum's gradient is each line's own;
        # cuDNN's recurrent layers have no gradient outside training, PyTorch's own do
        with torch.backends.cudnn.flags(enabled=False):
            (gradient,) = torch.autograd.grad(network.values(channels, known).sum(), channels)
        gradients.append(gradient.float().cpu())
    return torch.cat(gradients).numpy()
