"""HapMap and other tables of letters, against the VCF that others made of the same file."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.genotypes.formats import read_samples
from tests.unit.genotype_files import read
from tests.unit.vcf_files import parse

HEADER = (
    "rs#\talleles\tchrom\tpos\tstrand\tassembly#\tcenter\tprotLSID\tassayLSID\tpanelLSID\tQCcode"
)


def hapmap(path: Path, *markers: tuple[str, str], lines: int | None = None) -> Path:
    """A file of these `alleles` and calls, which are separated by spaces."""
    number = len(markers[0][1].split(" "))
    names = "".join(f"\tL{line}" for line in range(number))
    rows = [
        f"m{row}\t{alleles}\t1\t{row + 1}" + "\tNA" * 7 + "\t" + calls.replace(" ", "\t")
        for row, (alleles, calls) in enumerate(markers)
    ]
    path.write_text("\n".join([HEADER + names, *rows]) + "\n")
    return path


def columns_of(text: str) -> list[list[str]]:
    return [line.split("\t")[:5] for line in text.splitlines() if not line.startswith("#")]


def test_maize_is_what_its_vcf_says(shared_data: Path) -> None:
    text = gzip.decompress((shared_data / "maize281/genotypes.vcf.gz").read_bytes()).decode()
    lines, expected = parse(text)
    source, dosage, markers = read(shared_data / "maize281/genotypes.hmp.txt.gz")
    assert source.samples == lines
    assert source.ploidy == 2
    np.testing.assert_array_equal(dosage, expected)
    names = ["contig", "position", "id", "ref", "alt"]
    assert [[str(row[name]) for name in names] for row in markers.to_pylist()] == columns_of(text)
    assert source.counts["unnamed_alleles"] == 48


def test_tetraploid_letters_are_what_their_vcf_says(shared_data: Path, tmp_path: Path) -> None:
    text = gzip.decompress((shared_data / "potato4x/genotypes.vcf.gz").read_bytes()).decode()
    lines, expected = parse(text)
    rows = [",".join(["Marker", "Chrom", "Position", *lines])]
    for (contig, position, name, ref, alt), dosages in zip(
        columns_of(text), expected.tolist(), strict=True
    ):
        calls = ["NA" if it < 0 else ref * (4 - it) + alt * it for it in dosages]
        rows.append(",".join([name, contig, position, *calls]))
    (tmp_path / "letters.csv").write_text("\r\n".join(rows) + "\r\n")
    source, dosage, markers = read(tmp_path / "letters.csv")
    assert source.ploidy == 4
    assert source.samples == lines
    np.testing.assert_array_equal(dosage, expected)
    assert [row["ref"] for row in markers.to_pylist()] == [row[3] for row in columns_of(text)]


@pytest.mark.parametrize(
    ("alleles", "calls", "ref", "alt", "dosages"),
    [
        ("A/G", "A R G N", "A", "G", [0, 1, 2, -1]),
        ("G/A", "AA AG GG GA", "G", "A", [2, 1, 0, 1]),
        ("C/T", "C C C N", "C", "T", [0, 0, 0, -1]),
        ("C/G", "c s g n", "C", "G", [0, 1, 2, -1]),
        ("A/C", "AN NN AC NA", "A", "C", [-1, -1, 1, -1]),
        ("A/-", "AA A- -- NN", "A", "-", [0, 1, 2, -1]),
        ("+/-", "+ 0 - N", "+", "-", [0, 1, 2, -1]),
        ("A/-", "A - 0 A", "A", "-", [0, 2, 1, 0]),
        ("+/C", "+ C 0 X", "+", "C", [0, 2, 1, -1]),
        ("-/ACG", "- + 0 N", "+", "-", [2, 0, 1, -1]),
        ("A/C/-", "A C 0 M", "A", "C,-", [0, 2, -1, 1]),
        ("A/-", "A C 0 -", "-", "A,C", [2, 2, -1, 0]),
        ("A/C", "AA -- AC ++", "A", "C", [0, -1, 1, -1]),
        ("A/C", "A - M 0", "A", "C", [0, -1, 1, -1]),
        ("A/C", "00 CC AC 00", "A", "C", [-1, 2, 1, -1]),
        ("G/T", "GG GC CC NN", "C", "G", [2, 1, 0, -1]),
        ("A/C", "A/A A|C ./. C", "A", "C", [0, 1, -1, 2]),
        ("A/C", "A:A A:C ? C:C", "A", "C", [0, 1, -1, 2]),
        ("A/C", "AA XX ?? C?", "A", "C", [0, -1, -1, -1]),
        ("A/C/T", "AA AC CT TT", "A", "C,T", [0, 1, 2, 2]),
        ("NA", "TT TG GG NN", "G", "T", [2, 1, 0, -1]),
        ("A/G", "AAAG AAAA GGGG NNNN", "A", "G", [1, 0, 4, -1]),
    ],
)
def test_calls(
    tmp_path: Path, alleles: str, calls: str, ref: str, alt: str, dosages: list[int]
) -> None:
    source, found, markers = read(hapmap(tmp_path / "g.hmp.txt", (alleles, calls)))
    assert found.tolist() == [dosages]
    assert (markers["ref"][0].as_py(), markers["alt"][0].as_py()) == (ref, alt)
    assert source.ploidy == (4 if "AAAG" in calls else 2)


def test_what_is_counted(tmp_path: Path) -> None:
    path = hapmap(
        tmp_path / "g.hmp.txt", ("A/C", "AN NN AC"), ("G/T", "GC CC NA"), ("A/C/T", "AC AT AA")
    )
    source, _, _ = read(path)
    assert source.counts["half_calls"] == 1  # NA is a missing call, not N beside A
    assert source.counts["unnamed_alleles"] == 1
    source, dosage, markers = read(path, multi_allelic="split")
    assert markers["id"].to_pylist() == ["m0", "m1", "m2:C", "m2:T"]
    assert dosage[2:].tolist() == [[1, 0, 0], [0, 1, 0]]
    source, dosage, _ = read(path, multi_allelic="drop")
    assert len(dosage) == 2
    assert source.counts["multi_allelic_dropped"] == 1


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_calls(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    ploidy = data.draw(st.integers(2, 8))
    lines = data.draw(st.integers(1, 6))
    call = st.text("ACGT", min_size=ploidy, max_size=ploidy) | st.just("N" * ploidy)
    rows = data.draw(st.lists(st.lists(call, min_size=lines, max_size=lines), min_size=1))
    rows[0][0] = "A" * ploidy
    path = tmp_path_factory.mktemp("calls") / "g.hmp.txt"
    _, dosage, markers = read(hapmap(path, *(("C/A/T", " ".join(row)) for row in rows)))
    for row, found, ref in zip(rows, dosage.tolist(), markers["ref"].to_pylist(), strict=True):
        letters = set("".join(row)) - {"N"}
        assert ref == ("C" if letters <= set("CAT") else min(letters))
        assert found == [-1 if "N" in it else sum(letter != ref for letter in it) for it in row]


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ("AA AB", r"line 2: line 'L1' has the call 'AB'"),
        ("AA ACG", "give 2 letters"),
        ("A;A A;C", "give 2 letters of ACGT"),
        ("AA AC\tAA", "14 columns where the header has 13"),
        ("AA AC\n\nx", "line 3: an empty line"),
        ("AA A\0", "line 2: NUL"),
        ("AA A\rC", "line 2: line ends of an old Mac"),
        ("AA ÄÄ", "ÄÄ"),
        ("AAAAAAAAA AA", "'AAAAAAAA"),
    ],
)
def test_broken_calls_are_told(tmp_path: Path, calls: str, words: str) -> None:
    path = hapmap(tmp_path / "g.hmp.txt", ("A/C", "AA AC"))
    path.write_text(path.read_text().replace("AA\tAC", calls.replace(" ", "\t")), newline="")
    with pytest.raises(UserError, match=words):
        read(path)


def test_markers_may_have_names_of_dart(tmp_path: Path) -> None:
    path = hapmap(tmp_path / "g.hmp.txt", ("A/C", "AA AC"))
    path.write_text(path.read_text().replace("m0", "100|F|0-24:A>C-24:A>C"))
    assert read(path)[1].tolist() == [[0, 1]]


def test_a_marker_without_a_position_is_on_no_contig(tmp_path: Path) -> None:
    path = hapmap(tmp_path / "g.hmp.txt", ("A/C", "AA AC"), ("A/C", "AA AC"))
    path.write_text(path.read_text().replace("\t1\t2\t", "\t1\tNA\t"))
    source, _, markers = read(path)
    assert markers["contig"].to_pylist() == ["1", "un"]
    assert markers["position"].to_pylist() == [1, 3]
    assert source.counts["unplaced"] == 1


def test_broken_markers_are_told(tmp_path: Path) -> None:
    path = hapmap(tmp_path / "g.hmp.txt", ("A/C", "AA AC"))
    text = path.read_text()
    path.write_text(text.replace("\t1\t1\t", "\t1\tx\t"))
    with pytest.raises(UserError, match="line 2: position 'x'"):
        read(path)
    path.write_text(text.replace("\t1\t1\t", "\t\t1\t"))
    with pytest.raises(UserError, match="line 2: no contig"):
        read(path)
    path.write_text(text.replace("L1", "L0"))
    with pytest.raises(UserError, match="line 1: line 'L0' is there twice"):
        read_samples(path)
    path.write_text(text.replace("L1", ""))
    with pytest.raises(UserError, match="line 1: line 2 of the lines has no name"):
        read_samples(path)
