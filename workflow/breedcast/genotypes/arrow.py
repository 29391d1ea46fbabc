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
