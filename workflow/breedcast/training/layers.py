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


def near_zero(weight: Tensor) -> Tensor:
    """Uniform within 0.01, as DeepGS' networks start, in place."""
    return nn.init.uniform_(weight, -0.01, 0.01)


def zero(weight: Tensor) -> Tensor:
    """Zeros, in place: a layer that adds nothing before it has learnt."""
    return nn.init.zeros_(weight)


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


class Dropout(nn.Module):
    """Dropout as PyTorch defines it, from 16 random bits a number instead of a float.

    Drawing floats took up to a third of a training step. The rate is kept to 1 / 65536.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device)
        words.random_(-(2**63), None)  # every bit of a word is random
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)
        kept = bits >= round(self.rate * 2**16) - 2**15
        return x * kept.to(x.dtype).div_(1.0 - self.rate)


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
    """Codes (lines, positions) uint8 to channels (lines, states, positions), in the batch.

    centre: (states, positions) to be taken from the channels, or (states, 1) zeros.
    """

    centre: Tensor
    states: Tensor

    def __init__(self, centre: Tensor) -> None:
        super().__init__()
        states = torch.arange(len(centre), dtype=torch.uint8)[:, None]
        self.register_buffer("centre", centre, persistent=False)
        self.register_buffer("states", states, persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        return torch.eq(codes[:, None, :], self.states).to(self.centre.dtype) - self.centre


class NumberInput(nn.Module):
    """Numbers (lines, positions) to one channel (lines, 1, positions)."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers[:, None, :]


class Network(nn.Module):
    """An input layer, where nothing is trained, and the trunk from channels to a value."""

    def __init__(self, input_layer: nn.Module, trunk: nn.Module) -> None:
        super().__init__()
        self.input = input_layer
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
