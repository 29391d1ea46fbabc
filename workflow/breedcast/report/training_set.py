"""What more lines and markers would be worth, and whom to measure next."""

from __future__ import annotations

import altair as alt
import pandas as pd

from breedcast.report.collect import TraitResult
from breedcast.report.figures import GREEN, GREY, Figure, csv_data, spec_of
from breedcast.report.tables import Table, number, table, whole

#: What a curve goes along, by its name in learning_curve.tsv.
TITLES = {"lines": "training lines", "markers": "markers"}


def learning_figure(trait: TraitResult) -> Figure:
    """Predictive ability of GBLUP by how many lines, and how many markers, there are."""
    curve = trait.selection["learning_curve"].dropna(subset="pearson")
    points = pd.DataFrame(
        {
            "by": curve["by"].map(TITLES),
            "count": curve["lines"].where(curve["by"] == "lines", curve["markers"]),
            "r": curve["pearson"].astype(float).round(4),
            "share": curve["share"],
            "fold": curve["fold"] + 1,
        }
    )
    base = alt.Chart()
    means = base.transform_aggregate(count="mean(count)", r="mean(r)", groupby=["by", "share"])
    line = means.mark_line(color=GREEN, point=alt.OverlayMarkDef(color=GREEN)).encode(
        x=alt.X("count:Q", title="How many"), y=alt.Y("r:Q", title="Predictive ability")
    )
    dots = base.mark_circle(color=GREY, size=25, opacity=0.6).encode(
        x="count:Q", y="r:Q", tooltip=["count:Q", "r:Q", "fold:Q"]
    )
    types = dict.fromkeys(["count", "r", "share", "fold"], "number")
    chart = (
        alt.layer(dots, line, data=csv_data(points, **types))
        .facet(facet=alt.Facet("by:N", title=None, sort=list(TITLES.values())), columns=2)
        .resolve_scale(x="independent")
    )
    return Figure(
        f"learning-{trait.id}",
        f"Predictive ability of GBLUP on {trait.name} with a part of each fold's training lines, "
        "and with a part of the markers: a dot per test fold, the line through their means. Where "
        "the line still rises at its end, more would help; where it is flat, more will not.",
        f"Line charts of predictive ability on {trait.name} by training lines and by markers: "
        f"{'; '.join(_told(trait, by) for by in TITLES)}.",
        spec_of(chart),
        cell=300,
    )


def next_table(trait: TraitResult) -> Table | None:
    """Candidates worth measuring next; None where there are no candidates."""
    told = trait.selection["phenotype_next"]
    if told.empty:
        return None
    return table(
        f"Whom to measure next for {trait.name}, one after another: each raises most how reliably "
        "all candidates are predicted (their mean reliability by GBLUP, once the line and those "
        "above it have a value).",
        ["Line", "Order", "Its reliability now", "Mean reliability then"],
        [
            [
                row["sample"],
                whole(row["order"]),
                number(row["reliability"]),
                number(row["mean_reliability"], 3),
            ]
            for row in told.to_dict("records")
        ],
        file=f"{trait.id}_phenotype_next",
    )


def _told(trait: TraitResult, by: str) -> str:
    """The ends of a curve in words."""
    curve = trait.selection["learning_curve"]
    mean = curve[curve["by"] == by].groupby("share")[["lines", "markers", "pearson"]].mean()
    if mean.empty:
        return f"no {TITLES[by]} were asked for"
    first, last = mean.iloc[0], mean.iloc[-1]
    return (
        f"{number(first['pearson'])} with {whole(first[by])} {TITLES[by]}, "
        f"{number(last['pearson'])} with {whole(last[by])}"
    )
