"""Clusters of lines when calls are taken away, by several distances and ways to cluster.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow:. python tests/benchmarks/structure.py \
        [missing] [clustering] [silhouettes] [time]

Data: BREEDCAST_DATA, by default ../shared/data; genotypes as the default filter leaves them.
missing: adjusted Rand index of the clusters of all calls (our distance) and of those left of them,
    for our distance and naive ones. clustering: the same for our distance by several ways to
    cluster, and the index with groups that are known. silhouettes: the largest mean silhouette of
    simulated lines with and without clusters. time: 2,000 lines and 50,000 markers.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score

from breedcast.genotypes.distance import squared_distances
from breedcast.genotypes.encode import DosageMeans
from breedcast.genotypes.structure import (
    MOST_CLUSTERS,
    find_structure,
    principal_coordinates,
    silhouette,
    ward_clusters,
)
from tests.benchmarks.filtered import codes_of
from tests.unit.islands import family, islands, pairwise_complete, without_calls

DATA = Path(os.environ.get("BREEDCAST_DATA", "../shared/data"))
#: Numbers of clusters that are looked at where none is known, and removals of calls.
COUNTS, REMOVALS = (2, 3, 4, 6, 8), 5
COORDINATES = 10


def read(name: str) -> tuple[np.ndarray, int, pd.Series]:
    """Codes, ploidy and samples of a data set."""
    genotypes = codes_of(DATA / name / "genotypes.vcf.gz")
    return genotypes.codes, genotypes.ploidy, pd.Series(genotypes.samples)


def missing_as_difference(codes: np.ndarray, ploidy: int) -> np.ndarray:
    called = (codes <= ploidy).astype(np.float32)
    both = called @ called.T
    return (pairwise_complete(codes, ploidy) * both + codes.shape[1] - both) / codes.shape[1]


def mean_imputed(codes: np.ndarray, ploidy: int) -> np.ndarray:
    filled = DosageMeans.fit(codes, ploidy).centred(codes)
    return squared_from(filled) / (codes.shape[1] * ploidy**2)


def squared_from(points: np.ndarray) -> np.ndarray:
    square = (points**2).sum(axis=1)
    apart = np.maximum(square[:, None] + square - 2 * points @ points.T, 0)
    np.fill_diagonal(apart, 0)
    return apart


DISTANCES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "ours": squared_distances,
    "pairwise complete": pairwise_complete,
    "mean imputed": mean_imputed,
    "missing as difference": missing_as_difference,
}


def on_coordinates(count: int) -> Callable[[np.ndarray, list[int]], list[np.ndarray]]:
    def cluster(squared: np.ndarray, counts: list[int]) -> list[np.ndarray]:
        points, _ = principal_coordinates(squared, count)
        return list(ward_clusters(points, counts).values())

    return cluster


def on_distances(method: str) -> Callable[[np.ndarray, list[int]], list[np.ndarray]]:
    def cluster(squared: np.ndarray, counts: list[int]) -> list[np.ndarray]:
        tree = linkage(squareform(np.sqrt(squared), checks=False), method)
        return [fcluster(tree, count, "maxclust") for count in counts]

    return cluster


CLUSTERINGS = {
    **{f"Ward, {count} coordinates": on_coordinates(count) for count in (COORDINATES, 100)},
    **{f"{method}, distances": on_distances(method) for method in ("ward", "average", "complete")},
}


def datasets() -> Iterator[tuple[str, np.ndarray, int, np.ndarray | None]]:
    """Name, codes, ploidy and known groups, if any."""
    for name in ("wheat599", "maize281"):
        codes, ploidy, _ = read(name)
        yield name, codes, ploidy, None
    codes, ploidy, samples = read("potato4x")
    share = pd.read_csv(DATA / "potato4x" / "groups.tsv", sep="\t", dtype={"sample": str})
    share = share.set_index("sample").reindex(samples)
    known = share.notna().all(axis=1).to_numpy()
    yield "potato4x, 4 groups", codes[known], ploidy, share[known].to_numpy().argmax(axis=1)
    codes, ploidy, samples = read("soynam")
    names = pd.read_csv(DATA / "soynam" / "families.tsv", sep="\t", dtype=str)
    of = names.set_index("sample")["family"].reindex(samples)
    first = sorted(of.dropna().unique(), key=int)
    for many in (8, 40):
        chosen = of.isin(first[:many]).to_numpy() & (np.arange(len(of)) % (1 + many // 8) == 0)
        yield f"soynam, {many} families", codes[chosen], ploidy, of[chosen].factorize()[0]
    for generations in (200, 500):
        codes, of_line = islands(5, generations, 300, seed=generations)
        yield f"5 islands, {generations} generations", codes, 2, of_line


def index(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return float(np.mean([adjusted_rand_score(*pair) for pair in zip(one, other, strict=True)]))


def stability(ways: list[tuple[str, str]]) -> None:
    """Prints how clusters agree with those of all calls, and with known groups in brackets."""
    for name, codes, ploidy, groups in datasets():
        counts = list(COUNTS) if groups is None else [len(np.unique(groups))]
        print(f"{name}: {codes.shape[0]} lines, {codes.shape[1]} markers, clusters {counts}")
        for distance, clustering in ways:
            cluster = CLUSTERINGS[clustering]
            full = cluster(squared_distances(codes, ploidy), counts)
            found: dict[str, list[tuple[float, float]]] = {}
            for seed in range(REMOVALS):
                for kind, left in without_calls(codes, ploidy, seed).items():
                    clusters = cluster(DISTANCES[distance](left, ploidy), counts)
                    true = np.nan if groups is None else index(clusters, [groups])
                    found.setdefault(kind, []).append((index(full, clusters), true))
            cells = [
                f"{kind} {same:.2f}" + ("" if groups is None else f" ({true:.2f})")
                for kind, (same, true) in ((k, np.mean(v, axis=0)) for k, v in found.items())
            ]
            complete = "" if groups is None else f"all calls ({index(full, [groups]):.2f}), "
            print(f"  {distance}, {clustering}: {complete}{', '.join(cells)}", flush=True)


def largest_silhouette(codes: np.ndarray) -> tuple[int, float]:
    points, _ = principal_coordinates(squared_distances(codes, 2), COORDINATES)
    cuts = ward_clusters(points, list(range(2, MOST_CLUSTERS + 1)))
    widths = {count: silhouette(points, labels) for count, labels in cuts.items()}
    best = max(widths, key=lambda count: widths[count])
    return best, widths[best]


def silhouettes() -> None:
    for lines in (50, 100, 300, 1000):
        for name, make in (
            ("one island", lambda lines, seed: islands(1, 10, lines, seed)[0]),
            ("one family", family),
        ):
            found = [largest_silhouette(make(lines, seed))[1] for seed in range(1, 6)]
            print(f"{name}, {lines} lines: largest silhouette at most {max(found):.3f}", flush=True)
    for count in (2, 3, 5, 8):
        for generations in (50, 100, 200, 500, 1000):
            codes, groups = islands(count, generations, 240, count * generations)
            best, width = largest_silhouette(codes)
            found = find_structure(codes, 2, "auto", COORDINATES).clusters
            print(
                f"{count} islands, {generations} generations: {best} clusters of silhouette "
                f"{width:.3f}; auto {found.max()}, index {adjusted_rand_score(groups, found):.2f}",
                flush=True,
            )


def seconds() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, (2000, 50_000), dtype=np.uint8)
    codes[rng.random(codes.shape, dtype=np.float32) < 0.1] = 3
    start = time.process_time()
    squared = squared_distances(codes, 2)
    print(
        f"distances of 2,000 lines, 50,000 markers: {time.process_time() - start:.1f} s of CPU time"
    )
    start = time.process_time()
    principal_coordinates(squared, COORDINATES)
    print(f"their principal coordinates: {time.process_time() - start:.1f} s of CPU time")


def main() -> None:
    ours = f"Ward, {COORDINATES} coordinates"
    parts = {
        "missing": lambda: stability([(distance, ours) for distance in DISTANCES]),
        "clustering": lambda: stability([("ours", clustering) for clustering in CLUSTERINGS]),
        "silhouettes": silhouettes,
        "time": seconds,
    }
    for part in sys.argv[1:] or parts:
        print(f"== {part}", flush=True)
        parts[part]()


if __name__ == "__main__":
    main()
