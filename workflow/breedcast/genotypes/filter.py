"""Filters on markers and lines, and the code matrix they leave.

In this order, each step on what the one before has left:

1. lines and markers that lists leave out: not named in `lines` or `markers`, or named in
   `exclude_lines` or `exclude_markers`;
2. markers with too many missing calls;
3. lines with too many missing calls;
4. lines with too many heterozygous calls;
5. lines that repeat an earlier one, compared at the markers that pass step 6 so far (told in any
   case, dropped if wanted);
6. markers of one allele only (always dropped), of a rare minor allele, with too many
   heterozygous calls;
7. markers that repeat an earlier one (if wanted);
8. markers linked to one of higher minor allele frequency (if wanted).

The filters look at all genotypes and at no trait. Genotypes are read block by block: once to
count, once more if lines are dropped by steps 3 to 4 and again by step 5, once to write, and once
for each of steps 5 (if lines may be alike), 7 and 8.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from breedcast.files import whole, write_table
from breedcast.genotypes.counts import Contigs, Counts, count, of_lines, share
from breedcast.genotypes.duplicates import Pairs, duplicated_lines, duplicated_markers, repeats
from breedcast.genotypes.heterozygosity import UNCLEAR, Split, split_contigs
from breedcast.genotypes.names import named
from breedcast.genotypes.pruning import prune
from breedcast.genotypes.store import (
    MARKER_COLUMNS,
    Checksum,
    CodesSummary,
    Imported,
    Thresholds,
    create_group,
    marker_blocks,
    markers_per_block,
    strings,
    write_summary,
)
from breedcast.genotypes.verdicts import (
    DUPLICATED,
    EXCLUDED,
    HETEROZYGOUS,
    LINKED,
    MISSING,
    MONOMORPHIC,
    NOT_LISTED,
    RARE,
    Verdicts,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What the filters decided.

    frequency: (kept markers,) alternate-allele frequency over the kept lines.
    pairs: duplicated lines, by position in the import. splits: of the lines in `lines`, which are
    the kept ones.
    """

    line_verdicts: Verdicts
    marker_verdicts: Verdicts
    absent_names: dict[str, int]
    lines: np.ndarray
    markers: np.ndarray
    frequency: np.ndarray
    pairs: Pairs
    splits: list[Split]


def filter_genotypes(
    imported: str | Path,
    folder: str | Path,
    *,
    lists: Mapping[str, str | Path] | None = None,
    **limits: Any,
) -> CodesSummary:
    """Filter the import into codes.zarr and codes.json, and tell what was found and dropped.

    Writes into the folder, beside these two, dropped_markers.tsv, dropped_samples.tsv,
    duplicated_lines.tsv, split_heterozygosity.tsv and split_heterozygosity_lines.tsv.

    lists: files with one name a row, by key: lines, exclude_lines, markers, exclude_markers.
    limits: the fields of Thresholds.

    Raises UserError if nothing is left, or if no name of a list is in the genotypes.
    """
    source, folder = Imported(imported), Path(folder)
    thresholds = Thresholds(**limits)
    choice = choose(source, thresholds, lists or {})
    with whole(folder / "codes.zarr") as unfinished:
        checksum, missing_share = _write_codes(source, choice, unfinished)
    splits = _split_table(choice)
    summary = CodesSummary(
        lines=len(choice.lines),
        markers=len(choice.markers),
        ploidy=source.summary.ploidy,
        checksum=checksum,
        missing_share=missing_share,
        dropped_lines=choice.line_verdicts.counts(),
        dropped_markers=choice.marker_verdicts.counts(),
        thresholds=thresholds,
        imported=source.summary,
        absent_names=choice.absent_names,
        duplicated_pairs=len(choice.pairs.first),
        split_heterozygosity=[
            {str(key): it for key, it in row.items()} for row in splits.to_dict("records")
        ],
    )
    write_summary(summary, folder / "codes.json")
    write_table(_dropped_markers(source, choice), folder / "dropped_markers.tsv")
    write_table(_dropped_samples(choice), folder / "dropped_samples.tsv")
    write_table(_pair_table(source, choice.pairs), folder / "duplicated_lines.tsv")
    write_table(splits, folder / "split_heterozygosity.tsv")
    write_table(_split_lines(source, choice), folder / "split_heterozygosity_lines.tsv")
    return summary


