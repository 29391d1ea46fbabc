"""PLINK 1 and 2, against plink2's own conversions and the writer of bed_reader."""

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from breedcast.errors import UserError
from breedcast.genotypes.formats import files_of, read_samples
from tests.unit.genotype_files import line_names, needs_plink2, plink2, read, write_bed
from tests.unit.vcf_files import parse, record, vcf

DOSAGE = np.array([[0, 1, 2, -1, 0], [2, 2, 1, 0, 0], [0, 0, 0, 0, 0]], np.int8)
#: Calls of three alternate alleles, and how many of each of them there are.
MULTI_ALLELIC = ["0/0", "0/2", "1/3", "3/3", "./."]
COLLAPSED = [0, 1, 2, 2, -1]
SPLIT = [[0, 0, 1, 0, -1], [0, 1, 0, 0, -1], [0, 0, 1, 2, -1]]


@pytest.fixture
def bed(tmp_path: Path) -> Path:
    return write_bed(tmp_path / "g.bed", DOSAGE)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def pgen(folder: Path, records: Sequence[str], *arguments: str) -> Path:
    text = vcf(line_names(5), records)
    dosage = '##FORMAT=<ID=DS,Number=A,Type=Float,Description="Dosage">\n#CHROM'
    (folder / "g.vcf").write_text(text.replace("#CHROM", dosage))
    plink2(folder, "--vcf", "g.vcf", *arguments, "--make-pgen", "--out", "g")
    return folder / "g.pgen"


def exported(folder: Path, option: str) -> tuple[list[str], np.ndarray, list[list[str]]]:
    """Lines, dosages and the first five columns of what plink2 makes of g.* as a VCF."""
    plink2(folder, option, "g", "--export", "vcf", "id-paste=iid", "--out", "back")
    text = (folder / "back.vcf").read_text()
    records = [line.split("\t")[:5] for line in text.splitlines() if not line.startswith("#")]
    return (*parse(text), records)


