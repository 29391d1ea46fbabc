"""Random numbers that a key and a position decide, and nothing else.

A layer that draws from a generator gives other numbers when networks are trained side by side
than one after another, or when a training is taken up again. Here the n-th number of a layer is
a hash of n and of the key that the layer is given for a step. So every way of training sees
the same numbers, on any device. On a CPU this is also two to five times faster than drawing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

# The two multipliers of Wellons' "lowbias32" (2018, hash-prospector), the second as int32.
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - 2**32


class Noise(nn.Module):
    """A layer that draws random numbers while it is trained.

    key: (2,) int32, set before every step to numbers drawn at random. (Two keys that agreed in
    the second number would give the same sequence from another place on.)
    """

    key: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("key", torch.zeros(2, dtype=torch.int32), persistent=False)

    def words(self, count: int) -> Tensor:
        """(count,) int32 of 32 random bits each."""
        x = _counter(count, self.key.device) + self.key[0]
        x ^= _shifted(x, 16)
        x *= _FIRST
        x ^= self.key[1]
        x ^= _shifted(x, 15)
        x *= _SECOND
        x ^= _shifted(x, 16)
        return x

    def below(self, share: float, like: Tensor) -> Tensor:
        """Booleans in the shape of `like`, true with this probability (kept to 1 / 65536)."""
        count = like.numel()
        halves = self.words((count + 1) // 2).view(torch.int16)[:count].view(like.shape)
        # 2^15 itself is no 16-bit number: a share of 1 is what lies below or at the largest
        return halves < round(share * 2**16) - 2**15 if share < 1 else halves >= -(2**15)

    def uniform(self, like: Tensor) -> Tensor:
        """Numbers between -1 and 1, those excluded, in the shape and type of `like`."""
        words = self.words(like.numel()).view(like.shape)
        # 24 bits are what a float32 holds; the half keeps both ends out
        return ((words >> 8).to(like.dtype) + 0.5) / 2**23

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers in the shape and type of `like`."""
        return torch.erfinv(self.uniform(like)) * 2**0.5


def _shifted(x: Tensor, bits: int) -> Tensor:
    """x >> bits of unsigned numbers: PyTorch's shift of signed ones copies their sign."""
    shifted = x >> bits
    shifted &= 2 ** (32 - bits) - 1
    return shifted


def _counter(count: int, device: torch.device) -> Tensor:
    """(count,) int32 0, 1, 2, ...: the same few lengths are asked for in every step."""
    return _counted(1 << (count - 1).bit_length(), device)[:count]


@lru_cache(maxsize=32)
def _counted(size: int, device: torch.device) -> Tensor:
    return torch.arange(size, dtype=torch.int32, device=device)


def draw_keys(generator: np.random.Generator, times: int, layers: int) -> np.ndarray:
    """(times, layers, 2) int32 keys."""
    limits = np.iinfo(np.int32)
    return generator.integers(
        limits.min, limits.max, (times, layers, 2), dtype=np.int32, endpoint=True
    )


def noise_layers(module: nn.Module) -> list[tuple[str, Noise]]:
    """The layers of a module that draw random numbers, by name, in a fixed order."""
    return [(name, layer) for name, layer in module.named_modules() if isinstance(layer, Noise)]
