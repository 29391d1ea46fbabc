"""How genotypes lie on disk: imported (as read) and codes.zarr with codes.json (as used).

imported/       for the filter alone, and written as fast as genotypes are read:
                dosage.int8 (marker, sample), row by row: alternate alleles, -1 = missing;
                markers.arrow (Arrow IPC): contig, position, id, ref, alt of the markers;
                summary.json: names of the samples, what was read and counted
codes.zarr      a zarr version 3 group of named dimensions, so that xarray opens it too:
                codes (sample, marker) uint8: 0..ploidy alternate alleles, ploidy + 1 = missing;
                sample; contig, position, id, ref, alt and frequency of the markers; the
                names and checksums of the files that were read among its attributes
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from breedcast.errors import UserError
from breedcast.files import write_json
from breedcast.genotypes.arrow import repeated
from breedcast.genotypes.hybrids import CrossedCodes, rows_of
from breedcast.genotypes.source import MARKERS, Block

if TYPE_CHECKING:
    import pandas as pd

#: Bytes of genotypes held in memory at a time; also about the size of a chunk before compression.
BLOCK_BYTES = 1 << 24
STRINGS_PER_CHUNK = 1 << 16

MARKER_COLUMNS = {"contig": "str", "position": "int64", "id": "str", "ref": "str", "alt": "str"}
DOSAGE_FILE, MARKERS_FILE, SUMMARY_FILE = "dosage.int8", "markers.arrow", "summary.json"


@dataclass(frozen=True)
class InputFile:
    """A file that genotypes were read from."""

    name: str
    format: str
    sha256: str


@cache
def _zarr() -> Any:
    """The library, loaded when it is needed.

    It is given one thread, as everywhere: each of more would keep a block's memory.
    """
    import zarr
    import zarr.codecs

    zarr.config.set({"threading.max_workers": 1})
    return zarr


@dataclass(frozen=True)
class ImportSummary:
    """What was read, and how often each policy of the import applied.

    inputs: the files. lines, markers, ploidy: the shape.
    counts: how often each of `source.COUNTS` was met, those that never were left out.
    """

    inputs: Sequence[InputFile]
    lines: int
    markers: int
    ploidy: int
    counts: Mapping[str, int]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> ImportSummary:
        """From what `asdict` made of one."""
        inputs = [InputFile(**file) for file in facts["inputs"]]
        return cls(**{**facts, "inputs": inputs})

    @property
    def name(self) -> str:
        """The files' names, for messages."""
        return ", ".join(file.name for file in self.inputs)


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

    def of(self, samples: Sequence[str], parents: pd.DataFrame | None = None) -> Any:
        """(samples, markers) the codes of these lines, in this order.

        An array or, given the female and male parents of hybrids, CrossedCodes, which makes theirs
        when they are read.
        """
        rows = rows_of(samples, parents, self.samples)
        return self.codes[rows[:, 0]] if parents is None else CrossedCodes(self.codes, rows)


