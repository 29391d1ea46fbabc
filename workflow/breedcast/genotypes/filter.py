"""Filters on markers and lines, and the code matrix they leave.

In this order, each step on what the one before has left:

1. markers with too many missing calls, counted over all lines;
2. lines with too many missing calls;
3. markers of one allele only (always dropped) and markers whose minor allele is rare.

The filters look at all genotypes and at no trait.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.files import whole, write_table
from breedcast.genotypes.source import MISSING_DOSAGE
from breedcast.genotypes.store import (
    MARKER_COLUMNS,
    Checksum,
    CodesSummary,
    Imported,
    Thresholds,
    create_group,
    marker_blocks,
    markers_per_block,
    strings,
    write_summary,
)

MISSING, MONOMORPHIC, RARE = "missing calls", "monomorphic", "rare allele"


@dataclass(frozen=True)
class Kept:
    """What the filters decided.

    markers, lines: positions of the kept ones in the imported file.
    frequency: (kept markers,) alternate-allele frequency over the kept lines.
    marker_reason, line_reason: why each imported one was dropped, "" where kept.
    marker_value, line_value: the share that decided it (missing calls, or minor allele).
    """

    markers: np.ndarray
    lines: np.ndarray
    frequency: np.ndarray
    marker_reason: np.ndarray
    marker_value: np.ndarray
    line_reason: np.ndarray
    line_value: np.ndarray


def filter_genotypes(
    imported: str | Path,
    folder: str | Path,
    *,
    min_maf: float,
    max_missing_marker: float,
    max_missing_line: float,
) -> CodesSummary:
    """Filter imported.zarr into codes.zarr, codes.json, dropped_markers.tsv, dropped_samples.tsv.

    min_maf: a marker's minor allele must reach this frequency among the kept lines' calls.
    max_missing_marker, max_missing_line: the largest share of missing calls that is kept.

    Raises UserError if nothing is left.
    """
    source, folder = Imported(imported), Path(folder)
    thresholds = Thresholds(min_maf, max_missing_marker, max_missing_line)
    kept = choose(source, thresholds)
    with whole(folder / "codes.zarr") as unfinished:
        checksum, missing_share = _write_codes(source, kept, unfinished)
    summary = CodesSummary(
        lines=len(kept.lines),
        markers=len(kept.markers),
        ploidy=source.summary.ploidy,
        checksum=checksum,
        missing_share=missing_share,
        dropped_lines=_count(kept.line_reason),
        dropped_markers=_count(kept.marker_reason),
        thresholds=thresholds,
        imported=source.summary,
    )
    write_summary(summary, folder / "codes.json")
    write_table(_dropped_markers(source, kept), folder / "dropped_markers.tsv")
    write_table(_dropped_samples(source, kept), folder / "dropped_samples.tsv")
    return summary


def choose(source: Imported, thresholds: Thresholds) -> Kept:
    """Decide which markers and lines are kept. Raises UserError if none is."""
    markers, lines = source.summary.markers, source.summary.lines
    marker_reason, line_reason = np.full(markers, "", object), np.full(lines, "", object)

    missing = np.concatenate([(block == MISSING_DOSAGE).sum(axis=1) for block in source.blocks()])
    marker_value = missing / lines
    marker_reason[marker_value > thresholds.max_missing_marker] = MISSING
    rows = _left(marker_reason, "marker", "max_missing_marker", marker_value.min(), source)

    missing = sum((block == MISSING_DOSAGE).sum(axis=0) for block in source.blocks(rows))
    line_value = missing / len(rows)
    line_reason[line_value > thresholds.max_missing_line] = MISSING
    columns = _left(line_reason, "line", "max_missing_line", line_value.min(), source)

    alternate, alleles = _allele_counts(source, rows, columns)
    minor = np.minimum(alternate, alleles - alternate)
    share = np.divide(minor, alleles, out=np.zeros(len(rows)), where=alleles > 0)
    reasons = np.full(len(rows), "", object)
    reasons[share < thresholds.min_maf] = RARE
    reasons[minor == 0] = MONOMORPHIC
    reasons[alleles == 0] = MISSING
    marker_reason[rows] = reasons
    marker_value[rows] = np.where(alleles == 0, 1.0, share)
    final = _left(marker_reason, "marker", "min_maf", share.max(), source)

    good = reasons == ""
    return Kept(
        markers=final,
        lines=columns,
        frequency=alternate[good] / alleles[good],
        marker_reason=marker_reason,
        marker_value=marker_value,
        line_reason=line_reason,
        line_value=line_value,
    )


def _left(reasons: np.ndarray, what: str, key: str, best: float, source: Imported) -> np.ndarray:
    """The positions without a reason to be dropped, of which there must be some."""
    left = np.flatnonzero(reasons == "")
    if not len(left):
        counts = ", ".join(f"{number} {reason}" for reason, number in _count(reasons).items())
        raise UserError(
            f"{source.summary.name}: the filters leave no {what} of {len(reasons)} ({counts}; "
            f"the best {what} has {best:.3g}): change filter.{key} in the config"
        )
    return left


def _count(reasons: np.ndarray) -> dict[str, int]:
    return {
        reason: number
        for reason in (MISSING, MONOMORPHIC, RARE)
        if (number := int((reasons == reason).sum()))
    }


def _allele_counts(
    source: Imported, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Per marker, the alternate alleles and all alleles called among these lines."""
    alternate, called = [], []
    for block in source.blocks(rows):
        dosage = block[:, columns]
        known = dosage != MISSING_DOSAGE
        called.append(known.sum(axis=1))
        alternate.append(np.where(known, dosage, 0).sum(axis=1))
    return np.concatenate(alternate), np.concatenate(called) * source.summary.ploidy


