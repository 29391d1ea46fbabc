"""Layers of the networks that are neither convolutions nor plain dense layers.

Inside a network data lie as (lines, channels, positions), and as (lines, steps, width) where
the genome is a sequence of blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from breedcast.training.dropout import Dropout
from breedcast.training.initialisers import INITIALISERS
from breedcast.training.layers import Dense

#: Inputs up to which the sum over a genome is left as it is.
FEW = 1000
#: What first weights that read a genome are multiplied by: with more weights than lines, much of
#: what they start with is still there when training stops.
FAINT = 0.1


class WideDense(nn.Linear):
    """A dense layer that learns a genome of any length at the same pace; biases start at zero.

    Adam moves every weight by about the learning rate, so that markers in linkage
    disequilibrium together move a unit by as much as there are of them: a rate that suits 1,000
    is ten times too large for 10,000. Here the sum over more inputs than FEW is divided by
    inputs / FEW, and the weights start as much larger. In this step and width go together as
    in Yang et al. (2021, arXiv:2203.03466), though there it is hidden units that grow in number.

    The effective weights start at a tenth of Glorot's.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.share = min(1.0, FEW / inputs)
        nn.init.xavier_uniform_(self.weight, gain=FAINT / self.share)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight) * self.share + self.bias


class LocallyConnected(nn.Module):
    """Windows side by side along the genome, each with a dense layer of its own.

    From (lines, channels, positions) to (lines, windows, filters). Zeros fill up the last
    window. Pace and first weights are as in WideDense.

    weight: (windows, channels x window, filters); bias: (windows, filters), from zero.
    """

    #: Of the weights of one unit.
    input_dims = (1,)

    def __init__(self, channels: int, length: int, window: int, filters: int) -> None:
        super().__init__()
        self.window = window
        self.windows = -(-length // window)
        self.pad = self.windows * window - length
        self.share = min(1.0, FEW / (channels * length))
        inputs = channels * window
        self.weight = nn.Parameter(torch.empty(self.windows, inputs, filters))
        self.bias = nn.Parameter(torch.zeros(self.windows, filters))
        nn.init.normal_(self.weight, std=FAINT * inputs**-0.5 / self.share)

    def forward(self, positions: Tensor) -> Tensor:
        padded = nn.functional.pad(positions, (0, self.pad))
        cut = padded.unflatten(2, (self.windows, self.window))
        windows = cut.permute(2, 0, 1, 3).flatten(2)
        return torch.matmul(windows, self.weight).transpose(0, 1) * self.share + self.bias


class Recurrent(nn.Module):
    """(lines, steps, width) to (lines, units): the mean over the steps of a recurrent layer."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, steps: Tensor) -> Tensor:
        outputs: Tensor = self.layer(steps)[0]
        return outputs.mean(dim=1)


class SelfAttention(nn.Module):
    """Scaled dot-product attention between steps (Vaswani et al. 2017, arXiv:1706.03762).

    From (lines, steps, width) to the same. Written as products, which torch.func.vmap knows.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = Dense(width, 3 * width)
        self.out = Dense(width, width)

    def forward(self, steps: Tensor) -> Tensor:
        split = self.queries_keys_values(steps).unflatten(2, (3, self.heads, -1))
        queries, keys, values = (split[:, :, which].transpose(1, 2) for which in range(3))
        scores = queries @ keys.transpose(2, 3) / queries.shape[-1] ** 0.5
        attended = scores.softmax(dim=-1) @ values
        joined: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return joined


class EncoderLayer(nn.Module):
    """Attention and a dense layer per step, each normalised before and added to its input.

    Normalised first, training needs no warm-up (Xiong et al. 2020, arXiv:2002.04745).
    """

    def __init__(self, width: int, heads: int, dropout_rate: float) -> None:
        super().__init__()
        self.attend = nn.Sequential(
            nn.LayerNorm(width), SelfAttention(width, heads), Dropout(dropout_rate)
        )
        self.think = nn.Sequential(
            nn.LayerNorm(width),
            Dense(width, 2 * width),
            nn.GELU(),
            Dense(2 * width, width),
            Dropout(dropout_rate),
        )

    def forward(self, steps: Tensor) -> Tensor:
        steps = steps + self.attend(steps)
        return steps + self.think(steps)


class MeanOverSteps(nn.Module):
    """(lines, steps, width) to (lines, width)"""

    def forward(self, steps: Tensor) -> Tensor:
        return steps.mean(dim=1)


def dense_between_dropouts(inputs: int, units: int, rate: float) -> list[nn.Module]:
    """A dense layer that reads all that is left of a genome, a dropout on either side."""
    return [Dropout(rate), WideDense(inputs, units), nn.ReLU(), Dropout(rate)]


def pooled_by(length: int, most: int) -> int:
    """How many positions to pool into one, 2 at least, so that no more than `most` remain."""
    return max(2, -(-length // most))


def set_first_weights(network: nn.Module, name: str) -> None:
    """Draw every weight of the convolutions and dense layers anew, as it acts; biases stay."""
    for layer in network.modules():
        if isinstance(layer, LocallyConnected):
            for window in layer.weight.detach():
                INITIALISERS[name](window.T)
        elif isinstance(layer, nn.Conv1d | nn.Linear):
            INITIALISERS[name](layer.weight)
        else:
            continue
        with torch.no_grad():
            layer.weight.div_(getattr(layer, "share", 1.0))
