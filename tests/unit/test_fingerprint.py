"""What tells of an input that is another file, whatever its time."""

import os

import pytest

from breedcast import fingerprint
from breedcast.fingerprint import fingerprints


@pytest.fixture(autouse=True)
def _fresh():
    yield
    fingerprint._fingerprint.cache_clear()


@pytest.mark.parametrize("size", [0, 10, fingerprint.READ, fingerprint.READ + 1, 5_000_000])
def test_a_file_is_known_by_its_content_and_not_by_its_time(tmp_path, size):
    path = tmp_path / "f"
    path.write_bytes(os.urandom(size))
    before = fingerprints([str(path)])
    fingerprint._fingerprint.cache_clear()
    os.utime(path, (1e9, 1e9))
    assert fingerprints([str(path)]) == before
    fingerprint._fingerprint.cache_clear()
    path.write_bytes(os.urandom(size + 1))
    assert fingerprints([str(path)]) != before


@pytest.mark.parametrize("at", [0, 2_500_000, 4_999_999])
def test_of_a_large_file_beginning_end_and_what_lies_between_count(tmp_path, at):
    path = tmp_path / "f"
    content = bytearray(5_000_000)
    path.write_bytes(content)
    before = fingerprints([str(path)])
    fingerprint._fingerprint.cache_clear()
    step = fingerprint.READ // fingerprint.BLOCKS
    content[max(0, at - 40_000) : at + 40_000 + step] = b"x" * 80_000
    path.write_bytes(content[:5_000_000])
    assert fingerprints([str(path)]) != before


def test_what_is_not_there_is_nothing(tmp_path):
    assert fingerprints([str(tmp_path / "none")]) == ""
