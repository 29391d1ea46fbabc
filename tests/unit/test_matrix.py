"""Tables of dosages: both ways round, their codings, their markers, what is wrong with them."""

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from breedcast.errors import UserError
from breedcast.genotypes import cells
from breedcast.genotypes.formats import orientation, read_samples
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
from tests.unit.genotype_files import (
    line_names,
    lines_in_columns,
    lines_in_rows,
    needs_plink2,
    plink2,
    read,
    write_bed,
    write_table,
)


def table(path: Path, text: str) -> Path:
    path.write_text(text, newline="")
    return path


@given(
    arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 9)), elements=st.integers(-1, 8)),
    st.sampled_from("\t;, "),
    st.sampled_from(["NA", "NaN", ".", "-9", "", "na"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from(["{}", '"{}"', "{}.0", "{}.0000000001"]),
)
@settings(max_examples=150, deadline=None)
def test_any_table(
    tmp_path_factory: pytest.TempPathFactory,
    dosage: np.ndarray,
    delimiter: str,
    missing: str,
    end: str,
    in_rows: bool,
    form: str,
) -> None:
    missing = "." if delimiter == " " and not missing else missing
    shown = np.array(
        [[missing if it < 0 else form.format(it) for it in row] for row in dosage.tolist()], object
    ).reshape(dosage.shape)
    shown = np.concatenate([np.full((1, dosage.shape[1]), form.format(8), object), shown])
    expected = np.concatenate([np.full((1, dosage.shape[1]), 8, np.int8), dosage])
    names = [f"m{row}" for row in range(len(expected))]
    if in_rows:
        rows = [["line", *names]] + [
            [name, *it] for name, it in zip(line_names(dosage.shape[1]), shown.T, strict=True)
        ]
    else:
        rows = [["marker", "chrom", "pos", *line_names(dosage.shape[1])]] + [
            [name, "1", row, *it] for row, (name, it) in enumerate(zip(names, shown, strict=True))
        ]
    path = tmp_path_factory.mktemp("table") / "g.csv"
    table(path, "".join(delimiter.join(map(str, row)) + end for row in rows))
    source, found, markers = read(path)
    np.testing.assert_array_equal(found, expected)
    assert source.samples == line_names(dosage.shape[1])
    assert markers["id"].to_pylist() == names
    assert source.ploidy == 8
    assert source.counts["rounded_dosages"] == 0


@pytest.mark.parametrize(
    ("values", "ploidy", "given", "dosages"),
    [
        ([0, 1, 2], 2, None, [0, 1, 2]),
        ([-1, 0, 1], 2, None, [0, 1, 2]),
        ([-1, 1, "NA"], 2, None, [0, 2, -1]),
        ([0, 1, 1], 1, None, [0, 1, 1]),
        ([0, 1, 1], 2, 2, [0, 1, 1]),
        ([0, 4, 1], 4, None, [0, 4, 1]),
        ([0, 2, 1], 4, 4, [0, 2, 1]),
        ([0, 0, "-9"], 1, None, [0, 0, -1]),
        ([2, "-9.0", "-"], 2, None, [2, -1, -1]),
        ([-0.98, 0.4, 0.55], 2, None, [0, 1, 2]),
    ],
)
def test_codings(
    tmp_path: Path, values: list[object], ploidy: int, given: int | None, dosages: list[int]
) -> None:
    rows = [["line", "m0"], *([f"L{row}", value] for row, value in enumerate(values))]
    source, found, _ = read(write_table(tmp_path / "g.csv", rows), ploidy=given)
    assert found.tolist() == [dosages]
    assert source.ploidy == ploidy


def test_fractions_are_rounded_and_counted(tmp_path: Path) -> None:
    rows = [["line", "m0", "m1"], ["A", 0.05, 1.9500001], ["B", 0.2, 1.123456789], ["C", 1, 1.4]]
    source, dosage, _ = read(write_table(tmp_path / "g.csv", rows))
    assert dosage.tolist() == [[0, 0, 1], [2, 1, 1]]
    assert source.counts["rounded_dosages"] == 3


@pytest.mark.parametrize("ploidy", [None, 2, 4])
def test_dosages_divided_by_the_ploidy_are_refused(ploidy: int | None, tmp_path: Path) -> None:
    rows = [["line", "m0", "m1"], ["A", 0, 0.5], ["B", 1, "NA"], ["C", "0.50", 1]]
    path = write_table(tmp_path / "g.csv", rows)
    line = r"g.csv: 2 of 6 calls are 0.5, and none is above 1: where .* double them, 0, 1, 2\); of"
    with pytest.raises(UserError, match=line):
        read(path, ploidy=ploidy)
    assert read(path, ploidy=1)[0].counts["rounded_dosages"] == 2


@pytest.mark.parametrize("other", [0.51, 1.5, -0.5])
def test_halves_are_rounded_where_other_values_are_no_shares(other: float, tmp_path: Path) -> None:
    few = [0.5] + [0, 1] * 500 if other == 0.51 else [0.5, 1, 0]
    rows = [["line", "m0"], *([f"L{row}", value] for row, value in enumerate([*few, other]))]
    _, found, _ = read(write_table(tmp_path / "g.csv", rows))
    assert found.shape == (1, len(few) + 1)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Marker,CHROM,Position,REF,ALT", "m0,1,100000,A,G"),
        ("snp_id,chr,bp,Ref.Allele,Alt Allele", "m0,1,1e+05,A,G"),
        ('"rs#","Contig","POS","reference","alternate"', '"m0","1",100000,"A","G"'),
        ("chrom,pos,id,ref,alt", "1,100000,m0,A,G"),
        ("marker,chrom,pos,ref,alt,cM", "m0,1,100000,A,G,1.5"),
        ("rs,alleles,chrom,pos,ref,alt", "m0,A/G,1,100000,A,G"),
        ("\ufeffmarker;chromosome;pos;ref;alt".replace(";", ","), "m0,1,100000.0,A,G"),
    ],
)
def test_columns_that_describe_markers(tmp_path: Path, header: str, row: str) -> None:
    path = table(tmp_path / "g.csv", f"{header},L0,L1\n{row},0,2\n")
    _, dosage, markers = read(path)
    assert dosage.tolist() == [[0, 2]]
    assert markers.to_pylist() == [
        {"contig": "1", "position": 100000, "id": "m0", "ref": "A", "alt": "G"}
    ]


