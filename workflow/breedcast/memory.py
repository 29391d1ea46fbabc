"""The memory of training jobs, by the shape of the codes: laws measured in tests/benchmarks.

Read at every start of the workflow, so it stays light.
"""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000
#: The most lines, or markers where these are fewer, whose relationships are held as a matrix.
MOST_EXACT = 20_000
#: What Snakemake itself takes inside a cluster's job, beside the job (MB; measured: 260).
SNAKEMAKE_MB = 300
#: What a process holds that gathers the results of several others (MB).
GATHERING_MB = 150


@dataclass(frozen=True)
class Law:
    """What one training process holds: MB at least, and bytes a marker, a call, a pair of lines."""

    least: int
    marker: int
    call: int
    pair: int

    def process_mb(self, lines: int, markers: int) -> float:
        """Memory in MB at this shape of the codes."""
        growing = self.marker * markers + self.call * lines * markers + self.pair * lines**2
        return self.least + growing / MEGABYTE


#: By the registered name of a model; others have that of their kind.
LAWS = {
    "baseline": Law(215, 0, 4, 5),
    "rkhs": Law(245, 0, 30, 150),
    "dnn": Law(635, 26_000, 40, 0),
    "dnngp": Law(590, 0, 23, 380),
    "deepgs": Law(520, 14_500, 66, 0),
}
NETWORK = Law(700, 26_000, 90, 380)
REGRESSION = Law(235, 0, 23, 58)


def training_mb(kind: str, is_network: bool, lines: int, markers: int, processes: int = 1) -> float:
    """Memory of a training job in MB, as Slurm counts it: what processes share counts in each.

    kind: the registered name of its model.
    """
    law = LAWS.get(kind, NETWORK if is_network else REGRESSION)
    gathering = GATHERING_MB if processes > 1 else 0
    return processes * law.process_mb(lines, markers) + gathering
