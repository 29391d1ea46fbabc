"""How genotypes lie on disk: imported.zarr (as read) and codes.zarr with codes.json (as used).

Both are zarr version 3 groups of named dimensions, so that xarray opens them too:

    imported.zarr   dosage (marker, sample) int8: alternate alleles, -1 = missing
    codes.zarr      codes (sample, marker) uint8: 0..ploidy alternate alleles, ploidy + 1 = missing
    both            sample; contig, position, id, ref, alt of the markers; codes.zarr: frequency
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr

from breedcast.errors import UserError
from breedcast.files import write_json

#: Bytes of genotypes held in memory at a time; also about the size of a chunk before compression.
BLOCK_BYTES = 1 << 24
STRINGS_PER_CHUNK = 1 << 16

MARKER_COLUMNS = {"contig": "str", "position": "int64", "id": "str", "ref": "str", "alt": "str"}
MISSING_DOSAGE = -1

# One compute thread per process, as everywhere: zarr's would each keep a block's memory.
zarr.config.set({"threading.max_workers": 1})


@dataclass(frozen=True)
class ImportSummary:
    """What was read from a file of genotypes, and how often each policy of the import applied.

    input, sha256: name and checksum of the file.
    lines, markers, ploidy: the shape.
    missing_calls, half_calls: calls stored as missing, and those of them with some allele known.
    multi_allelic: markers with more than one alternate allele (counted together in the dosage).
    without_id: markers named contig_position for want of an id.
    duplicated_ids: markers whose id another marker had before (ids are kept as they are).
    """

    input: str
    sha256: str
    lines: int
    markers: int
    ploidy: int
    missing_calls: int
    half_calls: int
    multi_allelic: int
    without_id: int
    duplicated_ids: int


@dataclass(frozen=True)
class Thresholds:
    """The limits of the filter, as in the config: shares between 0 and 1.

    duplicated_lines, duplicated_markers: `keep` or `drop`. identity: share of equal calls from
    which two lines are a pair. ld_prune: r2, window and step (both in markers), or None.
    """

    min_maf: float
    max_missing_marker: float
    max_missing_line: float
    max_heterozygosity_marker: float = 1.0
    max_heterozygosity_line: float = 1.0
    duplicated_lines: str = "keep"
    identity: float = 0.99
    duplicated_markers: str = "keep"
    ld_prune: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class CodesSummary:
    """codes.json: the shape and checksum of codes.zarr, and how it came from the import.

    checksum: sha256 of the code matrix (row by row) and of the sample names.
    missing_share: share of missing calls among the kept lines and markers.
    dropped_lines, dropped_markers: reason -> number.
    absent_names: list of the config -> number of its names that are not in the genotypes.
    duplicated_pairs: pairs of lines with the same genotypes, as in duplicated_lines.tsv.
    split_heterozygosity: the rows of split_heterozygosity.tsv.
    """

    lines: int
    markers: int
    ploidy: int
    checksum: str
    missing_share: float
    dropped_lines: Mapping[str, int]
    dropped_markers: Mapping[str, int]
    thresholds: Thresholds
    imported: ImportSummary
    absent_names: Mapping[str, int] = field(default_factory=dict)
    duplicated_pairs: int = 0
    split_heterozygosity: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Codes:
    """The genotypes every model is given.

    codes: (lines, markers) uint8; 0..ploidy alternate alleles, ploidy + 1 = missing.
    samples: the lines' names, in the order of the input file.
    markers: contig, position, id, ref, alt and frequency (of the alternate allele over all kept
        lines, so for description only: what a model learns it learns from its training lines).
    """

    codes: np.ndarray
    ploidy: int
    samples: list[str]
    markers: pd.DataFrame

    def of(self, samples: Sequence[str]) -> np.ndarray:
        """(samples, markers) the codes of these lines, in this order."""
        row = {sample: index for index, sample in enumerate(self.samples)}
        return self.codes[[row[sample] for sample in samples]]


class Imported:
    """imported.zarr, opened for reading."""

    def __init__(self, path: str | Path) -> None:
        group: Any = zarr.open_group(Path(path), mode="r")
        self.summary = ImportSummary(**group.attrs["summary"])
        self.samples: list[str] = group["sample"][:].tolist()
        self.markers = read_markers(group)
        self._dosage = group["dosage"]

    def blocks(self, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """The dosages (markers, samples) of these markers (ascending), some megabytes at a time.

        Every block but the last has `markers_per_block` markers. A chunk is read once, whatever
        was left out, and not at all where none of its markers is wanted.
        """
        markers, lines = self.summary.markers, len(self.samples)
        rows = np.arange(markers) if rows is None else rows
        step = markers_per_block(len(rows), lines)
        waiting = np.empty((0, lines), np.int8)
        for chunk in marker_blocks(markers, lines):
            wanted = rows[slice(*np.searchsorted(rows, [chunk.start, chunk.stop]))]
            if not len(wanted):
                continue
            found = self._dosage[chunk, :]
            if len(wanted) < len(found):
                found = found[wanted - chunk.start]
            waiting = np.concatenate([waiting, found]) if len(waiting) else found
            while len(waiting) >= step:
                yield waiting[:step]
                waiting = waiting[step:]
        if len(waiting):
            yield waiting


def marker_blocks(markers: int, lines: int) -> Iterator[slice]:
    """Successive slices of the markers, each of about BLOCK_BYTES of genotypes."""
    step = markers_per_block(markers, lines)
    return (slice(start, min(start + step, markers)) for start in range(0, markers, step))


def markers_per_block(markers: int, lines: int) -> int:
    """How many markers make a block (and a chunk)."""
    return max(1, min(markers, BLOCK_BYTES // lines))


def create_group(
    path: Path, samples: Sequence[str], markers: int, columns: Mapping[str, str]
) -> Any:
    """A new group with the sample names and empty marker columns (name -> type)."""
    group: Any = zarr.create_group(path)
    names = group.create_array("sample", shape=(len(samples),), dtype="str", **_dimension("sample"))
    names[:] = strings(samples)
    for column, kind in columns.items():
        group.create_array(
            column,
            shape=(markers,),
            chunks=(min(markers, STRINGS_PER_CHUNK),),
            dtype=kind,
            **_dimension("marker"),
        )
    return group


def _dimension(*names: str) -> dict[str, Any]:
    return {"dimension_names": names}


def strings(values: Sequence[str]) -> np.ndarray:
    """Text of any length as an array."""
    return np.array(values, dtype=np.dtypes.StringDType())


def read_markers(group: Any) -> pd.DataFrame:
    """The marker columns of a group, one row per marker."""
    columns = [column for column in (*MARKER_COLUMNS, "frequency") if column in group]
    text = [column for column in columns if MARKER_COLUMNS.get(column) == "str"]
    frame = {column: group[column][:] for column in columns}
    return pd.DataFrame(
        frame | {column: pd.Series(frame[column].tolist(), dtype="str") for column in text}
    )


class Checksum:
    """The checksum in codes.json: the sample names, then the code matrix row by row."""

    def __init__(self, samples: Sequence[str]) -> None:
        self._digest = hashlib.sha256("\n".join(samples).encode() + b"\n")

    def update(self, codes: np.ndarray) -> None:
        """Add further lines (lines, markers) uint8."""
        self._digest.update(np.ascontiguousarray(codes).data)

    def hexdigest(self) -> str:
        """The checksum of all that was added."""
        return self._digest.hexdigest()


def write_summary(summary: CodesSummary, path: str | Path) -> None:
    """Write codes.json."""
    write_json(asdict(summary), path)


def read_summary(path: str | Path) -> CodesSummary:
    """Read codes.json. Raises UserError if it is absent or not what `write_summary` wrote."""
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
        facts["thresholds"] = Thresholds(**facts["thresholds"])
        facts["imported"] = ImportSummary(**facts["imported"])
        return CodesSummary(**facts)
    except (OSError, ValueError, TypeError, KeyError) as damage:
        raise UserError(f"{path} cannot be read ({damage}): {_REMAKE}") from damage


_REMAKE = "delete the genotypes folder and run again"


def read_codes(path: str | Path) -> Codes:
    """Read codes.zarr and verify it against the codes.json beside it.

    Raises UserError if either is absent, damaged, or not made from the other.
    """
    path = Path(path)
    summary = read_summary(path.with_suffix(".json"))
    try:
        group: Any = zarr.open_group(path, mode="r")
        codes = group["codes"][:]
        samples = group["sample"][:].tolist()
        markers = read_markers(group)
    except Exception as damage:  # zarr, its codecs and the file system each raise their own
        raise UserError(f"{path} cannot be read ({damage}): {_REMAKE}") from damage
    checksum = Checksum(samples)
    checksum.update(codes)
    shape = (summary.lines, summary.markers)
    if codes.shape != shape or checksum.hexdigest() != summary.checksum:
        raise UserError(f"{path} does not match the checksum in codes.json: {_REMAKE}")
    return Codes(codes, summary.ploidy, samples, markers)
