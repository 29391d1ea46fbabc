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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

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


@dataclass
class _Tally:
    """What was met so far."""

    ploidy: int | None = None
    missing_calls: int = 0
    half_calls: int = 0
    multi_allelic: int = 0
    without_id: int = 0


@dataclass
class _Block:
    """Successive markers: dosages (markers, samples) int8 and the marker columns."""

    dosage: np.ndarray
    columns: dict[str, list[Any]] = field(
        default_factory=lambda: {column: [] for column in MARKER_COLUMNS}
    )


def import_vcf(path: str | Path, store_path: str | Path) -> ImportSummary:
    """Read a VCF or BCF (plain, gzip or bgzip) into imported.zarr; memory is one block's.

    The policies are those of this module's docstring.

    Raises UserError for all that `survey` refuses and for: no GT, an allele that ALT does not
    have, calls of different ploidy or of more than 8 alleles, no call at all, anything that
    htslib cannot parse.
    """
    source = survey(path)
    tally = _Tally()
    with whole(store_path) as unfinished:
        group = create_group(unfinished, source.samples, source.records, MARKER_COLUMNS)
        dosage = group.create_array(
            "dosage",
            shape=(source.records, len(source.samples)),
            chunks=(markers_per_block(source.records, len(source.samples)), len(source.samples)),
            dtype="int8",
            fill_value=MISSING_DOSAGE,
            dimension_names=("marker", "sample"),
        )
        ids: list[str] = []
        for rows, block in _read(source, tally):
            dosage[rows, :] = block.dosage
            for column, values in block.columns.items():
                text = MARKER_COLUMNS[column] == "str"
                group[column][rows] = strings(values) if text else np.array(values)
            ids += block.columns["id"]
            logger.info("imported %d of %d markers", rows.stop, source.records)
        source.check_unchanged()
        summary = _summary(source, tally, len(ids) - len(set(ids)))
        group.attrs["summary"] = asdict(summary)
    return summary


def _summary(source: Survey, tally: _Tally, duplicated_ids: int) -> ImportSummary:
    if tally.ploidy is None:
        raise UserError(f"{source.path}: every call is missing: give a file with genotypes")
    return ImportSummary(
        input=source.path.name,
        sha256=source.sha256,
        lines=len(source.samples),
        markers=source.records,
        ploidy=tally.ploidy,
        missing_calls=tally.missing_calls,
        half_calls=tally.half_calls,
        multi_allelic=tally.multi_allelic,
        without_id=tally.without_id,
        duplicated_ids=duplicated_ids,
    )


def _read(source: Survey, tally: _Tally) -> Iterator[tuple[slice, _Block]]:
    """The blocks of a file and the markers each holds; as many as the survey counted, no fewer."""
    with tempfile.TemporaryFile() as complaints:
        with _captured_stderr(complaints):
            records = _htslib(source, complaints, lambda: iter(VCF(str(source.path))))
        for rows in marker_blocks(source.records, len(source.samples)):
            with _captured_stderr(complaints):
                block = _Block(np.empty((rows.stop - rows.start, len(source.samples)), np.int8))
                for row, index in enumerate(range(rows.start, rows.stop)):
                    record = _htslib(source, complaints, lambda: next(records), index)
                    block.dosage[row] = _add(record, block, tally, source, index)
            yield rows, block


def _htslib(source: Survey, complaints: IO[bytes], call: Any, record: int | None = None) -> Any:
    """The result of a call of cyvcf2; a failure becomes a UserError with htslib's own words."""
    try:
        return call()
    except Exception as failure:  # cyvcf2 raises plain Exception, OSError, StopIteration ...
        place = str(source.path) if record is None else source.place(record)
        words = _last_error(complaints) or str(failure) or "the file ends early"
        raise UserError(f"{place}: {words}: correct the file, or copy it again") from failure


def _last_error(complaints: IO[bytes]) -> str:
    """The last error that htslib printed, without its label: [E::function] words."""
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").splitlines()
    errors = [line.partition("] ")[2] for line in lines if line.startswith("[E::")]
    return errors[-1].strip() if errors else ""


@contextmanager
def _captured_stderr(complaints: IO[bytes]) -> Iterator[None]:
    """Send what C code prints to standard error into a file instead."""
    before = os.dup(2)
    os.dup2(complaints.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _add(record: Any, block: _Block, tally: _Tally, source: Survey, index: int) -> np.ndarray:
    """Add a record's marker columns to the block; its dosages (samples,) int8 are returned."""
    alternate = record.ALT
    tally.multi_allelic += len(alternate) > 1
    tally.without_id += record.ID is None
    row = {
        "contig": record.CHROM,
        "position": record.POS,
        "id": record.ID or f"{record.CHROM}_{record.POS}",
        "ref": record.REF,
        "alt": ",".join(alternate) or ".",
    }
    for column, value in row.items():
        block.columns[column].append(value)
    if "GT" not in record.FORMAT:
        raise UserError(
            f"{source.place(index)}: no GT in FORMAT ({':'.join(record.FORMAT)}): "
            "Breedcast reads called genotypes; call them, or leave the marker out"
        )
    # Alleles first, (alleles, samples): reductions over a call then run over whole rows.
    alleles = np.ascontiguousarray(record.genotype.array()[:, :-1].T)
    return _dosage(alleles, len(alternate), tally, source, index)


def _dosage(
    alleles: np.ndarray, alternates: int, tally: _Tally, source: Survey, index: int
) -> np.ndarray:
    """Number of alternate alleles per sample, -1 = missing, from allele indices."""
    missing = (alleles == MISSING_ALLELE).any(axis=0)
    _check_alleles(alleles, alternates, source, index)
    _check_ploidy(alleles, missing, tally, source, index)
    dosage = (alleles > 0).sum(axis=0, dtype=np.int8)
    if missing.any():
        tally.missing_calls += int(missing.sum())
        tally.half_calls += int((missing & (alleles >= 0).any(axis=0)).sum())
        dosage[missing] = MISSING_DOSAGE
    return dosage


def _check_alleles(alleles: np.ndarray, alternates: int, source: Survey, index: int) -> None:
    if alleles.max() > alternates:
        sample = int((alleles > alternates).any(axis=0).argmax())
        raise UserError(
            f"{source.place(index)}: sample {source.samples[sample]!r} has allele "
            f"{alleles[:, sample].max()}, ALT names {alternates}: correct ALT or the call"
        )


def _check_ploidy(
    alleles: np.ndarray, missing: np.ndarray, tally: _Tally, source: Survey, index: int
) -> None:
    """Set the ploidy by the first call, and refuse a call of another or of too many alleles."""
    called = np.flatnonzero(~missing)
    if not len(called):
        return
    lengths = (alleles[:, called] != NO_ALLELE).sum(axis=0)
    if tally.ploidy is None:
        tally.ploidy = int(lengths[0])
    other = np.flatnonzero(lengths != tally.ploidy)
    if len(other):
        sample, length = source.samples[called[other[0]]], lengths[other[0]]
        raise UserError(
            f"{source.place(index)}: sample {sample!r} has a call of {length} alleles, the calls "
            f"before it have {tally.ploidy}: leave out such markers (bcftools view -t ^CONTIG) "
            "or write all calls with one ploidy (bcftools +fixploidy)"
        )
    if tally.ploidy > MAX_PLOIDY:
        raise UserError(
            f"{source.place(index)}: calls of {tally.ploidy} alleles: Breedcast reads ploidy 1 to "
            f"{MAX_PLOIDY}; correct GT, or leave the file out"
        )
