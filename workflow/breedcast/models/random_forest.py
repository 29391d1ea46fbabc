"""Random forest: the mean of trees, each grown on lines drawn with replacement.

Breiman L. (2001) Machine Learning 45:5-32, through scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from breedcast.models.base import Range, option
from breedcast.models.regressor import Regression, RegressionModel

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor


@dataclass(frozen=True)
class RandomForest(RegressionModel):
    """Trees of which each split chooses from a few markers."""

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "sklearn")

    trees: int = option(500, "Trees.", minimum=1)
    marker_share: float = option(
        0.1,
        "Share of the markers that a split chooses from.",
        Range(0.01, 1.0, log=True),
        exclusiveMinimum=0,
        maximum=1,
    )
    min_lines: int = option(2, "Fewest lines in a leaf.", Range(1, 20, log=True), minimum=1)

    def learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> Regression:
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(
            self.trees,
            max_features=self.marker_share,
            min_samples_leaf=self.min_lines,
            random_state=seed,
            n_jobs=1,
        )
        return Forest(forest.fit(X, y, weight))


@dataclass(frozen=True)
class Forest(Regression):
    """The library's trees."""

    forest: RandomForestRegressor

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.forest.predict(X))

    @property
    def importance(self) -> dict[str, np.ndarray]:
        """impurity: share of each marker in what the splits take off the variance."""
        return {"impurity": np.asarray(self.forest.feature_importances_)}

    def arrays(self) -> dict[str, np.ndarray]:
        """All nodes of all trees in a row: marker asked about, threshold, children, value.

        A tree's nodes begin at its `first_node`, to which its children's numbers count; a leaf's
        marker is -2.
        """
        trees = [tree.tree_ for tree in self.forest.estimators_]
        counts = [tree.node_count for tree in trees]
        return {
            "first_node": np.cumsum([0, *counts[:-1]]),
            "marker": np.concatenate([tree.feature for tree in trees]),
            "threshold": np.concatenate([tree.threshold for tree in trees]),
            "left": np.concatenate([tree.children_left for tree in trees]),
            "right": np.concatenate([tree.children_right for tree in trees]),
            "value": np.concatenate([tree.value[:, 0, 0] for tree in trees]),
        }