@needs_plink2
@pytest.mark.parametrize("seed", range(3))
def test_bed_is_read_as_plink2_reads_it(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    dosage = chance.integers(-1, 3, (200, int(chance.integers(1, 40)))).astype(np.int8)
    write_bed(tmp_path / "g.bed", dosage)
    lines, expected, records = exported(tmp_path, "--bfile")
    source, found, markers = read(tmp_path / "g.bed")
    assert source.samples == lines
    np.testing.assert_array_equal(found, expected)
    columns = ["contig", "position", "id", "ref", "alt"]
    assert [[str(row[name]) for name in columns] for row in markers.to_pylist()] == records


@needs_plink2
@pytest.mark.parametrize("seed", range(3))
def test_pgen_is_read_as_plink2_reads_it(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    # rare and common alleles, phased and not: pgen stores each in a way of its own
    share = chance.choice([0.01, 0.3, 0.99], 300)[:, None, None]
    alleles = (chance.random((300, 60, 2)) < share).astype(int)
    records = [
        record(
            [
                "./." if chance.random() < 0.03 else f"{a}{'|' if row % 2 else '/'}{b}"
                for a, b in calls
            ],
            position=row + 1,
            name=f"m{row}",
        )
        for row, calls in enumerate(alleles)
    ]
    (tmp_path / "g.vcf").write_text(vcf(line_names(60), records))
    plink2(tmp_path, "--vcf", "g.vcf", "--make-pgen", "--out", "g")
    lines, expected, _ = exported(tmp_path, "--pfile")
    source, found, _ = read(tmp_path / "g.pgen")
    assert source.samples == lines
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found, parse((tmp_path / "g.vcf").read_text())[1])


@needs_plink2
def test_several_alternate_alleles(tmp_path: Path) -> None:
    records = [
        record(["0/1"] * 5, position=1),
        record(MULTI_ALLELIC, position=2, alt="C,G,T", name="m"),
    ]
    path = pgen(tmp_path, records)
    source, dosage, markers = read(path)
    assert dosage.tolist() == [[1] * 5, COLLAPSED]
    assert markers["alt"].to_pylist() == ["T", "C,G,T"]
    _, dosage, markers = read(path, multi_allelic="split")
    assert dosage.tolist() == [[1] * 5, *SPLIT]
    assert markers["id"].to_pylist()[1:] == ["m:C", "m:G", "m:T"]
    assert markers["alt"].to_pylist() == ["T", "C", "G", "T"]
    source, dosage, _ = read(path, multi_allelic="drop")
    assert dosage.tolist() == [[1] * 5]
    assert source.counts["multi_allelic_dropped"] == 1


@needs_plink2
def test_dosages_are_rounded(tmp_path: Path) -> None:
    cells = [
        f"{call}:{dosage}"
        for call, dosage in [("0/0", 0.02), ("0/1", 1.3), ("1/1", 1.9), ("0/0", 0.4), ("./.", 1.6)]
    ]
    path = pgen(tmp_path, [record(cells, form="GT:DS")], "dosage=DS")
    source, dosage, _ = read(path, field="DS")
    assert dosage.tolist() == [[0, 1, 2, 0, 2]]
    assert source.counts["rounded_dosages"] == 3
    # plink2 keeps as a call what lies within 0.1 of one
    assert read(path)[1].tolist() == [[0, -1, 2, -1, -1]]


def test_markers_and_checksums(bed: Path) -> None:
    edit(bed.with_suffix(".bim"), "G", "0")
    source, dosage, markers = read(bed)
    np.testing.assert_array_equal(dosage, DOSAGE)
    assert markers["alt"].to_pylist() == [".", "G", "G"]
    assert source.checksums() == {
        Path(name).name: hashlib.sha256(Path(name).read_bytes()).hexdigest()
        for name in files_of(bed)
    }


def test_blocks_are_whatever_size(bed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breedcast.genotypes.plink.BLOCK_BYTES", 10)
    np.testing.assert_array_equal(read(bed)[1], DOSAGE)


def test_a_fam_of_several_traits(bed: Path) -> None:
    """As GEMMA wants it; of which nothing is read."""
    fam = bed.with_suffix(".fam")
    fam.write_text("".join(f"F L{row} 0 0 0 -9 1.5 NA\n" for row in range(5)))
    assert read_samples(bed) == [f"L{row}" for row in range(5)]
    fam.write_text(fam.read_text() + "F L5 0 0 0 -9 1.5\n")
    with pytest.raises(UserError, match=r"g\.fam, line 6: 7 columns instead of 8 .* PHENO3\)"):
        read_samples(bed)


def test_repeated_iids_take_their_families(bed: Path) -> None:
    fam = bed.with_suffix(".fam")
    fam.write_text("".join(f"F{row} {row % 4} 0 0 0 -9\n" for row in range(5)))
    assert read_samples(bed) == ["F0_0", "F1_1", "F2_2", "F3_3", "F4_0"]
    fam.write_text("".join(f"F {row % 4} 0 0 0 -9\n" for row in range(5)))
    with pytest.raises(UserError, match="'F_0' is there twice"):
        read_samples(bed)


def test_contigs_of_the_config(bed: Path) -> None:
    edit(bed.with_suffix(".bim"), "1", "X")
    source, dosage, _ = read(bed, contigs={"X": "haploid"})
    assert dosage[0].tolist() == [0, -1, 2, -1, 0]
    assert source.counts["haploid_heterozygous"] == 1
    source, dosage, _ = read(bed, contigs={"X": "exclude"})
    np.testing.assert_array_equal(dosage, DOSAGE[1:])
    assert source.counts["other_contigs"] == 1
    assert source.unread == {"X"}


def test_what_does_not_fit_is_told(bed: Path) -> None:
    whole = bed.read_bytes()
    bed.write_bytes(whole[:-1])
    with pytest.raises(UserError, match=r"no whole number of markers of the 5 lines in g\.fam"):
        read(bed)
    bed.write_bytes(whole[:-2])
    with pytest.raises(UserError, match=r"has 2 markers, g\.bim has 3"):
        read(bed)
    bed.write_bytes(whole + whole[-2:])
    with pytest.raises(UserError, match=r"has 4 markers, g\.bim has 3"):
        read(bed)
    bed.write_bytes(gzip.compress(whole))
    with pytest.raises(UserError, match=r"gunzip g\.bed"):
        read(bed)


def test_lines_that_the_bed_lacks_or_has_beside_are_told(
    bed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fam = bed.with_suffix(".fam")
    lines = fam.read_text()
    read(bed)
    assert not caplog.records
    fam.write_text(lines + lines.splitlines()[-1].replace("L4", "L5") + "\n")
    assert (read(bed)[1][:, -1] == 2).all()
    assert "the last line, L5, has A1 twice at every marker" in caplog.text
    write_bed(bed, np.roll(np.c_[DOSAGE, DOSAGE[:, :1]], 1, axis=0))
    fam.write_text(lines)
    with pytest.raises(UserError, match=r"g\.bed has calls of more lines than the 5 in g\.fam"):
        read(bed)


def test_empty_lines_end_companions(bed: Path) -> None:
    for suffix in (".bim", ".fam"):
        companion = bed.with_suffix(suffix)
        companion.write_text(companion.read_text() + "\n \n")
    assert read(bed)[1].tolist() == DOSAGE.tolist()
    companion.write_text("\n" + companion.read_text())
    with pytest.raises(UserError, match=r"g\.fam, line 1: an empty line: remove it"):
        read(bed)


def test_broken_companions_are_told(bed: Path) -> None:
    bim, fam = bed.with_suffix(".bim"), bed.with_suffix(".fam")
    text = bim.read_text()
    bim.write_text(text.replace("20", "2x", 1))
    with pytest.raises(UserError, match=r"g\.bim, line 2: position '2x'"):
        read(bed)
    bim.write_text(text.replace("\tA\n", "\n", 1))
    with pytest.raises(UserError, match=r"g\.bim, line 1: 5 columns instead of 6"):
        read(bed)
    bim.write_text(text)
    fam.write_text("F L0 0 0 0\n")
    with pytest.raises(UserError, match=r"g\.fam, line 1: 5 columns instead of 6"):
        read(bed)
    fam.unlink()
    with pytest.raises(UserError, match=r"g\.fam: no such file"):
        read(bed)
    bim.rename(f"{bim}.zst")
    with pytest.raises(UserError, match=r"zstd -d g\.bim\.zst"):
        files_of(bed)


def test_another_ploidy_is_refused(bed: Path) -> None:
    with pytest.raises(UserError, match="diploid"):
        read(bed, ploidy=4)