def choose(source: Imported, thresholds: Thresholds, lists: Mapping[str, str | Path]) -> Choice:
    """Decide which markers and lines are kept. Raises UserError if none is."""
    name = source.summary.name
    lines = Verdicts("line", source.samples, name)
    markers = Verdicts("marker", source.markers["id"].tolist(), name)
    absent = _drop_by_name(lists, lines, markers)

    contigs = Contigs.of(source.markers["contig"])
    limit = thresholds.max_missing_marker
    counts = count(source, markers.left(), lines.left(), contigs, limit)
    missing = (len(counts.lines) - counts.called) / len(counts.lines)
    failed = ~counts.passed
    markers.drop(counts.rows[failed], MISSING, missing[failed])
    counts = counts.of_passed()

    _drop_lines(counts, thresholds, lines)
    if len(lines.left()) < len(counts.lines):
        counts = count(source, counts.rows, lines.left(), contigs)
    pairs = _duplicated_lines(source, counts, thresholds)
    if thresholds.duplicated_lines == "drop" and len(pairs.first):
        _drop_repeats(pairs, lines)
        counts = count(source, counts.rows, lines.left(), contigs)

    reason, value = _judged(counts, thresholds)
    for why in (MISSING, MONOMORPHIC, RARE, HETEROZYGOUS):
        markers.drop(counts.rows[reason == why], why, value[reason == why])
    if thresholds.duplicated_markers == "drop":
        _drop_duplicated(source, counts, markers)
    if thresholds.ld_prune is not None:
        _prune(source, counts, markers, thresholds.ld_prune)
    kept = markers.left()
    return Choice(
        line_verdicts=lines,
        marker_verdicts=markers,
        absent_names=absent,
        lines=counts.lines,
        markers=kept,
        frequency=counts.frequency[np.searchsorted(counts.rows, kept)],
        pairs=pairs,
        splits=split_contigs(counts, contigs),
    )


def _drop_by_name(
    lists: Mapping[str, str | Path], lines: Verdicts, markers: Verdicts
) -> dict[str, int]:
    """Drop what the lists leave out; how many of their names are not in the genotypes, by key."""
    absent = {}
    for key, path in lists.items():
        verdicts = lines if key.endswith("lines") else markers
        found, absent[key] = named(path, verdicts.names, verdicts.what, key)
        if key.startswith("exclude_"):
            verdicts.drop(np.flatnonzero(found), EXCLUDED)
        else:
            verdicts.drop(np.flatnonzero(~found), NOT_LISTED)
    return {key: number for key, number in absent.items() if number}


def _drop_lines(counts: Counts, thresholds: Thresholds, lines: Verdicts) -> None:
    """Drop lines with too many missing calls, and of the others those too heterozygous."""
    called = counts.line_called.sum(axis=0)
    missing = (len(counts.rows) - called) / len(counts.rows)
    heterozygosity = share(counts.line_heterozygous.sum(axis=0), called)
    sparse = missing > thresholds.max_missing_line
    mixed = ~sparse & (heterozygosity > thresholds.max_heterozygosity_line)
    lines.drop(counts.lines[sparse], MISSING, missing[sparse])
    lines.drop(counts.lines[mixed], HETEROZYGOUS, heterozygosity[mixed])


def _judged(counts: Counts, thresholds: Thresholds) -> tuple[np.ndarray, np.ndarray]:
    """Why each counted marker is to be dropped by its calls, "" if it is not, and the share."""
    minor_share = share(counts.minor, counts.alleles)
    heterozygosity = share(counts.heterozygous, counts.called)
    reason, value = np.full(len(counts.rows), "", object), minor_share.copy()
    mixed = heterozygosity > thresholds.max_heterozygosity_marker
    reason[mixed], value[mixed] = HETEROZYGOUS, heterozygosity[mixed]
    rare = minor_share < thresholds.min_maf
    reason[rare], value[rare] = RARE, minor_share[rare]
    reason[counts.minor == 0], value[counts.minor == 0] = MONOMORPHIC, 0.0
    reason[counts.called == 0], value[counts.called == 0] = MISSING, 1.0
    return reason, value


def _duplicated_lines(source: Imported, counts: Counts, thresholds: Thresholds) -> Pairs:
    """The pairs of lines that are the same at the markers that would be kept."""
    rows = counts.rows[_judged(counts, thresholds)[0] == ""]
    sample = counts.sample[np.isin(counts.sampled, rows)]
    blocks = of_lines(source.blocks(rows), counts.lines)
    pairs = duplicated_lines(sample, len(rows), blocks, counts.ploidy, thresholds.identity)
    if len(pairs.first):
        logger.info("%d pairs of lines have the same genotypes", len(pairs.first))
    return replace(pairs, first=counts.lines[pairs.first], second=counts.lines[pairs.second])


def _drop_repeats(pairs: Pairs, lines: Verdicts) -> None:
    pair = repeats(pairs, len(lines.names))
    gone = np.flatnonzero(pair >= 0)
    pair = pair[gone]
    lines.drop(gone, DUPLICATED, pairs.identity[pair], pairs.first[pair])


def _drop_duplicated(source: Imported, counts: Counts, markers: Verdicts) -> None:
    rows = markers.left()
    blocks = of_lines(source.blocks(rows), counts.lines)
    first = duplicated_markers(blocks, len(rows), counts.ploidy)
    gone = first != np.arange(len(rows))
    markers.drop(rows[gone], DUPLICATED, because=rows[first[gone]])


