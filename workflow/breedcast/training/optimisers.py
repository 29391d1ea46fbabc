"""Optimisers that the networks are trained by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from breedcast.training.layers import penalised


class Optimiser(Protocol):
    """Settings of an optimiser, without the weights it will move."""

    def over(self, network: nn.Module) -> torch.optim.Optimizer:
        """An optimiser of this network's weights, its layers' penalties included."""


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015) with Keras' epsilon of 1e-7."""

    learning_rate: float

    def over(self, network: nn.Module) -> torch.optim.Optimizer:
        groups = penalty_groups(network)
        return torch.optim.Adam(groups, lr=self.learning_rate, eps=1e-7, fused=True)


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum."""

    learning_rate: float
    momentum: float

    def over(self, network: nn.Module) -> torch.optim.Optimizer:
        groups = penalty_groups(network)
        return torch.optim.SGD(groups, lr=self.learning_rate, momentum=self.momentum, fused=True)


def penalty_groups(network: nn.Module) -> list[dict[str, Any]]:
    """The weights by penalty factor.

    PyTorch's weight_decay d adds d w to the gradient of w, as a term lambda * sum(w^2) of
    the loss does with d = 2 lambda: the same training without computing the term.
    """
    groups: dict[float, list[torch.Tensor]] = {}
    for parameter, factor in penalised(network):
        groups.setdefault(factor, []).append(parameter)
    return [{"params": group, "weight_decay": 2.0 * factor} for factor, group in groups.items()]