def test_names_may_hold_delimiters_quotes_and_spaces(tmp_path: Path) -> None:
    names = ["Smith, J", 'a "b" c', "Größe 7", "NA"]
    cells = ['"Smith, J"', '"a ""b"" c"', "Größe 7", "NA"]
    path = table(tmp_path / "g.csv", "line,m\n" + "".join(f"{it},1\n" for it in cells) + "x,2\n")
    assert read(path)[0].samples == [*names, "x"]
    turned = table(tmp_path / "t.csv", f"m,chr,pos,{','.join(cells)}\nm0,1,1,0,1,2,0\n")
    assert read(turned)[0].samples == names


def test_what_r_writes(tmp_path: Path) -> None:
    path = table(tmp_path / "g.txt", '"m 0" "m1"\n"L0" 0 2\n"L1" NA 1\n')
    source, dosage, markers = read(path)
    assert source.samples == ["L0", "L1"]
    assert dosage.tolist() == [[0, -1], [2, 1]]
    assert markers["id"].to_pylist() == ["m 0", "m1"]


@needs_plink2
def test_what_plink_recodes(tmp_path: Path) -> None:
    dosage = np.array([[0, 1, 2], [2, -1, 1]], np.int8)
    write_bed(tmp_path / "g.bed", dosage)
    plink2(tmp_path, "--bfile", "g", "--export", "A", "--out", "g")
    source, found, markers = read(tmp_path / "g.raw")
    assert source.samples == line_names(3)
    assert found.shape == dosage.shape
    # plink2 counts the allele that it names
    expected = [
        row if name.endswith("_G") else np.where(row < 0, -1, 2 - row)
        for name, row in zip(markers["id"].to_pylist(), dosage, strict=True)
    ]
    np.testing.assert_array_equal(found, expected)


def test_markers_without_a_place(tmp_path: Path) -> None:
    rows = [["line", "b", "a"], ["A", 0, 2], ["B", 1, 1]]
    source, _, markers = read(write_table(tmp_path / "g.csv", rows))
    assert markers.to_pylist() == [
        {"contig": "un", "position": row + 1, "id": name, "ref": ".", "alt": "."}
        for row, name in enumerate("ba")
    ]
    assert source.counts["unplaced"] == 2


