"""What is a number, wherever one is read."""

import pytest

from breedcast.numerals import finite, whole


@pytest.mark.parametrize(
    ("text", "number", "as_whole"),
    [
        ("1.5", 1.5, None),
        ("-007", -7.0, -7),
        ("1e+05", 1e5, 100_000),
        ("2.0", 2.0, 2),
        ("9007199254740993", 9007199254740992.0, 9007199254740993),
        *((text, None, None) for text in ("1_0", "\u0661", "inf", "nan", "1e999", "1,5", "x", "")),
    ],
)
def test_numbers(text, number, as_whole):
    assert (finite(text), whole(text)) == (number, as_whole)
