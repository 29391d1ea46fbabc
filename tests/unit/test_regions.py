"""Regions that methods name: thresholds against chance, stretches against plain correlations."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from breedcast.errors import UserError
from breedcast.files import write_parquet
from breedcast.genotypes.columns import CodeColumns
from breedcast.markers.association import scan_association
from breedcast.markers.genes import nearest_gene, read_genes
from breedcast.markers.regions import (
    ALPHA,
    GAP,
    LINKED,
    WALD,
    Naming,
    as_bed,
    as_csv,
    find_regions,
    linked_stretch,
    name_markers,
)
from breedcast.markers.saliency import Standing, standings
from breedcast.models.job import TrainingJob
from breedcast.validation.plan import KFoldScheme
from tests.unit.quick import quick
from tests.unit.test_association import lines_of, places


def chromosomes(lines: int, contigs: int, markers: int, seed: int) -> np.ndarray:
    """Codes of inbred lines: each contig one of six haplotypes, crossed over at random."""
    rng = np.random.default_rng(seed)
    founders = rng.binomial(1, 0.5, (6, contigs * markers))
    codes = np.empty((lines, contigs * markers), np.uint8)
    for line in range(lines):
        crossed = rng.random(contigs * markers) < 4 / markers
        crossed[::markers] = True
        origin = rng.integers(6, size=crossed.sum())[np.cumsum(crossed) - 1]
        codes[line] = 2 * founders[origin, np.arange(contigs * markers)]
    return codes


def wald(markers: list[int]) -> Naming:
    """The association test alone, which names these."""
    return Naming(pd.DataFrame(), {WALD: np.array(markers, int)}, np.array(markers, int))


def contigs_of(markers: int, count: int) -> pd.DataFrame:
    frame = places(markers)
    frame["contig"] = (1 + np.arange(markers) * count // markers).astype(str)
    return frame


def trained(codes: np.ndarray, lines: pd.DataFrame, trait: str, permutations: int, path: Path):
    """How markers stand with gblup, through its file at this path."""
    plan = KFoldScheme(folds=2, repeats=1, inner_folds=2, seed=0).make_plan(lines, trait)
    plan = plan[plan["repeat"] == 0].reset_index(drop=True)
    job = TrainingJob(
        *(quick("gblup"), "gblup", trait, lines, codes, 2, plan, permutations, 0, "cpu")
    )
    write_parquet(job.run(threads=1).saliency, path)
    return list(standings(path))


def test_a_model_names_markers_of_a_trait_without_any_as_often_as_it_says(tmp_path):
    codes, named = chromosomes(60, 3, 40, 0), 0
    for seed in range(24):
        lines = lines_of(np.random.default_rng(seed).normal(size=60))
        scan = scan_association(CodeColumns.of(codes, 2), contigs_of(120, 3), lines)
        stand = trained(codes, lines, f"t{seed}", 3, tmp_path / "saliency.parquet")
        naming = name_markers(scan, [("gblup", stand)])
        told = naming.methods.set_index("method").loc["gblup"]
        assert told["chance"] == 0.25
        named += int(told["markers"] > 0)
    low, high = stats.binom.interval(0.999, 24, 0.25)
    assert low <= named <= high


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Two large loci, markers 30 of the first contig and 150 of the second."""
    codes = chromosomes(150, 4, 100, 1)
    codes[np.random.default_rng(3).random(codes.shape) < 0.02] = 3
    value = np.where(codes[:, 30] == 2, 2.0, 0.0) - np.where(codes[:, 150] == 2, 2.0, 0.0)
    value += np.random.default_rng(2).normal(size=150) * 0.7
    lines = lines_of(value)
    columns, markers = CodeColumns.of(codes, 2), contigs_of(400, 4)
    scan = scan_association(columns, markers, lines)
    path = tmp_path_factory.mktemp("planted") / "saliency.parquet"
    return columns, scan, trained(codes, lines, "t", 19, path)


