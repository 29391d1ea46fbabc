"""Codes read by columns: the same as read whole, and as careful of damage."""

import json
from pathlib import Path

import numpy as np
import pytest

from breedcast.errors import UserError
from breedcast.genotypes import store
from breedcast.genotypes.columns import CodeColumns, StoredCodes
from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.store import read_codes
from tests.unit.vcf_files import call, import_vcf, record, vcf

NAMES = [f"line{number}" for number in range(30)]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """codes.zarr of 30 lines and 70 markers, 8 markers a chunk."""
    monkeypatch.setattr(store, "BLOCK_BYTES", 8 * len(NAMES))
    rows = np.random.default_rng(0).integers(-1, 3, (70, 30))
    records = [
        record([call(dosage, 2) for dosage in row], name=f"m{n}") for n, row in enumerate(rows)
    ]
    (tmp_path / "input.vcf").write_text(vcf(NAMES, records), encoding="utf-8")
    import_vcf(tmp_path / "input.vcf", tmp_path / "imported")
    limits = {"min_maf": 0.01, "max_missing_marker": 0.9, "max_missing_line": 0.9}
    filter_genotypes(tmp_path / "imported", tmp_path, **limits)
    return tmp_path / "codes.zarr"


def test_columns_are_those_of_the_codes_read_whole(path: Path) -> None:
    whole, opened = read_codes(path), StoredCodes.open(path)
    assert opened.samples == whole.samples
    assert opened.ploidy == whole.ploidy
    assert opened.markers.equals(whole.markers)
    some = ["line7", "line0", "line29"]
    columns = opened.of(some)
    assert columns.step == 8
    np.testing.assert_array_equal(columns.read(5, 20), whole.of(some)[:, 5:20])
    blocks = list(columns.blocks(5, 35))
    assert [block.shape[1] for block in blocks] == [3, 8, 8, 8, 3]
    np.testing.assert_array_equal(np.hstack(blocks), whole.of(some)[:, 5:35])
    in_memory = CodeColumns.of(whole.codes, whole.ploidy)
    np.testing.assert_array_equal(np.hstack(list(in_memory.blocks(0, 70))), whole.codes)


def test_damage_is_noticed(path: Path) -> None:
    summary = path.with_suffix(".json")
    facts = json.loads(summary.read_text())
    summary.write_text(json.dumps(facts | {"checksum": "0" * 64}))
    with pytest.raises(UserError, match="does not match the checksum"):
        StoredCodes.open(path)
    summary.write_text(json.dumps(facts))
    next((path / "codes" / "c").rglob("*")).parent.rename(path / "gone")
    with pytest.raises(UserError, match=r"codes.zarr .*(cannot be read|does not match)"):
        StoredCodes.open(path)
