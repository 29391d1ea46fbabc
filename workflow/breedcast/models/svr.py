"""Support vector regression with a Gaussian kernel.

Drucker H. et al. (1997) NIPS 9:155-161; in genomic prediction Long et al. (2011, Theor Appl Genet
123:1065). Through scikit-learn. Distances are in units of their mean over the training lines
and the trait in standard deviations, so that the settings mean the same in any data; those left
open are chosen by cross-validation among the training lines, which are shuffled: tables are
often sorted by family.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np

from breedcast.models.base import Choice, Range, option
from breedcast.models.kernels import Gaussian, mean_gaussian
from breedcast.models.products import Products
from breedcast.models.regressor import Regression, RegressionModel


@dataclass(frozen=True)
class SVR(RegressionModel):
    """Kernel exp(-h D / mean D); errors below epsilon cost nothing, larger ones `costs` each."""

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "sklearn")

    bandwidths: tuple[float, ...] = option(
        (0.5, 1.0, 2.0),
        "Bandwidths h to choose from.",
        Choice(((0.5, 1.0, 2.0), (0.1, 0.2, 0.5), (2.0, 4.0, 8.0))),
        items={"type": "number", "exclusiveMinimum": 0},
        minItems=1,
    )
    costs: tuple[float, ...] = option(
        (0.5, 1.0, 2.0),
        "Costs of an error, C, to choose from.",
        Choice(((0.5, 1.0, 2.0), (0.1, 0.2, 0.5), (2.0, 5.0, 10.0))),
        items={"type": "number", "exclusiveMinimum": 0},
        minItems=1,
    )
    epsilon: float = option(
        0.1,
        "Errors that cost nothing, in standard deviations of the trait.",
        Range(0.01, 1.0, log=True),
        minimum=0,
    )
    inner_folds: int = option(5, "Parts of the training lines for that choice.", minimum=2)

    def learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> Regression:
        products = Products.of(X, X)
        kernels = {h: mean_gaussian(products, [h]) for h in self.bandwidths}
        grams = {h: kernel.cross(products) for h, kernel in kernels.items()}
        bandwidth, cost = self._chosen(grams, y, weight, seed)
        machine = self._machine(cost).fit(grams[bandwidth], y, weight)
        support = machine.support_
        return SupportVectors(
            X[support], machine.dual_coef_[0], float(machine.intercept_[0]), kernels[bandwidth]
        )

    def _machine(self, cost: float) -> Any:
        from sklearn.svm import SVR as Machine  # noqa: N811

        return Machine(kernel="precomputed", C=cost, epsilon=self.epsilon)

    def _chosen(
        self, grams: dict[float, np.ndarray], y: np.ndarray, weight: np.ndarray, seed: int
    ) -> tuple[float, float]:
        """Bandwidth and cost of the smallest squared error over the inner folds."""
        from sklearn.model_selection import KFold

        settings = list(product(self.bandwidths, self.costs))
        if len(settings) == 1:
            return settings[0]
        errors = np.zeros(len(settings))
        for train, test in KFold(self.inner_folds, shuffle=True, random_state=seed).split(y):
            for h in self.bandwidths:
                among, across = grams[h][np.ix_(train, train)], grams[h][np.ix_(test, train)]
                for cost in self.costs:
                    machine = self._machine(cost).fit(among, y[train], weight[train])
                    off = machine.predict(across) - y[test]
                    errors[settings.index((h, cost))] += weight[test] @ off**2
        return settings[int(errors.argmin())]


@dataclass(frozen=True)
class SupportVectors(Regression):
    """vectors: (support lines, markers); dual: (support lines,)."""

    vectors: np.ndarray
    dual: np.ndarray
    intercept: float
    kernel: Gaussian

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.kernel.cross(Products.of(X, self.vectors)) @ self.dual + self.intercept

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "support_vectors": self.vectors,
            "dual": self.dual,
            "intercept": np.array(self.intercept),
            "bandwidth": np.array(self.kernel.bandwidths),
            "mean_distance": np.array(self.kernel.mean_distance),
        }
