"""The models over all traits: mean ranks, and what they must differ by to be more than chance."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from breedcast.report.collect import SIGNIFICANT, Report
from breedcast.report.figures import AMBER, GREEN, GREY, Figure, csv_data, spec_of
from breedcast.report.tables import Table, number, p_text, table
from breedcast.scoring.ranks import critical_difference, friedman, ranks


def rank_table(report: Report) -> Table | None:
    """Each model's mean rank and its rank on every trait; None for one trait or one model."""
    if not _is_ranked(report):
        return None
    ranked = _ranked(report)
    return table(
        "Ranks of the models by mean predictive ability on each trait, 1 is best; models that are "
        "equal share their mean rank.",
        ["Model", "Mean rank", *(trait.name for trait in report.traits)],
        [
            [model, number(row.mean(), 2), *(f"{rank:g}" for rank in row)]
            for model, row in zip(ranked.index, ranked.to_numpy(), strict=True)
        ],
    )


def rank_figure(report: Report) -> Figure | None:
    """Mean ranks with the critical difference; None for one trait or one model."""
    if not _is_ranked(report):
        return None
    ranked = _ranked(report)
    order, mean = ranked.index.tolist(), ranked.mean(axis=1)
    models, traits = ranked.shape
    difference = critical_difference(models, traits, SIGNIFICANT)
    single = ranked.reset_index(names="model").melt("model", var_name="trait", value_name="rank")
    scale = alt.Scale(domain=[0.5, models + 0.5], nice=False, zero=False)
    steps = alt.Axis(values=list(range(1, models + 1)), format="d")
    axis = alt.X("rank:Q", title="Rank (1 is best)", scale=scale, axis=steps)
    y = alt.Y("model:N", sort=order, title=None)
    end = min(mean.min() + difference, models + 0.5)
    band = (
        alt.Chart(csv_data(pd.DataFrame({"low": [mean.min()], "high": [end]}),
                        low="number", high="number"))
        .mark_rect(color=AMBER, opacity=0.15)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    )  # fmt: skip
    dots = (
        alt.Chart(csv_data(single, rank="number"))
        .mark_point(filled=True, size=40, opacity=0.5, color=GREY)
        .encode(x=axis, y=y, tooltip=["model:N", "trait:N", "rank:Q"])
    )
    bars = mean.round(3).rename("rank").rename_axis("model").reset_index()
    means = (
        alt.Chart(csv_data(bars, rank="number"))
        .mark_tick(thickness=4, size=20, color=GREEN)
        .encode(x=axis, y=y, tooltip=["model:N", alt.Tooltip("rank:Q", title="mean rank")])
    )
    chart = alt.layer(band, dots, means).properties(width="container", height=28 * models)
    apart = [name for name in order if mean[name] - mean[order[0]] > difference]
    told = f"told apart from it: {', '.join(apart)}" if apart else "no model is told apart from it"
    return Figure(
        "ranks",
        f"Ranks of {models} models by mean predictive ability on {traits} traits: a dot per trait, "
        f"the bar at their mean. Critical difference {number(difference)} (Nemenyi, "
        f"{100 * SIGNIFICANT:g} %; Demšar 2006), shown as the band that starts at the best mean: "
        f"models within it cannot be told from {order[0]}; {told}. Friedman's test: p "
        f"{p_text(friedman(_scores(report)))}. Both take traits for independent, which traits of "
        "the same lines are not; few traits tell little.",
        f"Dot plot of the models' ranks over {traits} traits. Best mean rank: {order[0]}, "
        f"{number(mean[order[0]])}. The table below has all ranks.",
        spec_of(chart),
    )


def _is_ranked(report: Report) -> bool:
    return len(report.traits) > 1 and len(report.traits[0].models) > 1


def _scores(report: Report) -> np.ndarray:
    """(traits, models) mean predictive abilities."""
    return np.array([[model.mean(it.ability) for model in it.models] for it in report.traits])


def _ranked(report: Report) -> pd.DataFrame:
    """Ranks, a row per model, that of the best mean first; a column per trait, by its id."""
    table = pd.DataFrame(
        ranks(_scores(report)).T,
        index=[model.name for model in report.traits[0].models],
        columns=[trait.id for trait in report.traits],
    )
    return table.loc[table.mean(axis=1).sort_values(kind="stable").index]
