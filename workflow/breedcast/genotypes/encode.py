"""From codes to numbers a model can use; what is learnt here is learnt from training lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

#: Numbers of a block of markers of all lines.
BLOCK_NUMBERS = 1 << 22


@dataclass(frozen=True)
class DosageMeans:
    """Mean dosage per marker of some training lines: what a missing call is taken to be.

    mean: (markers,) float64; a marker with no call in training has mean 0.
    """

    mean: np.ndarray
    ploidy: int

    @classmethod
    def fit(cls, codes: np.ndarray, ploidy: int) -> DosageMeans:
        """Learn the means from codes (lines, markers), missing calls left out."""
        mean = np.empty(codes.shape[1])
        for some in number_blocks(*codes.shape):
            called = codes[:, some] <= ploidy
            total = (codes[:, some] * called).sum(axis=0, dtype=np.float64)
            mean[some] = total / np.maximum(called.sum(axis=0), 1)
        return cls(mean, ploidy)

    def of_markers(self, some: slice | np.ndarray) -> DosageMeans:
        """The means of some of the markers."""
        return DosageMeans(self.mean[some], self.ploidy)

    def centred(self, codes: np.ndarray, dtype: type[np.floating] = np.float64) -> np.ndarray:
        """(lines, markers) dosage less the training mean; a missing call is 0."""
        centred = np.empty(codes.shape, dtype)
        for some in number_blocks(*codes.shape):
            of_block = codes[:, some]
            centred[:, some] = np.where(of_block <= self.ploidy, of_block - self.mean[some], 0.0)
        return centred


def number_blocks(lines: int, markers: int) -> Iterator[slice]:
    """Markers, in blocks that hold BLOCK_NUMBERS of these lines' numbers, or a hundred markers."""
    step = max(100, BLOCK_NUMBERS // max(lines, 1))
    for start in range(0, markers, step):
        yield slice(start, min(start + step, markers))


class Encoder(ABC):
    """Turns codes into a network's input, as learnt from training lines.

    An input is either uint8 codes, which the network itself turns into `channels` one-hot
    channels, or float32 numbers of one channel.
    """

    @property
    def channels(self) -> int:
        """Channels of the input that a network is built for."""
        return 1

    @property
    @abstractmethod
    def length(self) -> int:
        """Positions of the input that a network is built for."""

    @abstractmethod
    def encode(self, codes: np.ndarray) -> np.ndarray:
        """(lines, length) input of lines with these codes (lines, markers)."""

    @property
    def missing(self) -> int:
        """The code of a missing call, where the input is codes."""
        raise ValueError("this input is no codes")

    @abstractmethod
    def as_published(self) -> Encoder:
        """The encoding without centring and scaling, which published networks were given."""

    @abstractmethod
    def per_marker(self, gradient: np.ndarray, beside: np.ndarray | None = None) -> np.ndarray:
        """(lines, markers) absolute gradient, from one by input (lines, channels, length).

        beside: (lines, markers) by one allele copy, of what is added to a network, if anything.
        """

    @abstractmethod
    def contributions(self, gradient: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """(lines, markers) gradient times input, by marker: they sum to the same.

        gradient: by input (lines, channels, length); codes: (lines, markers) of these lines.
        """

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, by name; empty where nothing was."""


@dataclass(frozen=True)
class OneHot(Encoder):
    """The codes themselves: each is the index of its channel, "missing" being the last.

    frequencies: (states, markers) share of the training lines in each state. A network
    takes them from its channels: what all lines share would drown what sets them apart.
    """

    frequencies: np.ndarray

    @property
    def channels(self) -> int:
        return self.frequencies.shape[0]

    @property
    def length(self) -> int:
        return self.frequencies.shape[1]

    @property
    def missing(self) -> int:
        return self.channels - 1

    def of_markers(self, some: np.ndarray) -> OneHot:
        """The encoding of markers at these positions."""
        return OneHot(self.frequencies[:, some])

    def as_published(self) -> OneHot:
        return OneHot(np.zeros_like(self.frequencies))

    @classmethod
    def fit(cls, codes: np.ndarray, ploidy: int) -> OneHot:
        """Learn the frequencies of the states from codes (lines, markers)."""
        states = range(ploidy + 2)
        return cls(np.stack([(codes == state).mean(axis=0) for state in states]))

    def encode(self, codes: np.ndarray) -> np.ndarray:
        return np.asarray(codes, dtype=np.uint8)

    def per_marker(self, gradient: np.ndarray, beside: np.ndarray | None = None) -> np.ndarray:
        """The largest over the states, as DLGWAS defines its saliency."""
        if beside is not None:
            gradient = gradient + beside[:, None] * self._copies
        return np.abs(gradient).max(axis=1)

    @property
    def _copies(self) -> np.ndarray:
        """(states, markers) allele copies of each state less their mean, 0 of a missing call."""
        called = self.frequencies[: self.missing]
        copies = np.arange(self.missing)[:, None]
        mean = (copies * called).sum(axis=0) / np.maximum(called.sum(axis=0), 1e-12)
        return np.vstack([copies - mean, np.zeros_like(mean)])

    def contributions(self, gradient: np.ndarray, codes: np.ndarray) -> np.ndarray:
        own = np.take_along_axis(gradient, codes[:, None].astype(int), axis=1)[:, 0]
        return np.asarray(own - np.einsum("lsm,sm->lm", gradient, self.frequencies))

    def arrays(self) -> dict[str, np.ndarray]:
        return {"frequencies": self.frequencies}


@dataclass(frozen=True)
class ScaledDosage(Encoder):
    """Dosages about their training means, in units of their training standard deviation.

    A network is given the codes and scales them itself, batch by batch: a byte a call is kept.
    scale: (markers,) 1 / standard deviation; 0 for a marker that does not vary in training,
    whose effect no training line can show.
    """

    means: DosageMeans
    scale: np.ndarray

    @property
    def length(self) -> int:
        return len(self.scale)

    @classmethod
    def fit(cls, codes: np.ndarray, ploidy: int) -> ScaledDosage:
        """Learn means and scales from codes (lines, markers)."""
        means = DosageMeans.fit(codes, ploidy)
        sd = np.empty(codes.shape[1])
        for some in number_blocks(*codes.shape):
            sd[some] = means.of_markers(some).centred(codes[:, some]).std(axis=0)
        return cls(means, np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0))

    @property
    def missing(self) -> int:
        return self.means.ploidy + 1

    def of_markers(self, some: np.ndarray) -> ScaledDosage:
        """The encoding of markers at these positions."""
        return ScaledDosage(self.means.of_markers(some), self.scale[some])

    def as_published(self) -> ScaledDosage:
        unscaled = DosageMeans(np.zeros_like(self.means.mean), self.means.ploidy)
        return ScaledDosage(unscaled, np.ones_like(self.scale))

    def encode(self, codes: np.ndarray) -> np.ndarray:
        return np.asarray(codes, dtype=np.uint8)

    def per_marker(self, gradient: np.ndarray, beside: np.ndarray | None = None) -> np.ndarray:
        own = gradient[:, 0] * self.scale
        return np.abs(own if beside is None else own + beside)

    def contributions(self, gradient: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return gradient[:, 0] * self.scale * self.means.centred(codes)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"mean_dosages": self.means.mean, "scale": self.scale}


@dataclass(frozen=True)
class PrincipalComponents(Encoder):
    """Scores on the principal components of dosages that are centred and not scaled.

    loadings: (markers, components) unit vectors. scale: one number that all scores are
    multiplied by, so that their mean variance over components is 1 in training: without it
    the size of a network's input, and with it the learning rate that suits, would grow with
    the number of markers and with the ploidy.
    """

    means: DosageMeans
    loadings: np.ndarray
    scale: float

    @property
    def length(self) -> int:
        return self.loadings.shape[1]

    @classmethod
    def fit(cls, codes: np.ndarray, ploidy: int, share: float) -> PrincipalComponents:
        """Learn the fewest components whose variance reaches `share` of the total.

        Raises ValueError where no marker varies.
        """
        means = DosageMeans.fit(codes, ploidy)
        centred = means.centred(codes)
        variance, loadings = principal_axes(centred)
        if len(variance) == 0:
            raise ValueError("no marker varies among these lines")
        cumulated = np.cumsum(variance)
        # the last sum can miss a share of 1 by rounding
        components = min(np.searchsorted(cumulated, share * cumulated[-1]) + 1, len(variance))
        scale = float(1.0 / np.sqrt(variance[:components].mean()))
        return cls(means, loadings[:, :components], scale)

    def among(self, means: DosageMeans, chosen: np.ndarray) -> PrincipalComponents:
        """The same, learnt from the chosen of all markers; the others have no part in them."""
        loadings = np.zeros((len(means.mean), self.length))
        loadings[chosen] = self.loadings
        return PrincipalComponents(means, loadings, self.scale)

    def as_published(self) -> PrincipalComponents:
        return PrincipalComponents(self.means, self.loadings, 1.0)

    def scores(self, codes: np.ndarray) -> np.ndarray:
        """(lines, components) float64 principal component scores, unscaled."""
        return self.means.centred(codes) @ self.loadings

    def encode(self, codes: np.ndarray) -> np.ndarray:
        return (self.scores(codes) * self.scale).astype(np.float32)

    def per_marker(self, gradient: np.ndarray, beside: np.ndarray | None = None) -> np.ndarray:
        own = self._carried_back(gradient)
        return np.abs(own if beside is None else own + beside)

    def contributions(self, gradient: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return self._carried_back(gradient) * self.means.centred(codes)

    def _carried_back(self, gradient: np.ndarray) -> np.ndarray:
        """(lines, markers) gradient by one allele copy, through the projection."""
        return np.asarray((gradient[:, 0] * self.scale) @ self.loadings.T)

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "mean_dosages": self.means.mean,
            "loadings": self.loadings,
            "scale": np.array(self.scale),
        }


@dataclass(frozen=True)
class ChosenMarkers(Encoder):
    """The encoding of some markers; the others move nothing.

    whole: that of all markers; chosen: (some,) positions.
    """

    whole: OneHot | ScaledDosage
    chosen: np.ndarray

    @cached_property
    def part(self) -> OneHot | ScaledDosage:
        """The encoding of the chosen ones."""
        return self.whole.of_markers(self.chosen)

    @property
    def channels(self) -> int:
        return self.whole.channels

    @property
    def length(self) -> int:
        return len(self.chosen)

    @property
    def missing(self) -> int:
        return self.whole.missing

    def encode(self, codes: np.ndarray) -> np.ndarray:
        return self.part.encode(codes[:, self.chosen])

    def as_published(self) -> ChosenMarkers:
        return ChosenMarkers(self.whole.as_published(), self.chosen)

    def per_marker(self, gradient: np.ndarray, beside: np.ndarray | None = None) -> np.ndarray:
        return self.whole.per_marker(self._everywhere(gradient), beside)

    def contributions(self, gradient: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return self.whole.contributions(self._everywhere(gradient), codes)

    def _everywhere(self, gradient: np.ndarray) -> np.ndarray:
        every = np.zeros((*gradient.shape[:2], self.whole.length), gradient.dtype)
        every[:, :, self.chosen] = gradient
        return every

    def arrays(self) -> dict[str, np.ndarray]:
        return {**self.part.arrays(), "markers": self.chosen}


def most_associated(
    codes: np.ndarray, ploidy: int, target: np.ndarray, weight: np.ndarray, count: int
) -> np.ndarray:
    """(count,) positions of the markers of greatest squared correlation with a target (lines,).

    In the genome's order. weight: (lines,) how much each line counts; of equals the first are
    taken; a marker that does not vary is the last choice.
    """
    means = DosageMeans.fit(codes, ploidy)
    share = weight / weight.sum()
    target = target - share @ target
    explained = np.empty(codes.shape[1])
    for some in number_blocks(*codes.shape):
        centred = means.of_markers(some).centred(codes[:, some])
        centred -= share @ centred
        variance = share @ centred**2
        covariance = (share * target) @ centred
        explained[some] = np.divide(
            covariance**2, variance, out=np.zeros_like(variance), where=variance > 1e-12
        )
    return np.sort(np.argsort(-explained, kind="stable")[:count])


def principal_axes(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variance (divisor n - 1) and axis of each principal component, the largest first.

    centred: (lines, markers) with column means 0. The axes, (markers, components), are unit
    vectors whose largest element is positive, so that their sign is not left to chance.
    The smaller of the two cross-product matrices is decomposed, which for a thousand markers
    on a few hundred lines is several times faster than a singular value decomposition.
    """
    lines, markers = centred.shape
    few_lines = lines < markers
    product = centred @ centred.T if few_lines else centred.T @ centred
    eigenvalue, vector = np.linalg.eigh(product)
    eigenvalue, vector = eigenvalue[::-1], vector[:, ::-1]
    real = eigenvalue > len(eigenvalue) * np.finfo(float).eps * max(eigenvalue[0], 0.0)
    eigenvalue, vector = eigenvalue[real], vector[:, real]
    axes = centred.T @ vector / np.sqrt(eigenvalue) if few_lines else vector
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    return eigenvalue / max(lines - 1, 1), axes * np.sign(largest)
