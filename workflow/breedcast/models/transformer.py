"""Transformer: a small encoder over blocks of markers.

Vaswani A. et al. (2017) Attention is all you need. NeurIPS, arXiv:1706.03762.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from breedcast.models.base import Range, option
from breedcast.models.network import NetworkModel
from breedcast.models.options import redefault

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Transformer(NetworkModel):
    """Blocks of consecutive markers attend to each other; their mean is what is predicted from.

    Each block has an embedding of its own, whose bias is its learnt position. Raises ValueError
    where the heads do not divide the embedding.

    Departures from the publication: the encoder alone, small; learnt positions (published:
    sine waves); normalised before and not behind each part; GELU; a mean over the blocks.
    """

    is_stacked_on_cpu: ClassVar[bool] = True

    input: str = redefault("input", "dosage")
    learning_rate: float = redefault("learning_rate", 0.0003)
    steps: int = option(32, "Blocks that the genome is cut into, at most.", minimum=1)
    embedding: int = option(32, "Numbers that a block becomes; the heads share them.", minimum=1)
    heads: int = option(4, "Heads of attention.", minimum=1)
    layers: int = option(1, "Layers of the encoder.", minimum=1)
    dropout_rate: float = option(
        0.1,
        "Rate of the dropouts behind each part.",
        Range(0.0, 0.7),
        minimum=0,
        exclusiveMaximum=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.embedding % self.heads:
            raise ValueError(f"heads: {self.heads} do not divide the embedding {self.embedding}")

    def features(self, channels: int, length: int) -> nn.Module:
        from torch import nn

        from breedcast.training.blocks import EncoderLayer, LocallyConnected, MeanOverSteps
        from breedcast.training.dropout import Dropout

        block = -(-length // self.steps)
        return nn.Sequential(
            LocallyConnected(channels, length, block, self.embedding),
            Dropout(self.dropout_rate),
            *(
                EncoderLayer(self.embedding, self.heads, self.dropout_rate)
                for _ in range(self.layers)
            ),
            nn.LayerNorm(self.embedding),
            MeanOverSteps(),
            Dropout(self.dropout_rate),
        )

    def head(self, width: int, outputs: int) -> nn.Module:
        from breedcast.training.layers import Dense

        return Dense(width, outputs)
