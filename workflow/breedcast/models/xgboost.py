"""XGBoost: trees grown one after another, each on what the ones before have left.

Chen T., Guestrin C. (2016) KDD 22:785-794, through its library. Slow learning, shallow trees and
few markers a tree: the defaults were chosen on wheat599 and soynam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from breedcast.models.base import Range, option
from breedcast.models.boosted import BoostedTrees
from breedcast.models.regressor import Regression

if TYPE_CHECKING:
    import xgboost


@dataclass(frozen=True)
class XGBoost(BoostedTrees):
    """Boosted trees of limited depth."""

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "xgboost")

    depth: int = option(4, "Most markers in a row that a tree asks about.", Range(1, 8), minimum=1)

    def learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> Regression:
        import xgboost

        settings = {
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.depth,
            "colsample_bytree": self.marker_share,
            "subsample": self.line_share,
            "seed": seed,
            "nthread": 1,
        }
        data = xgboost.QuantileDMatrix(X, label=y, weight=weight, nthread=1)
        return FittedXGBoost(xgboost.train(settings, data, self.rounds), X.shape[1])


@dataclass(frozen=True)
class FittedXGBoost(Regression):
    """The library's trees; markers: how many there are."""

    booster: xgboost.Booster
    markers: int

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster.inplace_predict(X), dtype=np.float64)

    @property
    def importance(self) -> dict[str, np.ndarray]:
        """gain: the total of the splits on each marker."""
        gains = np.zeros(self.markers)
        for name, gain in self.booster.get_score(importance_type="total_gain").items():
            gains[int(name.removeprefix("f"))] = gain
        return {"gain": gains}

    def arrays(self) -> dict[str, np.ndarray]:
        """The library's own file of the model, in UBJSON."""
        return {"xgboost_ubj": np.frombuffer(self.booster.save_raw("ubj"), dtype=np.uint8)}
