"""Import of VCF and BCF: alternate-allele dosages, block by block, parsed by htslib (cyvcf2).

Policies, each counted in the summary:

- Several alternate alleles: they are counted together; 0/2 has dosage 1, 1/2 dosage 2.
- A call with any allele missing (./1) is missing, whatever number of alleles is written (`.`).
- A marker without an id is named contig_position. Ids that occur twice are kept as they are:
  a marker is known by its index, its id is only its name.
- The ploidy is that of the calls, 1 to 8, and must be the same in all of them.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from cyvcf2 import VCF

from breedcast.errors import UserError
from breedcast.files import whole
from breedcast.genotypes.store import (
    MARKER_COLUMNS,
    MISSING_DOSAGE,
    ImportSummary,
    create_group,
    marker_blocks,
    markers_per_block,
    strings,
)
from breedcast.genotypes.survey import Survey, survey

MAX_PLOIDY = 8
# How cyvcf2 writes a missing allele, and an allele that a call shorter than the others lacks.
MISSING_ALLELE, NO_ALLELE = -1, -2

logger = logging.getLogger(__name__)


def import_vcf(path: str | Path, store_path: str | Path) -> ImportSummary:
    """Read a VCF or BCF (plain, gzip or bgzip) into imported.zarr; memory is one block's.

    The policies are those of this module's docstring.

    Raises UserError for all that `survey` refuses and for: no GT, an allele that ALT does not
    have, calls of different ploidy or of more than 8 alleles, no call at all, anything that
    htslib cannot parse.
    """
    source = survey(path)
    lines, markers = len(source.samples), source.records
    reader = Reader(source)
    ids: list[str] = []
    with whole(store_path) as unfinished:
        group = create_group(unfinished, source.samples, markers, MARKER_COLUMNS)
        dosage = group.create_array(
            "dosage",
            shape=(markers, lines),
            chunks=(markers_per_block(markers, lines), lines),
            dtype="int8",
            fill_value=MISSING_DOSAGE,
            dimension_names=("marker", "sample"),
        )
        for rows, block, columns in reader.blocks():
            dosage[rows, :] = block
            for column, values in columns.items():
                text = MARKER_COLUMNS[column] == "str"
                group[column][rows] = strings(values) if text else np.array(values)
            ids += columns["id"]
            logger.info("imported %d of %d markers", rows.stop, markers)
        source.check_unchanged()
        summary = reader.summary(duplicated_ids=len(ids) - len(set(ids)))
        group.attrs["summary"] = asdict(summary)
    return summary


class Reader:
    """Reads every record that the survey counted, and keeps count of what it met."""

    def __init__(self, source: Survey) -> None:
        self.source = source
        self.ploidy: int | None = None
        self.missing_calls = 0
        self.half_calls = 0
        self.multi_allelic = 0
        self.without_id = 0

    def summary(self, duplicated_ids: int) -> ImportSummary:
        """What was read. Raises UserError if no call told the ploidy."""
        source = self.source
        if self.ploidy is None:
            raise UserError(f"{source.path}: every call is missing: give a file with genotypes")
        return ImportSummary(
            input=source.path.name,
            sha256=source.sha256,
            lines=len(source.samples),
            markers=source.records,
            ploidy=self.ploidy,
            missing_calls=self.missing_calls,
            half_calls=self.half_calls,
            multi_allelic=self.multi_allelic,
            without_id=self.without_id,
            duplicated_ids=duplicated_ids,
        )

    def blocks(self) -> Iterator[tuple[slice, np.ndarray, dict[str, list[Any]]]]:
        """The markers block by block: which they are, dosages (markers, samples) int8, columns."""
        source, complaints = self.source, _Complaints()
        with complaints.captured(), _readable(str(source.path), complaints):
            records = VCF(str(source.path), lazy=True)
            names = records.samples
        if names != source.samples:
            raise UserError(f"{source.path}: htslib reads other sample names: check #CHROM line")
        complaints.new_errors()  # on odd header lines, which do no harm
        for rows in marker_blocks(source.records, len(source.samples)):
            dosage = np.empty((rows.stop - rows.start, len(source.samples)), np.int8)
            columns: dict[str, list[Any]] = {column: [] for column in MARKER_COLUMNS}
            with complaints.captured():
                for row in range(rows.start, rows.stop):
                    place = source.place(row)
                    with _readable(place, complaints):
                        record = _next(records, complaints)
                        description = self._describe(record)
                        alleles = _alleles(record, place)
                    for column, value in description.items():
                        columns[column].append(value)
                    dosage[row - rows.start] = self._dosage(alleles, len(record.ALT), place)
            yield rows, dosage, columns
        if complaints.warning:
            logger.warning("%s: htslib warns, first: %s", source.path, complaints.warning)

    def _describe(self, record: Any) -> dict[str, Any]:
        """The marker columns of a record."""
        alternate = record.ALT
        self.multi_allelic += len(alternate) > 1
        self.without_id += record.ID is None
        return {
            "contig": record.CHROM,
            "position": record.POS,
            "id": record.ID or f"{record.CHROM}_{record.POS}",
            "ref": record.REF,
            "alt": ",".join(alternate) or ".",
        }

    def _dosage(self, alleles: np.ndarray, alternates: int, place: str) -> np.ndarray:
        """The number of alternate alleles of every sample, -1 = missing, (samples,) int8."""
        missing = (alleles == MISSING_ALLELE).any(axis=0)
        self._check_alleles(alleles, alternates, place)
        self._check_ploidy(alleles, missing, place)
        dosage = (alleles > 0).sum(axis=0, dtype=np.int8)
        if missing.any():
            self.missing_calls += int(missing.sum())
            self.half_calls += int((missing & (alleles >= 0).any(axis=0)).sum())
            dosage[missing] = MISSING_DOSAGE
        return dosage

    def _check_alleles(self, alleles: np.ndarray, alternates: int, place: str) -> None:
        if alleles.max() <= alternates:
            return
        sample = int((alleles > alternates).any(axis=0).argmax())
        raise UserError(
            f"{place}: sample {self.source.samples[sample]!r} has allele "
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
                f"{place}: sample {self.source.samples[called[other[0]]]!r} has a call of "
                f"{_counted(lengths[other[0]])}, calls before it have {self.ploidy}: leave out "
                "such markers (bcftools view -t ^CONTIG) or write all calls with one ploidy "
                "(bcftools +fixploidy)"
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
        raise UserError(
            f"{place}: no GT in FORMAT: Breedcast reads called genotypes; call them, "
            "or leave the marker out"
        ) from None
    return np.ascontiguousarray(genotype.array()[:, :-1].T)


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
