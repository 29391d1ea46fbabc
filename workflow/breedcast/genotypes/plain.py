"""Plain VCF records, read by array operations on the text.

A record is plain if GT comes first in FORMAT and every call has the expected number of
alleles, each 0, 1 or missing. Two ways of finding the calls:

- `fixed`: where FORMAT is GT alone all calls are equally long, so they are found by counting
  back from the end of the line. About as fast as the text can be inflated.
- `tabbed`: where more follows GT the tabs have to be found first.

Both only accept what they have verified byte by byte; what is not plain is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from breedcast.genotypes.arrow import mask
from breedcast.genotypes.source import MARKERS, MISSING_DOSAGE

#: Text that is worked on at a time: it should stay in a core's own cache.
CACHED_BYTES = 1 << 18
COLUMNS_BEFORE_CALLS = 9
ONLY_GT = np.frombuffer(b"\tGT\t", np.uint32)[0]
FIRST_GT = np.frombuffer(b"\tGT:", np.uint32)[0]
ENDS = np.frombuffer(b"\t\n:", np.uint8)
SLASH, BAR, TAB, ZERO = b"/|\t0"
#: What "." becomes where "0" is 0 and "1" is 1.
DOT = ord(".") ^ ZERO
#: Genomes are shorter by far.
LARGEST_POSITION = 10**15
#: Lines from which on it is faster to look for one end after another than for all at once.
LONG_LINE = 1000


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

    def where(self, keep: np.ndarray) -> Plain:
        """Those records (boolean mask)."""
        if keep.all():
            return self
        markers = self.markers.filter(mask(keep))
        return Plain(self.rows[keep], self.dosage[keep], self.half_calls[keep], markers)


def _places(text: bytes, character: int) -> np.ndarray:
    """Where a character is in a text."""
    letters = np.frombuffer(text, np.uint8)
    pieces = range(0, len(letters), CACHED_BYTES)
    return np.concatenate(
        [np.flatnonzero(letters[at : at + CACHED_BYTES] == character) + at for at in pieces]
        or [np.empty(0, np.int64)]
    )


def _line_ends(text: bytes) -> np.ndarray:
    """Where each line ends: the position behind its newline."""
    if text.find(b"\n") < LONG_LINE:
        return _places(text, ord("\n")) + 1
    find, ends, at = text.find, [], 0
    while at := find(b"\n", at) + 1:
        ends.append(at)
    return np.array(ends, dtype=np.int64)


class Lines:
    """Some whole lines of a text.

    numbers: (lines,) which of its lines they are, from 1. starts, ends: (lines,) where each is in
    the text, its newline included.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.ends = _line_ends(text)
        self.starts = np.concatenate([[0], self.ends[:-1]])[: len(self.ends)]
        self.numbers = np.arange(1, len(self.ends) + 1)

    def __len__(self) -> int:
        return len(self.ends)

    def split(self) -> list[bytes]:
        """The lines without their ends."""
        return self.text.split(b"\n")[:-1]

    def where(self, keep: np.ndarray) -> Lines:
        """Those lines (boolean mask)."""
        places = zip(self.starts[keep].tolist(), self.ends[keep].tolist(), strict=True)
        some = Lines(b"".join([self.text[at:end] for at, end in places]))
        some.numbers = self.numbers[keep]
        return some


def fixed(lines: Lines, samples: int, ploidy: int) -> Plain:
    """The plain records whose FORMAT is GT alone."""
    text, starts, ends = lines.text, lines.starts, lines.ends
    width = 2 * ploidy * samples
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


