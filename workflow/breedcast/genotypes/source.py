"""What every reader of genotypes is given and gives: a file, opened, becomes blocks of markers."""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from breedcast.errors import UserError
from breedcast.genotypes.arrow import mask, texts

MAX_PLOIDY = 8
MISSING_DOSAGE = -1
#: The columns that describe a marker.
MARKERS = pa.schema(
    {
        "contig": pa.string(),
        "position": pa.int64(),
        "id": pa.string(),
        "ref": pa.string(),
        "alt": pa.string(),
    }
)

#: The columns of what the join of files changed.
CHANGES = pa.schema(
    [("panel", pa.string()), *MARKERS, ("action", pa.string()), ("reason", pa.string())]
)
#: Which markers stay where files of different lines are joined.
How = Literal["intersection", "union"]
JOINED = "listed in genotypes/joined_markers.tsv"
#: What readers count, with what it means; the report shows those that are not 0.
COUNTS = {
    "missing_calls": ("Missing calls", "of the lines and markers that were read"),
    "half_calls": ("Half calls", "some allele known (./1), counted as missing"),
    "multi_allelic": ("Markers with several alternate alleles", "as `multi_allelic` says"),
    "indels": ("Insertions and deletions", "an alternate allele as long as no other"),
    "symbolic": ("Symbolic alleles", "alternate alleles such as <DEL>, * or breakends"),
    "no_alternate": ("Markers without an alternate allele", "every call is the reference"),
    "without_id": ("Markers without an id", "named contig_position"),
    "duplicated_ids": ("Ids that an earlier marker has", "kept: a marker is known by its place"),
    "unnamed_alleles": ("Markers with letters that `alleles` lacks", "those found, A to T"),
    "unplaced": ("Markers of unknown place", "on contig `un`, in the order of the table"),
    "rounded_dosages": ("Dosages rounded by more than 0.1", "to the nearest whole dosage"),
    "haploid_heterozygous": ("Heterozygous calls on haploid contigs", "counted as missing"),
    "other_contigs": ("Markers on contigs or outside regions left out", "as the config says"),
    "other_variants": ("Markers of a kind that is left out", "as `leave_out` says"),
    "joined_dropped": ("Markers of single files that the join left out", JOINED),
    "joined_missing": ("Markers that some files lack", JOINED),
    "joined_swapped": ("Markers with reference and alternate swapped in a file", JOINED),
    "joined_flipped": ("Markers read on the other strand in a file", JOINED),
    "joined_flipped_and_swapped": ("Markers both swapped and on the other strand", JOINED),
    "joined_suspected": ("Markers that may count the other allele in a file", JOINED),
    "multi_allelic_dropped": ("Markers of several alternate alleles, left out", "`drop`"),
}


@dataclass(frozen=True)
class Reading:
    """How genotypes are read: the config's section `genotypes`, without the paths.

    ploidy: None takes it from the data. field: GT, or DS for the dosages of imputed VCFs.
    multi_allelic: `collapse` counts all alternate alleles of a marker together, `split` makes
        one marker of each, `drop` leaves such markers out.
    leave_out: kinds of markers to leave out, `indel` and `symbolic`.
    contigs: `exclude`, `haploid` (a call is one allele, or homozygous) or `mixed` (calls of one
        allele among others) by contig; a call of one allele counts as homozygous.
    regions: contigs, or contig:first-last (from 1, both included), that are read; empty for all.
    lines_in: of a delimited matrix, `rows` or `columns`; None where the file alone tells.
    map: of a delimited matrix, a table of its markers (marker, contig, position); or empty.
    threads: that read at a time; what is read does not depend on it.
    """

    ploidy: int | None = None
    field: str = "GT"
    multi_allelic: str = "collapse"
    leave_out: Sequence[str] = ()
    contigs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    regions: Sequence[str] = ()
    lines_in: str | None = None
    map: str = ""
    threads: int = 1

    @property
    def is_partial(self) -> bool:
        """Whether some markers may not be read for where they lie."""
        return bool(self.regions) or "exclude" in self.contigs.values()

    def reads(self, contig: str, position: int) -> bool:
        """Whether a marker there is read."""
        if self.contigs.get(contig) == "exclude":
            return False
        return not self.regions or any(
            contig == name and first <= position <= last
            for name, first, last in map(parse_region, self.regions)
        )

    def wanted(self, markers: pa.Table) -> np.ndarray:
        """(markers,) whether each is on a contig, and in a region, that is read."""
        if not self.is_partial:
            return np.ones(len(markers), bool)
        places = zip(markers["contig"].to_pylist(), markers["position"].to_pylist(), strict=True)
        return np.array([self.reads(*place) for place in places], bool)


