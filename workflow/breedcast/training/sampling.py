"""Monte Carlo dropout: predictions from the network with its dropouts left on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from breedcast.training.dropout import dropouts
from breedcast.training.fleet import predict
from breedcast.training.network import Network
from breedcast.training.noise import draw_keys


def sample_predictions(
    network: Network, inputs: Tensor, covariates: Tensor, samples: int, seed: int
) -> np.ndarray:
    """(samples, lines) values, each sample under other dropout masks (Gal and Ghahramani 2016).

    Normalisations predict as ever, by their running statistics. A line's masks hang on its
    place among the lines that are predicted with it.
    """
    layers = dropouts(network)
    keys = draw_keys(np.random.default_rng(seed), samples, len(layers))
    for layer in layers:
        layer.sampling = True
    try:
        values = []
        for sample in torch.from_numpy(keys).to(inputs.device):
            for layer, key in zip(layers, sample, strict=True):
                layer.key = key
            values.append(predict(network, inputs, covariates))
    finally:
        for layer in layers:
            layer.sampling = False
    return np.stack(values)
