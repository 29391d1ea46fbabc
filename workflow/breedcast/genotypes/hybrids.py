"""Genotypes of hybrids, which follow from their parents' and so are kept nowhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from breedcast.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

#: The code of a missing call of diploids.
MISSING = 3
#: Hybrids whose own calls agree less than this with their parents' are named.
LEAST_AGREEMENT = 0.9


def f1_codes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The codes (uint8) of crosses of diploids with these codes, marker by marker.

    What a parent hands on is known where it is homozygous. Where either is heterozygous or not
    called the cross is missing: its dosage is not known.
    """
    # 1 (heterozygous) and 3 (missing) are odd, 0 and 2 are not
    return np.where((first | second) & 1, MISSING, (first + second) >> 1).astype(np.uint8)


def rows_of(
    samples: Sequence[str], parents: pd.DataFrame | None, genotyped: Sequence[str]
) -> np.ndarray:
    """(lines, 2) where the codes of lines come from: twice the row of a line that is genotyped.

    parents: female and male of each line; None where all are genotyped. A hybrid that is genotyped
    itself has its own calls.
    """
    row = {sample: number for number, sample in enumerate(genotyped)}
    if parents is None:
        return np.array([(row[sample], row[sample]) for sample in samples]).reshape(-1, 2)
    told = zip(samples, parents["female"], parents["male"], strict=True)
    pairs = [
        (row[sample], row[sample]) if sample in row else (row[female], row[male])
        for sample, female, male in told
    ]
    return np.array(pairs).reshape(-1, 2)


def crossed(codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(lines, markers) codes of lines that come from these rows (lines, 2) of codes."""
    first, second = rows.T
    own = first == second
    if own.all():
        return codes[first]
    found = f1_codes(codes[first], codes[second])
    found[own] = codes[first[own]]
    return found


@dataclass(frozen=True)
class CrossedCodes:
    """Codes (lines, markers) of hybrids as an array, made from their parents' when asked for.

    A program of 500 parents may have 100,000 hybrids: their codes would fill many gigabytes.
    codes: (genotyped lines, markers); rows: (lines, 2) as `rows_of` gives them.
    """

    codes: np.ndarray
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Lines and markers."""
        return len(self.rows), self.codes.shape[1]

    @property
    def size(self) -> int:
        """How many calls there are."""
        return len(self.rows) * self.codes.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, lines: Any) -> np.ndarray:
        """The codes of the lines at these positions."""
        return crossed(self.codes, self.rows[lines])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or np.uint8, copy=False)


def check_parents(ploidy: int) -> None:
    """Raise UserError where the genotypes are not of diploids."""
    if ploidy != 2:
        raise UserError(
            f"phenotypes: parents: hybrids are made of diploid parents, and these genotypes are of "
            f"ploidy {ploidy}: "
            + (
                "write inbred lines' calls as 0/0 and 1/1 (0 and 2 in a table of dosages)"
                if ploidy == 1
                else "genotype the hybrids themselves and leave parents out"
            )
        )


def heterozygous_shares(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """(lines,) share of heterozygous calls among those made, of diploids.

    blocks: codes (lines, markers) of successive markers.
    """
    calls = np.zeros((2, 1))
    for codes in blocks:
        calls = calls + np.array([(codes == 1).sum(axis=1), (codes != MISSING).sum(axis=1)])
    heterozygous, made = calls
    return heterozygous / np.maximum(made, 1)


def check_own_calls(codes: np.ndarray, samples: Sequence[str], parents: pd.DataFrame) -> None:
    """Warn of hybrids that are genotyped themselves and are not what their parents make.

    codes: (genotyped lines, markers); parents: female and male, by hybrid.
    """
    row = {sample: number for number, sample in enumerate(samples)}
    for hybrid, female, male in parents[parents.index.isin(row)].itertuples():
        own, expected = codes[row[hybrid]], f1_codes(codes[row[female]], codes[row[male]])
        both = (own != MISSING) & (expected != MISSING)
        agreed = float((own == expected)[both].mean()) if both.any() else 1.0
        if agreed < LEAST_AGREEMENT:
            log.warning(
                "hybrid %r: its own calls are those that its parents make at %.0f %% of %d "
                "markers; look for samples or parents that were mixed up",
                *(hybrid, 100 * agreed, both.sum()),
            )