def _write_codes(source: Imported, kept: Kept, path: Path) -> tuple[str, float]:
    """Write codes.zarr; its checksum, read back from the disk, and its share of missing calls."""
    samples = [source.samples[line] for line in kept.lines]
    lines, markers = len(kept.lines), len(kept.markers)
    group = create_group(path, samples, markers, MARKER_COLUMNS | {"frequency": "float64"})
    for column, kind in MARKER_COLUMNS.items():
        values = source.markers[column].iloc[kept.markers].tolist()
        group[column][:] = strings(values) if kind == "str" else np.array(values)
    group["frequency"][:] = kept.frequency
    group.attrs["ploidy"] = source.summary.ploidy
    codes = group.create_array(
        "codes",
        shape=(lines, markers),
        chunks=(min(lines, 128), markers_per_block(markers, source.summary.lines)),
        dtype="uint8",
        dimension_names=("sample", "marker"),
    )
    missing_code = source.summary.ploidy + 1
    missing = 0
    places = marker_blocks(markers, source.summary.lines)
    for columns, imported in zip(places, source.blocks(kept.markers), strict=True):
        dosage = imported[:, kept.lines]
        missing += int((dosage == MISSING_DOSAGE).sum())
        block = np.where(dosage == MISSING_DOSAGE, missing_code, dosage).astype(np.uint8)
        codes[:, columns] = np.ascontiguousarray(block.T)
    return _checksum(codes, samples), missing / (lines * markers)


def _checksum(codes: Any, samples: list[str]) -> str:
    checksum = Checksum(samples)
    for start in range(0, codes.shape[0], codes.chunks[0]):
        checksum.update(codes[start : start + codes.chunks[0], :])
    return checksum.hexdigest()


def _dropped_markers(source: Imported, kept: Kept) -> pd.DataFrame:
    """marker (index in the input, from 0), id, contig, position, reason, value."""
    dropped = np.flatnonzero(kept.marker_reason != "")
    return pd.DataFrame(
        {
            "marker": dropped,
            **{name: source.markers[name].iloc[dropped] for name in ("id", "contig", "position")},
            "reason": kept.marker_reason[dropped],
            "value": kept.marker_value[dropped],
        }
    )


def _dropped_samples(source: Imported, kept: Kept) -> pd.DataFrame:
    """sample, reason, value."""
    dropped = np.flatnonzero(kept.line_reason != "")
    return pd.DataFrame(
        {
            "sample": [source.samples[line] for line in dropped],
            "reason": kept.line_reason[dropped],
            "value": kept.line_value[dropped],
        }
    )
