"""BCF, as htslib writes it, against the same records as VCF; and damaged."""

import contextlib
import gzip
import re
from pathlib import Path

import cyvcf2
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.genotypes.bcf import BcfSource
from breedcast.genotypes.source import Reading, named
from tests.unit.test_plain import BASE, read, vcfs
from tests.unit.vcf_files import bgzip, write_bcf


@settings(max_examples=60, deadline=None)
@given(text=vcfs(), multi_allelic=st.sampled_from(["collapse", "split", "drop"]))
def test_bcf_equals_the_vcf(
    text: str, multi_allelic: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bcf")
    text = text.replace("ID=DP", "ID=AD,Number=R,Type=Integer,Description=x>\n##FORMAT=<ID=DP")
    (folder / "input.vcf").write_text(text)
    expected = read(folder / "input.vcf", careful=True, multi_allelic=multi_allelic)
    assume(not isinstance(expected, str))
    write_bcf(text, folder / "input.bcf")
    source = BcfSource(folder / "input.bcf", Reading(multi_allelic=multi_allelic))
    blocks = list(source.blocks())
    dosages, markers, _, counts, ploidy = expected
    assert [row for block in blocks for row in block.dosage.tolist()] == dosages
    assert [
        row for block in blocks for row in named(block.markers, source.counts).to_pylist()
    ] == markers
    for name in ("half_calls", "multi_allelic", "multi_allelic_dropped"):
        assert source.counts[name] == counts.get(name, 0)
    assert source.ploidy == ploidy


def test_numbers_follow_from_the_order_where_the_header_gives_none(
    whole: bytes, tmp_path: Path
) -> None:
    """As htslib counts: a line that is there twice counts once; ID need not come first."""
    length = int.from_bytes(whole[5:9], "little")
    header = re.sub(rb",IDX=\d+>", b">", whole[9 : 9 + length])
    header = re.sub(rb"ID=DP,Number=1", b"Number=1,ID=DP", header)
    contigs = b"##contig=<ID=x>\n##contig=<length=5,ID=x>\n##contig=<length=9,ID=chr1>\n"
    header = header.replace(b"##contig=<ID=chr1>\n", contigs)
    path = tmp_path / "input.bcf"
    path.write_bytes(
        bgzip(whole[:5] + len(header).to_bytes(4, "little") + header + whole[9 + length :])
    )
    (block,) = BcfSource(path, Reading()).blocks()
    expected = list(cyvcf2.VCF(str(path)))
    assert block.markers["contig"].to_pylist() == [it.CHROM for it in expected]
    assert block.dosage.tolist() == [
        [-1 if -1 in call else sum(call[:-1]) for call in it.genotypes] for it in expected
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "whole.bcf"
    write_bcf(BASE.decode(), path)
    return gzip.decompress(path.read_bytes())


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_a_users_error(
    whole: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """htslib ends the process at some of these."""
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(9, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=1))
    path: Path = tmp_path_factory.mktemp("bcf") / "input.bcf"
    path.write_bytes(bgzip(bytes(damaged)))
    with contextlib.suppress(UserError):
        assert all(block.dosage.shape[1] == 3 for block in BcfSource(path, Reading()).blocks())
