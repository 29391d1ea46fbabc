"""Codes read marker by marker, for what needs no more than a block of them at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from breedcast.genotypes.hybrids import crossed, rows_of
from breedcast.genotypes.store import (
    Checksum,
    markers_per_block,
    opened,
    read_markers,
    read_summary,
    verify,
)


@dataclass(frozen=True)
class CodeColumns:
    """Codes (lines, markers) uint8 of chosen lines, in an array in memory or in codes.zarr.

    rows: positions of these lines in `codes`, or (lines, 2) those of hybrids' parents, as
    `hybrids.rows_of` gives them. step: markers that are read at a time.
    """

    codes: Any
    rows: np.ndarray
    ploidy: int
    step: int

    @classmethod
    def of(cls, codes: np.ndarray, ploidy: int) -> CodeColumns:
        """All lines of an array."""
        step = markers_per_block(codes.shape[1], len(codes))
        return cls(codes, np.arange(len(codes)), ploidy, step)

    @property
    def markers(self) -> int:
        """How many markers there are."""
        return int(self.codes.shape[1])

    def read(self, first: int, end: int) -> np.ndarray:
        """The codes of the markers from `first` to before `end`."""
        codes: np.ndarray = self.codes[:, first:end]
        return codes[self.rows] if self.rows.ndim == 1 else crossed(codes, self.rows)

    def blocks(self, first: int, end: int) -> Iterator[np.ndarray]:
        """The same, some at a time; a block ends where a chunk on disk does."""
        while first < end:
            last = min((first // self.step + 1) * self.step, end)
            yield self.read(first, last)
            first = last


@dataclass(frozen=True)
class StoredCodes:
    """codes.zarr, opened: the samples and markers are read, the codes are not."""

    codes: Any
    ploidy: int
    samples: list[str]
    markers: pd.DataFrame

    @classmethod
    def open(cls, path: str | Path) -> StoredCodes:
        """Open codes.zarr, verified against the codes.json beside it as `read_codes` does.

        Raises UserError if either is absent, damaged, or not made from the other.
        """
        path = Path(path)
        summary = read_summary(path.with_suffix(".json"))
        with opened(path) as group:
            codes, samples = group["codes"], group["sample"][:].tolist()
            checksum = Checksum(samples)
            for start in range(0, codes.shape[0], codes.chunks[0]):
                checksum.update(codes[start : start + codes.chunks[0], :])
            markers = read_markers(group)
        verify(path, summary, codes.shape, checksum)
        return cls(codes, summary.ploidy, samples, markers)

    def of(self, samples: Sequence[str], parents: pd.DataFrame | None = None) -> CodeColumns:
        """The codes of these lines, in this order. parents: female and male of hybrids."""
        rows = rows_of(samples, parents, self.samples)
        return CodeColumns(self.codes, rows, self.ploidy, self.codes.chunks[1])


def contig_ends(contig: pd.Series) -> list[int]:
    """The end of each contig: its last marker, and one. contig: (markers,) in their order."""
    ends: list[int] = (np.flatnonzero((contig != contig.shift(-1)).to_numpy()) + 1).tolist()
    return ends
