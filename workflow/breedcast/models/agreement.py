"""How well predictions go with values, for code that comes before the scores."""

from __future__ import annotations

import numpy as np


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, of (lines,) and (lines,); 0 where either does not vary."""
    varies = np.ptp(one) > 0 and np.ptp(other) > 0
    return float(np.corrcoef(one, other)[0, 1]) if varies else 0.0