def test_regions_hold_the_planted_loci_and_say_who_names_them(planted):
    columns, scan, stand = planted
    naming = name_markers(scan, [("gblup", stand), ("baseline", [])])
    assert naming.methods["method"].tolist() == [WALD, "gblup"]
    assert naming.methods["chance"].tolist()[1] == ALPHA
    regions = find_regions(columns, scan, naming, None)
    both = regions[regions["methods"] == f"{WALD},gblup"]
    for contig, position in (("1", 3000), ("2", 15000)):
        here = both[(both["contig"] == contig) & (both["first"] <= position)]
        assert (here["last"] >= position).any()
    assert regions["named_by"].is_monotonic_decreasing
    for region in regions.itertuples():
        inside = scan[scan["contig"].eq(region.contig)]
        inside = inside[inside["position"].between(region.first, region.last)]
        assert len(inside) == region.markers
        assert region.p_value == inside["p_value"].min()
        expected = [it for it, own in naming.named.items() if np.isin(own, inside.index).any()]
        assert region.methods.split(",") == expected
    # every named marker is in one region and one alone
    for marker in np.concatenate(list(naming.named.values())):
        at = scan.loc[marker]
        holds = regions["contig"].eq(at["contig"]) & regions["first"].le(at["position"])
        assert (holds & regions["last"].ge(at["position"])).sum() == 1


def test_windows_name_the_regions_in_them_and_make_one_where_there_is_none(planted):
    columns, scan, _ = planted
    stand = np.zeros(400)
    stand[100:200], stand[200:220], stand[220:240] = 5.0, 6.0, 7.0
    control = np.linspace(0, 1, 19)
    given = [("gradient", Standing(-stand, control)), ("permutation", Standing(stand, control))]
    naming = name_markers(scan, [("dnn", given)])
    assert naming.methods["method"].tolist() == [WALD, "dnn", "dnn:permutation"]
    assert naming.methods["markers"].tolist()[1:] == [0, 140]
    best = [
        scan["p_value"][window].idxmin() for window in map(slice, (100, 200, 220), (200, 220, 240))
    ]
    # label slices of pandas hold their end
    assert set(naming.peaks) == set(naming.named[WALD]) | set(best)
    regions = find_regions(columns, scan, naming, None)
    second = regions[regions["contig"] == "2"]
    assert second["methods"].str.contains("dnn:permutation").all()
    assert (second["named_by"] == 2).any()
    third = regions[regions["contig"] == "3"]
    assert third["methods"].tolist() == ["dnn:permutation"] * len(third)
    assert 1 <= len(third) <= 2
    both = [("gradient", Standing(stand, control)), ("permutation", Standing(stand, control))]
    twice = find_regions(columns, scan, name_markers(scan, [("dnn", both)]), None)
    third = twice[twice["contig"] == "3"]
    assert set(third["methods"]) == {"dnn,dnn:permutation"}
    assert (third["named_by"] == 1).all()  # one model's statistics are one witness


def test_what_is_tested_comes_before_what_models_alone_name(planted):
    columns, scan, _ = planted
    stand = np.zeros(400)
    stand[220:240] = 5.0
    given = [("permutation", Standing(stand, np.linspace(0, 1, 19)))]
    naming = name_markers(scan, [("dnn", given), ("svr", given)])
    regions = find_regions(columns, scan, naming, None)
    tested = regions["methods"] == WALD
    assert tested.any()
    assert tested.is_monotonic_decreasing
    assert regions["named_by"].tolist()[-1] == 2


def test_stretches_are_those_of_plain_correlations(planted):
    columns, _, _ = planted
    dosage = pd.DataFrame(np.where(columns.codes == 3, np.nan, columns.codes.astype(float)))
    squared = dosage.fillna(dosage.mean()).corr() ** 2
    lengths = []
    for peak in range(100, 200, 7):
        linked = np.flatnonzero(squared[peak][100:200] >= LINKED) + 100
        assert GAP >= 100  # the contig is no longer than what is searched at once
        assert linked_stretch(columns, peak, 100, 200) == (linked[0], linked[-1])
        lengths.append(linked[-1] - linked[0])
    assert max(lengths) > 3


