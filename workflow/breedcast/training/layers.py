"""Layers as Keras defines them: the published networks were trained there.

Inside a network data lie as (lines, channels, positions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Initialiser = Callable[[Tensor], Tensor]


def glorot_uniform(weight: Tensor) -> Tensor:
    """Keras' default initialiser, in place."""
    return nn.init.xavier_uniform_(weight)


def truncated_normal(weight: Tensor) -> Tensor:
    """Keras' TruncatedNormal(0, 0.05): a normal redrawn beyond two standard deviations."""
    return nn.init.trunc_normal_(weight, std=0.05, a=-0.1, b=0.1)


@dataclass(frozen=True)
class L2:
    """Penalty lambda * sum(w^2) of a layer's weight and of its bias (no factor 1/2)."""

    weight: float = 0.0
    bias: float = 0.0


class Dense(nn.Linear):
    """A dense layer; biases start at zero."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        initialise: Initialiser = glorot_uniform,
        penalty: L2 = L2(),
    ) -> None:
        super().__init__(inputs, outputs)
        self.penalty = penalty
        initialise(self.weight)
        nn.init.zeros_(self.bias)


class Conv1d(nn.Conv1d):
    """A convolution along the positions; biases start at zero.

    padding: `same` keeps the number of positions; for an even kernel it pads one zero more
    on the right than on the left (kernel 4: one left, two right). `valid` pads nothing.
    """

    bias: nn.Parameter

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        padding: str = "same",
        initialise: Initialiser = glorot_uniform,
        penalty: L2 = L2(),
    ) -> None:
        super().__init__(inputs, outputs, kernel)
        left = (kernel - 1) // 2
        self.pad = (left, kernel - 1 - left) if padding == "same" else (0, 0)
        self.penalty = penalty
        initialise(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, positions: Tensor) -> Tensor:
        return super().forward(nn.functional.pad(positions, self.pad))


class Flatten(nn.Module):
    """(lines, channels, positions) to (lines, positions * channels), channel fastest."""

    def forward(self, positions: Tensor) -> Tensor:
        return positions.transpose(1, 2).flatten(1)


class Residual(nn.Module):
    """The sum of two branches that start from the same input."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, positions: Tensor) -> Tensor:
        return self.shortcut(positions) + self.branch(positions)


class ISRU(nn.Module):
    """Inverse square root unit x / sqrt(1 + a x^2), bounded by 1 / sqrt(a)."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = a

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(1.0 + self.a * x * x)


class OneHotInput(nn.Module):
    """Codes (lines, positions) uint8 to channels (lines, states, positions), in the batch."""

    states: Tensor

    def __init__(self, states: int) -> None:
        super().__init__()
        self.register_buffer(
            "states", torch.arange(states, dtype=torch.uint8)[None, :, None], persistent=False
        )

    def forward(self, codes: Tensor) -> Tensor:
        return torch.eq(codes[:, None, :], self.states).to(torch.get_default_dtype())


class NumberInput(nn.Module):
    """Numbers (lines, positions) to one channel (lines, 1, positions)."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers[:, None, :]


class Network(nn.Module):
    """An input layer, which has no weights, and the trunk that turns channels into a value."""

    def __init__(self, channels: int, trunk: nn.Module) -> None:
        super().__init__()
        self.input: nn.Module = NumberInput() if channels == 1 else OneHotInput(channels)
        self.trunk = trunk

    def forward(self, batch: Tensor) -> Tensor:
        """(lines,) values of a batch (lines, positions) of codes or numbers."""
        return self.trunk(self.input(batch)).squeeze(-1)


def penalised(network: nn.Module) -> Iterator[tuple[Tensor, float]]:
    """Every trainable parameter of a network and its penalty factor lambda."""
    for layer in network.modules():
        penalty = getattr(layer, "penalty", L2())
        for name, parameter in layer.named_parameters(recurse=False):
            yield parameter, getattr(penalty, name, 0.0)


def penalty(network: nn.Module) -> Tensor:
    """The sum over layers of lambda * sum(w^2), which Keras adds to the loss it reports."""
    return torch.stack([factor * (w * w).sum() for w, factor in penalised(network)]).sum()
