"""From files of genotypes, of any format, to the folder `imported`."""

from __future__ import annotations

import logging
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from breedcast.errors import UserError
from breedcast.files import whole, write_table
from breedcast.genotypes.arrow import among, numbers
from breedcast.genotypes.formats import open_source
from breedcast.genotypes.source import (
    CHANGES,
    COUNTS,
    MISSING_DOSAGE,
    Block,
    How,
    Reading,
    Source,
    named,
    parse_region,
)
from breedcast.genotypes.store import Imported, ImportSummary, ImportWriter, InputFile

#: Symbolic alleles: <DEL>, *, breakends.
SYMBOLIC = re.compile(r"[<*\[\]]|[A-Za-z]\.|\.[A-Za-z]")

#: Keys of `genotypes` that may leave out markers, and what counts these.
LEAVING_OUT = {
    "regions": "other_contigs",
    "contigs": "other_contigs",
    "leave_out": "other_variants",
    "multi_allelic": "multi_allelic_dropped",
}

logger = logging.getLogger(__name__)


def import_genotypes(
    paths: Sequence[str | Path],
    store_path: str | Path,
    reading: Reading,
    join: How = "intersection",
) -> ImportSummary:
    """Read files into `imported`; what joining them changed, into joined_markers.tsv beside it.

    Files of the same lines are read one after another; those of others are joined, as `join` says.

    Raises UserError for what a reader refuses, markers out of order, files that cannot be joined,
    no marker at all, and no call at all.
    """
    panels = _by_lines([open_source(path, reading) for path in paths])
    changes = Path(store_path).with_name("joined_markers.tsv")
    with whole(store_path) as unfinished:
        if len(panels) > 1:
            return _import_joined(panels, unfinished, reading, join, changes)
        summary = _import_panel(panels[0], unfinished, reading)
        with whole(changes) as empty:
            empty.write_text("\t".join(CHANGES.names) + "\n", encoding="utf-8")
        return summary


def _by_lines(sources: Sequence[Source]) -> list[list[Source]]:
    """The files in groups of the same lines."""
    groups: dict[frozenset[str], list[Source]] = {}
    for source in sources:
        groups.setdefault(frozenset(source.samples), []).append(source)
    return list(groups.values())


def _import_panel(sources: Sequence[Source], store: Path, reading: Reading) -> ImportSummary:
    """Files of the same lines, one after another."""
    importing = _Importing(sources, reading)
    with ImportWriter(store, sources[0].samples) as writer:
        for block in importing.blocks():
            writer.append(block)
            logger.info("read %d markers", importing.markers)
    importing.counts["duplicated_ids"] = writer.duplicated_ids()
    summary = importing.summary()
    writer.summarise(summary)
    return summary


def _import_joined(
    groups: Sequence[Sequence[Source]], store: Path, reading: Reading, how: How, changes: Path
) -> ImportSummary:
    """Files of different lines, each panel in a store of its own before they are joined."""
    from breedcast.genotypes.join import join_panels  # and with it pandas
    from breedcast.genotypes.panels import Panel

    with tempfile.TemporaryDirectory(dir=store.parent, prefix=f"{store.name}.panels") as folder:
        parts = [Path(folder, str(number)) for number in range(len(groups))]
        read = [
            _import_panel(sources, part, reading)
            for sources, part in zip(groups, parts, strict=True)
        ]
        stores, names = [Imported(part) for part in parts], _names(groups)
        panels = [
            Panel(name, part.samples, part.table, part.summary.ploidy, part.at)
            for name, part in zip(names, stores, strict=True)
        ]
        joined = join_panels(panels, how)
        for note in joined.notes:
            logger.info(note)
        missing = 0
        with ImportWriter(store, joined.samples) as writer:
            for block in joined.blocks():
                missing += int(np.count_nonzero(block.dosage == MISSING_DOSAGE))
                writer.append(block)
        counts = sum((Counter(summary.counts) for summary in read), Counter[str]())
        counts["missing_calls"] = missing
        counts["duplicated_ids"] = writer.duplicated_ids()
        for (_, action, _), number in joined.counts.items():
            counts[f"joined_{action}".replace(" ", "_")] += number
        summary = ImportSummary(
            inputs=[file for summary in read for file in summary.inputs],
            lines=len(joined.samples),
            markers=len(joined.markers),
            ploidy=joined.ploidy,
            counts={name: counts[name] for name in COUNTS if counts[name]},
        )
        writer.summarise(summary)
        write_table(joined.changes.to_pandas(), changes)
    return summary


def _names(groups: Sequence[Sequence[Source]]) -> list[str]:
    """What each panel is called: its files' names, with their folders where names repeat."""
    names = [", ".join(source.path.name for source in sources) for sources in groups]
    if len(set(names)) < len(names):
        return [", ".join(str(source.path) for source in sources) for sources in groups]
    return names


