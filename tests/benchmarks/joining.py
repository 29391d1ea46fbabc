"""How long panels take to be joined.

    PYTHONPATH=workflow python tests/benchmarks/joining.py [MARKERS [LINES]]

Two panels of LINES lines each with the same MARKERS markers, a third of which has REF and ALT
swapped in the second panel, whose contigs are spelled otherwise.
"""

import resource
import sys
import time

import numpy as np
import pyarrow as pa

from breedcast.genotypes.join import join_panels
from breedcast.genotypes.panels import Panel
from breedcast.genotypes.source import MARKERS


def made_panel(name: str, number: int, lines: int, swapped: np.ndarray, contig: str) -> Panel:
    """A panel in memory, its letters the same for every panel but swapped as told."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, number)
    letters = np.array(list("ACGT"))[[first, (first + rng.integers(1, 4, number)) % 4]]
    letters = np.where(swapped, letters[::-1], letters)
    where = np.arange(number)
    columns = [
        [f"{contig}{1 + at * 20 // number}" for at in where],
        100 * where + 1,
        [f"m{at}" for at in where],
        *letters,
    ]
    markers = pa.table(dict(zip(MARKERS.names, columns, strict=True)), schema=MARKERS)
    dosage = rng.integers(-1, 3, (number, lines), np.int8)
    return Panel(name, [f"{name}{line}" for line in range(lines)], markers, 2, dosage.__getitem__)


def main() -> None:
    number, lines = (int(word) for word in [*sys.argv[1:], "100000", "1000"][:2])
    swapped = np.arange(number) % 3 == 0
    panels = [
        made_panel("a", number, lines, np.zeros(number, bool), "chr"),
        made_panel("b", number, lines, swapped, "Chr0"),
    ]
    start = time.perf_counter()
    joined = join_panels(panels, "intersection")
    matched = time.perf_counter()
    calls = sum(block.dosage.size for block in joined.blocks())
    read = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{len(joined.markers):,} markers of {len(joined.samples):,} lines: matched in "
        f"{matched - start:.1f} s, {calls:,} calls joined in {read - matched:.1f} s; the process "
        f"took {memory:.1f} GB, panels included"
    )


if __name__ == "__main__":
    main()
