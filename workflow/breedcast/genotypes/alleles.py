"""Which alleles are the same: letters, the two strands, alleles that are not named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

#: How VCF, and every reader here, writes an allele that is not named.
NO_ALLELE = "."
_COMPLEMENTS = {NO_ALLELE: NO_ALLELE, "A": "T", "C": "G", "G": "C", "T": "A"}
_NONE = -1


@dataclass(frozen=True)
class Comparison:
    """How the alleles of pairs of markers fit, (pairs,) booleans.

    plain, turned: the letters fit as they are written; those of the other strand do.
    plain_swapped, turned_swapped: they do so with REF and ALT swapped.
    unknown: a marker of the pair names no allele, so that nothing contradicts.
    partly: a marker of the pair names one allele.
    bases: all alleles are single bases.
    """

    plain: np.ndarray
    plain_swapped: np.ndarray
    turned: np.ndarray
    turned_swapped: np.ndarray
    unknown: np.ndarray
    partly: np.ndarray
    bases: np.ndarray

    @property
    def fits(self) -> np.ndarray:
        """Whether the alleles can be the same."""
        return self.plain | self.turned

    @property
    def either(self) -> np.ndarray:
        """Whether they fit on both strands: A/T and C/G."""
        return self.plain & self.turned

    @property
    def rank(self) -> np.ndarray:
        """How well they fit: 0 best, up to RANKS - 1."""
        grades = [self.unknown, self.partly, self.plain_swapped, self.plain]
        return np.select(grades, [4, 3, 1, 0], 2)

    def where(self, keep: np.ndarray) -> Comparison:
        """That of those pairs (boolean mask)."""
        return Comparison(*(values[keep] for values in vars(self).values()))


RANKS = 5


class Alleles:
    """The alleles of markers as numbers, so that they are compared without their letters.

    ref, alt: (markers,) indices into `spelled`; 0 is an allele that is not named. Small and capital
        letters are the same, and so are several alternate alleles in another order.
    spelled: how each allele was first written.
    complement: (alleles,) each read on the other strand; _NONE for all but single bases.
    """

    def __init__(self, ref: pa.Array, alt: pa.Array) -> None:
        written = pa.concat_arrays([ref, alt]).dictionary_encode()
        number = {allele: at for at, allele in enumerate(_COMPLEMENTS)}
        spelled = list(_COMPLEMENTS)
        numbers = np.empty(len(written.dictionary), int)
        for at, text in enumerate(written.dictionary.to_pylist()):
            allele = ",".join(sorted(text.upper().split(",")))
            if allele not in number:
                number[allele] = len(spelled)
                spelled.append(text)
            numbers[at] = number[allele]
        self.ref, self.alt = np.split(numbers[written.indices.to_numpy()], [len(ref)])
        self.spelled = np.array(spelled, object)
        self.complement = np.full(len(spelled), _NONE)
        self.complement[: len(_COMPLEMENTS)] = [number[base] for base in _COMPLEMENTS.values()]

    def compare(
        self, ref: np.ndarray, alt: np.ndarray, its_ref: np.ndarray, its_alt: np.ndarray
    ) -> Comparison:
        """Compare the alleles of markers with those of others, all (pairs,) numbers of alleles."""
        named = (ref > 0).astype(int) + (alt > 0)
        its_named = (its_ref > 0).astype(int) + (its_alt > 0)
        unknown = (named == 0) | (its_named == 0)
        # `A .` and `G .`: nothing tells that these are the two alleles of one marker
        two = ~unknown & (named + its_named > 2)
        straight = _fit(ref, its_ref) & _fit(alt, its_alt)
        swapped = _fit(ref, its_alt) & _fit(alt, its_ref) & two & ~straight
        turns = self.complement[np.stack([ref, alt, its_ref, its_alt])]
        can_turn = two & (turns != _NONE).all(axis=0)
        turned = _fit(ref, turns[2]) & _fit(alt, turns[3]) & can_turn
        turned_swapped = _fit(ref, turns[3]) & _fit(alt, turns[2]) & can_turn & ~turned
        return Comparison(
            plain=straight | swapped,
            plain_swapped=swapped,
            turned=turned | turned_swapped,
            turned_swapped=turned_swapped,
            unknown=unknown,
            partly=(named == 1) | (its_named == 1),
            bases=(turns > 0).all(axis=0),
        )


def _fit(allele: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether alleles are the same; one that is not named can be any."""
    return (allele == other) | (allele == 0) | (other == 0)
