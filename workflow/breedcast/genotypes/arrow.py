"""Between numpy and Arrow without pandas, which pyarrow's own ways load.

To load pandas takes as long as to read tens of millions of calls.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def texts(values: Sequence[str]) -> pa.StringArray:
    """A column of text."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(
        len(values), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))
    )


def mask(keep: np.ndarray) -> pa.BooleanArray:
    """(rows,) a boolean array as one of Arrow's, to filter by."""
    bits = pa.py_buffer(np.packbits(keep, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(keep), [None, bits])


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """(rows,) the numbers or truth values of a column without nulls."""
    if pa.types.is_boolean(column.type):
        return np.from_dlpack(pc.cast(column, pa.uint8()).combine_chunks()).astype(bool)
    return np.from_dlpack(column.combine_chunks())


def among(column: pa.ChunkedArray, values: Collection[str]) -> np.ndarray:
    """(rows,) bool, which rows have one of the values."""
    if not values:
        return np.zeros(len(column), bool)
    return numbers(pc.is_in(column, value_set=texts(list(values))))


def repeated(column: pa.ChunkedArray) -> int:
    """How many rows have the text of an earlier one; it must not be null."""
    if not len(column):
        return 0
    hashed = np.sort(np.concatenate([_hashes(chunk) for chunk in column.chunks]))
    # where all hashes differ all texts do; hash tables of text take several times longer
    if (hashed[1:] != hashed[:-1]).all():
        return 0
    return len(column) - len(column.unique())


def _hashes(chunk: pa.StringArray) -> np.ndarray:
    """(rows,) uint64, a number that follows from each text: its words of eight bytes, mixed."""
    _, offsets, data = chunk.buffers()
    ends = np.frombuffer(offsets, np.int32)[chunk.offset :][: len(chunk) + 1].astype(np.int64)
    starts, lengths = ends[:-1], np.diff(ends)
    padded = bytes(data) + bytes(8) if data else bytes(8)
    words = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
    hashed = lengths.astype(np.uint64)
    for at in range(0, int(lengths.max(initial=0)), 8):
        left = np.clip(lengths - at, 0, 8)
        word = words[np.where(left, starts + at, 0)] & _LOWEST[left]
        mixed = (hashed ^ word) * _ODD
        hashed = np.where(left, mixed ^ (mixed >> 32), hashed)
    return hashed


#: The lowest bytes of a word, by their number; an odd number of no pattern (2^64 / golden ratio).
_LOWEST = np.array([(1 << 8 * number) - 1 for number in range(9)], np.uint64)
_ODD = np.uint64(0x9E3779B97F4A7C15)