def test_a_map_places_and_sorts_markers(tmp_path: Path) -> None:
    rows = [["line", "a", "b", "c", "d"], ["A", 0, 1, 2, 0], ["B", 1, 1, 2, 2]]
    path = write_table(tmp_path / "g.csv", rows)
    places = write_table(
        tmp_path / "map.tsv",
        [
            ["snp", "chr", "pos", "alt"],
            ["b", "2", 7, "T"],
            ["a", "2", 9, "C"],
            ["d", "1", 5, ""],
            ["other", "1", 1, "A"],
        ],
        "\t",
    )
    source, dosage, markers = read(path, map=str(places))
    assert markers["id"].to_pylist() == ["b", "a", "c", "d"]
    assert markers["contig"].to_pylist() == ["2", "2", "un", "1"]
    assert markers["position"].to_pylist() == [7, 9, 3, 5]
    assert markers["alt"].to_pylist() == ["T", "C", ".", "."]
    assert dosage.tolist() == [[1, 1], [0, 1], [2, 2], [0, 2]]
    assert source.counts["unplaced"] == 1
    assert places.name in source.checksums()


def test_a_map_may_have_its_names_anywhere(tmp_path: Path) -> None:
    path = write_table(tmp_path / "g.csv", [["line", "a", "b"], ["A", 0, 2], ["B", 1, 1]])
    places = table(tmp_path / "map.txt", "chr pos marker\n3 20 a\n3 10 b\n")
    markers = read(path, map=str(places))[2]
    assert markers["id"].to_pylist() == ["b", "a"]
    text = '"","marker","chr","MAF","pos"\n"1","a",3,0.1,20\n"2","b",3,0.2,10\n,,,,\n'
    assert read(path, map=str(table(tmp_path / "map.csv", text)))[2] == markers
    assert markers["position"].to_pylist() == [10, 20]


def test_hapmap_columns_before_numbers(tmp_path: Path) -> None:
    about = "rs#\talleles\tchrom\tpos\tstrand\tassembly#\tcenter\tprotLSID\tassayLSID\tpanel\tQC"
    row = "m0\tA/C\t1\t5\t+\t" + "NA\t" * 6
    path = table(tmp_path / "g.txt", f"{about}\tL0\tL1\tL2\n{row}-1\t0\t1\n")
    source, dosage, _ = read(path)
    assert source.samples == line_names(3)
    assert dosage.tolist() == [[0, 1, 2]]


def test_import_of_a_table_in_any_order(tmp_path: Path) -> None:
    rows = [
        ["marker", "chr", "pos", "L0", "L1"],
        ["a", "1", 9, 0, 1],
        ["b", "2", 3, 1, 1],
        ["c", "1", 4, 2, 0],
    ]
    path = write_table(tmp_path / "g.csv", rows)
    summary = import_genotypes([path], tmp_path / "imported", Reading())
    assert (summary.lines, summary.markers, summary.ploidy) == (2, 3, 2)
    assert summary.counts == {}


