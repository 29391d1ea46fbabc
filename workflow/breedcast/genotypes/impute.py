"""How missing calls are filled, from training lines alone, for models that need every call.

The mean is no part of this: to a model that is given a missing call it is the mean dosage of its
training lines (`DosageMeans`), and so it is wherever nothing is known here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

#: Training lines that a missing call is filled from (5, 10 and 20 compared in tests/benchmarks).
NEIGHBOURS = 10
#: Markers whose calls are held as numbers at a time. Sums over so many of products of two dosages
#: up to 8 are whole numbers that float32 holds exactly.
BLOCK = 4096


@dataclass(frozen=True)
class Imputer(ABC):
    """Fills the missing calls of some lines from those of the training lines.

    codes: (lines, markers) uint8 of all lines; 0..ploidy is a dosage, ploidy + 1 "missing".
    """

    codes: np.ndarray
    ploidy: int

    @classmethod
    def of(cls, codes: np.ndarray, ploidy: int) -> Imputer:
        """The imputer of all lines."""
        return cls(codes, ploidy)

    @abstractmethod
    def fill(self, rows: np.ndarray, training: np.ndarray) -> np.ndarray:
        """(rows, markers) uint8 codes of the lines at `rows`.

        training: positions of the lines that are learnt from; what they do not tell stays missing.
        """

    def arrays(self, training: np.ndarray) -> dict[str, np.ndarray]:
        """What was learnt, by name; empty where filling takes the training lines' own calls."""
        return {}


class Mode(Imputer):
    """The dosage that most training lines have at the marker, the smaller where two are level."""

    def fill(self, rows: np.ndarray, training: np.ndarray) -> np.ndarray:
        codes = self.codes[rows]
        return np.where(codes <= self.ploidy, codes, self._mode(training))

    def arrays(self, training: np.ndarray) -> dict[str, np.ndarray]:
        return {"mode": self._mode(training)}

    def _mode(self, training: np.ndarray) -> np.ndarray:
        """(markers,) uint8; of a marker without a call "missing"."""
        codes = self.codes[training]
        counts = np.stack([(codes == dosage).sum(axis=0) for dosage in range(self.ploidy + 1)])
        return np.where(counts.any(axis=0), counts.argmax(axis=0), self.ploidy + 1).astype(np.uint8)


@dataclass(frozen=True)
class Nearest(Imputer):
    """The weighted mean dosage of the nearest training lines, rounded to a dosage.

    As scikit-learn's KNNImputer (Troyanskaya et al. 2001, Bioinformatics 17:520), but that the
    NEIGHBOURS nearest lines count whichever of the calls they lack. Lines D apart weigh 1 / D²;
    lines without a difference count as differing by one allele copy. No line is its own neighbour.

    distances: (lines, lines) mean squared difference of the dosages that both lines have, infinite
    where there is none. It hangs on the calls of the two alone, so one matrix serves every fit.
    """

    distances: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, ploidy: int) -> Nearest:
        squares, shared = (np.zeros((len(codes), len(codes))) for _ in range(2))
        for start in range(0, codes.shape[1], BLOCK):
            block = codes[:, start : start + BLOCK]
            called = (block <= ploidy).astype(np.float32)
            dosage = block * called
            own = (dosage * dosage) @ called.T
            squares += own + own.T - 2 * (dosage @ dosage.T)
            shared += called @ called.T
        apart = np.divide(squares, shared, out=np.full_like(squares, np.inf), where=shared > 0)
        return cls(codes, ploidy, apart)

    def fill(self, rows: np.ndarray, training: np.ndarray) -> np.ndarray:
        filled = self.codes[rows]
        for codes, (markers, mean) in zip(filled, self.means(rows, training), strict=True):
            codes[markers] = np.rint(mean)
        return filled

    def means(
        self, rows: np.ndarray, training: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each line the markers that can be filled, and the mean dosages before rounding."""
        for row, neighbours, weight in zip(rows, *self._neighbours(rows, training), strict=True):
            markers = np.flatnonzero(self.codes[row] > self.ploidy)
            calls = self.codes[np.ix_(neighbours, markers)]
            weights = weight[:, None] * (calls <= self.ploidy)
            total = weights.sum(axis=0)
            known = total > 0
            yield markers[known], (weights * calls).sum(axis=0)[known] / total[known]

    def _neighbours(self, rows: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions (rows, neighbours) of the nearest training lines, and their weights."""
        distances = self.distances[np.ix_(rows, training)]
        distances[rows[:, None] == training] = np.inf
        order = distances.argsort(axis=1, kind="stable")[:, :NEIGHBOURS]
        nearest = np.take_along_axis(distances, order, axis=1)
        return training[order], np.maximum(nearest, 1 / self.codes.shape[1]) ** -2.0


#: By their names in the config; `mean` needs none.
IMPUTERS: dict[str, type[Imputer]] = {"mode": Mode, "nearest": Nearest}
