"""Dropout in its variants, and its disharmony with batch normalisation."""

from __future__ import annotations

import math

from torch import Tensor, nn

from breedcast.training.noise import Noise


class Dropout(Noise):
    """Multiplies each number by noise of mean 1, so that what it passes on keeps its mean.

    bernoulli: 0 with probability `rate`, else 1 / (1 - rate) (Srivastava et al. 2014, J Mach
    Learn Res 15:1929). gaussian: normal with the same variance, rate / (1 - rate) (the same,
    section 10). uniform: "Uout", 1 + r with r uniform within b <= 1, b chosen for the same
    variance where it can have it (Li et al. 2019, CVPR, 2682).
    """

    def __init__(self, rate: float, kind: str = "bernoulli") -> None:
        super().__init__()
        self.rate = rate
        self.kind = kind
        #: Whether it also acts when the network predicts (Monte Carlo dropout).
        self.sampling = False

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training or self.sampling) or self.rate == 0.0 or self.kind == "none":
            return x
        variance = self.rate / (1.0 - self.rate)
        if self.kind == "gaussian":
            return x * (1.0 + math.sqrt(variance) * self.normal(x))
        if self.kind == "uniform":
            return x * (1.0 + min(1.0, math.sqrt(3.0 * variance)) * self.uniform(x))
        # one buffer of the size of x besides the result: on a CPU memory is what this costs
        kept = self.below(1.0 - self.rate, x)
        return x * kept.to(x.dtype).div_(1.0 - self.rate)


def dropouts(network: nn.Module) -> list[Dropout]:
    """The dropouts of a network."""
    return [layer for layer in network.modules() if isinstance(layer, Dropout)]


def before_normalisation(network: nn.Module) -> list[Dropout]:
    """The dropouts that a batch normalisation comes after.

    Dropout scales variances in training and not in prediction, so a normalisation behind it
    divides by a standard deviation that it will not meet when it predicts (Li et al. 2019).
    Layers are taken to follow each other in the order in which the network lists them.
    """
    layers = list(network.modules())
    last = max(
        (at for at, layer in enumerate(layers) if isinstance(layer, nn.BatchNorm1d)), default=-1
    )
    return [layer for layer in layers[: last + 1] if isinstance(layer, Dropout)]


def set_dropouts(network: nn.Module, kind: str, only_after_norm: bool) -> None:
    """Make every dropout of a network of this kind, and those before a normalisation idle.

    Both are the published remedies of the disharmony: leaving dropout to what follows the
    last normalisation, and the uniform kind, which shifts the variance less.
    """
    for layer in dropouts(network):
        layer.kind = kind
    if only_after_norm:
        for layer in before_normalisation(network):
            layer.rate = 0.0
