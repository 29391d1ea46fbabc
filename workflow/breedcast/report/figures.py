"""The report's figures: Vega-Lite charts made with Altair, their points capped and counted.

Data travel inside each chart as CSV text (a third of the size of JSON records) with declared
types, so that a line called 007 stays a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from breedcast.report.collect import ModelResult, TraitResult
from breedcast.report.tables import decimals_for, number, whole
from breedcast.scoring.scores import defined

GREEN, OTHER_GREEN, GREY, AMBER = "#2f8f62", "#74b395", "#8b919b", "#c9781e"
#: What a tested value is to its interval, in a chart's data.
HELD, MISSED = "in", "out"


@dataclass(frozen=True)
class Figure:
    """A chart with its words.

    alt: what it shows, for those who do not see it; cell: least width of a small multiple in
    pixels (0: a single chart as wide as the page).
    """

    id: str
    caption: str
    alt: str
    spec: Mapping[str, Any]
    cell: int = 0


def accuracy_figure(trait: TraitResult) -> Figure:
    """Predictive ability of every fold by model, with the control beneath it."""
    parts = [_fold_values(model, trait) for model in trait.models]
    order = [model.name for model in sorted(trait.models, key=lambda m: -m.mean(trait.ability))]
    base = alt.Chart(csv_data(pd.concat(parts), model="string", r="number", what="string")).encode(
        y=alt.Y("model:N", sort=order, title=None),
        yOffset=alt.YOffset("what:N", sort=["test folds", "control"]),
        color=alt.Color(
            "what:N",
            title=None,
            sort=["test folds", "control"],
            scale=alt.Scale(domain=["test folds", "control"], range=[GREEN, GREY]),
            legend=alt.Legend(orient="top"),
        ),
    )
    points = base.mark_point(filled=True, size=45, opacity=0.6).encode(
        x=alt.X(
            "r:Q", title="Predictive ability (Pearson correlation)", axis=alt.Axis(tickCount=8)
        ),
        tooltip=["model:N", "what:N", "where:N", alt.Tooltip("r:Q", format=".3f")],
    )
    means = base.mark_tick(thickness=3, size=18).encode(x="mean(r):Q")
    zero = alt.Chart().mark_rule(color=GREY, strokeDash=[3, 3]).encode(x=alt.datum(0))
    best = trait.best
    return Figure(
        f"accuracy-{trait.id}",
        f"Predictive ability on {trait.name}, a dot per test fold, the bar at their mean (Pearson "
        f"correlation{', effects of covariates taken out' * bool(trait.covariates)}; undefined "
        "counts as 0). The control is the same work on values dealt to "
        "other lines at random: it should scatter about 0. Folds share training lines, so the "
        "dots are not independent of each other.",
        f"Dot plot of predictive ability by model on {trait.name}. Highest mean: {best.name}, "
        f"{number(best.mean(trait.ability))}. The table below has all figures.",
        spec_of(
            alt.layer(zero, points, means).properties(
                width="container", height=44 * len(trait.models)
            )
        ),
    )


def _fold_values(model: ModelResult, trait: TraitResult) -> pd.DataFrame:
    scores = model.scores.assign(value=defined(model.scores))
    scores = scores[scores["metric"].isin([trait.ability, trait.control])]
    return pd.DataFrame(
        {
            "model": model.name,
            "what": np.where(scores["metric"] == trait.ability, "test folds", "control"),
            "r": scores["value"].round(4),
            "where": _unit_names(scores),
        }
    )


def observed_figure(trait: TraitResult, level: float, limit: int) -> Figure:
    """Observed against predicted values of tested lines with intervals, a small chart per model."""
    share = max(1, limit // len(trait.models))
    decimals = decimals_for(trait.sd) + 1
    parts = [_test_points(model, share, decimals) for model in trait.models]
    total, shown = sum(len(model.test) for model in trait.models), sum(map(len, parts))
    points = pd.concat(parts)
    low = float(min(points["predicted"].min(), points["observed"].min()))
    high = float(max(points["predicted"].max(), points["observed"].max()))
    base = alt.Chart()
    ends = {"x": alt.datum(low), "x2": alt.datum(high), "y": alt.datum(low), "y2": alt.datum(high)}
    equal = (
        base.transform_aggregate(lines="count()", groupby=["model"])
        .mark_rule(color=GREY, strokeDash=[3, 3])
        .encode(**ends)
    )
    x = alt.X(
        "predicted:Q", title="Predicted", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)
    )
    y = alt.Y("lower:Q", title="Observed", scale=alt.Scale(zero=False))
    intervals = base.mark_rule(color=GREY, opacity=0.12).encode(x=x, y=y, y2="upper:Q")
    dots = base.mark_circle(size=18, opacity=0.6).encode(
        x=x,
        y="observed:Q",
        color=alt.Color(
            "is:N",
            title=None,
            scale=alt.Scale(domain=[HELD, MISSED], range=[GREEN, AMBER]),
            legend=alt.Legend(
                orient="top",
                symbolOpacity=1,
                labelExpr="datum.value == 'in' ? 'within its interval' : 'outside'",
            ),
        ),
        tooltip=["line:N", "predicted:Q", "observed:Q", "lower:Q", "upper:Q", "where:N"],
    )
    numbers = dict.fromkeys(["predicted", "observed", "lower", "upper"], "number")
    chart = alt.layer(intervals, equal, dots, data=csv_data(points, **numbers)).facet(
        facet=model_facet(trait), columns=3
    )
    part = (
        f"all {whole(total)} predictions"
        if shown == total
        else f"a random {whole(shown)} of {whole(total)} predictions (all are in tested.parquet)"
    )
    return Figure(
        f"observed-{trait.id}",
        f"Observed against predicted {trait.name}, in the trait's units: {part} of tested values, "
        "each by a fit that had not seen it. On the dashed line both are equal. The grey lines are "
        f"the intervals meant to hold {100 * level:g} % of the values; values outside theirs are "
        "of another colour.",
        f"Scatter plots of observed against predicted {trait.name} with intervals, one per model; "
        "predictive abilities are in the accuracy table, what the intervals held below.",
        spec_of(chart),
        cell=250,
    )


def _test_points(model: ModelResult, limit: int, decimals: int) -> pd.DataFrame:
    test = model.test
    if len(test) > limit:
        test = test.sample(limit, random_state=0)
    held = (test["lower"] <= test["observed"]) & (test["observed"] <= test["upper"])
    # intervals learnt from too few lines are unlimited, and not drawn
    values = test[["predicted", "observed", "lower", "upper"]].replace([np.inf, -np.inf], np.nan)
    return values.round(decimals).assign(
        model=model.name,
        line=test["sample"],
        where=_unit_names(test),
        **{"is": np.where(held, HELD, MISSED)},
    )


def training_figure(trait: TraitResult, limit: int) -> Figure | None:
    """Training and stop loss by epoch, a small chart per network; None without networks."""
    networks = [model for model in trait.models if model.is_network]
    if not networks:
        return None
    curves = pd.concat([_loss_by_epoch(model, limit // (2 * len(networks))) for model in networks])
    base = alt.Chart()
    color = alt.Color(
        "loss:N",
        title=None,
        scale=alt.Scale(domain=["training", "stop set"], range=[GREEN, AMBER]),
        legend=alt.Legend(orient="top", symbolOpacity=1),
    )
    x = alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1, tickCount=5))
    band = base.mark_area(opacity=0.2).encode(
        x=x, y=alt.Y("low:Q", title="Loss"), y2="high:Q", color=color
    )
    line = base.mark_line(strokeWidth=2).encode(
        x=x,
        y=alt.Y("median:Q", title="Loss"),
        color=color,
        tooltip=["loss:N", "epoch:Q", "median:Q", "networks:Q"],
    )
    types = dict.fromkeys(["epoch", "median", "low", "high", "networks"], "number")
    chart = (
        alt.layer(band, line, data=csv_data(curves, **types))
        .facet(facet=model_facet(trait, networks), columns=3)
        .resolve_scale(x="independent", y="independent")
    )
    return Figure(
        f"training-{trait.id}",
        f"Training of the networks on {trait.name} by epoch: the loss of the lines trained on and "
        "the error of the stop set, both mean squared errors (trait less its covariates, and less "
        "what the mixed model of a shortcut predicts, in standard deviations) unless loss or "
        "stop_metric are set otherwise; the line is the median "
        "over the networks still training, the band their 10 % to 90 % range. The training loss is "
        "taken with dropout on. "
        "The stop set is drawn from the training lines, never from the lines predicted.",
        f"Line charts of training and stop loss by epoch on {trait.name}, one per network; the "
        "table of best epochs sums them up.",
        spec_of(chart),
        cell=250,
    )


def _loss_by_epoch(model: ModelResult, limit: int) -> pd.DataFrame:
    """Median and range of both losses by epoch, at most `limit` epochs evenly spread."""
    assert model.history is not None  # noqa: S101  asked only of networks
    history = model.history
    real = history[(history["permutation"] == 0) & (history["repeat"] >= 0)]
    epochs = np.sort(real["epoch"].unique())
    if len(epochs) > limit:
        epochs = epochs[np.linspace(0, len(epochs) - 1, max(2, limit)).round().astype(int)]
    by_epoch = real[real["epoch"].isin(epochs)].groupby("epoch")
    parts = []
    for column, name in (("train_loss", "training"), ("stop_loss", "stop set")):
        losses = by_epoch[column]
        quantiles = losses.quantile(np.array([0.1, 0.5, 0.9])).unstack()
        quantiles.columns = ["low", "median", "high"]
        parts.append(
            quantiles.map(lambda value: float(f"{value:.4g}")).assign(
                loss=name, networks=losses.size()
            )
        )
    return pd.concat(parts).reset_index().assign(model=model.name)


def model_facet(trait: TraitResult, models: list[ModelResult] | None = None) -> alt.Facet:
    """A panel for each of these models, or of all that the trait has, in their order."""
    names = [model.name for model in models or trait.models]
    return alt.Facet("model:N", title=None, sort=names)


def _unit_names(frame: pd.DataFrame) -> list[str]:
    """Repeat and fold in words, counted from 1."""
    return [
        f"repeat {repeat + 1}, fold {fold + 1}"
        for repeat, fold in zip(frame["repeat"], frame["fold"], strict=True)
    ]


def csv_data(frame: pd.DataFrame, **types: str) -> alt.InlineData:
    """A frame as CSV inside the chart. types: number or string; any other column is a string."""
    parse = dict.fromkeys(frame.columns, "string") | types
    text = frame.to_csv(index=False, lineterminator="\n")
    return alt.InlineData(values=text, format=alt.CsvDataFormat(type="csv", parse=parse))


def spec_of(chart: Any) -> dict[str, Any]:
    """The chart's Vega-Lite specification, without the address of its schema."""
    spec: dict[str, Any] = chart.to_dict()
    spec.pop("$schema")
    spec.pop("config", None)  # the page's script has one for all
    return spec
