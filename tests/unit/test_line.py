"""VCF records parsed one at a time: against htslib, and what it reads otherwise or not at all."""

from pathlib import Path

import cyvcf2
import numpy as np
import pytest
from hypothesis import given, settings

from breedcast.errors import UserError
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.line import parsed
from breedcast.genotypes.source import Reading
from breedcast.genotypes.store import Imported
from tests.unit.test_plain import vcfs
from tests.unit.vcf_files import FIXED, record, vcf

SAMPLES = ["a", "b", "c"]


@settings(max_examples=100, deadline=None)
@given(text=vcfs())
def test_records_are_what_htslib_reads(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("line") / "input.vcf"
    path.write_text(text)
    reader = cyvcf2.VCF(str(path))
    lines = [line.encode() for line in text.splitlines() if not line.startswith("#")]
    for line, expected in zip(lines, reader, strict=True):
        found = parsed(line, reader.samples, "GT", "input.vcf")
        assert found.alleles is not None
        assert found.alleles.T.tolist() == expected.genotype.array()[:, :-1].tolist()
        assert (found.contig, found.position, found.id, found.ref, list(found.alternates)) == (
            expected.CHROM,
            expected.POS,
            expected.ID or ".",
            expected.REF,
            expected.ALT,
        )


COLUMNS = "\t".join([FIXED, "FORMAT", *SAMPLES]).encode() + b"\n"
RECORDS = [
    record(["0/0", "0/1", "1/1"]),
    record(["0|1:7", "2/2", "0/0"], alt="T,C", form="GT::X:"),
]
VERSION = b"##fileformat=VCFv4.2\n"
META = {
    "no line": b"",
    "no version": b"##source=me\n",
    "a later version": b"##fileformat=VCFv4.5\n",
    "GT is a number": VERSION + b"##FORMAT=<ID=GT,Number=-1,Type=Float,Description=x>\n",
    "open quote": VERSION + b'##INFO=<ID=A,Number=1,Type=String,Description="\n',
    "IDX below 0": VERSION + b"##contig=<ID=chr1,IDX=-5>\n##FORMAT=<ID=GT,IDX=-1>\n",
    "twice": VERSION + b"##contig=<ID=chr1>\n##contig=<ID=chr1,length=-7>\n",
    "no key": VERSION + b"##\n##=\n##<>\n##INFO=<>\n##FORMAT=<ID=,>\n",
    "not UTF-8": VERSION + b"##source=B\xe4r\n",
    "long": VERSION + b"##source=" + b"x" * (1 << 20) + b"\n",
}


def dosages(content: bytes, folder: Path) -> list[list[int]]:
    (folder / "input.vcf").write_bytes(content)
    import_genotypes([folder / "input.vcf"], folder / "imported", Reading())
    return np.concatenate(list(Imported(folder / "imported").blocks())).tolist()


@pytest.mark.parametrize("name", META)
def test_odd_meta_lines_do_no_harm(name: str, tmp_path: Path) -> None:
    assert dosages(META[name] + COLUMNS + "\n".join(RECORDS).encode(), tmp_path) == [
        [0, 1, 2],
        [1, 2, 0],
    ]


@pytest.mark.parametrize("end", ["\n", "\n\n", "\r\n\r\n\n"])
def test_empty_lines_may_end_a_file(end: str, tmp_path: Path) -> None:
    text = vcf(SAMPLES, [record(["0/0", "0/1", "1/1"])])
    assert dosages((text + end).encode(), tmp_path) == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("line", "alleles"),
    [
        # VCF 4.4: the phase of the first allele too
        (record(["/0/1", "|1|1", "0|1"]), [[0, 1], [1, 1], [0, 1]]),
        (record(["|1", "/0", "1"]), [[1], [0], [1]]),
        # fields at the end may be left out, GT too where it is not the first
        (record(["3:0/1", "4", "5:1/1:x"], form="DP:GT:X"), [[0, 1], [-1, -2], [1, 1]]),
        (record(["./1", ".", "0/2/1"], alt="T,C"), [[-1, 1, -2], [-1, -2, -2], [0, 2, 1]]),
        (record(["00/1", "10/0", "0/0"], position="007"), [[0, 1], [10, 0], [0, 0]]),
    ],
)
def test_calls(line: str, alleles: list[list[int]]) -> None:
    found = parsed(line.encode(), SAMPLES, "GT", "input.vcf")
    assert found.alleles is not None
    assert found.alleles.T.tolist() == alleles


def test_what_is_not_used_is_not_looked_at() -> None:
    columns = record(["0/0:\xe4", "0/1:1:2:3", "1/1"], form="GT:DS").encode("latin1").split(b"\t")
    columns[5:8] = [b"high", b"\xe4;;", b"=;DP=x;DP=y"]
    found = parsed(b"\t".join(columns), SAMPLES, "GT", "input.vcf")
    assert found.alleles is not None
    assert found.values is None
    assert found.alleles.T.tolist() == [[0, 0], [0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["0.5", "1e-1", "."], [[0.5, 0.1, np.nan]]),
        (["0.5,1", ".,2", "nan"], [[0.5, np.nan, np.nan], [1, 2, np.nan]]),
    ],
)
def test_dosages_are_numbers(cells: list[str], values: list[list[float]]) -> None:
    found = parsed(record(cells, alt="T,C", form="DS").encode(), SAMPLES, "DS", "input.vcf")
    np.testing.assert_array_equal(found.values, values)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1_0", "DS of sample 'b' is '1_0'"),
        ("inf", "'inf'"),
        ("", "''"),
        ("1,2", "DS has 2 values"),
    ],
)
def test_dosages_that_are_none(cell: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parsed(record(["0.5", cell, "1"], form="DS").encode(), SAMPLES, "DS", "input.vcf")
