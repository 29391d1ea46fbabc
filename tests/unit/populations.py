"""Simulated populations with known truth: chromosomes are handed down with crossovers."""

from collections.abc import Sequence

import numpy as np

#: Haplotypes of a line: (2, markers) int8, alternate alleles.
Line = np.ndarray


class Genome:
    """Contigs of some length in Morgans, with markers spread evenly; the last may be an X.

    pseudo_autosomal: share of the X, at its end, that both sexes have twice.
    """

    def __init__(
        self,
        morgans: Sequence[float],
        markers: Sequence[int],
        seed: int,
        pseudo_autosomal: float = 0.0,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.morgans, self.markers = morgans, markers
        self.contig = np.repeat([f"chr{n}" for n in range(1, len(markers) + 1)], markers)
        self.on_x = self.contig == f"chr{len(markers)}"
        self.on_x[len(self.on_x) - round(pseudo_autosomal * markers[-1]) :] = False
        self.frequency = self.rng.beta(0.8, 0.8, size=sum(markers))

    def founder(self) -> Line:
        """A line of a population in linkage equilibrium."""
        return (self.rng.random((2, sum(self.markers))) < self.frequency).astype(np.int8)

    def inbred(self) -> Line:
        """A line with one haplotype twice."""
        return self.founder()[[0, 0]]

    def gamete(self, parent: Line) -> np.ndarray:
        """(markers,) a recombined haplotype; crossovers without interference."""
        parts = []
        start = 0
        for length, markers in zip(self.morgans, self.markers, strict=True):
            here = slice(start, start := start + markers)
            crossovers = self.rng.uniform(size=self.rng.poisson(length))
            place = np.linspace(0, 1, markers)
            switched = (place[:, np.newaxis] > crossovers).sum(axis=1)
            which = (self.rng.integers(2) + switched) % 2
            parts.append(np.where(which == 0, parent[0, here], parent[1, here]))
        return np.concatenate(parts)

    def cross(self, mother: Line, father: Line) -> Line:
        """A child of two lines."""
        return np.stack([self.gamete(mother), self.gamete(father)])

    def selfed(self, line: Line, generations: int) -> Line:
        """A descendant by selfing."""
        for _ in range(generations):
            line = self.cross(line, line)
        return line

    def male(self, line: Line) -> Line:
        """The line with its one X written twice, as callers of diploid genotypes do."""
        return np.where(self.on_x, line[0], line)

    def outbred(self, males: int, females: int, generations: int = 3) -> list[Line]:
        """A population that mates at random: males first. The X of a son is his mother's."""
        fathers = [self.male(self.founder()) for _ in range(30)]
        mothers = [self.founder() for _ in range(30)]
        for generation in range(generations):
            last = generation == generations - 1
            wanted = (males, females) if last else (60, 60)
            sons, daughters = (
                [self._child(mothers, fathers) for _ in range(number)] for number in wanted
            )
            # a father hands on to daughters his whole X, which is the same twice
            fathers, mothers = [self.male(son) for son in sons], daughters
        return fathers + mothers

    def _child(self, mothers: list[Line], fathers: list[Line]) -> Line:
        mother, father = (group[self.rng.integers(len(group))] for group in (mothers, fathers))
        return self.cross(mother, father)


def dosages(lines: Sequence[Line], missing: float = 0.0, seed: int = 0) -> np.ndarray:
    """(markers, lines) int8, a share of the calls missing."""
    dosage = np.stack([line.sum(axis=0) for line in lines], axis=1).astype(np.int8)
    dosage[np.random.default_rng(seed).random(dosage.shape) < missing] = -1
    return dosage
