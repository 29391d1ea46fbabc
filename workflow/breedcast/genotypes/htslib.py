"""VCF records of every kind, parsed by htslib (cyvcf2) one at a time."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from breedcast.errors import UserError
from breedcast.genotypes.records import Record

logger = logging.getLogger(__name__)


class Parser:
    """Parses records of one file; what htslib prints goes into the errors and the log."""

    def __init__(self, file: str, samples: Sequence[str]) -> None:
        self.file = file
        self.samples = list(samples)
        self._complaints = _Complaints()

    def records(
        self, text: bytes | bytearray, rows: Sequence[int], place_of: Callable[[int], str]
    ) -> Iterator[tuple[int, Record]]:
        """The records of a whole VCF of so many rows, with the rows. Raises UserError."""
        from cyvcf2 import VCF  # most files need none of this

        with tempfile.NamedTemporaryFile(suffix=".vcf") as file, self._complaints.captured():
            file.write(text)
            file.flush()
            with _readable(self.file, self._complaints):
                parsed = VCF(file.name, lazy=True)
                names = parsed.samples
            if names != self.samples:
                raise UserError(
                    f"{self.file}: htslib reads other sample names: check the #CHROM line"
                )
            self._complaints.new_errors()  # on odd header lines, which do no harm
            for row in rows:
                with _readable(place_of(row), self._complaints):
                    record = _record(_next(parsed, self._complaints))
                yield row, record
            parsed.close()

    def warn(self) -> None:
        """Log the first of htslib's warnings."""
        if self._complaints.warning:
            logger.warning("%s: htslib warns, first: %s", self.file, self._complaints.warning)


def _record(parsed: Any) -> Record:
    alternates = list(parsed.ALT)
    alleles = _alleles(parsed)
    # to ask for FORMAT before the genotype crashes
    values = parsed.format("DS") if "DS" in parsed.FORMAT else None
    if values is not None:
        values = np.asarray(values, np.float64).T[: max(len(alternates), 1)]
    name = parsed.ID or "."
    return Record(parsed.CHROM, parsed.POS, name, parsed.REF, alternates, alleles, values)


def _alleles(parsed: Any) -> np.ndarray | None:
    """(alleles, samples), so that reductions over a call run along whole rows."""
    try:
        genotype = parsed.genotype
    except Exception:  # cyvcf2 says no more
        return None
    return np.ascontiguousarray(genotype.array()[:, :-1].T)


class _Complaints:
    """What htslib prints to standard error, the one place where it says what is wrong."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as this object)
        self._seen = 0
        self.warning = ""

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Standard error, also that of C code, goes here meanwhile."""
        before = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)

    def new_errors(self) -> list[str]:
        """The errors printed since the last call, without their label; notes the first warning."""
        descriptor = self._file.fileno()
        size = os.fstat(descriptor).st_size
        if size == self._seen:
            return []
        lines = os.pread(descriptor, size - self._seen, self._seen).decode("utf-8", "replace")
        self._seen = size
        warnings = [_words(line) for line in lines.splitlines() if line.startswith("[W::")]
        self.warning = self.warning or next(iter(warnings), "")
        return [_words(line) for line in lines.splitlines() if line.startswith("[E::")]


def _words(line: str) -> str:
    """`[E::function] words` without its label."""
    return line.partition("] ")[2].strip()


def _next(records: Any, complaints: _Complaints) -> Any:
    """The next record, if htslib found no fault with it.

    cyvcf2 hands out a record on a contig that the header lacks even where htslib gave it up half
    parsed. To touch that record crashes, and so would reading it other than lazily.
    """
    record = next(records)
    errors = complaints.new_errors()
    if errors:
        raise ValueError(errors[-1])
    return record


@contextmanager
def _readable(place: str, complaints: _Complaints) -> Iterator[None]:
    """Where cyvcf2 is called: its failures become a UserError, in htslib's words if it has some."""
    try:
        yield
    except UserError:
        raise
    except Exception as failure:  # cyvcf2 raises plain Exception, OSError, StopIteration ...
        words = next(iter(complaints.new_errors()), str(failure)) or "the records end early"
        raise UserError(f"{place}: {words}: correct the file, or copy it again") from failure
