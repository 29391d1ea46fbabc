"""The import of VCF and BCF, against a parser of a few lines, outside figures and broken files."""

import contextlib
import gzip
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.genotypes import header, store
from breedcast.genotypes.formats import open_source, read_samples
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
from breedcast.genotypes.store import Imported
from tests.unit.broken_vcfs import BROKEN
from tests.unit.vcf_files import bgzip, gzipped, parse, record, vcf, vcf_of_dosages, write_bcf

CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzipped,
    "two gzip members": lambda content: gzipped(content[:90]) + gzipped(content[90:]),
    "bgzip": bgzip,
}


def import_file(path: Path, folder: Path, **reading: Any) -> Imported:
    import_genotypes([path], folder / "imported", Reading(**reading))
    return Imported(folder / "imported")


def imported(content: bytes, folder: Path, **reading: Any) -> Imported:
    (folder / "input").write_bytes(content)
    return import_file(folder / "input", folder, **reading)


def dosages(source: Imported) -> np.ndarray:
    return np.concatenate(list(source.blocks()))


@st.composite
def vcf_texts(draw: st.DrawFn) -> str:
    """Valid files of one ploidy, with every spelling of a call that the policies name."""
    ploidy = draw(st.sampled_from([1, 2, 2, 2, 3, 4, 4, 8]))
    names = st.text(st.characters(min_codepoint=32, exclude_categories=("C", "Z")), min_size=1)
    samples = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    records = [record(["/".join("0" * ploidy)] * len(samples), position=1)]
    for position in range(2, draw(st.integers(2, 9))):
        alternates = draw(st.integers(0, 11))
        allele = st.integers(0, alternates).map(str)
        full = st.lists(allele, min_size=ploidy, max_size=ploidy)
        half = st.lists(allele | st.just("."), min_size=1, max_size=ploidy).map(lambda a: [*a, "."])
        calls = st.tuples(st.sampled_from("/|"), full | half).map(lambda c: c[0].join(c[1]))
        form = draw(st.sampled_from(["GT", "GT:DP"]))
        depth = ":7" if form == "GT:DP" else ""
        cells = [draw(calls | st.just(".")) + depth for _ in samples]
        alt = ",".join(
            ["T", "G", "<DEL>", "*", "AT", "C", "CC", "GG", "TT", "CT", "AA"][:alternates]
        )
        records.append(record(cells, position=position, alt=alt or ".", form=form))
    return vcf(samples, records)


@settings(max_examples=80, deadline=None)
@given(
    text=vcf_texts(),
    container=st.sampled_from(list(CONTAINERS)),
    windows=st.booleans(),
    block_bytes=st.sampled_from([1, 16, 1 << 24]),
)
def test_every_call_is_what_the_text_says(
    text: str,
    container: str,
    windows: bool,
    block_bytes: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = (text.replace("\n", "\r\n") if windows else text).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "BLOCK_BYTES", block_bytes)
        folder = tmp_path_factory.mktemp("vcf")
        source = imported(CONTAINERS[container](content), folder)
        samples, expected = parse(text)
        assert source.samples == samples == read_samples(folder / "input")
        assert dosages(source).tolist() == expected.tolist()
        assert source.summary.counts.get("missing_calls", 0) == (expected == -1).sum()


def test_bcf_equals_the_vcf(tmp_path: Path) -> None:
    calls = [["0/0/0/1", ".", "1/1/1/1"], ["./././.", "0/1/2/2", "0|0|1|1"]]
    text = vcf(["é", "b c", "<i>"], [record(row, alt="T,G", position=9) for row in calls])
    write_bcf(text, tmp_path / "input.bcf")
    source = import_file(tmp_path / "input.bcf", tmp_path)
    assert source.samples == read_samples(tmp_path / "input.bcf") == ["é", "b c", "<i>"]
    assert dosages(source).tolist() == parse(text)[1].tolist() == [[1, -1, 4], [-1, 3, 2]]
    assert source.summary.ploidy == 4


