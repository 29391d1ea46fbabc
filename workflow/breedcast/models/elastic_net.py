"""Elastic net: a linear regression that leaves most markers out.

Zou H., Hastie T. (2005) J R Stat Soc B 67:301-320, through scikit-learn (as glmnet's, Friedman
et al. 2010). The penalty is chosen by cross-validation among the training lines, shuffled: folds in
the order of a table that is sorted by family cost a tenth of accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from breedcast.genotypes.encode import DosageMeans
from breedcast.models.base import Choice, Fitted, Lines, Model, option
from breedcast.models.linear import FittedLinear
from breedcast.models.parts import parts_of
from breedcast.models.target import StandardisedTarget

#: The smallest penalty, as a share of the one at which no marker is left: below it many fits to
#: come cost much and win nowhere. TOLERANCE: when a fit is good enough (duality gap, of 1).
SMALLEST_PENALTY, TOLERANCE = 0.03, 1e-3


@dataclass(frozen=True)
class ElasticNet(Model):
    """Marker effects by least squares, their size and their number penalised."""

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "sklearn")

    l1_ratios: tuple[float, ...] = option(
        (0.01, 0.1),
        "What is penalised, to choose from: the number of markers (1, the lasso) or their size "
        "(towards 0, ridge regression).",
        Choice(((0.01, 0.1), (0.01,), (0.1,), (0.5,), (1.0,))),
        items={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        minItems=1,
    )
    penalties: int = option(20, "Sizes of the penalty to choose from.", minimum=2)
    inner_folds: int = option(5, "Parts of the training lines for that choice.", minimum=2)

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        from sklearn.linear_model import ElasticNetCV

        target = StandardisedTarget.fit(lines)
        means = DosageMeans.fit(lines.codes, lines.ploidy)
        net = ElasticNetCV(
            l1_ratio=list(self.l1_ratios),
            alphas=self.penalties,
            eps=SMALLEST_PENALTY,
            cv=list(parts_of(lines.numbers, self.inner_folds, seed)),
            tol=TOLERANCE,
            n_jobs=1,
        )
        net.fit(means.centred(lines.codes), target.standardise(lines), lines.weights)
        effects = target.sd * np.asarray(net.coef_, dtype=np.float64)
        return FittedNet(target.fixed, means, effects)


@dataclass(frozen=True)
class FittedNet(FittedLinear):
    """Marker effects, most of them 0."""

    @property
    def facts(self) -> Mapping[str, float]:
        return {"markers_used": float(np.count_nonzero(self.marker_effects))}
