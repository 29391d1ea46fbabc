"""Layers as Keras defines them: the published networks were trained there.

Inside a network data lie as (lines, channels, positions).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from breedcast.training.initialisers import Initialiser, glorot_uniform


@dataclass(frozen=True)
class Penalty:
    """What a layer's weights cost: l1 sum |w| + l2 sum w^2, and bias_l2 sum b^2 (no factor 1/2)."""

    l2: float = 0.0
    bias_l2: float = 0.0
    l1: float = 0.0


class Dense(nn.Linear):
    """A dense layer; biases start at zero."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        initialise: Initialiser = glorot_uniform,
        penalty: Penalty = Penalty(),
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
        penalty: Penalty = Penalty(),
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


class LinearPair(nn.Module):
    """Two `same` convolutions with nothing between them, computed as one.

    Where the second's window lies within the positions, the two are one convolution whose
    kernel is the product of theirs. With few input channels that is several times cheaper,
    chiefly because the training step needs no gradient of the values between. The edges,
    where the second sees the padding of the first's values, are computed one by one.
    """

    def __init__(self, first: Conv1d, second: Conv1d) -> None:
        super().__init__()
        self.first = first
        self.second = second
        self.pad = (first.pad[0] + second.pad[0], first.pad[1] + second.pad[1])
        # positions on which the values of an edge depend
        self.reach = sum(second.pad) + max(first.pad)

    def forward(self, positions: Tensor) -> Tensor:
        if positions.shape[-1] <= 2 * self.reach:
            return self.second(self.first(positions))
        left, right = self.second.pad
        ends = torch.cat([positions[..., : self.reach], positions[..., -self.reach :]])
        start, end = self.second(self.first(ends)).chunk(2)
        inside = nn.functional.conv1d(
            nn.functional.pad(positions, self.pad), self._kernel(), self._bias()
        )
        return torch.cat([start[..., :left], inside[..., left:-right], end[..., -right:]], dim=-1)

    def _kernel(self) -> Tensor:
        """(outputs, inputs, width 1 + width 2 - 1): the full convolution of the kernels."""
        full = nn.functional.conv1d(
            self.first.weight.transpose(0, 1),
            self.second.weight.flip(-1),
            padding=self.second.weight.shape[-1] - 1,
        )
        return full.transpose(0, 1)

    def _bias(self) -> Tensor:
        return self.second.bias + self.second.weight.sum(-1) @ self.first.bias


class Residual(nn.Module):
    """The sum of two branches that start from the same input."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, positions: Tensor) -> Tensor:
        return self.shortcut(positions) + self.branch(positions)


class Branches(nn.Module):
    """Several branches from the same input, their channels one after another."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, positions: Tensor) -> Tensor:
        return torch.cat([branch(positions) for branch in self.branches], dim=1)


def penalised(network: nn.Module) -> Iterator[tuple[str, float, float]]:
    """The name of every trainable parameter of a network, and its factors of L1 and L2."""
    for path, layer in network.named_modules():
        penalty = getattr(layer, "penalty", Penalty())
        for name, _ in layer.named_parameters(recurse=False):
            factors = {"weight": (penalty.l1, penalty.l2), "bias": (0.0, penalty.bias_l2)}
            yield f"{path}.{name}".removeprefix("."), *factors.get(name, (0.0, 0.0))


def units_of(network: nn.Module) -> dict[str, tuple[tuple[int, ...], float]]:
    """By the name of every weight matrix: the dimensions over what leads into one unit, and by
    what the layer multiplies the weights.
    """
    return {
        f"{path}.{name}".removeprefix("."): (
            getattr(layer, "input_dims", tuple(range(1, weight.dim()))),
            getattr(layer, "share", 1.0),
        )
        for path, layer in network.named_modules()
        for name, weight in layer.named_parameters(recurse=False)
        if weight.dim() > 1 and not name.endswith("bias")
    }


def set_penalties(
    network: nn.Module, kinds: tuple[type[nn.Module], ...], l1: float | None, l2: float | None
) -> None:
    """Give every layer of these kinds these penalties of its weights; None keeps its own."""
    for layer in network.modules():
        if isinstance(layer, kinds):
            own = getattr(layer, "penalty", Penalty())
            new = Penalty(own.l2 if l2 is None else l2, own.bias_l2, own.l1 if l1 is None else l1)
            layer.penalty = new  # type: ignore[assignment]
