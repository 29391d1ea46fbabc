"""Published Keras weights, read into our modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from breedcast.errors import UserError


def load_keras(path: str | Path, network: nn.Module) -> None:
    """Fill a network with the weights of a Keras h5 file, of a whole model or of weights alone.

    The file's layers that have weights are matched, in order, with the network's
    convolutions, dense layers and batch normalisations in the order they were added.
    Raises UserError where the file cannot be read, or the two differ in number or shape.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, tuple(_SLOTS))]
    published = _read_layers(path)
    if len(layers) != len(published):
        raise UserError(
            f"{path} has {len(published)} layers with weights, not {len(layers)}; it holds a "
            "network of another kind, or of another form or input"
        )
    with torch.no_grad():
        for layer, (name, arrays) in zip(layers, published, strict=True):
            slots = _slots(layer)
            shapes = [array.T.shape for array in arrays]
            if shapes != [tuple(slot.shape) for slot in slots]:
                raise UserError(
                    f"{path}: layer {name!r} has weights of shapes {shapes}, not "
                    f"{[tuple(slot.shape) for slot in slots]}; a network fits the number of "
                    "markers, or of components, that it was trained on"
                )
            for slot, array in zip(slots, arrays, strict=True):
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


def _read_layers(path: str | Path) -> list[tuple[str, list[np.ndarray]]]:
    """Names and weights of the layers that have any."""
    import h5py

    try:
        with h5py.File(path) as file:
            group = file.get("model_weights", file)
            layers = [(_text(name), group[name]) for name in group.attrs["layer_names"]]
            weights = [
                (name, [layer[array][()] for array in layer.attrs["weight_names"]])
                for name, layer in layers
            ]
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: no Keras h5 file of weights ({error})") from error
    return [(name, arrays) for name, arrays in weights if arrays]


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
