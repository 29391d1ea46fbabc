"""Which markers of two panels are the same: by what they have in common, the best pairs first."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa


def contig_key(name: str) -> str:
    """What a contig is called without capitals, chr and leading zeros."""
    return re.sub(r"^(chr(om(osome)?)?[ _.-]?)?0*(?=.)", "", name.casefold())


def encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Text as numbers, in the order of first appearance, and what they stand for."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


def merge(sites: np.ndarray, markers: np.ndarray, *columns: np.ndarray) -> np.ndarray:
    """(pairs, 2) the sites and markers that agree in all columns."""
    on = [f"column{number}" for number in range(len(columns))]
    left = pd.DataFrame(dict(zip(on, (each[sites] for each in columns), strict=True)))
    right = pd.DataFrame(dict(zip(on, (each[markers] for each in columns), strict=True)))
    pairs = left.assign(site=sites).merge(right.assign(marker=markers), on=on)
    return pairs[["site", "marker"]].to_numpy(int)


def differ(values: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(pairs,) whether the two of a pair have different values."""
    return values[pairs[:, 0]] != values[pairs[:, 1]]


def pair_up(pairs: np.ndarray, fits: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each marker to one site, the best pairs first.

    Returns two masks of the pairs: those taken, and those between which there was a choice.
    """
    taken, several = np.zeros((2, len(pairs)), bool)
    free = np.ones(pairs.max(initial=-1) + 1, bool)
    for best in np.unique(rank[fits]):
        now = np.flatnonzero(fits & (rank == best) & free[pairs].all(axis=1))
        alike = pd.DataFrame(pairs[now], columns=["site", "marker"])
        repeated = [alike.duplicated(end, keep=False).to_numpy() for end in alike]
        choice = np.logical_or(*repeated)
        taken[now[~choice]] = True
        several[now[choice]] = True
        free[pairs[now]] = False
    return taken, several
