"""Files that appear whole or not at all, and the two table formats everything is kept in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to it when the block succeeds.

    Works for a file or a directory (a zarr store). What failed half-way is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(unfinished, path)
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        else:
            unfinished.unlink(missing_ok=True)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a tab-separated table with a header; missing values as NA."""
    with whole(path) as unfinished:
        frame.to_csv(unfinished, sep="\t", index=False, na_rep="NA", lineterminator="\n")


def read_table(path: str | Path, text: tuple[str, ...] = ("sample",)) -> pd.DataFrame:
    """Read a table that `write_table` wrote; the `text` columns stay text (a line called 007)."""
    return pd.read_csv(
        path,
        sep="\t",
        dtype=dict.fromkeys(text, str),
        keep_default_na=False,
        na_values={column: ["NA"] for column in _header(path) if column not in text},
    )


def _header(path: str | Path) -> list[str]:
    with open(path, encoding="utf-8") as lines:
        return lines.readline().rstrip("\n").split("\t")


def write_parquet(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a parquet table without its index."""
    with whole(path) as unfinished:
        frame.to_parquet(unfinished, index=False, compression="zstd")


def read_parquet(path: str | Path) -> pd.DataFrame:
    """Read a parquet table."""
    return pd.read_parquet(path)
