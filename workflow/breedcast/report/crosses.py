"""What to cross: the crosses' expected progeny, and how much to use each line."""

from __future__ import annotations

import altair as alt
import pandas as pd

from breedcast.report.collect import TraitResult
from breedcast.report.figures import AMBER, GREEN, GREY, Figure, csv_data, spec_of
from breedcast.report.tables import Table, decimals_for, number, table, whole

#: Crosses in the table; those that stand out in the chart.
SHOWN, FIRST = 100, 10


def cross_table(trait: TraitResult) -> Table:
    """The most useful crosses."""
    crosses, decimals = trait.selection["crosses"], decimals_for(trait.sd)
    shown = crosses.head(SHOWN)
    return table(
        f"Crosses for {trait.name}: the {whole(len(shown))} most useful of {whole(len(crosses))}. "
        "Mean and standard deviation are those of the progeny's genetic values, usefulness is the "
        "mean genetic value of the selected progeny; all in the trait's units.",
        ["Parent", "Other parent", "Rank", "Mean", "Standard deviation", "Usefulness", "Related"],
        [
            [
                row["parent_1"],
                row["parent_2"],
                whole(row["rank"]),
                *(number(row[name], decimals) for name in ("mean", "sd", "usefulness")),
                number(row["relationship"]),
            ]
            for row in shown.to_dict("records")
        ],
        text=(0, 1),
        file=f"{trait.id}_crosses",
    )


def cross_figure(trait: TraitResult, limit: int) -> Figure:
    """Mean against standard deviation of the crosses, the first of them standing out."""
    crosses, decimals = trait.selection["crosses"], decimals_for(trait.sd) + 1
    drawn = crosses.head(limit).round({"mean": decimals, "sd": decimals, "usefulness": decimals})
    points = drawn[["mean", "sd", "usefulness", "rank"]].assign(
        cross=drawn["parent_1"] + " x " + drawn["parent_2"],
        of=["first" if rank <= FIRST else "other" for rank in drawn["rank"]],
    )
    numbers = dict.fromkeys(["mean", "sd", "usefulness", "rank"], "number")
    chart = (
        alt.Chart(csv_data(points, **numbers))
        .mark_circle(size=40, opacity=0.7)
        .encode(
            x=alt.X("mean:Q", title="Mean of the progeny", scale=alt.Scale(zero=False)),
            y=alt.Y("sd:Q", title="Standard deviation", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "of:N",
                title=None,
                scale=alt.Scale(domain=["first", "other"], range=[GREEN, GREY]),
                legend=alt.Legend(
                    orient="top",
                    labelExpr=f"datum.value == 'first' ? 'the {FIRST} most useful' : 'others'",
                ),
            ),
            tooltip=["cross:N", "rank:Q", "mean:Q", "sd:Q", "usefulness:Q"],
        )
        .properties(width="container", height=300)
    )
    most = "all crosses" if len(drawn) == len(crosses) else f"the {whole(len(drawn))} most useful"
    best = crosses.iloc[0]
    return Figure(
        f"crosses-{trait.id}",
        f"Crosses between the best lines for {trait.name}, {most}: where the progeny lie on "
        "average, and how widely their genetic values scatter. A wide cross can hold better lines "
        "than one of a better mean. From the effects of all markers (ridge regression on all "
        "measured lines) and their places; what is not known of the effects is counted in.",
        f"Scatter plot of mean and standard deviation of crosses for {trait.name}. Most useful: "
        f"{best['parent_1']} x {best['parent_2']}; the table below has the first {SHOWN}.",
        spec_of(chart),
    )


def contribution_table(trait: TraitResult) -> Table:
    """The lines to use and how much."""
    told, decimals = trait.selection["contributions"], decimals_for(trait.sd)
    chosen = _chosen(trait)
    return table(
        f"How much to use each line for {trait.name}: shares of the next generation's parents that "
        f"give the best mean at a mean relationship of {number(chosen['relationship'])} (0: as "
        f"between measured lines now, 1: one line alone), as diverse as {chosen['effective']:.1f} "
        "lines used alike.",
        ["Line", "Genetic value", "Share, %"],
        [
            [row["sample"], number(row["value"], decimals), number(100 * row["contribution"], 1)]
            for row in told.to_dict("records")
        ],
        file=f"{trait.id}_contributions",
    )


def frontier_figure(trait: TraitResult) -> Figure:
    """The highest mean genetic value at each mean relationship."""
    frontier, decimals = trait.selection["frontier"], decimals_for(trait.sd) + 1
    points = frontier.round({"relationship": 3, "value": decimals, "effective": 1})
    numbers = dict.fromkeys(["relationship", "value", "lines", "effective"], "number")
    base = alt.Chart(csv_data(points, **numbers)).encode(
        x=alt.X("relationship:Q", title="Mean relationship of the parents used"),
        y=alt.Y("value:Q", title="Mean genetic value", scale=alt.Scale(zero=False)),
        tooltip=["relationship:Q", "value:Q", "lines:Q", "effective:Q"],
    )
    marked = base.transform_filter("datum.chosen == 'True'")
    chart = alt.layer(
        base.mark_line(color=GREEN, point=alt.OverlayMarkDef(color=GREEN)),
        marked.mark_point(color=AMBER, size=140, strokeWidth=3),
    ).properties(width="container", height=260)
    chosen = _chosen(trait)
    return Figure(
        f"frontier-{trait.id}",
        f"Gain against diversity for {trait.name}: the best mean genetic value that shares of the "
        "lines can have at each mean relationship (optimal contributions), from the most diverse "
        "to the best line alone. The ring is what the table below holds. Further right, the next "
        "generation is better and has less to select from.",
        f"Line chart of mean genetic value by mean relationship for {trait.name}. Chosen: "
        f"{number(chosen['value'], decimals)} at {number(chosen['relationship'])}.",
        spec_of(chart),
    )


def _chosen(trait: TraitResult) -> pd.Series:
    frontier = trait.selection["frontier"]
    return frontier[frontier["chosen"]].iloc[0]