@cache
def parse_region(text: str) -> tuple[str, int, int]:
    """Contig, first and last position of `contig`, `contig:first-last` or `contig:first-`.

    Raises UserError for one that ends before it begins.
    """
    match = re.fullmatch(r"(.+?):(\d+)-(\d*)", text)
    if match is None:
        return text, 0, np.iinfo(np.int64).max
    contig, first, last = match.groups()
    begin, end = int(first), int(last) if last else np.iinfo(np.int64).max
    if end < begin:
        raise UserError(
            f"config, genotypes: regions: {text!r} ends before it begins: write contig:first-last"
        )
    return contig, begin, end


@dataclass(frozen=True)
class Block:
    """Some successive markers.

    dosage: (markers, lines) int8 number of alternate alleles, -1 = missing.
    markers: a table of the columns MARKERS.
    rows: (markers,) where in the file each is to be found, as `Source.place` counts.
    """

    dosage: np.ndarray
    markers: pa.Table
    rows: np.ndarray

    def where(self, keep: np.ndarray) -> Block:
        """Those markers (boolean mask)."""
        if keep.all():
            return self
        return Block(self.dosage[keep], self.markers.filter(mask(keep)), self.rows[keep])

    def of_lines(self, columns: np.ndarray) -> Block:
        """The same of some lines."""
        return Block(self.dosage[:, columns], self.markers, self.rows)


def joined(blocks: Sequence[Block]) -> Block:
    """All markers of the blocks, in the order of the rows."""
    if len(blocks) == 1:
        return blocks[0]
    rows = np.concatenate([block.rows for block in blocks])
    order = np.argsort(rows, kind="stable")
    dosage = np.concatenate([block.dosage for block in blocks])[order]
    markers = pa.concat_tables([block.markers for block in blocks]).take(pa.array(order))
    return Block(dosage, markers, rows[order])


class Source(ABC):
    """A file of genotypes.

    samples: names of its lines; known at once.
    ploidy: of its calls; None until a call or the config has told.
    counts: how often each of COUNTS was met; complete when `blocks` has ended.
    unread: the contigs of markers that were not read, as the config says.
    """

    #: What the format is called in the report.
    format: ClassVar[str]

    def __init__(self, path: str | Path, reading: Reading) -> None:
        self.path = Path(path)
        self.reading = reading
        self.ploidy = reading.ploidy
        self.counts: Counter[str] = Counter()
        self.unread: set[str] = set()
        self.samples = self._open()

    @abstractmethod
    def _open(self) -> list[str]:
        """Look at the head of the file: the names of its lines. Raises UserError."""

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """All markers that are read, some megabytes at a time. Raises UserError."""

    @abstractmethod
    def checksums(self) -> dict[str, str]:
        """The sha256 of the file, and of those that belong to it, once `blocks` has ended."""

    def place(self, row: int) -> str:
        """Where the marker at a row (from 0) of the file is to be found, for messages."""
        return f"{self.path}, marker {row + 1}"


def marker_table(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """The table of a block, from its columns; markers without an id have none or `.`."""
    return pa.table({name: columns[name] for name in MARKERS.names}, schema=MARKERS)


def named(markers: pa.Table, counts: Counter[str]) -> pa.Table:
    """The table with a name, contig_position, for markers whose id is empty or `.`."""
    unnamed = pc.is_in(markers["id"], value_set=texts(["", "."]))
    number = pc.sum(unnamed).as_py() or 0
    if number == 0:
        return markers
    counts["without_id"] += number
    place = pc.binary_join_element_wise(
        markers["contig"], pc.cast(markers["position"], pa.string()), texts(["_"])[0]
    )
    names = pc.if_else(unnamed, place, markers["id"])
    return markers.set_column(markers.schema.get_field_index("id"), "id", names)
