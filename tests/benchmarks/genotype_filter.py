"""Time and memory of the genotype filters on a made-up import.

    PYTHONPATH=workflow python tests/benchmarks/genotype_filter.py LINES MARKERS [KEY=VALUE ...]

KEY=VALUE are limits of the filter as in the config, read as YAML (ld_prune={r2: 0.5, window: 50,
step: 5}). Lines are mosaics of a few dozen haplotypes, so that markers are linked; 3 % of the calls
are missing, evenly. Memory is the peak of the filter's process above one that only imports its
libraries.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import breedcast.script  # noqa: F401  (one compute thread, before numpy is imported)
from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.source import Block, marker_table
from breedcast.genotypes.store import ImportSummary, ImportWriter, InputFile, marker_blocks

DEFAULTS = {"min_maf": 0.01, "max_missing_marker": 0.2, "max_missing_line": 0.5}
HAPLOTYPES, STRETCH, CONTIGS, MISSING = 40, 500, 10, 0.03


def make_import(path: Path, lines: int, markers: int) -> None:
    """The import of random diploid lines."""
    rng = np.random.default_rng(0)
    with ImportWriter(path, [f"line{number}" for number in range(lines)]) as writer:
        for rows in marker_blocks(markers, lines):
            size = rows.stop - rows.start
            haplotypes = rng.random((size, HAPLOTYPES)) < rng.beta(0.5, 1.5, size)[:, np.newaxis]
            block = np.zeros((size, lines), np.int8)
            for start in range(0, size, STRETCH):
                for chosen in rng.integers(HAPLOTYPES, size=(2, lines)):
                    block[start : start + STRETCH] += haplotypes[start : start + STRETCH, chosen]
            block[rng.random(block.shape, np.float32) < MISSING] = -1
            at = np.arange(rows.start, rows.stop)
            columns = {
                "contig": [f"chr{number}" for number in at * CONTIGS // markers],
                "position": at,
                "id": [f"marker{number}" for number in at],
                "ref": ["A"] * size,
                "alt": ["C"] * size,
            }
            writer.append(Block(block, marker_table(columns), at))
    made_up = [InputFile("made up", "VCF", "0" * 64)]
    writer.summarise(ImportSummary(made_up, lines, markers, 2, {}))


def peak(answers: Any, task: Any, *arguments: Any) -> None:
    """Run a task; tell its CPU seconds, the process's largest memory (MB) and what it returned."""
    start = time.process_time()
    result = task(*arguments)
    seconds = time.process_time() - start
    answers.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, result))


def in_a_process(task: Any, *arguments: Any) -> tuple[float, float, Any]:
    """The same in a new process of its own."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=peak, args=(answers, task, *arguments))
    process.start()
    answer: tuple[float, float, Any] = answers.get()
    process.join()
    return answer


def nothing() -> None:
    """What the bare interpreter with the libraries is measured with."""


def run(folder: Path, limits: dict[str, Any]) -> tuple[int, int, int]:
    """Filter; lines, markers and pairs of lines that are left."""
    summary = filter_genotypes(folder / "imported", folder, **limits)
    return summary.lines, summary.markers, summary.duplicated_pairs


def main() -> None:
    """Print one row."""
    lines, markers = map(int, sys.argv[1:3])
    given = dict(argument.split("=", 1) for argument in sys.argv[3:])
    limits = DEFAULTS | {key: yaml.safe_load(value) for key, value in given.items()}
    with tempfile.TemporaryDirectory() as folder:
        in_a_process(make_import, Path(folder, "imported"), lines, markers)
        _, bare, _ = in_a_process(nothing)
        seconds, memory, left = in_a_process(run, Path(folder), limits)
    print(
        f"{lines} x {markers} {given or ''}: {seconds:.1f} CPU s, {memory - bare:.0f} MB above "
        f"{bare:.0f} MB; left {left[0]} x {left[1]}, {left[2]} pairs"
    )


if __name__ == "__main__":
    main()
