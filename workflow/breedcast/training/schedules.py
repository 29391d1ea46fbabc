"""How the learning rate goes over the epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The learning rate of an epoch as a share of the one that is set.

    name: constant; plateau: halved whenever half the patience has passed without improvement;
    cosine: from 1 to 0 over all epochs (Loshchilov and Hutter 2017, without restarts).
    warmup: epochs at the start over which the rate rises evenly to its full size.
    """

    name: str = "constant"
    warmup: int = 0

    def share(self, epoch: int, epochs: int, halvings: int) -> float:
        """epoch: from 1; halvings: how often a plateau was met."""
        if epoch <= self.warmup:
            return epoch / (self.warmup + 1)
        if self.name == "cosine":
            passed = (epoch - 1 - self.warmup) / max(epochs - self.warmup, 1)
            return 0.5 * (1.0 + math.cos(math.pi * passed))
        return 0.5**halvings if self.name == "plateau" else 1.0
