"""regions.tsv: where the association test and the models' saliencies point.

A method names markers: the association test those of a small false discovery rate, each
statistic of a model those more prominent than the control allows, permutation whole windows.
Markers that are linked cannot be told apart, so what is compared between methods is regions: from
the first to the last marker in linkage disequilibrium with a peak.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from breedcast.genotypes.columns import CodeColumns
from breedcast.markers.association import centred_dosages
from breedcast.markers.genes import nearest_gene
from breedcast.markers.saliency import Standing, threshold
from breedcast.models.importance import PERMUTATION

#: The association test among the methods; no model can be called so.
WALD = "Wald"
#: Between a model and its statistic in a method's name; a model's first statistic has none.
BY = ":"
#: False discovery rate of the association test, and chance that a model names any marker wrongly
#: where the control has permutations enough to tell.
ALPHA = 0.05
#: Squared correlation of dosages from which a marker belongs to a peak's region.
LINKED = 0.5
#: A region ends where so many markers in a row are not linked to its peak.
GAP = 100

METHODS = ["method", "statistic", "threshold", "chance", "markers"]
REGIONS = [
    *("contig", "first", "last", "markers", "id", "position", "ref", "alt", "frequency"),
    *("effect", "p_value", "q_value", "named_by", "methods", "gene", "gene_distance"),
]


@dataclass(frozen=True)
class Naming:
    """What each method names.

    methods: method, statistic, threshold (of the q-value, or of prominence), chance (that it
    names any marker of a trait that no marker has a part in; NA for a rate of false discoveries),
    markers (how many it names). named: method -> (its markers' indices). peaks: indices of those
    that regions are about: all that are named but, of a window, the marker of smallest p alone.
    """

    methods: pd.DataFrame
    named: Mapping[str, np.ndarray]
    peaks: np.ndarray


def name_markers(
    association: pd.DataFrame, standings: Iterable[tuple[str, Iterable[tuple[str, Standing]]]]
) -> Naming:
    """Apply the thresholds.

    standings: models and how markers stand by each of their statistics, looked at in turn; models
    without any are no methods. A method is called by its model, those of the model's second
    statistic and of later ones by both.
    """
    named = {WALD: np.flatnonzero(association["q_value"] <= ALPHA)}
    peaks = [named[WALD]]
    rows: list[tuple[object, ...]] = [(WALD, "q_value", ALPHA, np.nan, len(named[WALD]))]
    for model, by_statistic in standings:
        for statistic, standing in by_statistic:
            method = f"{model}{BY}{statistic}" if model in named else model
            limit = threshold(standing.control, ALPHA)
            found = named[method] = np.flatnonzero(standing.prominence > limit.value)
            rows.append((method, statistic, limit.value, limit.chance, len(found)))
            if statistic == PERMUTATION:
                found = _best_of_windows(found, standing.prominence, association["p_value"])
            peaks.append(found)
    return Naming(pd.DataFrame(rows, columns=METHODS), named, np.unique(np.concatenate(peaks)))


def _best_of_windows(markers: np.ndarray, prominence: np.ndarray, p_value: pd.Series) -> np.ndarray:
    """The marker of smallest p among those in a row of equal prominence, for each such row."""
    windows = np.cumsum(np.diff(prominence, prepend=np.nan) != 0)[markers]
    by_p = p_value.iloc[markers].sort_values(kind="stable").index.to_series()
    return by_p.groupby(pd.Series(windows, markers)).first().to_numpy(int)


def find_regions(
    codes: CodeColumns,
    association: pd.DataFrame,
    naming: Naming,
    genes: pd.DataFrame | None,
) -> pd.DataFrame:
    """The regions around named markers: those of the association test, then those of most models.

    codes: of the phenotyped lines. Of a region's named markers the one of smallest p is its peak.
    Regions that overlap are one.

    Returns contig, first, last (positions), markers (in it), the peak's id, position, ref, alt,
    frequency, effect, p_value, q_value, named_by (how many of the association test and the models:
    a model's statistics count once), methods (separated by commas), and the gene nearest to the
    peak with its distance (0: inside).
    """
    by_p = association.loc[naming.peaks, "p_value"].sort_values(kind="stable").index
    rows = [
        _row(first, last, association, by_p, naming, genes)
        for first, last in _merged(_stretches(codes, association["contig"].to_numpy(), by_p))
    ]
    table = pd.DataFrame(rows, columns=REGIONS).astype({"gene_distance": "Int64"})
    by_models_alone = [WALD not in methods.split(",") for methods in table["methods"]]
    return (
        table.assign(by_models_alone=by_models_alone)
        .sort_values(
            ["by_models_alone", "named_by", "p_value"],
            ascending=[True, False, True],
            kind="stable",
            ignore_index=True,
        )
        .drop(columns="by_models_alone")
    )


def _stretches(
    codes: CodeColumns, contig: np.ndarray, peaks: pd.Index
) -> Iterator[tuple[int, int]]:
    """First and last marker linked to each peak that is not in the stretch of one before it.

    contig: (markers,); peaks: markers, the most prominent first.
    """
    free = set(peaks)
    for peak in peaks:
        if peak in free:
            here = np.flatnonzero(contig == contig[peak])
            first, last = linked_stretch(codes, int(peak), int(here[0]), int(here[-1]) + 1)
            free -= set(range(first, last + 1))
            yield first, last


def _row(
    first: int,
    last: int,
    association: pd.DataFrame,
    by_p: pd.Index,
    naming: Naming,
    genes: pd.DataFrame | None,
) -> dict[str, object]:
    """The region from the first marker to the last. by_p: named markers, that of smallest p first.

    Its keys are REGIONS, and what else association.parquet tells of the peak.
    """
    methods = [it for it, own in naming.named.items() if ((own >= first) & (own <= last)).any()]
    about = association.loc[next(marker for marker in by_p if first <= marker <= last)]
    near = None
    if genes is not None:
        near = nearest_gene(genes, about["contig"], int(about["position"]))
    gene, distance = near or (None, None)
    return {
        **about.to_dict(),
        "first": association.loc[first, "position"],
        "last": association.loc[last, "position"],
        "markers": last - first + 1,
        "named_by": len({method.partition(BY)[0] for method in methods}),
        "methods": ",".join(methods),
        "gene": gene,
        "gene_distance": distance,
    }


def linked_stretch(codes: CodeColumns, peak: int, first: int, end: int) -> tuple[int, int]:
    """First and last marker linked to a peak, between `first` and before `end`.

    It is searched outwards until GAP markers in a row are not linked to the peak.
    """
    at = _standardised(codes, peak, peak + 1)[:, 0]

    def linked(start: int, stop: int) -> np.ndarray:
        squared = (at @ _standardised(codes, start, stop)) ** 2
        return start + np.flatnonzero(squared >= LINKED)

    left = right = peak
    while right + 1 < end and len(found := linked(right + 1, min(right + 1 + GAP, end))):
        right = int(found[-1])
    while left > first and len(found := linked(max(left - GAP, first), left)):
        left = int(found[0])
    return left, right


def as_bed(regions: pd.DataFrame) -> str:
    """The regions as BED: contig, start from 0, end, name of the peak; blanks become `_`.

    Markers without a place, at position 0, begin there.
    """
    rows = zip(*(regions[it] for it in ("contig", "first", "last", "id")), strict=True)
    return "".join(
        "\t".join([_one_word(contig), str(max(first - 1, 0)), str(last), _one_word(name)]) + "\n"
        for contig, first, last, name in sorted(rows)
    )


def as_csv(regions: pd.DataFrame) -> str:
    """The regions for a spreadsheet: text that one would take for a formula begins with `'`."""
    safe = regions.copy()
    for column in ("contig", "id", "ref", "alt", "gene"):
        text = safe[column].astype(object)
        formula = text.map(lambda it: isinstance(it, str) and it[:1] in set("=+-@\t\r"))
        safe[column] = text.where(~formula, "'" + text.astype(str))
    return safe.to_csv(index=False, lineterminator="\n")


def _merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches of markers, those that overlap as one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(stretches):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


def _standardised(codes: CodeColumns, first: int, end: int) -> np.ndarray:
    """Dosages (lines, markers) of norm 1 about their means; 0 of a marker that does not vary."""
    centred, _ = centred_dosages(codes.read(first, end), codes.ploidy)
    norm = np.linalg.norm(centred, axis=0)
    return np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0)


def _one_word(text: str) -> str:
    return "_".join(text.split())
