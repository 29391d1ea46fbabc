"""Duplicated lines and markers against comparing everything with everything."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from breedcast.genotypes import counts as counting
from breedcast.genotypes import duplicates
from breedcast.genotypes.counts import Contigs, count, of_lines
from breedcast.genotypes.duplicates import Pairs, duplicated_lines, duplicated_markers, repeats
from breedcast.genotypes.store import Imported
from tests.unit.populations import Genome, dosages
from tests.unit.vcf_files import import_vcf


def all_pairs(dosage: np.ndarray, identity: float, fewest: float) -> list[tuple[int, int]]:
    """Pairs of lines by plain comparison of every two columns."""
    found = []
    for first, second in combinations(range(dosage.shape[1]), 2):
        both = (dosage[:, first] >= 0) & (dosage[:, second] >= 0)
        equal = (dosage[:, first] == dosage[:, second]) & both
        if both.sum() >= fewest and equal.sum() / max(1, both.sum()) >= identity:
            found.append((first, second))
    return found


def related(seed: int, missing: float) -> np.ndarray:
    """(markers, lines) full sibs, with copies that differ by some errors, near and far apart."""
    genome = Genome([1.0, 1.0], [600, 600], seed)
    first = np.stack([genome.founder()[0], genome.founder()[0]])
    lines = [genome.selfed(first, 4) for _ in range(40)]
    dosage = dosages([*lines, *lines[:20]], missing, seed)
    for copy in range(40, 60):
        wrong = genome.rng.random(len(dosage)) < genome.rng.uniform(0, 0.03)
        wrong &= dosage[:, copy] >= 0
        dosage[wrong, copy] = genome.rng.integers(0, 3, wrong.sum())
    return dosage


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("step", [1, 4])
def test_pairs_are_those_of_a_plain_comparison(
    missing: float, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a sample of the markers too, however lines and markers are cut into blocks."""
    monkeypatch.setattr(duplicates, "TILE", 7)
    monkeypatch.setattr(duplicates, "BLOCK_BYTES", 5000)
    for seed in range(5):
        dosage = related(seed, missing)
        blocks = iter(np.array_split(dosage, 3))
        pairs = duplicated_lines(dosage[::step], len(dosage), blocks, 2, 0.99)
        found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
        assert found == all_pairs(dosage, 0.99, 100)
        assert len(found) > 5
        assert (pairs.identity < 1).any()


def test_few_shared_calls_make_no_pair() -> None:
    """Lines 0 and 1 are called at other markers but for 99, lines 2 and 3 but for 100."""
    dosage = np.full((1000, 4), -1, np.int8)
    dosage[:300, 0] = dosage[201:500, 1] = 1
    dosage[500:800, 2] = dosage[700:1000, 3] = 1
    pairs = duplicated_lines(dosage, 1000, iter([]), 2, 0.99)
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([2], [3])
    assert pairs.shared.tolist() == [100]


def test_no_two_lines_that_are_kept_are_a_pair() -> None:
    """0 is like 1 and 1 like 2, but 0 not like 2: 2 stays. 4 and 5 repeat 3."""
    first, second = np.array([0, 1, 3, 3, 4]), np.array([1, 2, 4, 5, 5])
    pairs = Pairs(first, second, np.ones(5), np.ones(5))
    assert repeats(pairs, 6).tolist() == [-1, 0, -1, -1, 2, 3]


def test_markers_repeat_as_they_are_or_mirrored() -> None:
    rows = [
        [0, 1, 2, -1],
        [0, 1, 2, 0],  # called where the first is not
        [2, 1, 0, -1],  # mirrored
        [1, 0, 2, -1],
        [0, 1, 2, -1],  # the same
        [-1, 1, 0, 2],
        [-1, 1, 2, 0],  # mirrored
        [1, 1, 1, 1],  # its own mirror image
        [1, 1, 1, 1],
        [-1, -1, -1, -1],
    ]
    blocks = iter(np.array_split(np.array(rows, np.int8), 3))
    assert duplicated_markers(blocks, len(rows), 2).tolist() == [0, 1, 0, 3, 0, 5, 5, 7, 7, 9]


def test_mirrored_dosages_of_a_tetraploid() -> None:
    rows = np.array([[0, 1, 2, 3, 4, -1], [4, 3, 2, 1, 0, -1], [4, 3, 2, 1, 1, -1]], np.int8)
    assert duplicated_markers(iter([rows]), 3, 4).tolist() == [0, 0, 2]


def test_real_pairs_of_soybean_are_found_from_a_sample(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 1,500 lines, whose markers are sampled, against comparing all calls of all pairs."""
    import_vcf(shared_data / "soynam" / "genotypes.vcf.gz", tmp_path / "imported")
    source = Imported(tmp_path / "imported")
    monkeypatch.setattr(counting, "SAMPLE_MARKERS", 500)
    rows, lines = np.arange(source.summary.markers), np.arange(0, 1500)
    counts = count(source, rows, lines, Contigs.of(source.markers["contig"]))
    assert 250 <= len(counts.sampled) <= 500
    assert (np.diff(counts.sampled) == counts.sampled[1]).all()
    blocks = of_lines(source.blocks(rows), lines)
    pairs = duplicated_lines(counts.sample, len(rows), blocks, 2, 0.99)
    dosage = np.concatenate(list(of_lines(source.blocks(), lines))).T.astype(np.float32)
    shared = (dosage >= 0).astype(np.float32) @ (dosage >= 0).T.astype(np.float32)
    equal = sum(
        (dosage == state).astype(np.float32) @ (dosage == state).T.astype(np.float32)
        for state in range(3)
    )
    alike = np.triu((shared >= 100) & (equal >= 0.99 * shared), 1)
    assert list(zip(*np.nonzero(alike), strict=True)) == list(
        zip(pairs.first, pairs.second, strict=True)
    )
    assert alike.sum() > 50
