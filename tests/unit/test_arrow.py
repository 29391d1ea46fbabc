"""numpy to Arrow and back, against pyarrow's own ways."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from breedcast.genotypes.arrow import among, mask, numbers, repeated, texts

TEXTS = st.lists(st.text(st.sampled_from("abé."), max_size=20), max_size=30)


@settings(deadline=None)
@given(TEXTS)
def test_texts(values: list[str]) -> None:
    assert texts(values).equals(pa.array(values, pa.string()))


@settings(deadline=None)
@given(TEXTS, st.lists(st.booleans(), min_size=30, max_size=30), st.integers(0, 5))
def test_columns_in_chunks(values: list[str], keep: list[bool], cut: int) -> None:
    column = pa.chunked_array([values[:cut], values[cut:]], pa.string()).slice(cut // 2)
    rows = column.to_pylist()
    chosen = np.array(keep[: len(rows)], bool)
    expected = [row for row, kept in zip(rows, chosen, strict=True) if kept]
    assert column.filter(mask(chosen)).to_pylist() == expected
    assert among(column, set(expected)).tolist() == [row in expected for row in rows]
    assert repeated(column) == len(rows) - len(set(rows))
    lengths = pa.chunked_array([[len(row) for row in rows]], pa.int64())
    assert numbers(lengths).tolist() == [len(row) for row in rows]


def test_ids_alike_but_for_a_byte_are_told_apart() -> None:
    names = [f"marker_{number}" for number in range(200_000)]
    assert repeated(pa.chunked_array([names])) == 0
    assert repeated(pa.chunked_array([names, names[7:9]])) == 2
