"""The same genotypes in every format give the same dosages; formats are told by content."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from breedcast.errors import UserError
from breedcast.genotypes.formats import files_of, open_source, orientation, read_samples, recognise
from breedcast.genotypes.source import Reading
from breedcast.job_settings import JobSettings
from breedcast.project import Project
from tests.unit.genotype_files import (
    PLINK2,
    line_names,
    lines_in_columns,
    lines_in_rows,
    needs_plink2,
    plink2,
    read,
    write_bed,
    write_hapmap,
    write_table,
    write_vcf,
)

TWO_LETTERS = ["AA", "AG", "GG", "NN"]
ONE_LETTER = ["A", "R", "G", "N"]
DOSAGES = arrays(
    np.int8, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=st.integers(-1, 2)
)


def every_format(folder: Path, dosage: np.ndarray) -> dict[str, Path]:
    """Files of the same diploid dosages."""
    coded = [
        [cell if isinstance(cell, str) else cell - 1 for cell in row]
        for row in (row[1:] for row in lines_in_rows(dosage)[1:])
    ]
    header, *rows = lines_in_rows(dosage)
    files = {
        "vcf": write_vcf(folder / "g.vcf", dosage),
        "bed": write_bed(folder / "g.bed", dosage),
        "hapmap": write_hapmap(folder / "g.hmp.txt", dosage, TWO_LETTERS),
        "hapmap of codes": write_hapmap(folder / "codes.hmp.txt", dosage, ONE_LETTER, "\r\n"),
        "rows": write_table(folder / "rows.csv", lines_in_rows(dosage)),
        "columns": write_table(folder / "columns.tsv", lines_in_columns(dosage, ""), "\t"),
        "-1 to 1": write_table(
            folder / "coded.csv",
            [header, *([row[0], *it] for row, it in zip(rows, coded, strict=True))],
            ";",
        ),
    }
    if PLINK2 is not None:
        plink2(folder, "--vcf", "g.vcf", "--make-pgen", "--out", "g")
        files["pgen"] = folder / "g.pgen"
    return files


@given(DOSAGES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_format_gives_the_same_dosages(
    tmp_path_factory: pytest.TempPathFactory, dosage: np.ndarray
) -> None:
    # what tells the codings -1, 0, 1 and 0, 1, 2 apart must occur
    told = np.array([[0], [2]], np.int8).repeat(dosage.shape[1], axis=1)
    dosage = np.concatenate([told, dosage])
    for name, path in every_format(tmp_path_factory.mktemp("same"), dosage).items():
        source, found, markers = read(path)
        np.testing.assert_array_equal(found, dosage, err_msg=name)
        assert source.samples == read_samples(path) == line_names(dosage.shape[1]), name
        assert source.ploidy == 2, name
        assert markers["id"].to_pylist() == [f"m{row}" for row in range(len(dosage))], name
        if name not in ("rows", "-1 to 1"):
            assert markers["position"].to_pylist() == [10 * row + 10 for row in range(len(dosage))]
            assert set(markers["ref"].to_pylist()) == {"A"}, name
            assert set(markers["alt"].to_pylist()) == {"G"}, name


def test_formats_are_told_by_content(tmp_path: Path) -> None:
    files = every_format(tmp_path, np.array([[0, 1, 2], [2, 2, -1]], np.int8))
    expected = {
        "hapmap of codes": "hapmap",
        "rows": "matrix",
        "columns": "matrix",
        "-1 to 1": "matrix",
    }
    for name, path in files.items():
        renamed = path.with_suffix(".dat")
        renamed.write_bytes(gzip.compress(path.read_bytes()))
        assert recognise(path) == recognise(renamed) == expected.get(name, name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("g.xlsx", b"PK\x03\x04\x14\0", "Excel"),
        ("g.csv", "line,m0\n".encode("utf-16"), "UTF-16: save it as UTF-8"),
        ("g.vcf.Z", b"\x1f\x9d\x90", "gunzip"),
        ("g.tar", b"genotypes.vcf".ljust(257, b"\0") + b"ustar\0", "tar -xf"),
        ("g.vcf.zst", b"\x28\xb5\x2f\xfd\0", "zstd -d"),
        ("g.h5", b"\x89HDF\r\n", "TASSEL"),
        ("g.bed", b"\x6c\x1b\x00abc", "--make-bed"),
        ("g.png", b"\x89PNG\r\n\x1a\n\0\0", "no file of genotypes"),
        ("g.bim", b"1 m0 0 10 G A\n", ".bed"),
        ("g.psam", b"#IID\tSEX\nL0\tNA\n", ".pgen"),
        ("g.ped", b"F A 0 0 0 0 A A\n", "plink --file NAME --make-bed"),
        ("g.txt", b"one\ntwo\n", "one column"),
        ("g.txt", b"   \n", "no file of genotypes"),
        ("g.csv", b"line,m1\rA,0\r", "old Mac"),
        ("g.csv", b"line,m1\n" + b"x" * 200_000 + b",0\n", "line 2: .*: correct the line"),
        ("g.csv", "Länge,m1\nA,0\n".encode("latin1"), "UTF-8"),
    ],
)
def test_what_is_no_genotypes_is_told(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as told:
        read_samples(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("suffix", [".bed", ".pgen"])
def test_the_prefix_of_plinks_files_is_no_name(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"lines{suffix}").touch()
    line = f"lines: no such file: name {tmp_path}/lines{suffix} in the config$"
    with pytest.raises(UserError, match=line):
        files_of(tmp_path / "lines")
    with pytest.raises(UserError, match=r"line: no such file: check genotypes\.path in the config"):
        files_of(tmp_path / "line")


def test_files_that_belong_together(tmp_path: Path) -> None:
    files = every_format(tmp_path, np.array([[0, 1, 2]], np.int8))
    assert [Path(it).suffix for it in files_of(files["bed"])] == [".bed", ".bim", ".fam"]
    assert files_of(files["rows"]) == [str(files["rows"])]


def test_orientation_follows_the_known_lines(tmp_path: Path) -> None:
    dosage = np.array([[0, 1, 2], [2, 2, -1]], np.int8)
    rows = lines_in_rows(dosage)
    turned = write_table(tmp_path / "turned.csv", list(zip(*rows, strict=True)))
    straight = write_table(tmp_path / "straight.csv", rows)
    assert orientation(straight, ["L1"]) == orientation(straight, []) == "rows"
    assert orientation(turned, ["L1", "other"]) == "columns"
    assert orientation(write_vcf(tmp_path / "g.vcf", dosage), ["L1"]) is None
    assert read_samples(turned, "columns") == line_names(3)
    assert read_samples(tmp_path / "g.vcf", "columns") == line_names(3)
    np.testing.assert_array_equal(read(turned, lines_in="columns")[1], dosage)


def test_a_project_knows_where_its_table_has_its_lines(tmp_path: Path) -> None:
    dosage = np.array([[0, 1, 2], [2, 2, -1]], np.int8)
    rows = lines_in_rows(dosage)
    values = [["line", "height"], ["L0", 1.5], ["L1", 2.5], ["L2", 3.5]]
    phenotypes = write_table(tmp_path / "phenotypes.csv", values)
    for turned, expected in ((rows, "rows"), (list(zip(*rows, strict=True)), "columns")):
        path = write_table(tmp_path / "g.csv", turned)
        project = Project.load(
            {"genotypes": {"path": str(path)}, "phenotypes": {"path": str(phenotypes)}}
        )
        given = json.loads(JobSettings(project).import_genotypes)
        assert (given.pop("paths"), given.pop("join")) == ([str(path)], "intersection")
        assert given["lines_in"] == expected
        np.testing.assert_array_equal(read(path, **given)[1], dosage)
    write_table(path, [["line", "height"], ["L0", 1], ["L1", 2]])
    with pytest.raises(
        UserError, match=r"g\.csv, line 1: column 'height' is one of the phenotypes"
    ):
        Project.load({"genotypes": {"path": str(path)}, "phenotypes": {"path": str(phenotypes)}})


def test_inputs_among_the_results_are_refused_and_columns_of_text_are_told(tmp_path: Path) -> None:
    dosage = np.array([[0, 1, 2], [2, 2, -1]], np.int8)
    genotypes = write_table(tmp_path / "g.csv", lines_in_rows(dosage))
    (tmp_path / "res").mkdir()
    rows = [["line", "height", "note"], ["L0", 1.5, "a"], ["L1", 2.5, "b"], ["L2", 3.5, "c"]]
    table = write_table(tmp_path / "res" / "t.csv", rows)
    given = {"genotypes": {"path": str(genotypes)}, "phenotypes": {"path": str(table)}}
    project = Project.load(given)
    assert project.passed_over == ["note"]
    assert Project.load(given | {"traits": ["height"]}).passed_over == []
    with pytest.raises(UserError, match=r"t\.csv lies in the output .*: copy it elsewhere"):
        Project.load(given | {"output": str(tmp_path / "res")})


def test_heads_are_read_without_heavy_libraries(tmp_path: Path) -> None:
    files = every_format(tmp_path, np.array([[0, 1, 2]], np.int8))
    paths = [str(path) for path in files.values()]
    code = (
        "import sys; from breedcast.genotypes.formats import read_samples, files_of, orientation\n"
        f"for path in {paths}: read_samples(path), files_of(path), orientation(path, ['L0'])\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'pgenlib', 'bed_reader'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "workflow")},
    )
    assert ran.stdout.strip() == "[]"


def mutated(content: bytes, chance: np.random.Generator) -> bytes:
    """The content with a piece cut off, bytes changed, bytes put in, or packed and cut off."""
    changed = bytearray(content)
    at = int(chance.integers(len(changed)))
    kind = chance.integers(4)
    if kind == 0:
        del changed[at:]
    elif kind == 1:
        for place in chance.integers(len(changed), size=4):
            changed[place] = chance.choice(list(b'\0\t\n\r ",.-019ANX\xff'))
    elif kind == 2:
        changed[at:at] = chance.bytes(3)
    else:
        return gzip.compress(content)[: int(chance.integers(1, 200))]
    return bytes(changed)


def refusal(path: Path) -> str | None:
    """What is said of a file that is refused; None if it is read."""
    try:
        for block in open_source(path, Reading()).blocks():
            assert len(block.dosage) == len(block.markers) == len(block.rows)
            assert block.dosage.min(initial=0) >= -1
    except UserError as told:
        return str(told)
    return None


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    dosage = chance.integers(-1, 3, (8, 7)).astype(np.int8)
    for path in every_format(tmp_path, dosage).values():
        for damaged in map(Path, files_of(path)):
            whole = damaged.read_bytes()
            for _ in range(2):
                damaged.write_bytes(mutated(whole, chance))
                told = refusal(path)
                assert told is None or ("\n" not in told and str(tmp_path) in told)
            damaged.write_bytes(whole)
            assert refusal(path) is None


@needs_plink2
def test_damaged_pgen_never_kills_the_process(tmp_path: Path) -> None:
    assert "pgen" in every_format(tmp_path, np.array([[0, 1, 2], [0, 0, 1]], np.int8))
    whole = (tmp_path / "g.pgen").read_bytes()
    for cut in range(3, len(whole)):
        (tmp_path / "g.pgen").write_bytes(whole[:cut])
        with pytest.raises(UserError):
            read(tmp_path / "g.pgen")
