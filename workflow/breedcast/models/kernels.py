"""Kernels: how alike lines are, as measured from training lines.

Each is a function of inner products of centred dosages (or dominance codes), then centred and
scaled on the training lines, so that their mean K_ii is 1 and every row sums to zero. Centring
changes no prediction of a model with an intercept (Stranden & Christensen 2011, Genet Sel Evol
43:25); with it heritabilities, shares and reliabilities of all kernels mean the same as GBLUP's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from breedcast.models.products import Products


class Similarity(ABC):
    """A positive definite function of inner products."""

    @abstractmethod
    def cross(self, products: Products) -> np.ndarray:
        """(lines, n) similarities with the training lines."""

    def own(self, products: Products) -> np.ndarray:
        """(lines,) similarities of the lines with themselves: their squared norms."""
        return products.own

    @abstractmethod
    def slopes(self, products: Products) -> tuple[np.ndarray, np.ndarray]:
        """(lines, n) derivatives of `cross`, by products.cross and by products.own."""


@dataclass(frozen=True)
class Linear(Similarity):
    """The inner product itself: additive or dominance relationships."""

    def cross(self, products: Products) -> np.ndarray:
        return products.cross

    def slopes(self, products: Products) -> tuple[np.ndarray, np.ndarray]:
        return np.ones_like(products.cross), np.zeros_like(products.cross)


@dataclass(frozen=True)
class Epistatic(Similarity):
    """Its square: additive by additive interactions of all pairs of markers.

    Henderson (1985, J Anim Sci 60:111), Jiang & Reif (2015, Genetics 201:759).
    """

    def cross(self, products: Products) -> np.ndarray:
        return products.cross**2

    def own(self, products: Products) -> np.ndarray:
        return products.own**2

    def slopes(self, products: Products) -> tuple[np.ndarray, np.ndarray]:
        return 2 * products.cross, np.zeros_like(products.cross)


@dataclass(frozen=True)
class Gaussian(Similarity):
    """Mean over bandwidths h of exp(-h D / mean D), D the squared distance between lines.

    De los Campos et al. (2010, Genet Res 92:295), kernel averaging. mean_distance: mean D over
    all pairs of training lines, each with itself included.
    """

    mean_distance: float
    bandwidths: Sequence[float]

    def cross(self, products: Products) -> np.ndarray:
        distances = products.distances
        distances /= -self.mean_distance
        similarity = np.zeros_like(distances)
        for h in self.bandwidths:
            similarity += np.exp(h * distances)
        return similarity / len(self.bandwidths)

    def own(self, products: Products) -> np.ndarray:
        return np.ones_like(products.own)

    def slopes(self, products: Products) -> tuple[np.ndarray, np.ndarray]:
        distances = products.distances / self.mean_distance
        falls = np.mean([h * np.exp(-h * distances) for h in self.bandwidths], axis=0)
        return 2 * falls / self.mean_distance, -falls / self.mean_distance


@dataclass(frozen=True)
class ArcCosine(Similarity):
    """An infinitely wide network of rectified linear units, layer upon layer.

    Cho & Saul (2009, NIPS 22); Cuevas et al. (2019, G3 9:2913). A layer turns the angle t
    between lines into one of cosine (sin t + (pi - t) cos t) / pi and keeps their norms.
    """

    layers: int

    def cross(self, products: Products) -> np.ndarray:
        norms, cosine, _ = self._angles(products)
        return norms * cosine

    def slopes(self, products: Products) -> tuple[np.ndarray, np.ndarray]:
        norms, cosine, by_first = self._angles(products)
        own = products.own[:, None]
        bends = norms * cosine - by_first * products.cross
        return by_first, np.divide(bends, 2 * own, out=np.zeros_like(bends), where=own > 0)

    def _angles(self, products: Products) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(lines, n) products of norms, cosines of the last layer, and their slope by the first."""
        norms = np.sqrt(np.outer(products.own, products.training))
        cosine = np.divide(products.cross, norms, out=np.zeros_like(norms), where=norms > 0)
        slope = np.ones_like(cosine)
        for _ in range(self.layers):
            angle = np.arccos(np.clip(cosine, -1.0, 1.0))
            slope *= (np.pi - angle) / np.pi
            cosine = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
        return norms, cosine, slope


@dataclass(frozen=True)
class Kernel:
    """A similarity, centred and scaled on training lines.

    row_mean, mean: of the training lines' similarities, by line (n,) and over all; scale: mean
    diagonal once they are centred.
    """

    similarity: Similarity
    row_mean: np.ndarray
    mean: float
    scale: float

    @classmethod
    def fit(cls, products: Products, similarity: Similarity) -> tuple[Kernel, np.ndarray]:
        """The kernel and its (n, n) matrix, from the products of the training lines."""
        raw = similarity.cross(products)
        row_mean, mean = raw.mean(axis=0), float(raw.mean())
        scale = float(np.trace(raw)) / len(raw) - mean
        kernel = cls(similarity, row_mean, mean, scale)
        return kernel, kernel._centred(raw)

    def of(self, products: Products) -> tuple[np.ndarray, np.ndarray]:
        """Lines' k (lines, n) with the training lines and k_self (lines,) with themselves."""
        raw = self.similarity.cross(products)
        own = self.similarity.own(products)
        return self._centred(raw), (own - 2 * raw.mean(axis=1) + self.mean) / self.scale

    def slopes(self, products: Products, dual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How k' dual of lines changes: (lines, n) by products.cross, (lines,) by products.own.

        dual: (n,) as of a mixed model. That the kernel is centred takes the mean off it.
        """
        by_cross, by_own = self.similarity.slopes(products)
        dual = (dual - dual.mean()) / self.scale
        return by_cross * dual, by_own @ dual

    def _centred(self, raw: np.ndarray) -> np.ndarray:
        centred: np.ndarray = raw - (self.row_mean - self.mean)
        centred -= raw.mean(axis=1, keepdims=True)
        centred /= self.scale
        return centred


def mean_gaussian(products: Products, bandwidths: Sequence[float]) -> Gaussian:
    """The Gaussian similarity whose distances are measured in the training lines' mean."""
    return Gaussian(float(products.distances.mean()), bandwidths)