def _prune(source: Imported, counts: Counts, markers: Verdicts, limits: Mapping[str, Any]) -> None:
    rows = markers.left()
    at = np.searchsorted(counts.rows, rows)
    because, squared = prune(
        of_lines(source.blocks(rows), counts.lines),
        source.markers["contig"].iloc[rows].to_numpy(object),
        counts.minor[at],
        counts.alleles[at],
        **limits,
    )
    gone = because >= 0
    markers.drop(rows[gone], LINKED, squared[gone], rows[because[gone]])


def _write_codes(source: Imported, choice: Choice, path: Path) -> tuple[str, float]:
    """Write codes.zarr; its checksum, read back from the disk, and its share of missing calls."""
    samples = [source.samples[line] for line in choice.lines]
    lines, markers = len(choice.lines), len(choice.markers)
    group = create_group(path, samples, markers, MARKER_COLUMNS | {"frequency": "float64"})
    for column, kind in MARKER_COLUMNS.items():
        values = source.markers[column].iloc[choice.markers].tolist()
        group[column][:] = strings(values) if kind == "str" else np.array(values)
    group["frequency"][:] = choice.frequency
    group.attrs["ploidy"] = source.summary.ploidy
    group.attrs["inputs"] = [asdict(file) for file in source.summary.inputs]
    codes = group.create_array(
        "codes",
        shape=(lines, markers),
        chunks=(min(lines, 128), markers_per_block(markers, source.summary.lines)),
        dtype="uint8",
        dimension_names=("sample", "marker"),
    )
    missing_code = np.uint8(source.summary.ploidy + 1)
    missing = 0
    places = marker_blocks(markers, source.summary.lines)
    for columns, dosage in zip(places, source.blocks(choice.markers), strict=True):
        block = np.empty((lines, len(dosage)), np.uint8)
        start = 0
        for piece in of_lines(iter([dosage]), choice.lines):
            # a missing dosage, -1, is the largest byte
            code = np.minimum(piece.view(np.uint8), missing_code)
            missing += int(np.count_nonzero(code == missing_code))
            block[:, start : start + len(code)] = code.T
            start += len(code)
        codes[:, columns] = block
    return _checksum(codes, samples), missing / (lines * markers)


def _checksum(codes: Any, samples: list[str]) -> str:
    checksum = Checksum(samples)
    for start in range(0, codes.shape[0], codes.chunks[0]):
        checksum.update(codes[start : start + codes.chunks[0], :])
    return checksum.hexdigest()


def _dropped_markers(source: Imported, choice: Choice) -> pd.DataFrame:
    """marker (index in the input, from 0), id, contig, position, and why it was dropped."""
    dropped = np.flatnonzero(choice.marker_verdicts.reason != "")
    return pd.DataFrame(
        {
            "marker": dropped,
            **{name: source.markers[name].iloc[dropped] for name in ("id", "contig", "position")},
            **choice.marker_verdicts.columns(dropped),
        }
    )


def _dropped_samples(choice: Choice) -> pd.DataFrame:
    """sample, and why it was dropped."""
    dropped = np.flatnonzero(choice.line_verdicts.reason != "")
    samples = [choice.line_verdicts.names[line] for line in dropped]
    return pd.DataFrame({"sample": samples, **choice.line_verdicts.columns(dropped)})


def _pair_table(source: Imported, pairs: Pairs) -> pd.DataFrame:
    """line_1, line_2, identity, calls (compared, made in both lines)."""
    names = np.array(source.samples, object)
    return pd.DataFrame(
        {
            "line_1": names[pairs.first],
            "line_2": names[pairs.second],
            "identity": pairs.identity,
            "calls": pairs.shared,
        }
    )


def _split_table(choice: Choice) -> pd.DataFrame:
    """A row per contig that splits the lines: lines in each group, heterozygosity in each."""
    columns = ["contig", "markers", "lines_few", "lines_usual", "lines_unclear"]
    columns += [f"{where}_{group}" for where in ("here", "elsewhere") for group in ("few", "usual")]
    rows = [
        (
            split.contig,
            split.markers,
            int(split.few.sum()),
            int(split.usual.sum()),
            int((split.group() == UNCLEAR).sum()),
            *(
                float(where[group].mean())
                for where in (split.here, split.elsewhere)
                for group in (split.few, split.usual)
            ),
        )
        for split in choice.splits
    ]
    return pd.DataFrame(rows, columns=columns)


def _split_lines(source: Imported, choice: Choice) -> pd.DataFrame:
    """contig, sample, group (few, usual, unclear) and the heterozygosity here and elsewhere."""
    samples = [source.samples[line] for line in choice.lines]
    tables = [
        pd.DataFrame(
            {
                "contig": split.contig,
                "sample": samples,
                "group": split.group(),
                "here": split.here,
                "elsewhere": split.elsewhere,
            }
        )
        for split in choice.splits
    ]
    empty = pd.DataFrame(columns=["contig", "sample", "group", "here", "elsewhere"])
    return pd.concat(tables, ignore_index=True) if tables else empty