def test_pieces_are_whatever_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dosage = np.random.default_rng(0).integers(-1, 3, (50, 20)).astype(np.int8)
    monkeypatch.setattr(cells, "TEXT_BYTES", 64)
    monkeypatch.setattr("breedcast.genotypes.matrix.BLOCK_BYTES", 64)
    for rows in (lines_in_rows(dosage), lines_in_columns(dosage)):
        path = write_table(tmp_path / "g.csv", rows)
        path.write_bytes(gzip.compress(path.read_bytes()))
        source, found, _ = read(path)
        np.testing.assert_array_equal(found, dosage)
        assert source.checksums() == {"g.csv": hashlib.sha256(path.read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["line,m0", "A,2", "B,-1"], r"line 2, row 'A', column 'm0': 2, but line 3, row 'B'"),
        (["line,m0,m1", "A,0,1", "B,x,1"], r"line 3, row 'B', column 'm0': 'x' is no dosage"),
        (["line,m0,m1", "A,0,1", "B,1,9"], r"column 'm1': '9' is no dosage"),
        (["line,m0,m1", "A,0,1", "B,1,inf"], r"'inf' is no dosage"),
        (["line,m0,m1", "A,0,1", "B,1,12345678901"], r"'12345678901' is no dosage"),
        (["line,m0,m1", "A,0,1", "B,1,AC"], r"'AC' is no dosage"),
        (["line,m0,m1", "A,0,1", "B,1"], r"line 3: 2 columns where the header has 3"),
        (["line,m0,m1", "A,0,1", "B,1,1,1"], r"line 3: 4 columns where the header has 3"),
        (["line,m0,m1", "A,0,1", "", "B,1,1"], r"line 3: an empty line"),
        (["line,m0,m1", "A,0,1", "A,1,1"], r"line 'A' is there twice"),
        (["line,m0,m1", "A,0,1", ",1,1"], r"line 3: the line has no name"),
        (["line,m0,m1", "A,0,1", "B,1,1\0"], r"line 3: NUL"),
        (["line,m0,m1", "A,0,1", "B,1\r,1"], r"line 3: line ends of an old Mac"),
        (["line,m0,m1", "A,NA,.", "B,,-9"], r"every call is missing"),
        (["line,m0,m1"], r"no lines"),
        (["marker,chr,pos,A,B"], r"a header and no rows"),
        (["marker,chr,pos", "m0,1,1"], r"line 1: no columns of calls"),
        (["line,m0,m0_HET".replace("line", "FID,IID,PAT,MAT,SEX,PHENOTYPE")], r"--recode A"),
        (["marker,chr,pos,A,A", "m0,1,1,0,1"], r"line 1: line 'A' is there twice"),
        (["marker,chr,pos,A", "m0,1,x,0"], r"marker m0: position 'x'"),
        (["line,m0,m1", "A,0,1", 'B,"0,5",1'], r"'0,5' is no dosage"),
        (["A,0,1,0", "B,2,1,1"], r"line 1: 0, 1, 0 seem to be calls where the columns' names"),
        (["id,m1,m2", "A,0,1,", "B,2,0,"], r"line 2: an empty cell at its end, where the header"),
        (["id,m1,m2", "A,0,1,1", "B,2,0,1"], r"line 2: 4 columns where the header has 3"),
        (["AlleleID,CallRate,A,B", "7|F|0-24:G>T,1,0,2"], r"DArTseq, in which 2 is heterozygous"),
        (["marker,A,B", "100|F|0-24:G>T,0,2"], r"DArTseq, in which 2 is heterozygous"),
        (["line,100|F|0-24:G>T", "A,0", "B,2"], r"DArTseq, in which 2 is heterozygous"),
        (["SNP,Chr,Pos,MAF,A", "m,1,5,0.3,2"], r"line 1: column 'MAF' holds no calls"),
        (["line,m0,Call.Rate", "A,2,1"], r"line 1: column 'Call.Rate' holds no calls"),
        (["marker,chr,pos,A", "m0,1,1.000,0"], r"marker m0: position '1.000'.* between thousands"),
    ],
)
def test_broken_tables_are_told(tmp_path: Path, lines: Sequence[str], words: str) -> None:
    path = table(tmp_path / "g.csv", "\n".join(lines) + "\n")
    with pytest.raises(UserError, match=words) as told:
        read(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["A,0,1", "B,2,1"], r"line 1: A, 0, 1 seem to be calls"),
        (["x,A,B", "A,0,1", "B,2,1"], r"names of 2 lines stand in rows and in columns"),
        (["id,yield,m0", "A,5,1", "B,4,1"], r"line 1: column 'yield' is one of the phenotypes"),
    ],
)
def test_tables_that_the_phenotypes_speak_against(
    tmp_path: Path, lines: Sequence[str], words: str
) -> None:
    path = table(tmp_path / "g.csv", "\n".join(lines) + "\n")
    with pytest.raises(UserError, match=words):
        orientation(path, ["A", "B"], ["yield", "m0"])


