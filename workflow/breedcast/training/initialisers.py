"""How weights start, by name. Each fills a weight in place."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

Initialiser = Callable[[Tensor], Tensor]


def glorot_uniform(weight: Tensor) -> Tensor:
    """Keras' default (Glorot and Bengio 2010), for all but the recurrent layers."""
    return nn.init.xavier_uniform_(weight)


def truncated_normal(weight: Tensor) -> Tensor:
    """Keras' TruncatedNormal(0, 0.05): a normal redrawn beyond two standard deviations."""
    return nn.init.trunc_normal_(weight, std=0.05, a=-0.1, b=0.1)


def normal(weight: Tensor) -> Tensor:
    """Normal with standard deviation 0.05, as Keras' RandomNormal."""
    return nn.init.normal_(weight, std=0.05)


def uniform(weight: Tensor) -> Tensor:
    """Uniform within 0.05, as Keras' RandomUniform."""
    return nn.init.uniform_(weight, -0.05, 0.05)


def he(weight: Tensor) -> Tensor:
    """Normal with variance 2 / inputs (He et al. 2015), for layers of the ReLU family."""
    return nn.init.kaiming_normal_(weight, nonlinearity="relu")


def pytorch(weight: Tensor) -> Tensor:
    """PyTorch's own default: uniform within 1 / sqrt(inputs)."""
    return nn.init.kaiming_uniform_(weight, a=5**0.5)


def near_zero(weight: Tensor) -> Tensor:
    """Uniform within 0.01, as DeepGS' networks start."""
    return nn.init.uniform_(weight, -0.01, 0.01)


def zero(weight: Tensor) -> Tensor:
    """Zeros: a layer that adds nothing before it has learnt."""
    return nn.init.zeros_(weight)


#: What a config can choose.
INITIALISERS: dict[str, Initialiser] = {
    "normal": normal,
    "truncated_normal": truncated_normal,
    "uniform": uniform,
    "xavier": glorot_uniform,
    "he": he,
    "pytorch": pytorch,
}