def test_a_stretch_ends_where_a_hundred_markers_are_not_linked():
    rng = np.random.default_rng(0)
    codes = rng.binomial(2, 0.5, (200, 1000)).astype(np.uint8)
    for linked in (560, 640, 741, 500 - 99, 500 - 199, 500 - 300):
        codes[:, linked] = codes[:, 500]
    # 741 is 101 behind 640, 200 is 101 before 301
    assert linked_stretch(CodeColumns.of(codes, 2), 500, 0, 1000) == (301, 640)
    assert linked_stretch(CodeColumns.of(codes, 2), 500, 450, 600) == (500, 560)


def test_nothing_named_is_no_region(planted):
    columns, scan, _ = planted
    regions = find_regions(columns, scan, wald([]), None)
    assert len(regions) == 0
    assert as_bed(regions) == ""
    assert as_csv(regions).startswith("contig,first,last,")


GFF = """##gff-version 3
chr01\tx\tgene\t101\t200\t.\t+\t.\tID=gene:g1;Name=Ppd%2DH1
chr01\tx\tmRNA\t101\t200\t.\t+\t.\tID=t1;Parent=g1
chr01\tx\tgene\t501\t600\t.\t-\t.\tID=g2
chr02\tx\tgene\t1\t9\t.\t-\t.\tnote=none
##FASTA
>chr01
ACGT
"""


def test_the_nearest_gene(tmp_path):
    (tmp_path / "g.gff3").write_text(GFF)
    with gzip.open(tmp_path / "g.gff3.gz", "wt") as packed:
        packed.write(GFF)
    for name in ("g.gff3", "g.gff3.gz"):
        genes = read_genes(tmp_path / name, ["1", "3"])
        assert genes["gene"].tolist() == ["Ppd-H1", "g2"]
        assert nearest_gene(genes, "1", 150) == ("Ppd-H1", 0)
        assert nearest_gene(genes, "1", 90) == ("Ppd-H1", 11)
        assert nearest_gene(genes, "1", 351) == ("g2", 150)
        assert nearest_gene(genes, "3", 351) is None
    assert read_genes(tmp_path / "g.gff3", ["chr02"])["gene"].tolist() == ["unnamed"]


def test_genes_of_another_genome_and_no_gff(tmp_path):
    (tmp_path / "g.gff3").write_text(GFF)
    with pytest.raises(UserError, match=r"no gene lies on a contig .* 'chr01'; .* 'LG7'"):
        read_genes(tmp_path / "g.gff3", ["LG7"])
    (tmp_path / "t.tsv").write_text("gene\tstart\n")
    with pytest.raises(UserError, match=r"line 1: not the nine columns of GFF3"):
        read_genes(tmp_path / "t.tsv", ["1"])
    packed = gzip.compress(GFF.encode())
    for broken in (b"\x1f\x8bbroken", packed[:60], packed[:20] + bytes(9) + packed[29:]):
        (tmp_path / "x.gz").write_bytes(broken)
        with pytest.raises(UserError, match="cannot be read"):
            read_genes(tmp_path / "x.gz", ["1"])


@pytest.mark.parametrize("unit", [b"0", b"#"])
def test_genes_without_a_line_end_do_not_fill_the_memory(unit, tmp_path):
    """What a few packed bytes become."""
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(unit * 50_000_000))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"line 1: not the nine columns|no gene lies on a contig"):
        read_genes(tmp_path / "bomb.gz", ["1"])
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_tables_to_download_are_safe(planted):
    columns, scan, _ = planted
    scan = scan.assign(id=["=cmd()"] * 400, contig="my contig")
    genes = pd.DataFrame(
        [("my contig", 2900, 3100, "@g")], columns=["contig", "start", "end", "gene"]
    )
    regions = find_regions(columns, scan, wald([30]), genes)
    assert regions["gene_distance"].tolist() == [0]
    row = regions.iloc[0]
    assert as_bed(regions.assign(first=0)).startswith("my_contig\t0\t")
    assert as_bed(regions) == f"my_contig\t{row['first'] - 1}\t{row['last']}\t=cmd()\n"
    assert ",'=cmd()," in as_csv(regions)
    assert ",'@g,0" in as_csv(regions)
