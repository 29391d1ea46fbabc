"""Distances between lines: against their definition, and against calls taken away."""

from collections import defaultdict

import numpy as np
import pytest

from breedcast.genotypes.distance import squared_distances
from tests.unit.islands import pairwise_complete, without_calls


def related_lines(ploidy: int, seed: int, markers: int = 3000) -> np.ndarray:
    """Codes of four families of inbred lines, fifty each, that descend from two parents each."""
    rng = np.random.default_rng(seed)
    frequency = rng.beta(0.8, 0.8, markers)
    families = []
    for _ in range(4):
        parents = rng.random((2, markers)) < frequency
        inherited = rng.integers(0, 2, (50, markers))
        families.append(np.where(inherited, parents[1], parents[0]))
    return (np.concatenate(families) * ploidy).astype(np.uint8)


def outbred_lines(ploidy: int, seed: int, markers: int = 3000) -> np.ndarray:
    """Codes of clones whose alleles are drawn from two pools."""
    rng = np.random.default_rng(seed)
    pools = rng.beta(0.8, 0.8, (2, markers))
    return rng.binomial(ploidy, np.repeat(pools, 100, axis=0)).astype(np.uint8)


def by_definition(codes: np.ndarray, ploidy: int) -> np.ndarray:
    share = codes / ploidy
    return ((share[:, None] - share[None]) ** 2).mean(axis=2)


def of_pairs(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.triu_indices(len(matrix), 1)]


@pytest.mark.parametrize("ploidy", range(1, 9))
def test_without_missing_calls_it_is_the_mean_squared_difference(ploidy):
    codes = outbred_lines(ploidy, seed=ploidy, markers=500)
    found = squared_distances(codes, ploidy)
    np.testing.assert_allclose(found, by_definition(codes, ploidy), atol=1e-6)
    assert (found == found.T).all()
    assert (np.diag(found) == 0).all()


def test_the_size_of_a_block_changes_nothing(monkeypatch):
    codes = outbred_lines(2, seed=0)
    codes = without_calls(codes, 2, seed=0)["30 %"]
    whole = squared_distances(codes, 2)
    monkeypatch.setattr("breedcast.genotypes.distance.BLOCK_CALLS", 700)
    np.testing.assert_allclose(squared_distances(codes, 2), whole, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("lines_of", "ploidy"), [(related_lines, 2), (outbred_lines, 2), (outbred_lines, 4)]
)
def test_calls_taken_away_leave_the_expected_distance(lines_of, ploidy):
    """The mean over 20 removals is the distance of the complete calls, of near and far pairs."""
    codes = lines_of(ploidy, seed=1, markers=1000)
    full, found = of_pairs(by_definition(codes, ploidy)), defaultdict(float)
    for seed in range(20):
        for kind, left in without_calls(codes, ploidy, seed).items():
            found[kind] += of_pairs(squared_distances(left, ploidy)) / 20
    for part in np.array_split(np.argsort(full), 4):
        for kind in ("30 %", "0 to 60 % by line"):
            assert found[kind][part].mean() == pytest.approx(full[part].mean(), rel=0.005)


def test_markers_missing_by_their_frequency_do_not_part_lines():
    """Where half the lines lack the markers that vary least, related lines of all degrees are as
    far apart as they were; by the markers called in both, they are half as far again.
    """
    codes = related_lines(2, seed=1)
    left = without_calls(codes, 2, seed=2)["rare markers, half the lines"]
    full, found, plain = (
        of_pairs(distances)
        for distances in (
            by_definition(codes, 2),
            squared_distances(left, 2),
            pairwise_complete(left, 2),
        )
    )
    for part in np.array_split(np.argsort(full), 4):
        assert found[part].mean() == pytest.approx(full[part].mean(), rel=0.05)
        assert plain[part].mean() > 1.3 * full[part].mean()


def test_by_hand():
    """Three inbred lines at four markers, the last of them not called in the third.

    Of lines 2 and 3: markers 1 to 3 have means 2/3, 4/3, 2/3 and variance 8/9, marker 4 has mean
    and variance 1. The lines differ by 4 at marker 1, and are alike at 2 and 3. Of what line 2 has,
    4/9 + 8/9 is to be expected at each of these; and 1 + 1 at marker 4.
    """
    codes = np.array([[0, 0, 2, 0], [0, 2, 0, 2], [2, 2, 0, 3]], dtype=np.uint8)
    total = 4 * (1 + 2 / (3 * (4 / 9 + 8 / 9)))
    assert squared_distances(codes, 2)[1, 2] == pytest.approx(total / 4 / 2**2, rel=1e-6)


def test_lines_never_called_together_are_taken_to_be_unrelated():
    """What is to be expected of them: (dosage - mean)^2 + variance at every marker."""
    codes = np.array([[0, 3], [3, 2], [2, 0]], dtype=np.uint8)
    assert squared_distances(codes, 2)[0, 1] == pytest.approx((1 + 1 + 1 + 1) / 2 / 4)


def test_clones_are_at_no_distance_whatever_is_missing():
    codes = outbred_lines(2, seed=3)
    codes[1] = codes[0]
    for left in without_calls(codes, 2, seed=0).values():
        assert squared_distances(left, 2)[0, 1] < 1e-6
