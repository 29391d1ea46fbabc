"""Structure of the genotyped lines: principal coordinates of their distances, and clusters.

As in CIDR (Lin, Troup & Ho 2017, Genome Biology 18:59) lines are clustered on their principal
coordinates, by Ward's criterion. On panels of wheat and maize few coordinates bear missing calls
best; families that share a parent need many. Average and complete linkage, on the distances, were
less stable or put nearly all lines in one cluster (tests/benchmarks/structure.py). No trait is
looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from breedcast.errors import UserError
from breedcast.genotypes.distance import squared_distances

#: The most clusters that are looked for where their number is not given.
MOST_CLUSTERS = 10

#: A smaller mean silhouette is what lines without clusters have too: simulated populations of 100
#: to 1,000 lines that mate at random, or are one family, reached 0.13 (of 50 lines, 0.20); islands
#: whose lines can be told had 0.18 and more (tests/benchmarks/structure.py).
LEAST_SILHOUETTE = 0.15

#: More lines than these have their few largest axes found by iterations.
MOST_DECOMPOSED = 2000

METHOD = (
    "principal coordinates (classical scaling) of the expected squared difference of allele "
    "shares; Ward's clusters of the lines' coordinates; mean silhouette on the coordinates"
)


@dataclass(frozen=True)
class Structure:
    """Where the lines lie and what they cluster into.

    coordinates: (lines, coordinates) in units of allele shares, the axis of largest variance
        first; squared distances between lines are those of `squared_distances`, as far as these
        axes carry them.
    shares: (coordinates,) of the variance between lines.
    clusters: (lines,) from 1, the largest first, of equals the one whose first line comes first.
    silhouettes: number of clusters -> mean silhouette, between -1 and 1.
    """

    coordinates: np.ndarray
    shares: np.ndarray
    clusters: np.ndarray
    silhouettes: dict[int, float]

    def table(self, samples: list[str]) -> pd.DataFrame:
        """structure.tsv: sample, cluster, coordinate_1, coordinate_2, ..."""
        names = [f"coordinate_{number + 1}" for number in range(self.coordinates.shape[1])]
        coordinates = pd.DataFrame(self.coordinates.round(6), columns=names)
        return pd.DataFrame({"sample": samples, "cluster": self.clusters}).join(coordinates)

    def facts(self) -> dict[str, Any]:
        """structure.json."""
        return {
            "method": METHOD,
            "variance_shares": self.shares.round(6).tolist(),
            "clusters": int(self.clusters.max()),
            "silhouettes": {str(count): round(it, 6) for count, it in self.silhouettes.items()},
            "least_silhouette": LEAST_SILHOUETTE,
        }


def find_structure(
    codes: np.ndarray, ploidy: int, clusters: int | Literal["auto"], coordinates: int
) -> Structure:
    """The structure of lines with these codes (lines, markers) uint8.

    clusters: how many; `auto` takes the number from 2 to MOST_CLUSTERS of the largest mean
    silhouette (Rousseeuw 1987, J Comput Appl Math 20:53), or 1 where that is below
    LEAST_SILHOUETTE. Lines of equal coordinates are never parted, so there may be fewer.
    coordinates: how many at most; only axes along which lines differ are kept.
    Raises UserError where more clusters than lines are asked for.
    """
    if clusters != "auto" and clusters > len(codes):
        raise UserError(
            f"config, structure: clusters: {clusters} clusters cannot be made of {len(codes)} "
            "lines; ask for fewer"
        )
    points, shares = principal_coordinates(squared_distances(codes, ploidy), coordinates)
    counts = set(range(2, MOST_CLUSTERS + 1)) if clusters == "auto" else {clusters}
    cuts = ward_clusters(points, sorted(counts))
    silhouettes = {count: silhouette(points, labels) for count, labels in cuts.items()}
    silhouettes = {count: it for count, it in silhouettes.items() if not np.isnan(it)}
    chosen = _best(silhouettes) if clusters == "auto" else clusters
    labels = cuts.get(chosen, np.ones(len(codes), dtype=int))
    return Structure(points, shares, largest_first(labels), silhouettes)


def principal_coordinates(squared: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Classical scaling (Gower 1966, Biometrika 53:325) of squared distances (lines, lines).

    Returns coordinates (lines, at most `most`), whose largest element by size is positive on every
    axis, and each axis' share of the variance, which is the eigenvalue over the trace. Distances
    with missing calls fit no space of real numbers exactly: axes of negative eigenvalue count in
    the trace and are not kept.
    """
    lines = len(squared)
    centred = squared - squared.mean(axis=0)
    centred -= centred.mean(axis=1)[:, None]
    centred *= -0.5
    trace = float(np.trace(centred))
    eigenvalue, vector = _largest_axes(centred, min(most, lines))
    real = eigenvalue > 1e-6 * max(trace, 0.0)  # distances are sums of float32 products
    eigenvalue, vector = eigenvalue[real], vector[:, real]
    largest = vector[np.abs(vector).argmax(axis=0), np.arange(len(eigenvalue))]
    return vector * np.sign(largest) * np.sqrt(eigenvalue), eigenvalue / trace


def _largest_axes(centred: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (count,) and eigenvectors (lines, count) of a matrix, the largest first.

    By Lanczos iterations where lines are many, which takes a few hundred products with the matrix
    and gives the same to rounding; from a fixed start, so that a run gives the same again.
    """
    from scipy.linalg import eigh
    from scipy.sparse.linalg import eigsh

    lines = len(centred)
    if lines > MOST_DECOMPOSED:
        start = np.random.default_rng(0).normal(size=lines)
        eigenvalue, vector = eigsh(centred, count, which="LA", v0=start, ncv=4 * count + 20)
    else:
        eigenvalue, vector = eigh(
            centred, subset_by_index=[lines - count, lines - 1], overwrite_a=True
        )
    order = np.argsort(-eigenvalue, kind="stable")
    return eigenvalue[order], vector[:, order]


def ward_clusters(points: np.ndarray, counts: list[int]) -> dict[int, np.ndarray]:
    """Cluster numbers (lines,) from 1 by Ward's criterion (Ward 1963, JASA 58:236), by how many
    clusters; points: (lines, coordinates). Numbers of clusters above that of lines are left out.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    counts = [count for count in counts if count <= len(points)]
    if not counts or len(points) < 2 or points.shape[1] == 0:
        return {}
    tree = linkage(points, "ward")
    return {count: fcluster(tree, count, "maxclust") for count in counts}


def silhouette(points: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of clusters of points (lines, coordinates); NaN where it is not defined:
    one cluster, or as many as lines.
    """
    from sklearn.metrics import silhouette_score

    found = len(np.unique(labels))
    return float(silhouette_score(points, labels)) if 1 < found < len(points) else np.nan


def largest_first(labels: np.ndarray) -> np.ndarray:
    """Cluster numbers (lines,) from 1 by falling size; of equals the first in the lines' order."""
    _, first, index, size = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort([first, -size])
    number = np.empty(len(order), dtype=int)
    number[order] = np.arange(1, len(order) + 1)
    result: np.ndarray = number[index]
    return result


def _best(silhouettes: dict[int, float]) -> int:
    """The number of clusters with the largest silhouette, the smaller of equals, or 1."""
    best = max(silhouettes, key=lambda count: silhouettes[count], default=1)
    return best if silhouettes.get(best, 0.0) >= LEAST_SILHOUETTE else 1
