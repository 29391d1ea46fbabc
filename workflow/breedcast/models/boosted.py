"""The options that libraries of boosted trees share, by the same names."""

from __future__ import annotations

from dataclasses import dataclass

from breedcast.models.base import Range, option
from breedcast.models.regressor import RegressionModel


@dataclass(frozen=True)
class BoostedTrees(RegressionModel):
    """Trees grown one after another, each on what the ones before have left."""

    rounds: int = option(500, "Trees.", Range(100, 1500, log=True), minimum=1)
    learning_rate: float = option(
        0.03,
        "How much of each tree counts.",
        Range(0.005, 0.1, log=True),
        exclusiveMinimum=0,
        maximum=1,
    )
    marker_share: float = option(
        0.2,
        "Share of the markers that a tree chooses from.",
        Range(0.02, 1.0, log=True),
        exclusiveMinimum=0,
        maximum=1,
    )
    line_share: float = option(
        0.7,
        "Share of the lines that a tree is grown on.",
        Range(0.3, 1.0),
        exclusiveMinimum=0,
        maximum=1,
    )
