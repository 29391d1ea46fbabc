"""The report's tables of markers: smallest p-values beside saliencies, regions, methods."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from breedcast.markers.regions import ALPHA, BY, LINKED, WALD
from breedcast.report.collect import TraitResult
from breedcast.report.markers import has_saliency
from breedcast.report.tables import NO_FIGURE, Cell, Table, decimals_for, number, table, whole

#: Rows of the tables of markers and of regions.
TOP_MARKERS, TOP_REGIONS = 20, 30


def marker_table(trait: TraitResult) -> Table:
    """The markers with the smallest p-values, and their saliency by each model that has one."""
    tested = trait.association.dropna(subset=["p_value"])
    top = tested.sort_values(["p_value", "marker"]).head(TOP_MARKERS)
    saliencies = {
        model.name: _share_and_rank(model.saliency).loc[top["marker"]].to_dict("index")
        for model in trait.models
        if model.saliency is not None and has_saliency(model)
    }
    decimals = decimals_for(trait.sd)
    return table(
        f"The {len(top)} markers of smallest p for {trait.name}. Effect: in the trait's units per "
        "copy of the alternate allele, ± standard error; p: Wald test, single marker; q: false "
        "discovery rate (Benjamini and Hochberg)"
        + (
            "; saliency: the marker's rank by each model's saliency, 1 is the largest, and the "
            "saliency as a share of that, mean ± standard deviation over the folds, and of the "
            "networks of a fold."
            if saliencies
            else "."
        ),
        [
            *("Marker", "Contig", "Position", "Ref / alt", "Frequency of alt", "Effect", "p", "q"),
            *(f"Saliency, {name}" for name in saliencies),
        ],
        [
            [
                row["id"],
                row["contig"],
                whole(row["position"]),
                f"{row['ref']} / {row['alt']}",
                number(row["frequency"], 2),
                _effect(row, decimals),
                f"{row['p_value']:.2g}",
                f"{row['q_value']:.2g}",
                *(_saliency_cell(it[row["marker"]]) for it in saliencies.values()),
            ]
            for row in top.to_dict("records")
        ],
        text=(0, 1, 3),
        file=f"{trait.id}_markers",
    )


def region_table(trait: TraitResult) -> Table:
    """The regions that the association test names, and those that most models do."""
    regions = trait.regions
    top = regions.head(TOP_REGIONS)
    has_genes = bool(regions["gene"].notna().any())
    part = (
        f"all {whole(len(regions))}"
        if len(top) == len(regions)
        else f"the first {whole(len(top))} of {whole(len(regions))}"
    )
    return table(
        f"Regions for {trait.name} that methods name, those of the {WALD} test first, then those "
        f"of most models: {part}. A region reaches from the first to the last marker linked to its "
        f"peak (squared correlation of dosages {LINKED:g} or more), overlapping ones are one; "
        "effect, p and q are the peak's, the named marker of smallest p. "
        f"{WALD} names markers of q up to {ALPHA:g}, models those above their threshold in the "
        "figure or by a further statistic; how many of all these methods do stands beneath. Models "
        "share lines and permuted traits: agreement of two is less than two independent proofs."
        + _chance_told(trait),
        [
            *("Contig", "From", "To", "Named by", "Markers", "Peak", "Ref / alt"),
            *("Frequency of alt", "Effect", "p", "q"),
            *(["Nearest gene"] if has_genes else []),
        ],
        [
            [
                row["contig"],
                whole(row["first"]),
                whole(row["last"]),
                _named_by(row["methods"].split(","), len(trait.region_methods)),
                whole(row["markers"]),
                Cell(row["id"], whole(row["position"])),
                f"{row['ref']} / {row['alt']}",
                number(row["frequency"], 2),
                number(row["effect"], decimals_for(trait.sd)),
                f"{row['p_value']:.2g}",
                f"{row['q_value']:.2g}",
                *([_gene_cell(row)] if has_genes else []),
            ]
            for row in top.to_dict("records")
        ],
        text=(0, 3, 5, 6, 11) if has_genes else (0, 3, 5, 6),
        file=f"{trait.id}_regions",
    )


def _chance_told(trait: TraitResult) -> str:
    """What models' names are worth after few permutations."""
    methods = trait.region_methods
    chance = methods.loc[methods["method"] != WALD, "chance"].max()
    if not chance > ALPHA:
        return ""
    return (
        f" Each model names some marker of a trait without genes with probability {number(chance)} "
        f"here (more permutations make that less): only what the {WALD} test names is evidence."
    )


def method_table(trait: TraitResult) -> Table:
    """By what threshold each method names markers, and how many it names."""
    return table(
        f"Which methods name markers of {trait.name}. Chance: that a trait without any genetic "
        "part has a marker beyond the threshold, from the permuted traits.",
        ["Method", "Statistic", "Threshold", "Chance", "Markers named"],
        [
            [
                row["method"],
                "q up to"
                if row["method"] == WALD
                else f"prominence by {row['statistic'].replace('_', ' ')} above",
                number(row["threshold"]),
                number(row["chance"]),
                whole(row["markers"]),
            ]
            for row in trait.region_methods.to_dict("records")
        ],
        text=(0, 1),
    )


def _share_and_rank(saliency: pd.DataFrame) -> pd.DataFrame:
    """By marker: rank, and mean and spreads as shares of the largest mean."""
    by_marker = saliency.set_index("marker")
    shares = by_marker[["mean", "sd", "network_sd"]] / max(
        by_marker["mean"].max(), np.finfo(float).tiny
    )
    return shares.assign(rank=by_marker["mean"].rank(ascending=False, method="min"))


def _saliency_cell(marker: Mapping[Hashable, Any]) -> Cell:
    spreads = [number(marker[it]) for it in ("sd", "network_sd") if not np.isnan(marker[it])]
    return Cell(whole(marker["rank"]), " ± ".join([number(marker["mean"]), *spreads]))


def _named_by(methods: Sequence[str], tried: int) -> Cell:
    """The association test and the models among these methods, each once, and how many they are."""
    named = dict.fromkeys(method.partition(BY)[0] for method in methods)
    return Cell(", ".join(named), f"{len(methods)} of {tried} methods")


def _effect(marker: Mapping[Hashable, Any], decimals: int) -> Cell:
    error = f"± {number(marker['standard_error'], decimals)}"
    return Cell(number(marker["effect"], decimals), error)


def _gene_cell(region: Mapping[Hashable, Any]) -> Cell | str:
    gene, distance = region["gene"], region["gene_distance"]
    if not isinstance(gene, str):
        return NO_FIGURE
    return Cell(gene, f"{whole(distance)} bases away" if distance else "holds the peak")
