"""Text read in pieces, by one process or several, against the text."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.genotypes import pieces
from breedcast.genotypes.pieces import TextFile
from tests.unit.vcf_files import bgzip, gzipped

HEADER = b"##of\n#two lines\n"


def bgzip_and_gzip(content: bytes) -> bytes:
    """A bgzip file, a gzip file, and an end of bgzip."""
    half = len(content) // 2
    return bgzip(content[:half], 17, end=False) + gzipped(content[half:]) + bgzip(b"")


CONTAINERS = {
    "plain": bytes,
    "gzip": gzipped,
    "two gzip members": lambda content: gzipped(content[:20]) + gzipped(content[20:]),
    "bgzip": lambda content: bgzip(content, 17),
    "bgzip, lines in blocks": lambda content: bgzip(content, 1000),
    "bgzip and gzip": bgzip_and_gzip,
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of some lines."""
    monkeypatch.setattr(pieces, "FIRST_BYTES", 10)
    monkeypatch.setattr(pieces, "PIECE_BYTES", 40)


def read(path: Path, processes: int, header: int = len(HEADER)) -> bytes:
    """The text behind the header, from as many readers in turn."""

    def share(process: int) -> Iterator[bytes]:
        with TextFile(path) as file:
            for piece in islice(file.pieces(header), process, None, processes):
                text = file.lines(piece)
                if text is None:
                    return
                assert not text or text.endswith(b"\n")
                yield text

    shares, text = [share(process) for process in range(processes)], b""
    while True:
        for one in shares:
            some = next(one, None)
            if some is None:
                assert all(next(other, None) is None for other in shares)
                return text
            text += some


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.integers(0, 150), max_size=30),
    container=st.sampled_from(list(CONTAINERS)),
    processes=st.sampled_from([1, 2, 3]),
    windows=st.booleans(),
    ended=st.booleans(),
)
def test_every_line_is_read_once_and_in_order(
    lines: list[int],
    container: str,
    processes: int,
    windows: bool,
    ended: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    text = b"".join(b"%d" % (number % 10) * length + b"\n" for number, length in enumerate(lines))
    content = HEADER + text if ended else (HEADER + text).removesuffix(b"\n")
    path, end = tmp_path_factory.mktemp("text") / "file", b"\r\n" if windows else b"\n"
    path.write_bytes(CONTAINERS[container](content.replace(b"\n", end)))
    # an empty line without an end is none
    expected = text if ended or not lines or lines[-1] else text.removesuffix(b"\n")
    assert read(path, processes, len(HEADER.replace(b"\n", end))) == expected


@pytest.mark.parametrize("processes", [1, 2])
def test_no_damage_of_a_bgzip_file_goes_unseen(tmp_path: Path, processes: int) -> None:
    """Whatever byte is changed, the text is the same, or the file is refused."""
    text = b"".join(b"%d\n" % number for number in range(120))
    whole = bgzip(HEADER + text, 60)
    path, refused = tmp_path / "file", 0
    for at in range(18 + len(HEADER), len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert read(path, processes) == text
        except UserError:
            refused += 1
    assert refused > len(whole) / 2


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LONGEST_LINE", 100)
    (tmp_path / "file").write_bytes(HEADER + b"1\n" + b"2" * 300)
    with pytest.raises(UserError, match="a line of over 100 bytes"):
        read(tmp_path / "file", 1)
