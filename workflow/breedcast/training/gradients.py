"""How a trained network's value changes with its input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from breedcast.training.fleet import as_tensor, lines_at_once
from breedcast.training.network import Network

#: Points at which the gradient is taken to integrate it.
STEPS = 8


def input_gradients(
    network: Network, inputs: np.ndarray, covariates: np.ndarray, device: torch.device
) -> np.ndarray:
    """(lines, channels, positions) float32 gradient of each line's value by its channels.

    One-hot inputs are differentiated by channel, as if a genotype could change by degrees.
    """
    return _in_batches(network, inputs, covariates, device, [(1.0, 1.0)])


def mean_gradients(
    network: Network, inputs: np.ndarray, covariates: np.ndarray, device: torch.device
) -> np.ndarray:
    """(lines, channels, positions) float32 mean gradient on the way from zeros to the channels.

    The way is straight, and the mean by Gauss and Legendre's rule of STEPS points. Times the
    channels it is the integrated gradient of Sundararajan et al. (2017, ICML 70:3319).
    """
    return _in_batches(network, inputs, covariates, device, way_from_zeros())


def way_from_zeros() -> list[tuple[float, float]]:
    """Shares of the way from zeros at which to take a gradient, and the weights of their mean."""
    places, weights = np.polynomial.legendre.leggauss(STEPS)
    return [((place + 1) / 2, weight / 2) for place, weight in zip(places, weights, strict=True)]


def _in_batches(
    network: Network,
    inputs: np.ndarray,
    covariates: np.ndarray,
    device: torch.device,
    steps: Sequence[tuple[float, float]],
) -> np.ndarray:
    """Sum of the gradients at these shares of the channels, each times its weight."""
    network.eval()
    gradients = []
    lines, beside = as_tensor(inputs, device), as_tensor(covariates, device)
    at_once = lines_at_once(lines)
    for batch, known in zip(lines.split(at_once), beside.split(at_once), strict=True):
        channels = network.input(batch).detach()
        each = (weight * _gradient(network, share * channels, known) for share, weight in steps)
        gradients.append(sum(each, torch.zeros_like(channels)).float().cpu())
    return torch.cat(gradients).numpy()


def _gradient(network: Network, channels: Tensor, covariates: Tensor) -> Tensor:
    # lines do not meet in a network that predicts: the sum's gradient is each line's own;
    # cuDNN's recurrent layers have no gradient outside training, PyTorch's own do
    channels.requires_grad_()
    with torch.backends.cudnn.flags(enabled=False):
        (gradient,) = torch.autograd.grad(network.values(channels, covariates).sum(), channels)
    return gradient
