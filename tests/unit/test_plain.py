"""Plain records, read by array operations, against the same records read one by one."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breedcast.errors import UserError
from breedcast.genotypes import pieces, plain
from breedcast.genotypes.source import Reading, named
from breedcast.genotypes.vcf import VcfSource
from tests.unit.vcf_files import record, vcf

FORMS = ["GT", "GT:DP", "GT:AD:DP", "DP:GT"]


@st.composite
def vcfs(draw: st.DrawFn) -> str:
    """Files most of whose records are plain, with whatever else stands in real ones."""
    ploidy = draw(st.sampled_from([1, 2, 2, 2, 3, 4, 6]))
    samples = draw(st.integers(1, 7))
    separators = draw(st.sampled_from(["/", "|", "/|"]))
    records = []
    for position in range(draw(st.integers(1, 12))):
        alleles = draw(st.sampled_from(["01", "01", "01.", "012", "0"]))
        form = draw(st.sampled_from(FORMS))
        calls = st.lists(st.sampled_from(alleles), min_size=ploidy, max_size=ploidy).flatmap(
            lambda call: st.lists(
                st.sampled_from(separators), min_size=ploidy - 1, max_size=ploidy - 1
            ).map(lambda between: "".join(a + b for a, b in zip(call, [*between, ""], strict=True)))
        )
        cells = [draw(st.just(".") | calls if position else calls) for _ in range(samples)]
        if form != "GT":
            filled = {"GT": None, "DP": "7", "AD": "3,4"}
            cells = [":".join(filled[field] or cell for field in form.split(":")) for cell in cells]
        records.append(
            record(
                cells,
                position=position + 1,
                alt=draw(st.sampled_from(["T", "T,C", "<DEL>", "AT"] if alleles != "0" else ["."])),
                form=form,
                name=draw(st.sampled_from([".", "m", "0x1"])),
            )
        )
    return vcf([f"s{number}" for number in range(samples)], records)


def read(path: Path, careful: bool, **reading: Any) -> Any:
    """Dosages, markers, rows and counts; or the words of the error."""
    with pytest.MonkeyPatch.context() as patch:
        if careful:
            patch.setattr(VcfSource, "_expected_ploidy", lambda source, lines: None)
        try:
            source = VcfSource(path, Reading(threads=1 if careful else 2, **reading))
            blocks = list(source.blocks())
        except UserError as error:
            return str(error)
    return (
        [row for block in blocks for row in block.dosage.tolist()],
        [row for block in blocks for row in named(block.markers, Counter()).to_pylist()],
        [row for block in blocks for row in block.rows.tolist()],
        {name: count for name, count in source.counts.items() if count},
        source.ploidy,
    )


@settings(max_examples=150, deadline=None)
@given(
    text=vcfs(),
    multi_allelic=st.sampled_from(["collapse", "split", "drop"]),
    piece_bytes=st.sampled_from([40, 300, 1 << 22]),
    cached_bytes=st.sampled_from([1, 64, 1 << 18]),
)
def test_both_ways_read_the_same(
    text: str,
    multi_allelic: str,
    piece_bytes: int,
    cached_bytes: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("vcf") / "input.vcf"
    path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "FIRST_BYTES", piece_bytes)
        patch.setattr(pieces, "PIECE_BYTES", piece_bytes)
        patch.setattr(plain, "CACHED_BYTES", cached_bytes)
        found = read(path, careful=False, multi_allelic=multi_allelic)
    assert found == read(path, careful=True, multi_allelic=multi_allelic)


BASE = vcf(
    ["a", "b", "c"],
    [
        record(["0/0", "0/1", "1|1"], position=5),
        record(["0/0:3", "./.:4", "1/1:12"], position=7, form="GT:DP", name="m2"),
        record(["0|1", "./1", "0/0"], position=12, alt="G"),
        record(["0/1", "1/1", "0/0"], position=31),
    ],
).encode()
RECORDS = BASE.index(b"chr1\t5")


@settings(max_examples=300, deadline=None)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(RECORDS, len(BASE) - 4),
            st.sampled_from(["put", "insert", "delete"]),
            st.sampled_from(b"0123456789./|:,\t\n\r AGTx<>*-+\0\xc3"),
        ),
        min_size=1,
        max_size=3,
    )
)
@example(edits=[(RECORDS + 5, "insert", ord("+"))])
def test_damaged_records_are_read_alike_or_refused(
    edits: list[tuple[int, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What array operations accept is read the same one by one; else there is one line."""
    damaged = bytearray(BASE)
    change: dict[str, Callable[[int, int], None]] = {
        "put": damaged.__setitem__,
        "insert": damaged.insert,
        "delete": lambda at, byte: damaged.__delitem__(at),
    }
    for at, kind, byte in sorted(edits, reverse=True):
        change[kind](at, byte)
    path = tmp_path_factory.mktemp("vcf") / "input.vcf"
    path.write_bytes(damaged)
    found, expected = read(path, careful=False), read(path, careful=True)
    if isinstance(found, str):
        assert isinstance(expected, str), (found, expected)
        assert len(found.splitlines()) == 1
    else:
        assert found == expected