class Imported:
    """The folder `imported`, opened for reading."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        facts = json.loads((self._path / SUMMARY_FILE).read_text(encoding="utf-8"))
        self.summary = ImportSummary.of(facts["summary"])
        self.samples: list[str] = facts["samples"]
        self.table = _arrow(self._path)

    @cached_property
    def markers(self) -> pd.DataFrame:
        """contig, position, id, ref and alt of the markers."""
        return self.table.to_pandas()

    def at(self, rows: np.ndarray) -> np.ndarray:
        """The dosages (rows, samples) of these markers (ascending)."""
        shape = self.summary.markers, len(self.samples)
        return np.asarray(np.memmap(self._path / DOSAGE_FILE, np.int8, "r", shape=shape)[rows])

    def blocks(self, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """The dosages (markers, samples) of these markers (ascending), some megabytes at a time.

        Every block but the last has `markers_per_block` markers.
        """
        markers, lines = self.summary.markers, len(self.samples)
        rows = np.arange(markers) if rows is None else rows
        step = markers_per_block(len(rows), lines)
        waiting = np.empty((0, lines), np.int8)
        for chunk in marker_blocks(markers, lines):
            wanted = rows[slice(*np.searchsorted(rows, [chunk.start, chunk.stop]))]
            if not len(wanted):
                continue
            found = self._read(chunk)
            if len(wanted) < len(found):
                found = found[wanted - chunk.start]
            waiting = np.concatenate([waiting, found]) if len(waiting) else found
            while len(waiting) >= step:
                yield waiting[:step]
                waiting = waiting[step:]
        if len(waiting):
            yield waiting

    def _read(self, chunk: slice) -> np.ndarray:
        """(markers, samples) the dosages of successive markers."""
        lines, markers = len(self.samples), chunk.stop - chunk.start
        start = chunk.start * lines
        dosage = np.fromfile(self._path / DOSAGE_FILE, np.int8, markers * lines, offset=start)
        return dosage.reshape(markers, lines)


def _arrow(path: Path) -> pa.Table:
    """The markers of an import, as a table that stays on the disk."""
    with pa.memory_map(str(path / MARKERS_FILE)) as file:
        return pa.ipc.open_file(file).read_all()


class ImportWriter:
    """The folder `imported`, written marker by marker."""

    def __init__(self, path: Path, samples: Sequence[str]) -> None:
        self._path, self._samples = path, samples
        path.mkdir()
        self._markers = pa.ipc.new_file(path / MARKERS_FILE, MARKERS)
        self._dosage = open(path / DOSAGE_FILE, "wb")  # noqa: SIM115  (closed by __exit__)

    def __enter__(self) -> ImportWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._markers.close()
        self._dosage.close()

    def append(self, block: Block) -> None:
        """Add markers."""
        self._markers.write_table(block.markers)
        self._dosage.write(np.ascontiguousarray(block.dosage).data)

    def duplicated_ids(self) -> int:
        """How many markers have the id of an earlier one; when all are written."""
        return repeated(_arrow(self._path)["id"])

    def summarise(self, summary: ImportSummary) -> None:
        """Write the summary, when all markers are written."""
        facts = {"samples": list(self._samples), "summary": asdict(summary)}
        write_json(facts, self._path / SUMMARY_FILE)


def marker_blocks(markers: int, lines: int) -> Iterator[slice]:
    """Successive slices of the markers, each of about BLOCK_BYTES of genotypes."""
    step = markers_per_block(markers, lines)
    return (slice(start, min(start + step, markers)) for start in range(0, markers, step))


def markers_per_block(markers: int, lines: int) -> int:
    """How many markers make a block."""
    return max(1, min(markers, BLOCK_BYTES // lines))


def create_group(
    path: Path, samples: Sequence[str], markers: int, columns: Mapping[str, str]
) -> Any:
    """A new group with the sample names and empty marker columns (name -> type)."""
    group: Any = _zarr().create_group(path)
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
    import pandas as pd  # which imports read, and need not

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
        facts["imported"] = ImportSummary.of(facts["imported"])
        return CodesSummary(**facts)
    except (OSError, ValueError, TypeError, KeyError) as damage:
        raise UserError(f"{path} cannot be read ({damage}): {REMAKE}") from damage


REMAKE = "delete the genotypes folder and run again"


def read_codes(path: str | Path) -> Codes:
    """Read codes.zarr and verify it against the codes.json beside it.

    Raises UserError if either is absent, damaged, or not made from the other.
    """
    path = Path(path)
    summary = read_summary(path.with_suffix(".json"))
    with opened(path) as group:
        codes = group["codes"][:]
        samples = group["sample"][:].tolist()
        markers = read_markers(group)
    checksum = Checksum(samples)
    checksum.update(codes)
    verify(path, summary, codes.shape, checksum)
    return Codes(codes, summary.ploidy, samples, markers)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The group of a codes.zarr, to be read; what fails meanwhile becomes a UserError."""
    try:
        yield _zarr().open_group(path, mode="r")
    except Exception as damage:  # zarr, its codecs and the file system each raise their own
        raise UserError(f"{path} cannot be read ({damage}): {REMAKE}") from damage


def verify(path: Path, summary: CodesSummary, shape: tuple[int, ...], checksum: Checksum) -> None:
    """Raise UserError unless codes of this shape and checksum are those of the summary."""
    expected = (summary.lines, summary.markers)
    if shape != expected or checksum.hexdigest() != summary.checksum:
        raise UserError(f"{path} does not match the checksum in codes.json: {REMAKE}")


def read_samples(path: str | Path) -> list[str]:
    """The lines of codes.zarr; the codes are neither read nor verified.

    Raises UserError if it cannot be read.
    """
    with opened(Path(path)) as group:
        samples: list[str] = group["sample"][:].tolist()
    return samples
