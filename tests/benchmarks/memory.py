"""The memory of training jobs beside what the workflow asks a scheduler for.

    PYTHONPATH=workflow python tests/benchmarks/memory.py [MODEL ...]

Each model trains on random codes of several sizes (2 folds and inner folds, 5
where those are computed as one; one epoch), in a process
of its own, whose resident memory is summed with its workers' every 20 ms: pages that processes
share count in each, as Snakemake's benchmark files and Slurm count them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from pathlib import Path

from breedcast import script  # noqa: F401  one compute thread, before NumPy is imported
from breedcast.memory import training_mb
from breedcast.models.base import model_class
from breedcast.models.registry import MODELS

#: Lines, markers and processes.
SIZES = [(300, 2_000, 1), (300, 40_000, 1), (1_200, 4_000, 1), (2_400, 1_000, 1), (300, 10_000, 2)]


def train(name: str, lines: int, markers: int, processes: int) -> None:
    """One training job, as its script makes it."""
    import numpy as np
    import pandas as pd

    from breedcast.models.job import TrainingJob
    from breedcast.validation.plan import KFoldScheme

    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, (lines, markers), dtype=np.uint8)
    codes[rng.random(lines) < 0.5, 0] = 3
    table = pd.DataFrame(
        {"sample": [f"L{n}" for n in range(lines)], "environment": "NA", "weight": 1.0}
    )
    table["value"] = codes[:, :20].sum(axis=1) + rng.normal(size=lines)
    kind = model_class(MODELS[name])
    model = kind(epochs=1) if kind.is_network else kind()
    plan = KFoldScheme(2, 1, 5 if model.side_by_side("cpu") else 2, 0).make_plan(table, "trait")
    job = TrainingJob(model, name, "trait", table, codes[:], 2, plan, 0, 0, "cpu")
    job.run(processes)


def peak(process: multiprocessing.Process) -> float:
    """The most memory (MB) that a process and its children hold until it ends."""
    most = 0.0
    while process.is_alive():
        held = sum(resident(pid) for pid in family(process.pid))
        most = max(most, held)
        time.sleep(0.02)
    return most / 1e6


def family(pid: int | None) -> list[int]:
    """A process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [int(pid or 0), *map(int, children)]


def resident(pid: int) -> int:
    """Bytes of resident memory."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS))
    print("model            lines markers processes   held  asked  asked/held", flush=True)
    for name in parser.parse_args().models:
        is_network = model_class(MODELS[name]).is_network
        for lines, markers, processes in SIZES:
            work = multiprocessing.get_context("spawn").Process(
                target=train, args=(name, lines, markers, processes)
            )
            work.start()
            held = peak(work)
            asked = training_mb(name, is_network, lines, markers, processes)
            print(
                f"{name:15} {lines:6} {markers:7} {processes:9} {held:6.0f} {asked:6.0f} "
                f"{asked / held:9.2f}"
                + (f"  exit status {work.exitcode}" if work.exitcode else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
