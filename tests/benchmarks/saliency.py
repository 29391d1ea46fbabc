"""What markers a model looks at: what telling that costs, and whether it is where the loci are.

    PYTHONPATH=workflow:. python tests/benchmarks/saliency.py cost [MODEL ...]
    PYTHONPATH=workflow:. python tests/benchmarks/saliency.py planted TRAITS [MODEL ...]

cost: CPU seconds of one fit to four fifths of wheat599's env1 and, after it, of each statistic, the
    permutation of 50 windows on 50 of the other lines.
planted: inbred lines of six founders, ten contigs of 200 markers, five loci on five contigs upon a
    polygenic background. Of each statistic the ten highest peaks are taken, 20 markers or more
    apart, and the loci within 20 markers of one are counted, beside the Wald test's.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

import breedcast.script  # noqa: F401  (one compute thread, before numpy is imported)
from breedcast.genotypes.columns import CodeColumns
from breedcast.markers.association import scan_association
from breedcast.markers.saliency import prominence
from breedcast.models.base import Lines, model_class
from breedcast.models.importance import genome_windows, window_importance
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.validation.plan import KFoldScheme
from tests.benchmarks.baselines import read
from tests.unit.test_association import lines_of
from tests.unit.test_regions import chromosomes, contigs_of

WINDOWS = 50
#: Of the simulation with planted loci: contigs, markers of each, lines, loci.
CONTIGS, MARKERS, LINES, LOCI = 10, 200, 300, 5
#: Peaks of a statistic that are looked at, and the distance in markers that is near.
PEAKS, NEAR = 10, 20


def cost(models: Sequence[str]) -> None:
    codes, table = read("wheat599")
    lines = Lines(codes, 2, pd.DataFrame(index=table.index), table["env1"].to_numpy())
    order = np.random.default_rng(0).permutation(len(lines))
    train, held_out = lines.take(order[: len(order) * 4 // 5]), lines.take(order[-50:])
    windows = genome_windows(pd.Series("1", index=range(codes.shape[1])), WINDOWS)
    for name in models:
        seconds = [time.process_time()]
        fitted = model_class(MODELS[name])().fit(train, 0, "cpu")
        seconds.append(time.process_time())
        told = ", ".join(fitted.saliency)
        seconds.append(time.process_time())
        window_importance(fitted, held_out, windows, np.random.default_rng(0))
        seconds.append(time.process_time())
        fit, own, permuted = np.diff(seconds)
        print(f"{name}: fit {fit:.2f} s; {told or 'none'} {own:.2f}, windows {permuted:.2f}")


def planted_trait(codes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the loci, a sixteenth of the variance each, and the values; h2 is 0.6."""
    rng = np.random.default_rng(seed)
    contigs = rng.choice(CONTIGS, LOCI, replace=False)
    loci = contigs * MARKERS + rng.integers(10, MARKERS - 10, LOCI)
    scaled = (codes - codes.mean(axis=0)) / np.maximum(codes.std(axis=0), 0.01)
    background = scaled @ rng.normal(size=codes.shape[1])
    value = scaled[:, loci] @ rng.choice([-1.0, 1.0], LOCI) / 4
    value += background / background.std() * np.sqrt(0.6 - LOCI / 16)
    return loci, value + rng.normal(size=len(codes)) * np.sqrt(0.4)


def peaks(score: np.ndarray) -> np.ndarray:
    """The highest markers, NEAR apart; of equal neighbours, as in a window, the middle one."""
    score, found = np.nan_to_num(score, nan=-np.inf).copy(), []
    for _ in range(PEAKS):
        first = last = int(score.argmax())
        while last + 1 < len(score) and score[last + 1] == score[first]:
            last += 1
        found.append((first + last) // 2)
        score[max(0, found[-1] - NEAR) : found[-1] + NEAR + 1] = -np.inf
    return np.array(found)


def planted(traits: int, models: Sequence[str]) -> None:
    found: dict[str, list[float]] = defaultdict(list)
    for seed in range(traits):
        codes = chromosomes(LINES, CONTIGS, MARKERS, seed)
        loci, value = planted_trait(codes, seed)
        lines, markers = lines_of(value), contigs_of(codes.shape[1], CONTIGS)
        scan = scan_association(CodeColumns.of(codes, 2), markers, lines)
        scores = {"Wald": scan["wald"].to_numpy()}
        plan = KFoldScheme(2, 1, 2, seed).make_plan(lines, "trait")
        plan = plan[plan["repeat"] == 0].reset_index(drop=True)
        windows = genome_windows(markers["contig"], WINDOWS)
        for name in models:
            job = TrainingJob(
                *(model_class(MODELS[name])(), name, "trait", lines, codes, 2, plan),
                *(0, seed, "cpu", "mean", windows),
            )
            tables = job.run(threads=2)
            for statistic, rows in tables.saliency.groupby("statistic", observed=True):
                scores[f"{name} {statistic}"] = prominence(rows).to_numpy()
        for name, score in scores.items():
            distance = np.abs(peaks(score)[:, None] - loci[None])
            found[name].append(float((distance.min(axis=0) <= NEAR).mean()))
        print(f"after {seed + 1} traits, share of the loci and its standard error:")
        for name, shares in found.items():
            error = np.std(shares) / np.sqrt(max(1, seed))
            print(f"  {name}: {np.mean(shares):.2f} +- {error:.2f}", flush=True)
    print(f"by chance: {PEAKS * (2 * NEAR + 1) / (CONTIGS * MARKERS):.2f}")


def main() -> None:
    part, *arguments = sys.argv[1:]
    named = arguments[part == "planted" :] or [name for name in MODELS if name != "baseline"]
    if part == "cost":
        cost(named)
    elif part == "planted":
        planted(int(arguments[0]), named)


if __name__ == "__main__":
    main()
