"""What a network's outputs mean, and what they cost.

A readout stands at the end of a network: it turns outputs into the predicted value of the
(standardised) trait, and gives the loss that the network is trained by.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn


class Readout(nn.Module, ABC):
    """outputs: numbers that the network must give for a line."""

    outputs: int = 1
    #: Whether the target is a class (its index) and not a number.
    is_scored: ClassVar[bool] = False

    def forward(self, outputs: Tensor) -> Tensor:
        """(lines,) predicted values from outputs (lines, self.outputs)."""
        return outputs[:, 0]

    @abstractmethod
    def loss(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Mean loss of lines with these targets and weights, each (lines,)."""


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """sum(w v) / sum(w)"""
    return (values * weight).sum() / weight.sum()


class LineLoss(Readout):
    """A loss of each line's error, the mean of it; of several traits that of each trait's mean.

    helpers: traits that are learnt beside the first, which alone is predicted; what they cost
    together counts `helper_weight` times as much as the first.
    """

    def __init__(self, helpers: int = 0, helper_weight: float = 1.0) -> None:
        super().__init__()
        self.outputs = 1 + helpers
        self.helper_weight = helper_weight

    @abstractmethod
    def cost(self, error: Tensor) -> Tensor:
        """What errors, each in standard deviations of its trait, cost: of the same shape."""

    def loss(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """With helpers the target is (lines, 1 + helpers), NaN where a line has no value."""
        if self.outputs == 1:
            return weighted_mean(self.cost(outputs[:, 0] - target), weight)
        known = ~target.isnan()
        costs = self.cost(torch.where(known, outputs - target.nan_to_num(), 0.0))
        counts = weight[:, None] * known
        # a batch may hold no value of a trait
        means = (costs * counts).sum(0) / counts.sum(0).clamp(min=1e-6)
        return means[0] + self.helper_weight * means[1:].mean()


class SquaredError(LineLoss):
    """Mean squared error."""

    def cost(self, error: Tensor) -> Tensor:
        return error**2


class AbsoluteError(LineLoss):
    """Mean absolute error."""

    def cost(self, error: Tensor) -> Tensor:
        return error.abs()


class Huber(LineLoss):
    """Squared for errors within one standard deviation of the trait, linear beyond."""

    def cost(self, error: Tensor) -> Tensor:
        error = error.abs()
        within = error.clamp(max=1.0)
        return within * (2.0 * error - within)


class Correlation(Readout):
    """1 - r of a batch, and the squared difference of its means.

    The correlation leaves the mean and the scale of the predictions open; the second term
    settles the mean. The scale is what the network makes of it, and says nothing.
    """

    def loss(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        value = outputs[:, 0]
        value_mean, target_mean = weighted_mean(value, weight), weighted_mean(target, weight)
        x, y = value - value_mean, target - target_mean
        covariance = weighted_mean(x * y, weight)
        # the small number keeps the gradient finite where a batch does not vary
        scale = torch.sqrt(weighted_mean(x * x, weight) * weighted_mean(y * y, weight) + 1e-8)
        return 1.0 - covariance / scale + (value_mean - target_mean) ** 2


class CrossEntropy(Readout):
    """A softmax over the classes; the value is the classes' expectation.

    classes: (K,) values of the classes, ascending. Targets are indices of classes.
    """

    is_scored = True
    classes: Tensor

    def __init__(self, classes: Tensor) -> None:
        super().__init__()
        self.outputs = len(classes)
        self.register_buffer("classes", classes, persistent=False)

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(dim=1) @ self.classes

    def loss(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        logs = outputs.log_softmax(dim=1)
        chosen = torch.gather(logs, 1, target.long()[:, None])[:, 0]
        return weighted_mean(-chosen, weight)


class Ordinal(Readout):
    """Proportional odds (McCullagh 1980, J R Stat Soc B 42:109).

    P(class > k) = sigmoid(output - threshold k): one output, K - 1 ascending thresholds that
    are learnt with the network.
    """

    is_scored = True
    classes: Tensor

    def __init__(self, classes: Tensor) -> None:
        super().__init__()
        self.register_buffer("classes", classes, persistent=False)
        cuts = len(classes) - 1
        self.first = nn.Parameter(torch.full((1,), -(cuts - 1) / 2))
        self.log_steps = nn.Parameter(torch.zeros(cuts - 1))

    def _above(self, outputs: Tensor) -> Tensor:
        """(lines, K - 1) log odds of lying above each threshold."""
        thresholds = torch.cat([self.first, self.first + self.log_steps.exp().cumsum(0)])
        return outputs - thresholds

    def forward(self, outputs: Tensor) -> Tensor:
        steps = self.classes[1:] - self.classes[:-1]
        return self.classes[0] + torch.sigmoid(self._above(outputs)) @ steps

    def loss(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        above = torch.sigmoid(self._above(outputs))
        ends = torch.ones_like(above[:, :1])
        at_least = torch.cat([ends, above, 0.0 * ends], dim=1)
        probability = at_least[:, :-1] - at_least[:, 1:]
        chosen = torch.gather(probability, 1, target.long()[:, None])[:, 0]
        return weighted_mean(-torch.log(chosen + 1e-12), weight)


READOUTS: dict[str, type[Readout]] = {
    "mse": SquaredError,
    "mae": AbsoluteError,
    "huber": Huber,
    "correlation": Correlation,
    "cross_entropy": CrossEntropy,
    "ordinal": Ordinal,
}


def make_readout(
    name: str, classes: Tensor | None, helpers: int = 0, helper_weight: float = 1.0
) -> Readout:
    """The readout of this name; scored ones (`is_scored`) need the classes' values.

    helpers: other traits to be learnt, which a LineLoss can do.
    """
    kind = READOUTS[name]
    if issubclass(kind, LineLoss):
        return kind(helpers, helper_weight)
    return kind(classes) if kind.is_scored else kind()
