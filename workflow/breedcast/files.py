"""Files that appear whole or not at all, and the two table formats everything is kept in."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: Columns of names, in which NA is a name too.
NAMES = ("sample", "id", "contig", "line_1", "line_2", "partner", "female", "male", "parent")
#: Other columns that are text, in which NA is missing.
TEXT = ("environment", "left_out")


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to it when the block succeeds.

    Works for a file or a directory (a zarr store). What failed half-way is removed, and what a
    process that was killed left half-way: a file has one writer.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.iterdir():
        if re.fullmatch(rf"\.{re.escape(path.name)}\.\d+(\..+)?", left.name):
            _remove(left)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(unfinished, path)
    finally:
        _remove(unfinished)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a tab-separated table with a header; missing values as NA."""
    with whole(path) as unfinished:
        frame.to_csv(unfinished, sep="\t", index=False, na_rep="NA", lineterminator="\n")


def read_table(path: str | Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table that `write_table` wrote.

    Names stay names, whatever they look like (a line called 007, or NA). text: more columns that
    are text, in which NA is missing.
    """
    import pandas as pd  # which jobs that import genotypes can do without

    with open(path, encoding="utf-8", newline="") as lines:
        header = next(csv.reader(lines, delimiter="\t"), [])
    return pd.read_csv(
        path,
        sep="\t",
        dtype=dict.fromkeys([*NAMES, *TEXT, *text], str),
        keep_default_na=False,
        na_values={column: ["NA"] for column in header if column not in NAMES},
    )


def write_parquet(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a parquet table without its index."""
    with whole(path) as unfinished:
        frame.to_parquet(unfinished, index=False, compression="zstd")


def read_parquet(path: str | Path) -> pd.DataFrame:
    """Read a parquet table."""
    import pandas as pd

    return pd.read_parquet(path)


def write_arrays(arrays: Mapping[str, np.ndarray], path: str | Path, notes: Any) -> None:
    """Write named arrays as safetensors, which load without running code.

    notes: anything that JSON can hold; it is kept as text in the file's header.
    """
    from safetensors.numpy import save_file

    # the shape is given since ascontiguousarray makes a number an array of one
    held = {name: np.ascontiguousarray(it).reshape(np.shape(it)) for name, it in arrays.items()}
    with whole(path) as unfinished:
        save_file(held, unfinished, metadata={"notes": json.dumps(notes, sort_keys=True)})


def read_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], Any]:
    """The arrays and the notes that `write_arrays` wrote."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return arrays, json.loads(file.metadata()["notes"])


def write_yaml(facts: Mapping[str, Any], path: str | Path) -> None:
    """Write facts as YAML in their order, as a config has them."""
    import yaml

    with whole(path) as unfinished:
        text = yaml.safe_dump(dict(facts), sort_keys=False, allow_unicode=True)
        unfinished.write_text(text, encoding="utf-8")


def write_json(facts: Mapping[str, Any], path: str | Path) -> None:
    """Write facts as readable JSON in their order; what is no number must be None."""
    with whole(path) as unfinished:
        text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False)
        unfinished.write_text(text + "\n", encoding="utf-8")
