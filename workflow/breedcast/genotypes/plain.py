"""Plain VCF records, read by array operations on the text.

A record is plain if GT comes first in FORMAT and every call has the expected number of
alleles, each 0, 1 or missing. Two ways of finding the calls:

- `fixed`: where FORMAT is GT alone all calls are equally long, so they are found by counting
  back from the end of the line. About as fast as the text can be inflated.
- `tabbed`: where more follows GT the tabs have to be found first.

Both only accept what they have verified byte by byte; what is not plain is left to htslib.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from breedcast.genotypes.source import MARKERS, MISSING_DOSAGE

#: Text that is worked on at a time: it should stay in a core's own cache.
CACHED_BYTES = 1 << 17
COLUMNS_BEFORE_CALLS = 9
ONLY_GT = np.frombuffer(b"\tGT\t", np.uint32)[0]
FIRST_GT = np.frombuffer(b"\tGT:", np.uint32)[0]
ENDS = np.frombuffer(b"\t\n:", np.uint8)
SLASH, BAR, TAB, ZERO = b"/|\t0"
#: What "." becomes where "0" is 0 and "1" is 1.
DOT = ord(".") ^ ZERO
#: Of a position; htslib refuses those above 2^31.
DIGITS = 9


@dataclass(frozen=True)
class Plain:
    """Records that were plain.

    rows: (records,) which of the text's lines they are. dosage: (records, samples) int8.
    half_calls: calls with some allele known, and some missing. markers: as MARKERS.
    """

    rows: np.ndarray
    dosage: np.ndarray
    half_calls: np.ndarray
    markers: pa.Table


def line_ends(text: bytes) -> np.ndarray:
    """Where each line ends: the position behind its newline."""
    find, ends, at = text.find, [], 0
    while at := find(b"\n", at) + 1:
        ends.append(at)
    return np.array(ends, dtype=np.int64)


def fixed(text: bytes, samples: int, ploidy: int) -> Plain:
    """The plain records of a text of whole lines whose FORMAT is GT alone."""
    ends, width = line_ends(text), 2 * ploidy * samples
    starts = np.concatenate([[0], ends[:-1]])
    heads = ends - width - 4
    rows = np.flatnonzero(heads > starts)
    rows = rows[_words(text, np.uint32)[heads[rows]] == ONLY_GT]
    calls = _Calls(len(rows), samples, ploidy)
    if not len(rows):
        return calls.plain(text, rows, rows, rows)
    areas = np.lib.stride_tricks.sliding_window_view(np.frombuffer(text, np.uint8), width)
    for some in calls.steps(width):
        pairs = areas[ends[rows[some]] - width].view(np.uint16)
        pairs[:, -1] ^= (ord("\n") ^ TAB) << 8
        calls.read(some, pairs)
    return calls.plain(text, rows, starts[rows], heads[rows])


def tabbed(text: bytes, samples: int, ploidy: int) -> Plain:
    """The plain records of a text of whole lines, wherever the calls begin."""
    ends = line_ends(text)
    starts = np.concatenate([[0], ends[:-1]])
    columns = COLUMNS_BEFORE_CALLS + samples - 1
    tabs: np.ndarray = np.flatnonzero(np.frombuffer(text, np.uint8) == TAB)
    count = np.diff(np.searchsorted(tabs, ends), prepend=0)
    rows = np.flatnonzero(count == columns)
    if len(rows) < len(ends):
        tabs = tabs[np.repeat(count == columns, count)]
    tabs = tabs.reshape(len(rows), columns)
    padded = text + bytes(2 * ploidy)
    form = _words(padded, np.uint32)[tabs[:, 7]]
    first = (form == ONLY_GT) | (form == FIRST_GT)
    rows, tabs = rows[first], tabs[first]
    pair_at = _words(padded, np.uint16)
    calls = _Calls(len(rows), samples, ploidy)
    for some in calls.steps(8 * samples):
        begin = tabs[some, COLUMNS_BEFORE_CALLS - 1 :] + 1
        pairs = np.empty((*begin.shape, ploidy), np.uint16)
        for allele in range(ploidy):
            pairs[:, :, allele] = pair_at[begin + 2 * allele]
        # whatever ends the call, a tab is what a call of the `fixed` kind ends with
        last = pairs[:, :, -1]
        ended = np.isin((last >> 8).astype(np.uint8), ENDS)
        last[ended] = (last[ended] & 0xFF) | (TAB << 8)
        calls.read(some, pairs.reshape(len(begin), -1))
    return calls.plain(text, rows, starts[rows], tabs[:, 7])


class _Calls:
    """The calls of some records, read step by step from pairs of an allele and what follows."""

    def __init__(self, records: int, samples: int, ploidy: int) -> None:
        self.ploidy = ploidy
        self.dosage = np.empty((records, samples), np.int8)
        self.half_calls = np.zeros(records, np.int64)
        self.good = np.empty(records, bool)
        self.expected = np.array([ZERO | SLASH << 8] * (ploidy - 1) + [ZERO | TAB << 8], np.uint16)

    def steps(self, width: int) -> list[slice]:
        """Slices of the records, as many as stay in the cache where each has `width` bytes."""
        step = max(1, CACHED_BYTES // width)
        return [slice(start, start + step) for start in range(0, len(self.good), step)]

    def read(self, some: slice, pairs: np.ndarray) -> None:
        """pairs: (records, samples x ploidy) uint16 allele | separator << 8; overwritten."""
        expected = self.expected.copy()
        if pairs[0, 0] >> 8 == BAR:
            expected[:-1] = ZERO | BAR << 8
        pairs ^= np.tile(expected, pairs.shape[1] // self.ploidy)
        self.good[some] = self._verify(pairs)
        alleles = pairs.reshape(len(pairs), -1, self.ploidy)
        dosage = self.dosage[some]
        np.bitwise_and(alleles[:, :, 0], 1, out=dosage, casting="unsafe")
        for allele in range(1, self.ploidy):
            dosage += (alleles[:, :, allele] & 1).astype(np.int8)
        unknown = pairs == DOT
        if unknown.any():
            unknown = unknown.reshape(alleles.shape)
            missing = unknown.any(axis=2)
            dosage[missing] = MISSING_DOSAGE
            self.half_calls[some] = (missing & ~unknown.all(axis=2)).sum(axis=1)

    def _verify(self, pairs: np.ndarray) -> np.ndarray:
        """(records,) whether all pairs are a known allele and the separator that belongs there."""
        odd = ((pairs > 1) & (pairs != DOT)).any(axis=1)
        if self.ploidy > 1 and odd.any():
            # the other way to separate alleles is as good, and may change from call to call
            some = pairs[odd]
            inner = some.reshape(len(some), -1, self.ploidy)[:, :, :-1]
            other = inner >> 8 == SLASH ^ BAR
            inner[other] &= 0xFF
            pairs[odd] = some
            odd[odd] = ((some > 1) & (some != DOT)).any(axis=1)
        return ~odd

    def plain(self, text: bytes, rows: np.ndarray, starts: np.ndarray, heads: np.ndarray) -> Plain:
        """The good ones, with their markers; none where their columns cannot be read."""
        good = self.good
        markers = _markers(text, starts[good], heads[good])
        if markers is None:
            good = np.zeros_like(good)
            markers = MARKERS.empty_table()
        return Plain(rows[good], self.dosage[good], self.half_calls[good], markers)


_READ = csv.ReadOptions(
    use_threads=False,
    column_names=["contig", "position", "id", "ref", "alt", "qual", "filter", "info"],
    block_size=1 << 30,
)
_PARSE = csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False)
_CONVERT = csv.ConvertOptions(
    column_types=dict.fromkeys(MARKERS.names, pa.string()),
    include_columns=MARKERS.names,
    null_values=[],
    strings_can_be_null=False,
)


def _markers(text: bytes, starts: np.ndarray, heads: np.ndarray) -> pa.Table | None:
    """The columns of markers whose first eight columns stand at text[start:head]."""
    if not len(starts):
        return None
    places = zip(starts.tolist(), heads.tolist(), strict=True)
    lines = b"\n".join([text[start:head] for start, head in places])
    try:
        markers = csv.read_csv(pa.BufferReader(lines), _READ, _PARSE, _CONVERT)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    position = markers["position"]
    numbers = pc.match_substring_regex(position, f"^[0-9]{{1,{DIGITS}}}$")
    if len(markers) != len(starts) or not pc.all(numbers).as_py():
        return None
    return markers.set_column(1, MARKERS.field("position"), pc.cast(position, pa.int64()))


def _words(text: bytes, kind: type[np.unsignedinteger]) -> np.ndarray:
    """The text as little-endian numbers that begin at every byte."""
    size = np.dtype(kind).itemsize
    return np.ndarray((max(len(text) - size + 1, 0),), kind, text, strides=(1,))
