import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from breedcast.files import (
    read_arrays,
    read_parquet,
    read_table,
    whole,
    write_arrays,
    write_parquet,
    write_table,
)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "table.tsv"
    with pytest.raises(UnicodeEncodeError), whole(target) as unfinished:
        unfinished.write_text("half \udcff", encoding="utf-8")
    assert list((tmp_path / "deep").iterdir()) == []
    with whole(target) as unfinished:
        unfinished.write_text("all")
        assert not target.exists()
    assert target.read_text() == "all"
    assert [path.name for path in target.parent.iterdir()] == ["table.tsv"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".store.123").touch()
    (tmp_path / ".store.123.panels_x").mkdir()
    (tmp_path / ".store").touch()
    with whole(tmp_path / "store") as unfinished:
        unfinished.touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".store", "store"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    store = tmp_path / "codes.zarr"
    for content in ("first", "second"):
        with whole(store) as unfinished:
            unfinished.mkdir()
            (unfinished / content).touch()
    assert [path.name for path in store.iterdir()] == ["second"]


def test_line_names_stay_names(tmp_path):
    frame = pd.DataFrame(
        {
            "sample": ["007", "NA", "1e5", 'quo"te', "tab\there", "小麦 🌾"],
            "environment": [None, "01", None, "x", None, None],
            "value": [1.5, np.nan, 3.0, 4.0, 0.1 + 0.2, -1e-300],
        }
    )
    write_table(frame, tmp_path / "lines.tsv")
    back = read_table(tmp_path / "lines.tsv")
    assert back["sample"].tolist() == frame["sample"].tolist()
    assert back["environment"].tolist()[1] == "01"
    assert back["environment"].isna().tolist() == frame["environment"].isna().tolist()
    np.testing.assert_array_equal(back["value"], frame["value"])


def test_parquet_and_arrays_come_back(tmp_path):
    frame = pd.DataFrame({"sample": ["a", "b"], "predicted": [0.1, np.nan]})
    write_parquet(frame, tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "p.parquet"), frame)
    array = np.arange(6.0).reshape(2, 3).T  # not contiguous
    notes = {"made with": ["é", 1.5, None]}
    write_arrays({"weight": array, "number": np.array(3)}, tmp_path / "w.safetensors", notes)
    np.testing.assert_array_equal(load_file(tmp_path / "w.safetensors")["weight"], array)
    arrays, read = read_arrays(tmp_path / "w.safetensors")
    assert read == notes
    assert arrays["number"].shape == ()
    np.testing.assert_array_equal(arrays["weight"], array)
