"""Why the filters drop lines and markers."""

from __future__ import annotations

from typing import Any

import numpy as np

from breedcast.errors import UserError

#: Reason to drop a line or a marker -> the key of the config that decides it, where one does.
KEYS = {
    "not listed": "{what}s",
    "excluded by name": "exclude_{what}s",
    "missing calls": "max_missing_{what}",
    "heterozygous": "max_heterozygosity_{what}",
    "duplicated": "duplicated_{what}s",
    "rare allele": "min_maf",
    "linked": "ld_prune",
}
NOT_LISTED, EXCLUDED, MISSING, HETEROZYGOUS, DUPLICATED, RARE, LINKED = KEYS
MONOMORPHIC = "monomorphic"
#: In this order they are told.
REASONS = (NOT_LISTED, EXCLUDED, MISSING, HETEROZYGOUS, DUPLICATED, MONOMORPHIC, RARE, LINKED)


class Verdicts:
    """Why each line, or each marker, was dropped.

    names: of all lines or markers of the import, whose file is `source`. reason: "" where kept.
    value: the share that decided it, NaN where none did. because: position of the line or marker
    that it repeats or is linked to, -1 where there is none.
    """

    def __init__(self, what: str, names: list[str], source: str) -> None:
        self.what, self.names, self.source = what, names, source
        self.reason = np.full(len(names), "", object)
        self.value = np.full(len(names), np.nan)
        self.because = np.full(len(names), -1)

    def drop(
        self,
        positions: np.ndarray,
        reason: str,
        value: np.ndarray | float = np.nan,
        because: np.ndarray | int = -1,
    ) -> None:
        """Drop what lies at these positions. Raises UserError if nothing is left."""
        self.reason[positions] = reason
        self.value[positions] = value
        self.because[positions] = because
        if not (self.reason == "").any():
            raise UserError(f"{self.source}: {self._nothing()}")

    def _nothing(self) -> str:
        """Why nothing is left, and what to do."""
        counts = self.counts()
        keys = dict.fromkeys(KEYS[it].format(what=self.what) for it in counts if it in KEYS)
        told = ", ".join(f"{number} {why}" for why, number in counts.items())
        remedy = (
            f"change filter: {', '.join(keys)} in the config"
            if keys
            else "none varies among the lines; give genotypes of lines that differ"
        )
        return f"the filters leave no {self.what} of {len(self.names)} ({told}): {remedy}"

    def left(self) -> np.ndarray:
        """Positions of what is kept."""
        return np.flatnonzero(self.reason == "")

    def columns(self, positions: np.ndarray) -> dict[str, list[Any]]:
        """reason, value and partner (the name behind `because`) of what lies there."""
        return {
            "reason": self.reason[positions].tolist(),
            "value": self.value[positions].tolist(),
            "partner": [self.names[it] if it >= 0 else "" for it in self.because[positions]],
        }

    def counts(self) -> dict[str, int]:
        """How many were dropped, by reason."""
        numbers = {reason: int((self.reason == reason).sum()) for reason in REASONS}
        return {reason: number for reason, number in numbers.items() if number}
