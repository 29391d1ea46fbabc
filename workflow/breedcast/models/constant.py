"""What lines teach that all have one value, as may be where a trait is rare: that value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from breedcast.models.base import Fitted, Lines, Prediction


@dataclass(frozen=True)
class FittedConstant(Fitted):
    """A fit of any model to lines of one value, in the trait's units."""

    value: float

    def predict(self, lines: Lines) -> Prediction:
        return Prediction.point(np.full(len(lines), self.value))

    def weights(self) -> dict[str, np.ndarray]:
        return {"value": np.array(self.value)}
