"""Support vector regression with a Gaussian kernel.

Drucker H. et al. (1997) NIPS 9:155-161; in genomic prediction Long et al. (2011, Theor Appl Genet
123:1065). Through scikit-learn. Distances are in units of their mean over the training lines
and the trait in standard deviations, so that the settings mean the same in any data; those left
open are chosen by cross-validation among the training lines, which are shuffled (tables are
often sorted by family); of very many lines some choose them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np

from breedcast.models.base import Choice, Fitted, Lines, Model, Prediction, Range, option
from breedcast.models.kernels import Gaussian, mean_gaussian
from breedcast.models.kinship import Kinship
from breedcast.models.multikernel import some_lines
from breedcast.models.parts import parts_of
from breedcast.models.products import Products
from breedcast.models.target import StandardisedTarget


@dataclass(frozen=True)
class SVR(Model):
    """Kernel exp(-h D / mean D); errors below epsilon cost nothing, larger ones `costs` each."""

    permutes_windows: ClassVar[bool] = True
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

    def uses_products(self, lines: int, markers: int) -> bool:
        return True

    def fit(self, lines: Lines, seed: int, device: str) -> Fitted:
        target = StandardisedTarget.fit(lines)
        y, weight = target.standardise(lines), lines.weights
        genome = Kinship.fit(lines)
        products = genome.among_training()
        some = some_lines(len(lines), seed)
        parts = list(parts_of(lines.numbers[some], self.inner_folds, seed))
        bandwidth, cost = self._chosen(products.among(some), y[some], weight[some], parts)
        kernel = mean_gaussian(products, [bandwidth])
        machine = self._machine(cost).fit(kernel.cross(products), y, weight)
        dual = np.zeros(len(lines))
        dual[machine.support_] = machine.dual_coef_[0]
        return FittedSVR(target, genome, kernel, dual, float(machine.intercept_[0]))

    def _machine(self, cost: float) -> Any:
        from sklearn.svm import SVR as Machine  # noqa: N811

        return Machine(kernel="precomputed", C=cost, epsilon=self.epsilon)

    def _chosen(
        self,
        products: Products,
        y: np.ndarray,
        weight: np.ndarray,
        parts: list[tuple[np.ndarray, np.ndarray]],
    ) -> tuple[float, float]:
        """Bandwidth and cost of the smallest squared error over the parts of some lines."""
        settings = list(product(self.bandwidths, self.costs))
        if len(settings) == 1:
            return settings[0]
        kernel = mean_gaussian(products, self.bandwidths)
        grams = {h: replace(kernel, bandwidths=[h]).cross(products) for h in self.bandwidths}
        errors = np.zeros(len(settings))
        for train, test in parts:
            for h in self.bandwidths:
                among, across = grams[h][np.ix_(train, train)], grams[h][np.ix_(test, train)]
                for cost in self.costs:
                    machine = self._machine(cost).fit(among, y[train], weight[train])
                    off = machine.predict(across) - y[test]
                    errors[settings.index((h, cost))] += weight[test] @ off**2
        return settings[int(errors.argmin())]


@dataclass(frozen=True)
class FittedSVR(Fitted):
    """dual: (training lines,) zero for those that are no support vectors."""

    target: StandardisedTarget
    genome: Kinship
    kernel: Gaussian
    dual: np.ndarray
    intercept: float

    def predict(self, lines: Lines) -> Prediction:
        similarity = self.kernel.cross(self.genome.with_training(lines))
        return Prediction.point(self.target.restore(similarity @ self.dual + self.intercept, lines))

    def weights(self) -> dict[str, np.ndarray]:
        """mean_distance: in squared dosages about mean_dosages, as training_codes give them."""
        support = np.flatnonzero(self.dual)
        return {
            "training_codes": self.genome.training.codes[support],
            "dual": self.dual[support],
            "intercept": np.array(self.intercept),
            "bandwidth": np.array(self.kernel.bandwidths),
            "mean_distance": np.array(self.kernel.mean_distance * self.genome.base.scale),
            "mean_dosages": self.genome.base.means.mean,
            "fixed_effects": self.target.fixed.coefficients,
            "sd": np.array(self.target.sd),
        }
