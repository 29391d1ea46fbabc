"""How far apart markers are on the genetic map, and how that links them in a cross."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.numerals import finite
from breedcast.phenotypes.table import read_records

#: The contig of markers whose place is not known: each is inherited independently of all others.
UNPLACED = "un"
MAP_COLUMNS = ("contig", "position", "cm")
#: Terms of the series for selfed lines; what they leave out is below 1e-9.
TERMS = 30


@dataclass(frozen=True)
class Linkage:
    """Covariance, at distance d in Morgans, of loci that carry +1 or -1 by their parent.

    It is the sum of `weights` times exp(-`rates` d), after Haldane: 1 - 2 r = exp(-2 d).
    """

    weights: np.ndarray
    rates: np.ndarray

    @classmethod
    def of(cls, progeny: str) -> Linkage:
        """doubled_haploids of F1 plants: 1 - 2 r. inbred_lines, by selfing: (1 - 2 r) / (1 + 2 r)
        (Haldane & Waddington 1931, Genetics 16:357), which with e = exp(-2 d) is e / (2 - e), the
        sum of (e / 2)^k over k from 1.
        """
        if progeny == "doubled_haploids":
            return cls(np.ones(1), np.full(1, 2.0))
        k = np.arange(1, TERMS + 1)
        weights = 0.5**k
        weights[-1] *= 2  # so that they sum to 1
        return cls(weights, 2.0 * k)


def distances(
    markers: pd.DataFrame, genetic_map: pd.DataFrame | None, cm_per_mb: float
) -> np.ndarray:
    """(markers,) Morgans from each marker to the one before it; infinite at a contig's first.

    genetic_map: contig, position, cm, between whose points the map is straight; beyond them, and
    without a map, `cm_per_mb` centimorgans are a million base pairs. Unplaced markers are far from
    all others. Raises UserError where no marker has a place, and for a contig without a map.
    """
    contig, position = markers["contig"].to_numpy(), markers["position"].to_numpy(np.float64)
    placed = contig != UNPLACED
    if not placed.any():
        raise UserError(
            "crosses: no marker has a place; give columns contig and position in the genotypes, or "
            "a table of them as genotypes: map"
        )
    cm = np.zeros(len(markers))
    known = {} if genetic_map is None else dict(iter(genetic_map.groupby("contig")))
    for name in pd.unique(contig[placed]):
        rows = contig == name
        points = known.get(name)
        if genetic_map is not None and points is None:
            raise UserError(
                f"crosses: map: it has no row for contig {name!r} of the genotypes (its first is "
                f"{genetic_map['contig'].iloc[0]!r}); add that contig, or name contigs alike"
            )
        cm[rows] = _centimorgans(position[rows], points, cm_per_mb)
    distance = np.full(len(markers), np.inf)
    linked = np.flatnonzero((contig[1:] == contig[:-1]) & placed[1:]) + 1
    distance[linked] = (cm[linked] - cm[linked - 1]) / 100
    return distance


def read_map(path: str | Path) -> pd.DataFrame:
    """contig, position, cm of a genetic map, by contig and position.

    Separated as a trait table may be. Raises UserError for a table without these columns or rows,
    for what is no number, and for a map that runs backwards.
    """
    (_, header), *records = read_records(Path(path), "selection: crosses: map") or [(1, [])]
    column = {name.lower(): at for at, name in enumerate(header)}
    absent = [name for name in MAP_COLUMNS if name not in column]
    if absent:
        raise UserError(
            f"{path}, line 1: no column {' and '.join(absent)}: a genetic map has the columns "
            f"{', '.join(MAP_COLUMNS)}"
        )
    rows = []
    for line, record in records:
        if len(record) != len(header):
            raise UserError(
                f"{path}, line {line}: {len(record)} fields, where line 1 has {len(header)}"
            )
        contig, *numbers = (record[column[name]] for name in MAP_COLUMNS)
        position, cm = map(finite, numbers)
        if position is None or cm is None:
            raise UserError(
                f"{path}, line {line}: position and cm must be numbers, not {numbers!r}"
            )
        rows.append((contig, position, cm))
    if not rows:
        raise UserError(f"{path}: no row below line 1; give the points of a genetic map")
    table = pd.DataFrame(rows, columns=MAP_COLUMNS).sort_values(["contig", "position"])
    backwards = table.groupby("contig")["cm"].diff() < 0
    if backwards.any():
        contig, position, _ = table[backwards].iloc[0]
        raise UserError(
            f"{path}: contig {contig!r}: cm falls at position {position:.0f}; correct the map"
        )
    return table.reset_index(drop=True)


def _centimorgans(
    position: np.ndarray, points: pd.DataFrame | None, cm_per_mb: float
) -> np.ndarray:
    """(markers,) place on a contig's map."""
    rate = cm_per_mb / 1e6
    if points is None:
        return position * rate
    at, cm = points["position"].to_numpy(), points["cm"].to_numpy()
    within = np.clip(position, at[0], at[-1])
    return np.interp(position, at, cm) + (position - within) * rate
