"""Lists of names."""

import logging
from pathlib import Path

import pytest

from breedcast.errors import UserError
from breedcast.genotypes.names import named, read_names


def test_names_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes('\ufeffBärbel\r\n\r\n  007 \nNA\n007\n"a b"\n"x ""y"""\n"\n'.encode())
    assert list(read_names(path)) == ["Bärbel", "007", "NA", "a b", 'x "y"', '"']


def test_names_that_are_not_there_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "names.txt"
    path.write_text("b\nx\ny\n")
    with caplog.at_level(logging.WARNING):
        found, absent = named(path, ["a", "b", "b"], "marker", "markers")
    assert (found.tolist(), absent) == ([False, True, True], 2)
    assert "2 of its 3 names are not in the genotypes, the first being 'x'" in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x\ny\n", "filter: exclude_lines.*none of its 2 names is a line.*list: 'x'.*'a'"),
        (b"\n \n", "holds no name: write one a row"),
        (b"B\xe4rbel\n", "not UTF-8: convert: iconv"),
        ("x\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"PK\x03\x04\x14\0", "is an Excel workbook or a zip archive: save the sheet"),
    ],
)
def test_a_list_that_cannot_be_meant(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        named(path, ["a", "b"], "line", "exclude_lines")
    assert len(str(error.value).splitlines()) == 1
