"""LightGBM: boosted trees that grow where most is gained, leaf by leaf.

Ke G. et al. (2017) NeurIPS 30, through its library; in genomic prediction Yan et al. (2021,
Genome Biol 22:271). The defaults were chosen on wheat599 and soynam. A tree takes time by the
markers that it looks at, so these have a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from breedcast.models.base import Range, option
from breedcast.models.boosted import BoostedTrees
from breedcast.models.regressor import Regression

if TYPE_CHECKING:
    import lightgbm


@dataclass(frozen=True)
class LightGBM(BoostedTrees):
    """Boosted trees of a limited number of leaves."""

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "lightgbm")

    leaves: int = option(15, "Most leaves of a tree.", Range(3, 63, log=True), minimum=2)
    most_markers: int = option(
        2000, "Most markers that a tree chooses from, if its share is more.", minimum=1
    )
    min_lines: int = option(5, "Fewest lines in a leaf.", Range(2, 40, log=True), minimum=1)

    def learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> Regression:
        import lightgbm

        settings = {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_lines,
            "feature_fraction": min(self.marker_share, self.most_markers / X.shape[1]),
            "bagging_fraction": self.line_share,
            "bagging_freq": 1,
            "seed": seed,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(X, label=y, weight=weight, params=settings)
        return FittedLightGBM(lightgbm.train(settings, data, self.rounds))


@dataclass(frozen=True)
class FittedLightGBM(Regression):
    """The library's trees."""

    booster: lightgbm.Booster

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster.predict(X, num_threads=1), dtype=np.float64)

    @property
    def importance(self) -> dict[str, np.ndarray]:
        """gain: the total of the splits on each marker."""
        return {"gain": np.asarray(self.booster.feature_importance(importance_type="gain"))}

    def arrays(self) -> dict[str, np.ndarray]:
        """The library's own text file of the model."""
        text = self.booster.model_to_string().encode()
        return {"lightgbm_text": np.frombuffer(text, dtype=np.uint8)}
