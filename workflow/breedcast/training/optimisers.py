"""Optimisers, penalties and bounds of the weights, for one network or many side by side.

The weights of networks side by side are tensors with a first dimension over networks. All
that happens to them here happens to each network as if it were alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import unwrap
from typing import Any

import numpy as np
import torch
from torch import Tensor

from breedcast.training.layers import penalised, units_of
from breedcast.training.network import Network


def _uncompiled(kind: type[torch.optim.Optimizer]) -> Any:
    """PyTorch's optimiser without what its methods are wrapped in for the compiler of PyTorch: no
    network is compiled here, and the first call would import it, two seconds of every job. Its
    `step` is to be called where no gradient is recorded.
    """
    methods = ("step", "zero_grad", "add_param_group")
    return type(kind.__name__, (kind,), {name: unwrap(getattr(kind, name)) for name in methods})


OPTIMISERS = {
    "adam": _uncompiled(torch.optim.Adam),
    "adamw": _uncompiled(torch.optim.Adam),
    "sgd": _uncompiled(torch.optim.SGD),
    "rmsprop": _uncompiled(torch.optim.RMSprop),
    "adagrad": _uncompiled(torch.optim.Adagrad),
}
#: What AdamW's decay is where none is given (Loshchilov and Hutter 2019; PyTorch's default).
ADAMW_DECAY = 0.01


@dataclass(frozen=True)
class Optimiser:
    """How weights are moved.

    name: adam, adamw, sgd, rmsprop or adagrad, with Keras' epsilon of 1e-7; momentum: of sgd and
    rmsprop; decay: decoupled weight decay, by learning rate x decay a step (biases are left);
    clip: largest norm of a network's gradient; max_norm: largest norm of the weights that
    lead into one unit (Srivastava et al. 2014, section 5.1). None leaves a step out.
    """

    name: str = "adam"
    momentum: float = 0.0
    decay: float = 0.0
    clip: float | None = None
    max_norm: float | None = None

    def over(self, weights: Mapping[str, Tensor], network: Network) -> Stepper:
        """One that moves these weights, with the penalties of the network's layers."""
        return Stepper(self, weights, network)

    def make(self, groups: Sequence[dict[str, Any]]) -> torch.optim.Optimizer:
        """PyTorch's optimiser of these groups; the learning rate is set before every step."""
        extra: dict[str, Any] = {"lr": 1.0}
        if self.name in ("sgd", "rmsprop"):
            extra["momentum"] = self.momentum
        if self.name != "sgd":
            extra["eps"] = 1e-7
        if self.name != "rmsprop":
            extra["fused"] = True
        return OPTIMISERS[self.name](groups, **extra)


class Stepper:
    """The optimiser at work on the weights of one network, or of many stacked ones."""

    def __init__(
        self, optimiser: Optimiser, weights: Mapping[str, Tensor], network: Network
    ) -> None:
        """weights: by the names they have in the network; a first dimension over networks makes
        them many networks'.
        """
        own = dict(network.named_parameters())
        self.weights = dict(weights)
        self.is_stack = any(weight.dim() > own[name].dim() for name, weight in weights.items())
        self.settings = optimiser
        # these alone are decayed and bounded: not biases, nor the scales of normalisations
        self._matrices = {weights[name]: unit for name, unit in units_of(network).items()}
        self._l1 = [(weights[name], l1) for name, l1, _ in penalised(network) if l1]
        groups: dict[float, list[Tensor]] = {}
        for name, _, l2 in penalised(network):
            groups.setdefault(l2, []).append(weights[name])
        # PyTorch's weight_decay d adds d w to the gradient of w, as a term l2 * sum(w^2) of the
        # loss does with d = 2 l2: the same training without computing the term
        self.optimiser = optimiser.make(
            [{"params": group, "weight_decay": 2.0 * l2} for l2, group in groups.items()]
        )

    def step(self, loss: Tensor, rates: np.ndarray) -> None:
        """Move the weights by the gradient of the summed losses, each network's at its rate."""
        self.optimiser.zero_grad()
        loss.sum().backward()
        with torch.no_grad():
            for weight, l1 in self._l1:
                weight.grad += l1 * weight.sign()  # type: ignore[operator]
            if self.settings.clip is not None:
                self._clip(self.settings.clip)
            if self.settings.decay:
                for weight in self._matrices:
                    weight.mul_(1.0 - self.settings.decay * self._per_network(rates, weight))
            self._move(rates)
            if self.settings.max_norm is not None:
                self._bound(self.settings.max_norm)

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """What the optimiser remembers, by name, to be saved."""
        for name, weight in self.weights.items():
            for key, value in self.optimiser.state[weight].items():
                if value is not None:
                    yield f"{name}/{key}", value

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Remember what was saved."""
        for name, weight in self.weights.items():
            self.optimiser.state[weight] = {
                key.rpartition("/")[2]: value.clone()
                for key, value in state.items()
                if key.rpartition("/")[0] == name
            }

    def _move(self, rates: np.ndarray) -> None:
        highest = float(rates.max())
        for group in self.optimiser.param_groups:
            group["lr"] = highest
        if (rates == highest).all():
            self.optimiser.step()
            return
        # a step is proportional to its rate: networks with a smaller one go part of the way
        weights = list(self.weights.values())
        before = [weight.clone() for weight in weights]
        self.optimiser.step()
        for weight, old in zip(weights, before, strict=True):
            share = self._per_network(rates / highest, weight)
            weight.copy_(old + share * (weight - old))

    def _clip(self, largest: float) -> None:
        gradients = [weight.grad for weight in self.weights.values() if weight.grad is not None]
        squares = [self._by_network(gradient).square().sum(1) for gradient in gradients]
        norm = torch.stack(squares).sum(0).sqrt()
        share = (largest / (norm + 1e-12)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(share.view(-1, *[1] * (gradient.dim() - 1)) if self.is_stack else share)

    def _bound(self, largest: float) -> None:
        for weight, (dims, share) in self._matrices.items():
            norm = share * weight.norm(dim=[dim + self.is_stack for dim in dims], keepdim=True)
            weight.mul_((largest / (norm + 1e-12)).clamp(max=1.0))

    def _by_network(self, tensor: Tensor) -> Tensor:
        """(networks, numbers)"""
        return tensor.flatten(1) if self.is_stack else tensor.reshape(1, -1)

    def _per_network(self, numbers: np.ndarray, weight: Tensor) -> Tensor | float:
        """A number per network in a shape that multiplies its weights."""
        if not self.is_stack:
            return float(numbers[0])
        shaped = torch.as_tensor(numbers, dtype=weight.dtype, device=weight.device)
        return shaped.view(-1, *[1] * (weight.dim() - 1))
