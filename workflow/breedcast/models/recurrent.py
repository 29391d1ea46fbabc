"""LSTM and GRU: recurrent networks that read the genome block by block.

Hochreiter S., Schmidhuber J. (1997) Long short-term memory. Neural Comput 9:1735-1780. Cho K.
et al. (2014) Learning phrase representations using RNN encoder-decoder for statistical machine
translation. EMNLP, 1724-1734.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.base import Range, option
from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class BlockReader(NetworkModel):
    """Blocks of consecutive markers, each embedded by a dense layer of its own, are the steps.

    The layer reads them in both directions; its outputs are averaged over the steps.

    Departures from the publications: markers instead of text; a mean over the steps (published:
    the last one), which early blocks reach without passing through all that follow.
    """

    can_be_stacked: ClassVar[bool] = False  # torch.func.vmap has no rule for recurrent layers

    input: str = redefault("input", "dosage")
    learning_rate: float = redefault("learning_rate", 0.0003)
    steps: int = option(32, "Blocks that the genome is cut into, at most.", minimum=1)
    embedding: int = option(16, "Numbers that a block becomes.", minimum=1)
    units: int = option(
        32, "Units of the recurrent layer, in each direction.", Range(8, 128, log=True), minimum=1
    )
    dropout_rate: float = option(
        0.3,
        "Rate of the dropouts before and behind the layer.",
        Range(0.0, 0.7),
        minimum=0,
        exclusiveMaximum=1,
    )

    @abstractmethod
    def layer(self) -> Callable[..., nn.RNNBase]:
        """The kind of recurrent layer."""

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.blocks import LocallyConnected, Recurrent
        from breedcast.training.dropout import Dropout

        block = -(-length // self.steps)
        read = self.layer()(self.embedding, self.units, batch_first=True, bidirectional=True)
        return nn.Sequential(
            LocallyConnected(channels, length, block, self.embedding),
            Dropout(self.dropout_rate),
            Recurrent(read),
            Dropout(self.dropout_rate),
        )

    def head(self, width: int, outputs: int) -> nn.Module:
        from breedcast.training.layers import Dense

        return Dense(width, outputs)


@dataclass(frozen=True)
class LSTM(BlockReader):
    """Long short-term memory over blocks of markers."""

    def layer(self) -> Callable[..., nn.RNNBase]:
        from torch import nn

        return nn.LSTM


@dataclass(frozen=True)
class GRU(BlockReader):
    """Gated recurrent units over blocks of markers."""

    def layer(self) -> Callable[..., nn.RNNBase]:
        from torch import nn

        return nn.GRU
