"""Inner products of lines' dosages: once for all lines of a job, or fit by fit from the codes.

A fit's relationships are about its training lines' mean dosages. Without missing calls they follow
from the products of the dosages as they are, about the training lines' rows of them: so those are
computed once, exactly, in whole numbers, and no frequency but the training lines' own enters a fit.
A missing call is taken to be the training lines' mean, which no product computed before can know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from breedcast.genotypes.encode import number_blocks
from breedcast.genotypes.relationship import DominanceRelationship, Relationship
from breedcast.models.base import Lines
from breedcast.models.products import DosageProducts, Products


@dataclass(frozen=True)
class Kinship:
    """Lines' scaled codes about the training lines' means, as their products with these.

    base: turns codes into features; training: the lines that it was learnt from; centred: their
    products, if those of dosages are at hand.
    """

    base: Relationship | DominanceRelationship
    training: Lines
    centred: CentredProducts | None = None

    @classmethod
    def fit(cls, lines: Lines) -> Kinship:
        """Additive relationships, from the frequencies of these lines."""
        centred = None if lines.products is None else CentredProducts.fit(lines.products)
        return cls(Relationship.fit(lines.codes, lines.ploidy), lines, centred)

    def among_training(self) -> Products:
        """Those of the training lines with each other."""
        if self.centred is not None:
            return self.centred.of(self.centred.training, self.base.scale)
        n = len(self.training)
        cross = np.zeros((n, n))
        for _, features in self._blocks(self.training):
            cross += features @ features.T
        own = cross.diagonal().copy()
        return Products(cross, own, own)

    def with_training(self, lines: Lines) -> Products:
        """Those of lines with the training lines."""
        if self.centred is not None and lines.products is not None:
            return self.centred.of(lines.products, self.base.scale)
        cross = np.zeros((len(lines), len(self.training)))
        own, training = np.zeros(len(lines)), np.zeros(len(self.training))
        for some, features in self._blocks(lines):
            theirs = self.base.of_markers(some).centred(self.training.codes[:, some])
            cross += features @ theirs.T
            own += np.einsum("ij,ij->i", features, features)
            training += np.einsum("ij,ij->i", theirs, theirs)
        return Products(cross, own, training)

    def marker_effects(self, dual: np.ndarray) -> np.ndarray:
        """(markers,) features of the training lines times dual (n,), per unit of a code."""
        parts = [features.T @ dual for _, features in self._blocks(self.training)]
        effects: np.ndarray = np.concatenate(parts) / np.sqrt(self.base.scale)
        return effects

    def features(self, markers: np.ndarray) -> np.ndarray:
        """(n, some) features of the training lines at some of the markers."""
        return self.base.of_markers(markers).centred(self.training.codes[:, markers])

    @property
    def lengths(self) -> np.ndarray:
        """(markers,) norm of each marker's features of the training lines."""
        parts = [np.einsum("ij,ij->j", each, each) for _, each in self._blocks(self.training)]
        return np.asarray(np.sqrt(np.concatenate(parts)))

    def _blocks(self, lines: Lines) -> Iterator[tuple[slice, np.ndarray]]:
        for some in number_blocks(len(lines), lines.codes.shape[1]):
            yield some, self.base.of_markers(some).centred(lines.codes[:, some])


@dataclass(frozen=True)
class CentredProducts:
    """Products of dosages about the training lines' means.

    (x - m)'(z - m), where m' z is the mean of the training lines' products with z. row: (n,) those
    of the training lines themselves; mean: m' m.
    """

    training: DosageProducts
    row: np.ndarray
    mean: float

    @classmethod
    def fit(cls, training: DosageProducts) -> CentredProducts:
        """The means' products, from those of the training lines."""
        row = training.with_lines(training).mean(axis=1)
        return cls(training, row, float(row.mean()))

    def of(self, lines: DosageProducts, scale: float) -> Products:
        """Those of lines with the training lines, over a scale."""
        cross = lines.with_lines(self.training)
        row = cross.mean(axis=1)
        cross -= row[:, None]
        cross -= self.row - self.mean
        cross /= scale
        own = (lines.own - 2 * row + self.mean) / scale
        return Products(cross, own, (self.training.own - 2 * self.row + self.mean) / scale)
