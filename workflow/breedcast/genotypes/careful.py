"""Records of every kind, parsed by htslib (cyvcf2) one at a time.

Policies, each counted:

- Several alternate alleles: `collapse` counts them together (0/2 has dosage 1, 1/2 dosage 2),
  `split` makes one marker of each, in which the others count as reference, `drop` leaves the
  marker out.
- A call with any allele missing (./1) is missing, whatever number of alleles is written (`.`).
- The ploidy is that of the calls, 1 to 8, and must be the same in all of them; on a contig that
  the config calls `mixed` or `haploid` a call of one allele counts as homozygous, and on a
  `haploid` one a heterozygous call is missing.
- With `field: DS` the dosage is the DS value, rounded; the ploidy is the config's, else that of
  GT where there is GT, else 2.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from cyvcf2 import VCF

from breedcast.errors import UserError
from breedcast.genotypes.source import (
    MARKERS,
    MAX_PLOIDY,
    MISSING_DOSAGE,
    Block,
    Reading,
    marker_table,
)

# How cyvcf2 writes a missing allele, and an allele that a call shorter than the others lacks.
MISSING_ALLELE, NO_ALLELE = -1, -2
#: A dosage as far as this from a whole number is told.
FAR_FROM_WHOLE = 0.1

logger = logging.getLogger(__name__)


class Records:
    """The records of one file, whose ploidy is that of all of them."""

    def __init__(
        self, file: str, samples: Sequence[str], reading: Reading, counts: Counter[str]
    ) -> None:
        self.file = file
        self.samples = samples
        self.reading = reading
        self.counts = counts
        self.ploidy = reading.ploidy
        self.unread: Counter[str] = Counter()
        self._complaints = _Complaints()

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """The records of a VCF or BCF as htslib reads them. Raises UserError."""
        with self._complaints.captured():
            with _readable(self.file, self._complaints):
                records = VCF(path, lazy=True)
                names = records.samples
            if names != list(self.samples):
                raise UserError(
                    f"{self.file}: htslib reads other sample names: check the #CHROM line"
                )
            self._complaints.new_errors()  # on odd header lines, which do no harm
            try:
                yield records
            finally:
                records.close()

    def warn(self) -> None:
        """Log the first of htslib's warnings."""
        if self._complaints.warning:
            logger.warning("%s: htslib warns, first: %s", self.file, self._complaints.warning)

    def read(self, records: Any, rows: np.ndarray, place_of: Callable[[int], str]) -> Block:
        """The markers of the next records, which are these rows of the file."""
        dosages: list[np.ndarray] = []
        columns: dict[str, list[Any]] = {name: [] for name in MARKERS.names}
        of_row: list[int] = []
        for row in rows.tolist():
            place = place_of(row)
            with _readable(place, self._complaints):
                record = _next(records, self._complaints)
                if not self.reading.reads(record.CHROM, record.POS):
                    self.unread[record.CHROM] += 1
                elif len(record.ALT) > 1 and self.reading.multi_allelic == "drop":
                    self.counts["multi_allelic_dropped"] += 1
                else:
                    found = self._dosages(record, place)
                    for marker in zip(found, *self._named(record, len(found)), strict=True):
                        dosage, name, alt = marker
                        dosages.append(dosage)
                        of_row.append(row)
                        values = (record.CHROM, record.POS, name, record.REF, alt)
                        for column, value in zip(MARKERS.names, values, strict=True):
                            columns[column].append(value)
        shape = (len(dosages), len(self.samples))
        return Block(
            np.array(dosages, np.int8).reshape(shape),
            marker_table(columns),
            np.array(of_row, np.int64),
        )

    def _named(self, record: Any, markers: int) -> tuple[list[str], list[str]]:
        """ID and ALT of the markers that a record becomes."""
        if markers == 1:
            return [record.ID or "."], [",".join(record.ALT) or "."]
        self.counts["multi_allelic"] += 1
        self.counts["without_id"] += record.ID is None
        name = record.ID or f"{record.CHROM}_{record.POS}"
        return [f"{name}:{alt}" for alt in record.ALT], list(record.ALT)

    def _dosages(self, record: Any, place: str) -> list[np.ndarray]:
        """(samples,) int8 dosages of each marker that the record becomes."""
        if self.reading.field == "DS":
            return self._rounded(record, place)
        alternates = record.ALT
        alleles = _alleles(record, place)
        missing = (alleles == MISSING_ALLELE).any(axis=0)
        self._check_alleles(alleles, len(alternates), place)
        role = self.reading.contigs.get(record.CHROM)
        if role in ("haploid", "mixed"):
            alleles = self._doubled(alleles, missing)
        self._check_ploidy(alleles, missing, place)
        if role == "haploid":
            heterozygous = ~missing & (alleles != alleles[0]).any(axis=0)
            self.counts["haploid_heterozygous"] += int(heterozygous.sum())
            missing |= heterozygous
        self.counts["half_calls"] += int((missing & (alleles >= 0).any(axis=0)).sum())
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

    def _doubled(self, alleles: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Calls of one allele written as homozygous ones of the ploidy."""
        if self.ploidy is None:
            raise UserError(
                f"{self.file}: the first contig is named in genotypes: contigs, so that the ploidy "
                "of the others is not known yet: give genotypes: ploidy in the config"
            )
        single = ~missing & ((alleles != NO_ALLELE).sum(axis=0) == 1)
        whole = np.full((max(self.ploidy, len(alleles)), alleles.shape[1]), NO_ALLELE)
        whole[: len(alleles)] = alleles
        whole[: self.ploidy, single] = alleles[0, single]
        return whole

    def _rounded(self, record: Any, place: str) -> list[np.ndarray]:
        """The DS values of the samples, as whole dosages."""
        if "DS" not in record.FORMAT:
            raise UserError(
                f"{place}: no DS in FORMAT: set genotypes: field: GT in the config, "
                "or leave the marker out"
            )
        if self.ploidy is None:
            self.ploidy = _ploidy_beside(record)
        values = np.asarray(record.format("DS"), np.float64).T[: max(len(record.ALT), 1)]
        if self.reading.multi_allelic == "collapse":
            values = values.sum(axis=0, keepdims=True)
        missing = ~np.isfinite(values)
        whole = np.where(missing, MISSING_DOSAGE, np.rint(np.where(missing, 0.0, values)))
        wrong = ~missing & ((whole < 0) | (whole > self.ploidy))
        if wrong.any():
            sample = int(wrong.any(axis=0).argmax())
            raise UserError(
                f"{place}: sample {self.samples[sample]!r} has DS {values[:, sample].max():g}, "
                f"beyond the ploidy {self.ploidy}: set genotypes: ploidy, or correct it"
            )
        far = ~missing & (np.abs(values - whole) > FAR_FROM_WHOLE)
        self.counts["rounded_dosages"] += int(far.sum())
        return list(whole.astype(np.int8))

    def _check_alleles(self, alleles: np.ndarray, alternates: int, place: str) -> None:
        if alleles.max() <= alternates:
            return
        sample = int((alleles > alternates).any(axis=0).argmax())
        raise UserError(
            f"{place}: sample {self.samples[sample]!r} has allele "
            f"{alleles[:, sample].max()}, but ALT names {alternates}: correct ALT or the call"
        )

    def _check_ploidy(self, alleles: np.ndarray, missing: np.ndarray, place: str) -> None:
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
            raise UserError(
                f"{place}: sample {self.samples[called[other[0]]]!r} has a call of "
                f"{_counted(lengths[other[0]])}, calls before it have {self.ploidy}: leave out "
                "the contig, or say that it has such calls (genotypes: contigs in the config), "
                "or write all calls with one ploidy (bcftools +fixploidy)"
            )
        if self.ploidy > MAX_PLOIDY:
            raise UserError(
                f"{place}: calls of {self.ploidy} alleles: Breedcast reads ploidy 1 to "
                f"{MAX_PLOIDY}; correct GT, or leave the marker out"
            )


def _alleles(record: Any, place: str) -> np.ndarray:
    """Allele indices (alleles, samples), so that reductions over a call run along whole rows."""
    try:
        genotype = record.genotype
    except Exception:
        dosage = "; for DS set genotypes: field: DS" if "DS" in record.FORMAT else ""
        raise UserError(
            f"{place}: no GT in FORMAT: Breedcast reads called genotypes; call them, "
            f"or leave the marker out{dosage}"
        ) from None
    return np.ascontiguousarray(genotype.array()[:, :-1].T)


def _ploidy_beside(record: Any) -> int:
    """The ploidy of GT where it stands beside DS, else 2."""
    return int(record.genotype.array().shape[1] - 1) if "GT" in record.FORMAT else 2


class _Complaints:
    """What htslib prints to standard error, the one place where it says what is wrong."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as this object)
        self._seen = 0
        self.warning = ""

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Standard error, also that of C code, goes here meanwhile."""
        before = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)

    def new_errors(self) -> list[str]:
        """The errors printed since the last call, without their label; notes the first warning."""
        descriptor = self._file.fileno()
        size = os.fstat(descriptor).st_size
        if size == self._seen:
            return []
        lines = os.pread(descriptor, size - self._seen, self._seen).decode("utf-8", "replace")
        self._seen = size
        warnings = [_words(line) for line in lines.splitlines() if line.startswith("[W::")]
        self.warning = self.warning or next(iter(warnings), "")
        return [_words(line) for line in lines.splitlines() if line.startswith("[E::")]


def _words(line: str) -> str:
    """`[E::function] words` without its label."""
    return line.partition("] ")[2].strip()


def _next(records: Any, complaints: _Complaints) -> Any:
    """The next record, if htslib found no fault with it.

    cyvcf2 hands out a record on a contig that the header lacks even where htslib gave it up half
    parsed. To touch that record crashes, and so would reading it other than lazily.
    """
    record = next(records)
    errors = complaints.new_errors()
    if errors:
        raise ValueError(errors[-1])
    return record


@contextmanager
def _readable(place: str, complaints: _Complaints) -> Iterator[None]:
    """Where cyvcf2 is called: its failures become a UserError, in htslib's words if it has some."""
    try:
        yield
    except UserError:
        raise
    except Exception as failure:  # cyvcf2 raises plain Exception, OSError, StopIteration ...
        words = next(iter(complaints.new_errors()), str(failure)) or "the records end early"
        raise UserError(f"{place}: {words}: correct the file, or copy it again") from failure


def _counted(alleles: int) -> str:
    return "1 allele" if alleles == 1 else f"{alleles} alleles"
