"""The memory of training jobs, and of analyses by codes, beside what is asked of a scheduler.

    PYTHONPATH=workflow python tests/benchmarks/memory.py [MODEL or ANALYSIS ...] \
        [--sizes 300x2000x1 ...]

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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breedcast import script  # noqa: F401  one compute thread, before NumPy is imported
from breedcast.demands import InEnvironments, in_environments
from breedcast.memory import (
    ADVICE,
    ASSOCIATION,
    CROSSES,
    MERIT,
    STRUCTURE_COMPLETE,
    Together,
    training_mb,
)
from breedcast.models.base import Model, model_class
from breedcast.models.registry import MODELS


@dataclass(frozen=True)
class Beside:
    """What there is beside a trait's values: how many other traits that help, and environments,
    0 of none; of the values in them this share is missing. interaction: as the model's option.
    """

    helpers: int
    environments: int
    missing: float
    interaction: str


#: Lines, markers and processes.
SIZES = ["300x2000x1", "300x40000x1", "1200x4000x1", "2400x1000x1", "300x10000x2"]


def train(name: str, lines: int, markers: int, processes: int, beside: Beside) -> None:
    """One training job, as its script makes it."""
    import numpy as np
    import pandas as pd

    from breedcast.genotypes.hybrids import CrossedCodes
    from breedcast.models.base import Parents
    from breedcast.models.job import TrainingJob
    from breedcast.validation.plan import KFoldScheme

    rng = np.random.default_rng(0)
    kind = model_class(MODELS[name])
    environments = [f"E{n}" for n in range(beside.environments)] or ["NA"]
    sampled = np.tile(np.arange(lines), len(environments))
    table = pd.DataFrame({"sample": [f"L{n}" for n in sampled], "weight": 1.0})
    table["environment"] = np.repeat(environments, lines)
    codes, parents = rng.integers(0, 3, (lines, markers), dtype=np.uint8), None
    if kind.needs_parents:
        each = 1 + int((lines - 1) ** 0.5)
        inbred = 2 * rng.integers(0, 2, (2 * each, markers), dtype=np.uint8)
        rows = np.stack([sampled // each, each + sampled % each], axis=1)
        parents, codes = Parents(inbred, rows, factorial=True), CrossedCodes(inbred, rows)
    else:
        codes[rng.random(lines) < 0.5, 0] = 3
        codes = codes[sampled]
    signal = codes[:, :20].sum(axis=1)
    table["value"] = signal + rng.normal(size=len(table))
    table = table[rng.random(len(table)) >= (beside.missing if beside.environments else 0)]
    helpers = None
    if beside.helpers:
        values = signal[:, None] + rng.normal(size=(lines, beside.helpers))
        values[rng.random(values.shape) < beside.missing] = np.nan
        helpers = pd.DataFrame(values).rename(columns=str)
    model = made(kind, beside)
    plan = KFoldScheme(2, 1, 5 if model.side_by_side("cpu") else 2, 0).make_plan(table, "trait")
    job = TrainingJob(
        *(model, name, "trait", table.reset_index(drop=True)),
        *(codes if parents else codes[table.index.to_numpy()], 2, plan, 0, 0, "cpu"),
        helpers=helpers,
        parents=parents,
    )
    job.run(processes)


def made(kind: type[Model], beside: Beside) -> Model:
    """The model as it is trained."""
    options: dict[str, Any] = {"epochs": 1} if kind.is_network else {}
    if beside.interaction:
        options["interaction"] = beside.interaction
    return kind(**options)


def asked_of(name: str, lines: int, markers: int, processes: int, beside: Beside) -> float:
    """What is asked for its final fit, as `Demands.training_mb` does."""
    model = made(model_class(MODELS[name]), beside)
    others = round(lines * (1 - beside.missing))
    sizes = [others] * beside.environments or [lines, *[others] * beside.helpers]
    together = Together(lines, tuple(sizes))
    fit: InEnvironments = {"related": None, "together_mb": 0.0}
    if beside.environments:
        fit = in_environments(model, lines, together, conditions=False)
    elif beside.helpers:
        fit["together_mb"] = together.covariances_mb
    return training_mb(
        *(name, model.is_network, sum(sizes) if beside.environments else lines),
        *(markers, processes),
        has_shortcut=model.has_shortcut,
        given_markers=model.given_markers,
        **fit,
    )


def analyse(name: str, lines: int, markers: int) -> None:
    """One of ANALYSES on inbred lines, as its script makes it; the last ten may have no value."""
    import numpy as np
    import pandas as pd

    from breedcast.genotypes.columns import CodeColumns

    rng = np.random.default_rng(0)
    codes = 2 * rng.integers(0, 2, (lines, markers), dtype=np.uint8)
    table = pd.DataFrame({"sample": [f"L{n}" for n in range(lines)], "weight": 1.0})
    table["value"] = codes[:, :20].sum(axis=1) + rng.normal(size=lines)
    if name == "structure":
        from breedcast.genotypes.structure import find_structure

        find_structure(codes, 2, "auto", 10)
    elif name == "association":
        from breedcast.markers.association import scan_association

        sites = pd.DataFrame({"contig": "1", "position": np.arange(markers), "id": "m"})
        scan_association(CodeColumns.of(codes, 2), sites.assign(ref="A", alt="C"), table)
    else:
        from breedcast.selection.merit import Merit

        table.loc[lines - 10 :, "value"] = np.nan
        merit = Merit.fit(CodeColumns.of(codes, 2), table)
        if name == "contributions":
            from breedcast.selection.contribution import choose_contributions

            choose_contributions(merit, lines=200, relationship=0.1, direction="high")
        elif name == "crosses":
            from breedcast.selection.crosses import predict_crosses

            apart = np.full(markers, 0.01)
            how = {"parents": 20, "selected": 0.05, "progeny": "doubled_haploids"}
            predict_crosses(merit, apart, **how, direction="high", seed=0)
        else:
            from breedcast.selection.training_set import learning_curve, phenotype_next
            from breedcast.validation.plan import KFoldScheme

            phenotype_next(merit, 5)
            plan = KFoldScheme(2, 1, 2, 0).make_plan(table.assign(environment="NA"), "trait")
            shares = {"line_shares": [1], "marker_shares": [1]}
            learning_curve(table, codes, 2, plan, **shares, seed=0)


#: The analyses, and the laws of their memory.
ANALYSES = {
    "structure": STRUCTURE_COMPLETE,
    "association": ASSOCIATION,
    "contributions": MERIT,
    "crosses": CROSSES,
    "training_set": ADVICE,
}


def peak_of(work: Callable[..., None], *arguments: Any) -> tuple[float, str]:
    """The most memory (MB) that this and its children held in a process of its own; how it ended,
    if not well.
    """
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    most = 0.0
    while process.is_alive():
        held = sum(resident(pid) for pid in family(process.pid))
        most = max(most, held)
        time.sleep(0.02)
    return most / 1e6, f"  exit status {process.exitcode}" if process.exitcode else ""


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
    parser.add_argument("names", nargs="*", default=[*MODELS, *ANALYSES])
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--helpers", type=int, default=0)
    parser.add_argument("--environments", type=int, default=0)
    parser.add_argument("--missing", type=float, default=0.0)
    parser.add_argument("--interaction", default="")
    given = parser.parse_args()
    beside = Beside(given.helpers, given.environments, given.missing, given.interaction)
    sizes = [tuple(map(int, size.split("x"))) for size in given.sizes]
    print("                 lines markers processes   held  asked  asked/held", flush=True)
    for name in given.names:
        for lines, markers, processes in sizes:
            if law := ANALYSES.get(name):
                if processes > 1:
                    continue
                work, arguments = analyse, (name, lines, markers)
                asked = law.process_mb(lines, markers)
            else:
                work, arguments = train, (name, lines, markers, processes, beside)
                asked = asked_of(name, lines, markers, processes, beside)
            held, ended = peak_of(work, *arguments)
            print(
                f"{name:15} {lines:6} {markers:7} {processes:9} {held:6.0f} {asked:6.0f} "
                f"{asked / held:9.2f}{ended}",
                flush=True,
            )


if __name__ == "__main__":
    main()
