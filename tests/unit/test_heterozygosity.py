"""Sex chromosomes are found in simulated species, and nothing is taken for one that is none."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from breedcast.files import read_table
from breedcast.genotypes.counts import Contigs, count
from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.heterozygosity import Split, split_contigs
from breedcast.genotypes.store import Imported
from tests.unit.populations import Genome, Line, dosages
from tests.unit.vcf_files import call, import_vcf, record, vcf

LIMITS = {"min_maf": 0.01, "max_missing_marker": 0.2, "max_missing_line": 0.5}
SEEDS = range(3)


def genome(seed: int, pseudo_autosomal: float = 0.0) -> Genome:
    """Eight contigs of a Morgan, the last being the X."""
    return Genome([1.0] * 8, [150] * 8, seed, pseudo_autosomal)


def uneven(seed: int) -> Genome:
    """Long contigs, and a short last one that hardly recombines; no X."""
    return Genome([2.5] * 7 + [0.3], [150] * 8, seed)


def splits(genome: Genome, lines: list[Line]) -> list[Split]:
    """The contigs found, 5 % of the calls missing and 0.2 % wrong."""
    dosage = dosages(lines, missing=0.05)
    wrong = (genome.rng.random(dosage.shape) < 0.002) & (dosage >= 0)
    dosage[wrong] = genome.rng.integers(0, 3, wrong.sum())
    source = SimpleNamespace(
        summary=SimpleNamespace(ploidy=2), blocks=lambda rows: iter(np.array_split(dosage, 3))
    )
    contigs = Contigs.of(pd.Series(genome.contig))
    rows, columns = np.arange(len(dosage)), np.arange(len(lines))
    return split_contigs(count(cast(Imported, source), rows, columns, contigs), contigs)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("males", [20, 80, 140])
@pytest.mark.parametrize("pseudo_autosomal", [0.0, 0.1, 0.2])
def test_the_x_is_found_and_every_line_put_in_its_group(
    seed: int, males: int, pseudo_autosomal: float
) -> None:
    species = genome(seed, pseudo_autosomal)
    (found,) = splits(species, species.outbred(males, 160 - males))
    assert (found.contig, found.markers) == ("chr8", 150)
    few, usual = found.group()[:males], found.group()[males:]
    assert (few == "few").mean() > 0.85 if pseudo_autosomal else (few == "few").all()
    assert (usual == "usual").mean() > 0.95
    assert found.here[:males].mean() < 0.4 * found.elsewhere[:males].mean()


def test_inbred_lines_beside_them_are_unclear() -> None:
    species = genome(0)
    lines = species.outbred(60, 60) + [species.inbred() for _ in range(60)]
    (found,) = splits(species, lines)
    assert (found.group()[:60] == "few").all()
    assert (found.group()[120:] == "unclear").all()


def test_an_x_in_pieces() -> None:
    """Both pieces are told: they split the lines alike."""
    species = genome(1)
    lines = species.outbred(60, 60)
    species.contig[-75:] = "chr9"
    assert [found.contig for found in splits(species, lines)] == ["chr8", "chr9"]


def _f1(genome: Genome) -> Line:
    return np.stack([genome.founder()[0], genome.founder()[0]])


def _sexless(species: Genome) -> list[Line]:
    species.on_x[:] = False
    return species.outbred(80, 80)


def _f2(species: Genome) -> list[Line]:
    f1 = _f1(species)
    return [species.cross(f1, f1) for _ in range(160)]


def _backcross(species: Genome) -> list[Line]:
    f1 = _f1(species)
    return [species.cross(f1, f1[[0, 0]]) for _ in range(160)]


def _selfed(species: Genome) -> list[Line]:
    f1 = _f1(species)
    return [species.selfed(f1, 3) for _ in range(160)]


def _selfed_families(species: Genome) -> list[Line]:
    parents = [species.founder() for _ in range(10)]
    return [species.selfed(parents[number % 10], 1) for number in range(160)]


def _inbreds(species: Genome) -> list[Line]:
    return [species.inbred() for _ in range(160)]


def _inbreds_and_outbreds(species: Genome) -> list[Line]:
    return [species.inbred() for _ in range(80)] + [species.founder() for _ in range(80)]


def _inbreds_and_hybrids(species: Genome) -> list[Line]:
    parents = [species.inbred() for _ in range(20)]
    pairs = species.rng.integers(20, size=(140, 2))
    return parents + [species.cross(parents[a], parents[b]) for a, b in pairs]


def _testcrosses(species: Genome) -> list[Line]:
    """Hybrids of a tester with lines that have half of its genome."""
    f1 = _f1(species)
    lines = [species.selfed(f1, 7) for _ in range(100)]
    return [species.cross(line, f1[[0, 0]]) for line in lines]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("species", [genome, uneven])
@pytest.mark.parametrize(
    "population",
    [
        *(_sexless, _f2, _backcross, _selfed, _selfed_families, _inbreds),
        *(_inbreds_and_outbreds, _inbreds_and_hybrids, _testcrosses),
    ],
)
def test_no_false_alarm(
    seed: int, species: Callable[[int], Genome], population: Callable[[Genome], list[Line]]
) -> None:
    this = species(seed)
    assert splits(this, population(this)) == []


@pytest.mark.parametrize("name", ["wheat599", "soynam", "maize281", "potato4x"])
def test_no_false_alarm_in_real_crops(name: str, shared_data: Path, tmp_path: Path) -> None:
    import_vcf(shared_data / name / "genotypes.vcf.gz", tmp_path / "imported")
    assert filter_genotypes(tmp_path / "imported", tmp_path, **LIMITS).split_heterozygosity == []
    assert read_table(tmp_path / "split_heterozygosity.tsv").empty


def test_the_tables_name_the_contig_and_the_group_of_each_line(tmp_path: Path) -> None:
    """From a VCF on; a line that the filters drop is in neither table."""
    species = genome(2)
    dosage = dosages(species.outbred(50, 70))
    dosage[::2, 0] = dosage[1::4, 0] = -1
    names = [f"{'male' if line < 50 else 'female'}{line}" for line in range(120)]
    records = [
        record([call(int(it), 2) for it in row], position=number, contig=contig)
        for number, (row, contig) in enumerate(zip(dosage, species.contig, strict=True), start=1)
    ]
    text = vcf(names, records)
    header = "".join(f"##contig=<ID=chr{number}>\n" for number in range(2, 9))
    (tmp_path / "x.vcf").write_text(text.replace("##FORMAT", header + "##FORMAT", 1))
    import_vcf(tmp_path / "x.vcf", tmp_path / "imported")
    summary = filter_genotypes(tmp_path / "imported", tmp_path, **LIMITS)
    row: dict[str, Any] = dict(summary.split_heterozygosity[0])
    assert (row["contig"], row["lines_few"], row["lines_usual"]) == ("chr8", 49, 70)
    assert row["here_few"] == 0.0
    assert row["elsewhere_few"] > 0.2
    assert row["here_usual"] > 0.2
    table = read_table(tmp_path / "split_heterozygosity.tsv")
    assert table.to_dict("records")[0] == pytest.approx(row)
    lines = read_table(tmp_path / "split_heterozygosity_lines.tsv")
    assert len(lines) == 119
    males = lines["sample"].str.startswith("male")
    assert (lines["group"] == np.where(males, "few", "usual")).all()
