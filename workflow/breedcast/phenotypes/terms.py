"""What the field does to the plots of one environment, as random effects.

Replicates, blocks within them, rows and columns, and a smooth surface over both: a tensor product
of cubic B-splines whose neighbouring coefficients are held together by first differences
(P-splines, Eilers & Marx 1996, Stat Sci 11:89-121; over fields Rodríguez-Álvarez et al. 2018, Spat
Stat 23:52-71, who penalise second differences and have several variances).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: The surface has a segment for so many rows or columns, and at most so many segments a side.
ROWS_PER_SEGMENT, MOST_SEGMENTS = 3, 10


@dataclass(frozen=True)
class Term:
    """Effects u ~ N(0, I s2) on the plots: B T u, B (plots, m), T (m, effects)."""

    name: str
    B: csr_array
    T: csr_array


class SamePlace(ValueError):  # noqa: N818
    """Two plots stand on the same row and column. plot: the position of the second."""

    def __init__(self, plot: int) -> None:
        super().__init__(f"plot {plot} stands where another does")
        self.plot = plot


def terms_of(columns: Mapping[str, Sequence[str] | np.ndarray]) -> list[Term]:
    """The terms of an environment's plots, from what its columns tell of them.

    columns: of those of replicate, block (labels), row, column (numbers) that there are, the
    plots' values. Columns that tell nothing, or what another already told, make no term. Where
    rows and columns repeat, every replicate, or else every block, is a field of its own.
    Raises SamePlace where even so two plots share one.
    """
    plots = len(next(iter(columns.values()), ()))
    replicate = _codes(columns["replicate"]) if "replicate" in columns else np.zeros(plots, int)
    block = _codes(replicate, columns["block"]) if "block" in columns else replicate
    factors = {"replicate": replicate, "block": block}
    surface = []
    if "row" in columns and "column" in columns:
        row, column = np.asarray(columns["row"]), np.asarray(columns["column"])
        field = _fields(row, column, (np.zeros(plots, int), replicate, block))
        factors |= {"row": _codes(field, row), "column": _codes(field, column)}
        surface = _surface(field, row, column)
    else:
        factors |= {role: _codes(columns[role]) for role in ("row", "column") if role in columns}
    chosen: list[Term] = []
    seen: list[np.ndarray] = []
    for name, codes in factors.items():
        levels = codes.max(initial=-1) + 1
        if 1 < levels < plots and not any(_same(codes, other) for other in seen):
            seen.append(codes)
            chosen.append(_factor(name, codes))
    return chosen + surface


def _codes(*labels: Sequence[str] | np.ndarray) -> np.ndarray:
    """(plots,) a number for each combination of labels, from 0 in the order they appear."""
    numbers: dict[tuple, int] = {}
    return np.array([numbers.setdefault(it, len(numbers)) for it in zip(*labels, strict=True)], int)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two codings, numbered in the order of appearance, group the plots alike."""
    return bool(np.array_equal(one, other))


def _fields(row: np.ndarray, column: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """The first of the groupings in which no two plots share row and column."""
    for field in groups:
        place = _codes(field, row, column)
        first = np.zeros(len(place), bool)
        first[np.unique(place, return_index=True)[1]] = True
        if first.all():
            return field
    raise SamePlace(int(np.argmin(first)))


def _factor(name: str, codes: np.ndarray) -> Term:
    from scipy.sparse import csr_array, eye_array

    plots, levels = len(codes), int(codes.max()) + 1
    B = csr_array((np.ones(plots), (np.arange(plots), codes)), shape=(plots, levels))
    return Term(name, B, eye_array(levels, format="csr"))


def _surface(field: np.ndarray, row: np.ndarray, column: np.ndarray) -> list[Term]:
    """The smooth surface of each field that is large enough, as one term of mean variance s2."""
    from scipy.sparse import block_diag, csr_array, hstack

    bases, scales = [], []
    for number in range(field.max(initial=-1) + 1):
        inside = np.flatnonzero(field == number)
        rows, columns = _splines(row[inside]), _splines(column[inside])
        if rows is not None and columns is not None:
            basis = (rows[:, :, None] * columns[:, None, :]).reshape(len(inside), -1)
            place = np.zeros((len(field), basis.shape[1]))
            place[inside] = basis
            bases.append(csr_array(place))
            scales.append(_smooth(basis, rows.shape[1], columns.shape[1]))
    if not bases:
        return []
    return [Term("trend", csr_array(hstack(bases)), csr_array(block_diag(scales)))]


def _splines(position: np.ndarray) -> np.ndarray | None:
    """(plots, splines) cubic B-splines along one side; None where it is too short for a trend."""
    from scipy.interpolate import BSpline

    segments = min(len(np.unique(position)) // ROWS_PER_SEGMENT, MOST_SEGMENTS)
    if segments < 1:
        return None
    low, high = float(position.min()), float(position.max())
    knots = low + (high - low) / segments * np.arange(-3, segments + 4)
    inside = np.clip(position, knots[3], knots[-4])  # against rounding
    return BSpline.design_matrix(inside, knots, 3).toarray()


def _smooth(basis: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(splines, effects) from independent effects to coefficients held together by differences.

    The penalty leaves only the mean of the surface free, which belongs to the other effects.
    """
    along_rows, along_columns = (np.diff(np.eye(count), axis=0) for count in (rows, columns))
    penalty = np.kron(along_rows.T @ along_rows, np.eye(columns)) + np.kron(
        np.eye(rows), along_columns.T @ along_columns
    )
    d, U = np.linalg.eigh(penalty)
    T = U[:, 1:] / np.sqrt(d[1:])
    return T / np.sqrt(np.mean(((basis @ T) ** 2).sum(axis=1)))
