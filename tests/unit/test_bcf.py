"""BCF, as htslib writes it, against the same records as VCF; and damaged."""

import contextlib
import gzip
from pathlib import Path

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
