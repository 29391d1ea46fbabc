"""The options that libraries of boosted trees share, by the same names."""

from __future__ import annotations

from dataclasses import dataclass

from breedcast.models.base import option
from breedcast.models.regressor import RegressionModel


@dataclass(frozen=True)
class BoostedTrees(RegressionModel):
    """Trees grown one after another, each on what the ones before have left."""

    rounds: int = option(500, "Trees.", minimum=1)
    learning_rate: float = option(
        0.03, "How much of each tree counts.", exclusiveMinimum=0, maximum=1
    )
    marker_share: float = option(
        0.2, "Share of the markers that a tree chooses from.", exclusiveMinimum=0, maximum=1
    )
    line_share: float = option(
        0.7, "Share of the lines that a tree is grown on.", exclusiveMinimum=0, maximum=1
    )