class _Importing:
    """The markers of some files of the same lines, checked and counted."""

    def __init__(self, sources: Sequence[Source], reading: Reading) -> None:
        self.sources = sources
        self.reading = reading
        self.counts: Counter[str] = Counter()
        self.markers = 0
        self._order = _Order()

    def blocks(self) -> Iterator[Block]:
        """The markers that are kept, file after file. Raises UserError."""
        for source in self.sources:
            columns = self._columns(source)
            for block in source.blocks():
                block = self._kept(block, source)
                self.markers += len(block.markers)
                self.counts["missing_calls"] += int(
                    np.count_nonzero(block.dosage == MISSING_DOSAGE)
                )
                yield block if columns is None else block.of_lines(columns)
            self.counts += source.counts

    def summary(self) -> ImportSummary:
        """What was read. Raises UserError for a config or files that left nothing to read."""
        lines, names = len(self.sources[0].samples), ", ".join(str(it.path) for it in self.sources)
        self._check_contigs(names)
        if self.markers == 0:
            raise UserError(f"{names}: {self._nothing()}")
        ploidies = {it.ploidy for it in self.sources}
        if self.counts["missing_calls"] == lines * self.markers or None in ploidies:
            raise UserError(f"{names}: every call is missing: give a file with genotypes")
        if len(ploidies) > 1:
            found = ", ".join(f"{it.path}: {it.ploidy}" for it in self.sources)
            raise UserError(f"the files are of different ploidy ({found}): leave some out")
        inputs = [
            InputFile(name, source.format, sha256)
            for source in self.sources
            for name, sha256 in source.checksums().items()
        ]
        counts = {name: self.counts[name] for name in COUNTS if self.counts[name]}
        return ImportSummary(inputs, lines, self.markers, ploidies.pop() or 0, counts)

    def _nothing(self) -> str:
        """Why there are no markers, and what to do."""
        keys = [key for key, name in LEAVING_OUT.items() if self.counts[name]]
        if not keys:
            return "a header and no records: give a file with genotypes"
        given = [key for key in keys if getattr(self.reading, key)]
        records = sum(self.counts[name] for name in set(LEAVING_OUT.values()))
        return f"no marker is left of {records}: change genotypes: {', '.join(given)} in the config"

    def _columns(self, source: Source) -> np.ndarray | None:
        """Where the first file's lines are in this one; None if in the same order."""
        first = self.sources[0]
        if source.samples == first.samples:
            return None
        column = {sample: at for at, sample in enumerate(source.samples)}
        return np.array([column[sample] for sample in first.samples])

    def _kept(self, block: Block, source: Source) -> Block:
        """The markers of kinds that the config does not leave out, named and in order."""
        kinds = _kinds(block.markers)
        out = np.zeros(len(block.markers), bool)
        for kind in self.reading.leave_out:
            out |= kinds[kind]
        self.counts["other_variants"] += int(out.sum())
        for name, key in (
            ("indel", "indels"),
            ("symbolic", "symbolic"),
            ("multi_allelic", "multi_allelic"),
            ("no_alternate", "no_alternate"),
        ):
            self.counts[key] += int((kinds[name] & ~out).sum())
        block = block.where(~out)
        block = Block(block.dosage, named(block.markers, self.counts), block.rows)
        self._order.check(block, source)
        return block

    def _check_contigs(self, names: str) -> None:
        """Raise UserError for a contig of the config that no marker is on."""
        met = {contig for source in self.sources for contig in source.unread} | self._order.contigs
        asked = {
            *self.reading.contigs,
            *(parse_region(region)[0] for region in self.reading.regions),
        }
        for contig in sorted(asked - met):
            some = ", ".join(sorted(met)[:10])
            raise UserError(
                f"{names}: no marker is on contig {contig!r}, which genotypes: contigs or regions "
                f"in the config names; its contigs are {some}{', ...' if len(met) > 10 else ''}"
            )


class _Order:
    """Positions go up within contigs, each of which is one run: models know neighbours by it."""

    def __init__(self) -> None:
        self.contigs: set[str] = set()
        self._contig, self._position = "", 0

    def check(self, block: Block, source: Source) -> None:
        """Look at the next markers. Raises UserError."""
        if not len(block.rows):
            return
        contig = block.markers["contig"].combine_chunks()
        position = numbers(block.markers["position"])
        run = np.from_dlpack(contig.dictionary_encode().indices)
        begins = np.flatnonzero(np.diff(run, prepend=-1))
        for at in begins.tolist():
            name = contig[at].as_py()
            if at == 0 and name == self._contig:
                begins = begins[1:]
            elif name in self.contigs:
                self._refuse(source, block, at, f"contig {name!r} again, after others")
            self.contigs.add(name)
        backward = np.diff(position, prepend=self._position) < 0
        backward[begins] = False
        if backward.any():
            at = int(backward.argmax())
            self._refuse(source, block, at, f"position {position[at]} after a larger one")
        self._contig, self._position = contig[-1].as_py(), int(position[-1])

    def _refuse(self, source: Source, block: Block, at: int, what: str) -> None:
        raise UserError(
            f"{source.place(int(block.rows[at]))}: {what}: sort the markers by contig and position "
            "(bcftools sort, plink2 --sort-vars, TASSEL's sort plugin)"
        )


def _kinds(markers: pa.Table) -> dict[str, np.ndarray]:
    """(markers,) which markers are of each kind that `leave_out` or COUNTS name."""
    alleles = markers["alt"].unique().to_pylist()
    return {
        "indel": _indels(markers),
        "symbolic": among(markers["alt"], [it for it in alleles if SYMBOLIC.search(it)]),
        "multi_allelic": among(markers["alt"], [it for it in alleles if "," in it]),
        # a table of dosages may name neither allele
        "no_alternate": among(markers["alt"], {"."} & set(alleles))
        & ~among(markers["ref"], {"."} & set(alleles)),
    }


def _indels(markers: pa.Table) -> np.ndarray:
    """(markers,) where some alternate allele is longer or shorter than the reference."""
    ref, alt = markers["ref"], markers["alt"]
    long = np.maximum(numbers(pc.binary_length(ref)), numbers(pc.binary_length(alt))) > 1
    indel = np.zeros(len(markers), bool)
    for row in np.flatnonzero(long).tolist():
        length, alleles = len(ref[row].as_py()), alt[row].as_py().split(",")
        indel[row] = any(len(it) != length for it in alleles if not SYMBOLIC.search(it))
    return indel