def tabbed(lines: Lines, samples: int, ploidy: int) -> Plain:
    """The plain records, wherever the calls begin."""
    text, starts, ends = lines.text, lines.starts, lines.ends
    columns = COLUMNS_BEFORE_CALLS + samples - 1
    tabs = _places(text, TAB)
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
        self.reference = {
            separator: np.tile(
                np.array([ZERO | separator << 8] * (ploidy - 1) + [ZERO | TAB << 8], np.uint16),
                samples,
            )
            for separator in (SLASH, BAR)
        }

    def steps(self, width: int) -> list[slice]:
        """Slices of the records, as many as stay in the cache where each has `width` bytes."""
        step = max(1, CACHED_BYTES // width)
        return [slice(start, start + step) for start in range(0, len(self.good), step)]

    def read(self, some: slice, pairs: np.ndarray) -> None:
        """pairs: (records, samples x ploidy) uint16 allele | separator << 8; overwritten."""
        pairs ^= self.reference[BAR if pairs[0, 0] >> 8 == BAR else SLASH]
        self.good[some] = True
        other = pairs > 1
        if not other.any():
            self.dosage[some] = _sums(pairs, self.ploidy)
            return
        self._read_others(some, pairs, other)
        self.dosage[some] = _sums(pairs & 1, self.ploidy)
        unknown = pairs == DOT
        if unknown.any():
            unknown = unknown.reshape(len(pairs), -1, self.ploidy)
            missing = unknown.any(axis=2)
            self.dosage[some][missing] = MISSING_DOSAGE
            self.half_calls[some] = (missing & ~unknown.all(axis=2)).sum(axis=1)

    def _read_others(self, some: slice, pairs: np.ndarray, other: np.ndarray) -> None:
        """Decide on what is neither 0 nor 1: a missing allele, the other separator, or odd."""
        odd = (other & (pairs != DOT)).any(axis=1)
        if self.ploidy > 1 and odd.any():
            # the two separators are equals, and may change from call to call
            rows = pairs[odd]
            inner = rows.reshape(len(rows), -1, self.ploidy)[:, :, :-1]
            inner[inner >> 8 == SLASH ^ BAR] &= 0xFF
            pairs[odd] = rows
            odd[odd] = ((rows > 1) & (rows != DOT)).any(axis=1)
        self.good[some] = ~odd

    def plain(self, text: bytes, rows: np.ndarray, starts: np.ndarray, heads: np.ndarray) -> Plain:
        """The good ones, with their markers; none where their columns cannot be read."""
        good = self.good
        markers = _markers(text, starts[good], heads[good])
        if markers is None:
            good, markers = np.zeros_like(good), MARKERS.empty_table()
        dosage = self.dosage if good.all() else self.dosage[good]
        return Plain(rows[good], dosage, self.half_calls[good], markers)


def _sums(alleles: np.ndarray, ploidy: int) -> np.ndarray:
    """(records, samples) int8 sums of each sample's alleles (records, samples x ploidy) uint16."""
    if ploidy not in (1, 2, 4):
        each = alleles.reshape(len(alleles), -1, ploidy)
        return each.sum(axis=2, dtype=np.int8)
    # all alleles of a call as one number, whose halves are added until its last byte is the sum
    calls = alleles.view(f"u{2 * ploidy}")
    half = 8 * ploidy
    while half >= 16:
        calls = calls + (calls >> half)
        half //= 2
    return calls.astype(np.int8)


_READ = csv.ReadOptions(
    use_threads=False,
    column_names=["contig", "position", "id", "ref", "alt", "qual", "filter", "info"],
    block_size=1 << 30,
)
_PARSE = csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False)
_CONVERT = csv.ConvertOptions(
    column_types=MARKERS,
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
    if _is_odd(lines):
        return None
    try:
        markers = csv.read_csv(pa.BufferReader(lines), _READ, _PARSE, _CONVERT)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    if len(markers) != len(starts):
        return None
    positions = pc.min_max(markers["position"]).as_py()
    return markers if positions["min"] >= 0 and positions["max"] <= LARGEST_POSITION else None


def _is_odd(lines: bytes) -> bool:
    """Whether there may be what Arrow, and nobody else, takes for a number or for text."""
    blanks = b" " in lines and (b"\t " in lines or b" \t" in lines)
    return blanks or any(odd in lines for odd in (b"\0", b"\r", b"\t0x", b"\t0X"))


def _words(text: bytes, kind: type[np.unsignedinteger]) -> np.ndarray:
    """The text as little-endian numbers that begin at every byte."""
    size = np.dtype(kind).itemsize
    return np.ndarray((max(len(text) - size + 1, 0),), kind, text, strides=(1,))