@pytest.mark.parametrize("packed", [bytes, gzipped, bgzip])
@pytest.mark.parametrize("name", ["input.vcf", "input.txt"])
def test_a_byte_order_mark_is_read_past(
    name: str, packed: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    text = vcf_of_dosages([[0, 1, 2], [2, -1, 0]])
    path = tmp_path / name
    for headless in (text, text[text.index("#CHROM") :]):
        path.write_bytes(packed(b"\xef\xbb\xbf" + headless.encode()))
        assert read_samples(path) == ["line0", "line1", "line2"]
        assert dosages(import_file(path, tmp_path)).tolist() == [[0, 1, 2], [2, -1, 0]]


def test_policies_are_counted_and_markers_described(tmp_path: Path) -> None:
    records = [
        record(["./1", "1/.", ".", "0/2"], position=7, alt="T,<DEL>"),
        record(["0/1", "0/0", "./.", "1/1"], position=9, name="m"),
        record(["0/0", "0/0", "0/0", "0/0"], position=12, alt="."),
        record(["0/1", "0/0", "0/0", "1/1"], position=9, name="m", contig="2"),
    ]
    source = imported(vcf(list("ABCD"), records).encode(), tmp_path)
    summary = source.summary
    assert (summary.lines, summary.markers, summary.ploidy) == (4, 4, 2)
    assert summary.counts == {
        "missing_calls": 4,
        "half_calls": 2,
        "multi_allelic": 1,
        "symbolic": 1,
        "no_alternate": 1,
        "without_id": 2,
        "duplicated_ids": 1,
    }
    assert source.markers.to_dict("list") == {
        "contig": ["chr1", "chr1", "chr1", "2"],
        "position": [7, 9, 12, 9],
        "id": ["chr1_7", "m", "chr1_12", "m"],
        "ref": ["A"] * 4,
        "alt": ["T,<DEL>", "T", ".", "T"],
    }


@pytest.mark.parametrize("name", BROKEN)
def test_broken_input_is_one_readable_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken, path = BROKEN[name], tmp_path / "broken.vcf.gz"
    path.write_bytes(broken.content)
    with pytest.raises(UserError) as error:
        import_file(path, tmp_path)
    _check_message(str(error.value), path, broken.words)
    assert list(tmp_path.iterdir()) == [path], "a failed import left something behind"
    assert capfd.readouterr().err == "", "htslib's own complaint belongs into the message"
    if broken.in_header:
        with pytest.raises(UserError) as error:
            read_samples(path)
        _check_message(str(error.value), path, broken.words)


def _check_message(message: str, path: Path, words: tuple[str, ...]) -> None:
    assert message.startswith(str(path))
    assert len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 400
    assert all(word in message for word in words), message


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for read in (lambda path: open_source(path, Reading()), read_samples):
        with pytest.raises(UserError, match=r"absent\.vcf: no such file"):
            read(tmp_path / "absent.vcf")
        with pytest.raises(UserError, match="is not a file"):
            read(tmp_path)


def test_bcf_cut_anywhere_is_refused(tmp_path: Path) -> None:
    write_bcf(vcf_of_dosages([[0, 1, 2]] * 3), tmp_path / "whole.bcf")
    content = gzip.decompress((tmp_path / "whole.bcf").read_bytes())
    cut, records = tmp_path / "cut.bcf", []
    for size in range(4, len(content)):
        cut.write_bytes(content[:size])
        with contextlib.suppress(UserError):
            records.append(import_file(cut, tmp_path).summary.markers)
    assert records == [1, 2], "only a cut between records passes for a shorter file"
    cut.write_bytes(bgzip(content, end=False))
    with pytest.raises(UserError, match="end marker"):
        import_file(cut, tmp_path)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "input.vcf"
    path.write_text(vcf_of_dosages([[0, 1, 2]] * 3))
    source = open_source(path, Reading())
    list(source.blocks())
    source.checksums()
    path.write_text(vcf_of_dosages([[0, 1, 2]] * 4))
    with pytest.raises(UserError, match="changed while it was read"):
        source.checksums()


def test_sample_names_need_no_heavy_import(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "input.vcf").write_text(vcf_of_dosages([[0, 1]]))
    script = (
        "import sys; from breedcast.genotypes.formats import read_samples; "
        "print(read_samples('input.vcf'), {'numpy', 'cyvcf2', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['line0', 'line1'] set()\n"


@pytest.mark.parametrize(
    ("name", "shape", "ploidy", "missing_percent"),
    [
        ("wheat599/genotypes", (1279, 599), 2, 0.0),
        ("maize281/genotypes", (3093, 281), 2, 3.61),
        ("soynam/genotypes", (4611, 5590), 2, 4.89),
        ("potato4x/genotypes", (3521, 221), 4, 7.47),
        ("potato4x/diallel_DArTag", (1545, 85), 4, 0.0),
    ],
)
def test_real_files_have_the_published_shape(
    name: str,
    shape: tuple[int, int],
    ploidy: int,
    missing_percent: float,
    shared_data: Path,
    tmp_path: Path,
) -> None:
    summary = import_file(shared_data / f"{name}.vcf.gz", tmp_path).summary
    assert (summary.markers, summary.lines) == shape
    assert summary.ploidy == ploidy
    assert (
        round(100 * summary.counts.get("missing_calls", 0) / (shape[0] * shape[1]), 2)
        == missing_percent
    )


def real_dosages(path: Path, folder: Path) -> tuple[Imported, np.ndarray]:
    source = import_file(path, folder)
    return source, dosages(source)


def test_maize_equals_its_hapmap(shared_data: Path, tmp_path: Path) -> None:
    """The original HapMap file, read here by its letters, gives the same dosages."""
    source, found = real_dosages(shared_data / "maize281" / "genotypes.vcf.gz", tmp_path)
    reference = dict(zip(source.markers["id"], source.markers["ref"], strict=True))
    with gzip.open(shared_data / "maize281" / "genotypes.hmp.txt.gz", "rt") as lines:
        assert source.samples == next(lines).split()[11:]
        calls = {cells[0]: cells[11:] for cells in map(str.split, lines)}
    expected = [
        [-1 if "N" in pair else sum(letter != reference[marker] for letter in pair) for pair in row]
        for marker, row in ((marker, calls[marker]) for marker in source.markers["id"])
    ]
    assert (found == np.array(expected)).all()


def test_wheat_has_the_published_variance(shared_data: Path, tmp_path: Path) -> None:
    """The total variance of the 0/1 codes behind DNNGP's principal components is 213.4917."""
    _, found = real_dosages(shared_data / "wheat599" / "genotypes.vcf.gz", tmp_path)
    assert (found / 2).var(axis=1, ddof=1).sum() == pytest.approx(213.4917, abs=5e-5)


def test_two_assays_of_the_same_potatoes_agree(shared_data: Path, tmp_path: Path) -> None:
    """Sequencing and array dosages agree at 96.8 % of the calls, as the data's README states."""
    _, sequenced = real_dosages(shared_data / "potato4x" / "diallel_DArTag.vcf.gz", tmp_path)
    _, array = real_dosages(shared_data / "potato4x" / "diallel_array.vcf.gz", tmp_path)
    assert round(100 * (sequenced == array).mean(), 1) == 96.8


def test_sites_only_potatoes_are_refused(shared_data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"potato_V4array\.vcf\.gz has sites only"):
        import_file(shared_data / "potato4x" / "potato_V4array.vcf.gz", tmp_path)


@pytest.mark.parametrize("unit", [b"##x=y\n", b"#"])
def test_a_header_without_end_is_refused_before_it_fills_the_memory(
    unit: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a few packed bytes become: lines without number, and a line without end."""
    monkeypatch.setattr(header, "LONGEST_HEADER", 100_000)
    path = tmp_path / "bomb.vcf.gz"
    path.write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n" + unit * (50_000_000 // len(unit))))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"bomb\.vcf\.gz: a header of over 100,000 bytes"):
        read_samples(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