def spread(path: Path, times: dict[object, int]) -> Path:
    """A table of one marker in which values stand so often."""
    values = [value for value, number in times.items() for _ in range(number)]
    return write_table(path, [["line", "m0"], *([f"L{n}", it] for n, it in enumerate(values))])


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({0: 200, 1: 100, 2: 59, 4: 1}, r"row 'L359', .*: 4, where nearly all calls are at most 2"),
        ({0: 200, 1: 100, 2: 59, 3: 1}, "3, where nearly all calls are at most 2"),
        ({0: 3100, 1: 900, 2: 90, 3: 2, 4: 2}, "4, where nearly all calls are at most 2"),
        ({0: 90, 1: 90, 2: 90, 3: 60, 4: 30, 6: 1}, "6, where nearly all calls are at most 4"),
        ({0: 90, 1: 90, 2: 60, 5: 30}, "5 is the largest dosage, but an odd ploidy"),
        ({0: 2, 1: 2, 2: 2, 3: 1}, "3 is the largest dosage, but an odd ploidy"),
        ({0: 120, 1: 79, -1: 1}, r"row 'L199', .*: -1, as 1 of 200 calls are: write NA"),
        ({0: 195, 1: 4, -1: 1}, "-1, as 1 of 200 calls are"),
        ({0.48: 2, 0.02: 60, 0.99: 60}, "2 of 122 calls are from 0.25 to 0.75, and none is above"),
    ],
)
def test_slips_are_no_coding(tmp_path: Path, times: dict[object, int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        read(spread(tmp_path / "g.csv", times))


@pytest.mark.parametrize(
    ("times", "given", "ploidy"),
    [
        ({0: 200, 1: 100, 2: 59, 4: 1}, 4, 4),
        ({0: 90, 1: 90, 2: 60, 3: 30}, 3, 3),
        ({0: 200, 1: 100, 2: 40, 3: 19, 4: 1}, None, 4),
        ({0: 40, 1: 9, 4: 1}, None, 4),
        ({-1: 90, 0: 3, 1: 107}, None, 2),
        ({-1: 4, 0: 2, 1: 194}, None, 2),
        ({0: 120, 1: 79, -1: 1}, 2, 2),
        ({0.48: 1, 0.02: 60, 0.99: 60}, None, 1),
    ],
)
def test_rare_dosages_are_dosages(
    tmp_path: Path, times: dict[object, int], given: int | None, ploidy: int
) -> None:
    source, found, _ = read(spread(tmp_path / "g.csv", times), ploidy=given)
    assert source.ploidy == ploidy
    assert found.min() == 0
    assert found.shape == (1, sum(times.values()))


@pytest.mark.parametrize("end", ["\n", "\r\n\r\n", ",,\n,,\n", " \n"])
def test_empty_lines_end_a_table(end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "TEXT_BYTES", 4)
    path = table(tmp_path / "g.csv", "line,m0,m1\nA,0,1\nB,2,1\n" + end)
    source, found, _ = read(path)
    assert source.samples == ["A", "B"]
    assert found.tolist() == [[0, 2], [1, 1]]
    turned = table(tmp_path / "t.csv", "marker,chr,pos,A\na,1,1,0\nb,1,2,2\n" + end)
    assert read(turned)[1].tolist() == [[0], [2]]
    turned.write_text(turned.read_text() + "c,1,3,2\n")
    with pytest.raises(UserError, match="line 4: an empty line: remove it"):
        read(turned)


def test_decimal_commas(tmp_path: Path) -> None:
    path = table(tmp_path / "g.csv", "line;m0;m1\nA;0,0;1,9\nB;2,00000000001;1\n")
    assert read(path)[1].tolist() == [[0, 2], [2, 1]]


def test_a_position_without_a_contig_or_a_contig_without_one_is_no_place(tmp_path: Path) -> None:
    rows = [
        ["marker", "chr", "pos", "A"],
        ["a", "1", "NA", 2],
        ["b", "", 7, 1],
        ["c", "1", 9, 0],
    ]
    source, _, markers = read(write_table(tmp_path / "g.csv", rows))
    assert markers["contig"].to_pylist() == ["un", "un", "1"]
    assert markers["position"].to_pylist() == [1, 2, 9]
    assert source.counts["unplaced"] == 2


def test_names_that_are_not_utf_8_are_told(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_bytes("line,m0\nA,0\nGröße,1\n".encode("latin1"))
    with pytest.raises(UserError, match="line 3: not UTF-8"):
        read_samples(path)


@pytest.mark.parametrize(
    ("values", "ploidy", "words"),
    [([0, 3], 2, "3 is more than the ploidy 2"), ([-1, 1], 4, "a dosage of diploids only")],
)
def test_a_ploidy_that_does_not_fit_is_told(
    tmp_path: Path, values: list[int], ploidy: int, words: str
) -> None:
    path = write_table(tmp_path / "g.csv", [["line", "m0"], ["A", values[0]], ["B", values[1]]])
    with pytest.raises(UserError, match=words):
        read(path, ploidy=ploidy)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("marker,chr\na,1\n", "no column position"),
        ("marker,chr,pos\nx,1,1\n", "none of the markers of the genotypes"),
        ("marker,chr,pos\na,1,1\na,1,2\n", "line 3: marker 'a' is there before"),
        ("marker,chr,pos\na,1\n", "line 2: 2 columns where the header has 3"),
        ("marker,chr,pos\na,1,1.5\n", "marker a: position '1.5'"),
    ],
)
def test_a_broken_map_is_told(tmp_path: Path, text: str, words: str) -> None:
    path = write_table(tmp_path / "g.csv", [["line", "a"], ["A", 0], ["B", 1]])
    with pytest.raises(UserError, match=words):
        read(path, map=str(table(tmp_path / "map.csv", text)))


def test_a_map_is_for_tables_alone(tmp_path: Path) -> None:
    path = write_bed(tmp_path / "g.bed", np.zeros((2, 3), np.int8))
    with pytest.raises(UserError, match="map is for tables of dosages"):
        read(path, map="map.csv")
