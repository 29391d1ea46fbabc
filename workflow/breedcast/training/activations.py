"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class ISRU(nn.Module):
    """Inverse square root unit x / sqrt(1 + a x^2), bounded by 1 / sqrt(a)."""

    def __init__(self, a: float = 0.5) -> None:
        super().__init__()
        self.a = a

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(1.0 + self.a * x * x)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "isru": ISRU,
    "linear": nn.Identity,
}
_KINDS = tuple({type(make()) for make in ACTIVATIONS.values()} - {nn.Identity})


def set_activations(network: nn.Module, name: str) -> None:
    """Put this activation in the place of every one that the network has."""
    for layer in list(network.modules()):
        for child, old in layer.named_children():
            if isinstance(old, _KINDS):
                setattr(layer, child, ACTIVATIONS[name]())
