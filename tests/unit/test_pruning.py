"""Pruning against plink's own, and its correlations against numpy's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from breedcast.genotypes import pruning
from breedcast.genotypes.counts import Contigs, count
from breedcast.genotypes.pruning import prune, squared_correlations
from breedcast.genotypes.store import Imported
from tests.unit.vcf_files import import_vcf


def test_correlations_are_those_of_the_lines_called_at_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pruning, "BATCH_CALLS", 100)
    dosage = np.random.default_rng(0).integers(-1, 5, (9, 40)).astype(np.int8)
    dosage[7] = 2
    squared = squared_correlations(dosage, 4)
    for first in range(4):
        for second in range(9):
            both = (dosage[first] >= 0) & (dosage[second] >= 0)
            x, y = dosage[first, both], dosage[second, both]
            expected = 0.0 if second == 7 else np.corrcoef(x, y)[0, 1] ** 2
            assert squared[first, second] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("program", ["plink1.9", "plink2"])
@pytest.mark.parametrize("name", ["wheat599", "soynam", "maize281"])
def test_plink_keeps_the_same_markers(
    command: Callable[..., str], program: str, name: str, shared_data: Path, tmp_path: Path
) -> None:
    """Every marker alike, with missing calls (soynam, maize281) and without, of four windows.

    Left out is what plink reads otherwise: the one maize marker of several alternate alleles.
    Markers that do not vary are dropped before, as plink does with --maf: they fill no window.
    """
    vcf = shared_data / name / "genotypes.vcf.gz"
    import_vcf(vcf, tmp_path / "imported")
    source = Imported(tmp_path / "imported")
    lines = np.arange(source.summary.lines)
    contig = source.markers["contig"]
    single = np.flatnonzero(~source.markers["alt"].str.contains(","))
    counts = count(source, single, lines, Contigs.of(contig))
    vary = counts.minor > 0
    rows = single[vary]
    for r2, window, step in [(0.5, 50, 5), (0.2, 100, 1), (0.9, 20, 7), (0.1, 30, 30)]:
        because, squared = prune(
            source.blocks(rows),
            contig.iloc[rows].to_numpy(object),
            counts.minor[vary],
            counts.alleles[vary],
            r2=r2,
            window=window,
            step=step,
        )
        command(
            *(program, "--vcf", vcf, "--double-id", "--allow-extra-chr", "--maf", "1e-9"),
            *(["--biallelic-only"] if program == "plink1.9" else ["--max-alleles", "2"]),
            *("--indep-pairwise", window, step, r2, "--out", tmp_path / "out"),
        )
        kept = source.markers["id"].iloc[rows[because < 0]].tolist()
        assert kept == (tmp_path / "out.prune.in").read_text().split()
        assert (squared[because >= 0] > r2).all()
        assert 0 < len(kept) < len(rows)


def test_the_window_ends_with_the_contig() -> None:
    """Four equal markers: one of each contig stays, the first."""
    dosage = np.tile(np.array([0, 1, 2, 2], np.int8), (4, 1))
    counted = np.full(4, 3), np.full(4, 8)
    because, _ = prune(iter([dosage]), np.array(list("aabb")), *counted, r2=0.5, window=4, step=1)
    assert because.tolist() == [-1, 0, -1, 2]
