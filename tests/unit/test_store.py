"""The code store: what is written is read, what is damaged is noticed."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from breedcast.errors import UserError
from breedcast.genotypes import store
from breedcast.genotypes.columns import StoredCodes
from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.source import MARKERS, Block, marker_table
from breedcast.genotypes.store import (
    Imported,
    ImportSummary,
    ImportWriter,
    read_codes,
    read_samples,
    read_summary,
)
from tests.unit.vcf_files import call, import_vcf, record, vcf

ODD_NAMES = ["Bärbel", "中文 7", "<b>x</b>", "../up", "007", "NA", "a{b}%s"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of odd sample names and two markers."""
    rows = [[0, 1, 2, 0, 1, 2, -1], [2, 2, 0, 1, 0, 0, 1]]
    records = [record([call(dosage, 2) for dosage in row], name=f"é{row[0]}") for row in rows]
    (tmp_path / "input.vcf").write_text(vcf(ODD_NAMES, records), encoding="utf-8")
    import_vcf(tmp_path / "input.vcf", tmp_path / "imported")
    filter_genotypes(
        tmp_path / "imported",
        tmp_path,
        min_maf=0.01,
        max_missing_marker=0.2,
        max_missing_line=0.5,
    )
    return tmp_path


@pytest.mark.parametrize("read", [read_codes, read_samples, StoredCodes.open])
def test_zarr_is_given_one_thread(read: Callable[[Path], object], folder: Path) -> None:
    store._zarr.cache_clear()
    with zarr.config.set({"threading.max_workers": 7}):
        read(folder / "codes.zarr")
        assert zarr.config.get("threading.max_workers") == 1


def test_names_are_data_and_keep_their_order(folder: Path) -> None:
    codes = read_codes(folder / "codes.zarr")
    assert codes.samples == read_samples(folder / "codes.zarr") == ODD_NAMES
    assert codes.markers["id"].tolist() == ["é0", "é2"]
    assert codes.codes[6].tolist() == [3, 1]
    assert codes.of(["../up", "Bärbel"]).tolist() == [[0, 1], [0, 2]]


def test_summary_says_where_the_codes_come_from(folder: Path) -> None:
    summary = read_summary(folder / "codes.json")
    assert (summary.lines, summary.markers, summary.ploidy) == (7, 2, 2)
    assert (summary.imported.name, summary.imported.counts) == ("input.vcf", {"missing_calls": 1})
    assert summary.thresholds.max_missing_line == 0.5
    assert len(summary.imported.inputs[0].sha256) == len(summary.checksum) == 64


def test_xarray_finds_its_dimensions(folder: Path) -> None:
    """xarray opens a zarr 3 group whose arrays name their dimensions, each of one length."""
    group = zarr.open_group(folder / "codes.zarr", mode="r", zarr_format=3)
    assert group["codes"].metadata.dimension_names == ("sample", "marker")
    lengths = {"sample": 7, "marker": 2}
    for _, array in group.arrays():
        expected = tuple(lengths[dimension] for dimension in array.metadata.dimension_names)
        assert array.shape == expected


@pytest.mark.parametrize("block_bytes", [1, 20, 1 << 24])
def test_the_import_gives_the_markers_that_are_asked_for(
    tmp_path: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dosage = np.random.default_rng(0).integers(-1, 3, (29, 5), np.int8)
    columns = {name: ["1"] * 29 for name in MARKERS.names} | {"position": list(range(29))}
    with ImportWriter(tmp_path / "imported", list("abcde")) as writer:
        for rows in (slice(0, 4), slice(4, 4), slice(4, 29)):
            table = marker_table(columns).slice(rows.start, rows.stop - rows.start)
            writer.append(Block(dosage[rows], table, np.arange(29)[rows]))
    assert writer.duplicated_ids() == 28
    writer.summarise(ImportSummary([], lines=5, markers=29, ploidy=2, counts={}))
    monkeypatch.setattr(store, "BLOCK_BYTES", block_bytes)
    imported = Imported(tmp_path / "imported")
    assert imported.samples == list("abcde")
    assert imported.markers["position"].tolist() == list(range(29))
    some = np.array([0, 3, 4, 5, 17, 28])
    assert (imported.at(some) == dosage[some]).all()
    assert (np.concatenate(list(imported.blocks())) == dosage).all()
    blocks = list(imported.blocks(some))
    assert (np.concatenate(blocks) == dosage[some]).all()
    assert len({len(block) for block in blocks[:-1]}) <= 1


def chunks(folder: Path, array: str) -> list[Path]:
    return [path for path in (folder / "codes.zarr" / array / "c").rglob("*") if path.is_file()]


def test_damage_is_noticed(folder: Path) -> None:
    codes = read_codes(folder / "codes.zarr").codes
    (chunk,) = chunks(folder, "codes")
    content = chunk.read_bytes()
    refused = 0
    for position, byte in enumerate(content):
        chunk.write_bytes(content[:position] + bytes([byte ^ 0xFF]) + content[position + 1 :])
        try:
            assert (read_codes(folder / "codes.zarr").codes == codes).all()
        except UserError:
            refused += 1
    assert refused > len(content) / 2
    chunk.unlink()
    _refused(folder)
    chunk.write_bytes(content)
    assert (read_codes(folder / "codes.zarr").codes == codes).all()


def test_codes_or_names_of_another_run_are_noticed(folder: Path) -> None:
    group = zarr.open_group(folder / "codes.zarr", mode="r+")
    group["sample"][:2] = group["sample"][:2][::-1]
    _refused(folder)
    group["sample"][:2] = group["sample"][:2][::-1]
    read_codes(folder / "codes.zarr")
    group["codes"][0, 0] = 1
    _refused(folder)


def test_absent_or_foreign_summary(folder: Path) -> None:
    path = folder / "codes.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"lines": 6}))
    _refused(folder)
    for content in ("", "[]", "{}", json.dumps(facts | {"surplus": 1})):
        path.write_text(content)
        _refused(folder)
    path.unlink()
    _refused(folder)


def test_absent_store(folder: Path) -> None:
    shutil.rmtree(folder / "codes.zarr")
    _refused(folder)
    with pytest.raises(UserError, match="delete the genotypes folder and run again"):
        read_samples(folder / "codes.zarr")


def _refused(folder: Path) -> None:
    for read in (read_codes, StoredCodes.open):
        with pytest.raises(UserError, match="delete the genotypes folder and run again") as error:
            read(folder / "codes.zarr")
        assert len(str(error.value).splitlines()) == 1


def test_the_store_names_what_it_was_read_from(folder: Path) -> None:
    (read,) = zarr.open_group(folder / "codes.zarr", mode="r").attrs["inputs"]
    assert read["name"] == "input.vcf"
    assert read["sha256"] == hashlib.sha256((folder / "input.vcf").read_bytes()).hexdigest()
