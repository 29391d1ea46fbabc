"""What becomes of a record, whoever parsed it: the dosages of one marker, of several, or none.

Policies, each counted:

- Several alternate alleles: `collapse` counts them together (0/2 has dosage 1, 1/2 dosage 2),
  `split` makes one marker of each, in which the others count as reference, `drop` leaves the
  marker out. A last one that stands for all others, as in gVCFs, is none where no call has it.
- A call with any allele missing (./1) is missing, whatever number of alleles is written (`.`).
- The ploidy is that of the calls, 1 to 8, and must be the same in all of them; on a contig that
  the config calls `mixed` or `haploid` a call of one allele counts as homozygous, and on a
  `haploid` one a heterozygous call is missing.
- With `field: DS` the dosage is the DS value, rounded; the ploidy is the config's, else that of
  GT where there is GT, else 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.dosages import whole
from breedcast.genotypes.source import (
    MARKERS,
    MAX_PLOIDY,
    MISSING_DOSAGE,
    Block,
    Reading,
    marker_table,
)

#: How a missing allele is written, and one that a call shorter than the others lacks.
MISSING_ALLELE, NO_ALLELE = -1, -2
#: How GATK and bcftools write the alternate allele that is none of the others.
ANY_OTHER = frozenset(["<NON_REF>", "<*>"])


@dataclass(frozen=True)
class Record:
    """A record of a VCF or BCF.

    alleles: (alleles of the longest call, samples) the calls' allele numbers; None without GT.
    values: (alternates, samples) float64 DS, NaN where missing; None without DS, or unread.
    """

    contig: str
    position: int
    id: str
    ref: str
    alternates: Sequence[str]
    alleles: np.ndarray | None
    values: np.ndarray | None


class Calls:
    """Turns the records of one file, whose ploidy is that of all of them, into markers."""

    def __init__(self, samples: Sequence[str], reading: Reading, counts: Counter[str]) -> None:
        self.samples = samples
        self.reading = reading
        self.counts = counts
        self.ploidy = reading.ploidy

    def block(self, records: Iterable[tuple[int, Record]], place_of: Callable[[int], str]) -> Block:
        """The markers of records, each of which comes with its row in the file."""
        dosages: list[np.ndarray] = []
        columns: dict[str, list[Any]] = {name: [] for name in MARKERS.names}
        of_row: list[int] = []
        for row, record in records:
            record = _without_any_other(record)
            if len(record.alternates) > 1 and self.reading.multi_allelic == "drop":
                self.counts["multi_allelic_dropped"] += 1
                continue
            found = self._dosages(record, place_of(row))
            for dosage, name, alt in zip(found, *self._named(record, len(found)), strict=True):
                dosages.append(dosage)
                of_row.append(row)
                values = (record.contig, record.position, name, record.ref, alt)
                for column, value in zip(MARKERS.names, values, strict=True):
                    columns[column].append(value)
        shape = (len(dosages), len(self.samples))
        return Block(
            np.array(dosages, np.int8).reshape(shape),
            marker_table(columns),
            np.array(of_row, np.int64),
        )

    def _named(self, record: Record, markers: int) -> tuple[list[str], Sequence[str]]:
        """ID and ALT of the markers that a record becomes."""
        if markers == 1:
            return [record.id], [",".join(record.alternates) if record.alternates else "."]
        self.counts["multi_allelic"] += 1
        self.counts["without_id"] += record.id == "."
        name = f"{record.contig}_{record.position}" if record.id == "." else record.id
        return [f"{name}:{alt}" for alt in record.alternates], record.alternates

    def _dosages(self, record: Record, place: str) -> list[np.ndarray]:
        """(samples,) int8 dosages of each marker that the record becomes."""
        if self.reading.field == "DS":
            return self._rounded(record, place)
        alternates, alleles = record.alternates, record.alleles
        if alleles is None:
            dosage = "" if record.values is None else "; for DS set genotypes: field: DS"
            raise UserError(
                f"{place}: no GT in FORMAT: Breedcast reads called genotypes; call them, "
                f"or leave the marker out{dosage}"
            )
        missing = (alleles == MISSING_ALLELE).any(axis=0)
        self._check_alleles(alleles, len(alternates), place)
        role = self.reading.contigs.get(record.contig)
        if role in ("haploid", "mixed"):
            alleles = self._doubled(alleles, missing, place)
        self._check_ploidy(alleles, missing, record.contig, place)
        self.counts["half_calls"] += int((missing & (alleles >= 0).any(axis=0)).sum())
        if role == "haploid":
            heterozygous = ~missing & (alleles != alleles[0]).any(axis=0)
            self.counts["haploid_heterozygous"] += int(heterozygous.sum())
            missing |= heterozygous
        split = self.reading.multi_allelic == "split" and len(alternates) > 1
        counted = (
            [alleles == number for number in range(1, len(alternates) + 1)]
            if split
            else [alleles > 0]
        )
        dosages = [alternate.sum(axis=0, dtype=np.int8) for alternate in counted]
        for dosage in dosages:
            dosage[missing] = MISSING_DOSAGE
        return dosages

    def _doubled(self, alleles: np.ndarray, missing: np.ndarray, place: str) -> np.ndarray:
        """Calls of one allele written as homozygous ones of the ploidy."""
        if self.ploidy is None:
            raise UserError(
                f"{place}: the first contig is named in genotypes: contigs, so that the ploidy "
                "of the others is not known yet: give genotypes: ploidy in the config"
            )
        single = ~missing & ((alleles != NO_ALLELE).sum(axis=0) == 1)
        whole = np.full((max(self.ploidy, len(alleles)), alleles.shape[1]), NO_ALLELE)
        whole[: len(alleles)] = alleles
        whole[: self.ploidy, single] = alleles[0, single]
        return whole

    def _rounded(self, record: Record, place: str) -> list[np.ndarray]:
        """The DS values of the samples, as whole dosages."""
        values = record.values
        if values is None:
            remedy = (
                ", and no GT: Breedcast reads either: write one of them"
                if record.alleles is None
                else ": set genotypes: field: GT in the config"
            )
            raise UserError(f"{place}: no DS in FORMAT{remedy}, or leave the marker out")
        if self.ploidy is None:
            self.ploidy = 2 if record.alleles is None else len(record.alleles)
        if self.reading.multi_allelic == "collapse":
            values = values.sum(axis=0, keepdims=True)
        missing = ~np.isfinite(values)
        rounded, far = whole(np.where(missing, 0.0, values))
        wrong = (rounded < 0) | (rounded > self.ploidy)
        if wrong.any():
            sample = int(wrong.any(axis=0).argmax())
            raise UserError(
                f"{place}: sample {self.samples[sample]!r} has DS {values[:, sample].max():g}, "
                f"beyond the ploidy {self.ploidy}: set genotypes: ploidy, or correct it"
            )
        self.counts["rounded_dosages"] += int(far.sum())
        return list(np.where(missing, MISSING_DOSAGE, rounded).astype(np.int8))

    def _check_alleles(self, alleles: np.ndarray, alternates: int, place: str) -> None:
        if alleles.max() <= alternates:
            return
        sample = int((alleles > alternates).any(axis=0).argmax())
        raise UserError(
            f"{place}: sample {self.samples[sample]!r} has allele "
            f"{alleles[:, sample].max()}, but ALT names {alternates}: correct ALT or the call"
        )

    def _check_ploidy(
        self, alleles: np.ndarray, missing: np.ndarray, contig: str, place: str
    ) -> None:
        """Take the ploidy of the first call; refuse one of another ploidy, or of too many."""
        if len(alleles) == self.ploidy and alleles.min() > NO_ALLELE:
            return
        called = np.flatnonzero(~missing)
        if not len(called):
            return
        lengths = (alleles[:, called] != NO_ALLELE).sum(axis=0)
        if self.ploidy is None:
            self.ploidy = int(lengths[0])
        other = np.flatnonzero(lengths != self.ploidy)
        if len(other):
            expected = (
                f"calls before it have {self.ploidy}:"
                if self.reading.ploidy is None
                else f"genotypes: ploidy in the config is {self.ploidy}: correct that,"
            )
            raise UserError(
                f"{place}: sample {self.samples[called[other[0]]]!r} has a call of "
                f"{_counted(lengths[other[0]])}, {expected} leave out "
                f"the contig (genotypes: contigs: {{{contig}: exclude}} in the config), or say "
                "that it has calls of one allele (mixed, or haploid), or write all calls with one "
                "ploidy (bcftools +fixploidy)"
            )
        if self.ploidy > MAX_PLOIDY:
            raise UserError(
                f"{place}: calls of {self.ploidy} alleles: Breedcast reads ploidy 1 to "
                f"{MAX_PLOIDY}; correct GT, or leave the marker out"
            )


def _counted(alleles: int) -> str:
    return "1 allele" if alleles == 1 else f"{alleles} alleles"


def _without_any_other(record: Record) -> Record:
    """The record without a last alternate allele of ANY_OTHER, if no call has it."""
    others, alleles, values = record.alternates[:-1], record.alleles, record.values
    if not others or record.alternates[-1] not in ANY_OTHER:
        return record
    if alleles is None or alleles.max() > len(others):
        return record
    return replace(
        record, alternates=others, values=None if values is None else values[: len(others)]
    )
