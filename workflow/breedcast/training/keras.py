"""Published Keras weights, read into our modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


def load_keras(path: str | Path, network: nn.Module) -> None:
    """Fill a network with the weights of a Keras h5 file.

    The file's layers that have weights are matched, in order, with the network's
    convolutions, dense layers and batch normalisations in the order they were added.
    Raises ValueError where the two differ in number or shape.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, tuple(_SLOTS))]
    published = _read_layers(path)
    if len(layers) != len(published):
        raise ValueError(f"{path} has {len(published)} layers with weights, not {len(layers)}")
    with torch.no_grad():
        for layer, arrays in zip(layers, published, strict=True):
            for slot, array in zip(_slots(layer), arrays, strict=True):
                if slot.shape != array.T.shape:
                    raise ValueError(f"{path}: a weight of shape {array.T.shape}, not {slot.shape}")
                slot.copy_(torch.from_numpy(array.T.copy()))


#: What Keras saves of a layer, in its order. Its kernels are (width, inputs, outputs) and
#: (inputs, outputs): the transposes of ours.
_SLOTS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Conv1d: ("weight", "bias"),
    nn.Linear: ("weight", "bias"),
    nn.BatchNorm1d: ("weight", "bias", "running_mean", "running_var"),
}


def _slots(layer: nn.Module) -> list[Tensor]:
    names = next(names for kind, names in _SLOTS.items() if isinstance(layer, kind))
    return [getattr(layer, name) for name in names]


def _read_layers(path: str | Path) -> list[list[np.ndarray]]:
    import h5py

    with h5py.File(path) as file:
        group = file["model_weights"]
        layers = [group[name] for name in group.attrs["layer_names"]]
        weights = [[layer[name][()] for name in layer.attrs["weight_names"]] for layer in layers]
    return [arrays for arrays in weights if arrays]
