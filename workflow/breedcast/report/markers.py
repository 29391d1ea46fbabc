"""What the report tells of markers: the association test, saliencies, and regions they name."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from breedcast.markers.association import inflation
from breedcast.markers.regions import ALPHA
from breedcast.report.collect import ModelResult, TraitResult
from breedcast.report.figures import (
    AMBER,
    GREEN,
    GREY,
    OTHER_GREEN,
    Figure,
    csv_data,
    model_facet,
    spec_of,
)
from breedcast.report.tables import decimals_for, number, whole

#: Contigs narrower than this share of the genome get no name under the figure.
NAMED_SHARE = 0.025
MEGABASE = 1e6


@dataclass(frozen=True)
class Threshold:
    """A line across the Manhattan plot: its p-value and what it stands for."""

    p_value: float
    name: str


def thresholds(association: pd.DataFrame) -> list[Threshold]:
    """Bonferroni's threshold, and Benjamini and Hochberg's where any marker reaches it.

    The latter is discoveries / tests * ALPHA, at which or below which the discovered lie; never
    less than Bonferroni's.
    """
    tests = int(association["p_value"].notna().sum())
    discovered = int((association["q_value"] <= ALPHA).sum())
    found = []
    if tests:
        found.append(Threshold(ALPHA / tests, f"Bonferroni {ALPHA:g}"))
    if discovered:
        found.append(Threshold(discovered * ALPHA / tests, f"FDR {ALPHA:g}"))
    return found


def manhattan_figure(trait: TraitResult, leave_out_contig: bool, limit: int) -> Figure:
    """-log10 p of every marker along the genome."""
    tested = trait.association.dropna(subset=["p_value"])
    points = _along_genome(tested).assign(y=-np.log10(tested["p_value"].clip(lower=1e-300)))
    shown, decimals = largest_and_sample(points, "y", limit), decimals_for(trait.sd)
    data = shown.assign(
        y=shown["y"].round(3),
        p=shown["p_value"].map("{:.2g}".format),
        effect=[number(effect, decimals) for effect in shown["effect"]],
    )[["x", "y", "shade", "id", "contig", "position", "p", "effect"]]
    dots = (
        alt.Chart(
            csv_data(data, x="number", y="number", id="string", contig="string", shade="string")
        )
        .mark_circle(size=22, opacity=0.75)
        .encode(
            x=alt.X("x:Q", axis=None, scale=alt.Scale(nice=False, padding=4)),
            y=alt.Y("y:Q", title="-log10 p"),
            color=_shade(),
            tooltip=["id:N", "contig:N", "position:N", "p:N", "effect:N"],
        )
    )
    lines = thresholds(trait.association)
    chart = alt.layer(dots, *_threshold_layers(lines), _contig_names(points)).properties(
        width="container", height=260
    )
    return Figure(
        f"manhattan-{trait.id}",
        f"Association of each marker with {trait.name}: Wald test in the mixed model with the "
        f"genomic relationships{', those of other contigs' * leave_out_contig}. "
        f"{_shown(points, shown, 'markers', 'smallest p')} " + _thresholds_told(trait, lines),
        f"Manhattan plot of {trait.name}: -log10 p by position along the contigs. The table below "
        "lists the top markers.",
        spec_of(chart),
    )


def quantile_figure(trait: TraitResult, limit: int) -> Figure:
    """Sorted -log10 p of all markers against those that chance gives."""
    p = np.sort(trait.association["p_value"].dropna().to_numpy())
    chance = (np.arange(len(p)) + 0.5) / len(p)
    points = pd.DataFrame({"x": -np.log10(chance), "y": -np.log10(np.maximum(p, 1e-300))})
    shown = largest_and_sample(points, "y", limit // 4).round(3)
    base = alt.Chart(csv_data(shown, x="number", y="number"))
    dots = base.mark_circle(size=22, opacity=0.75, color=GREEN).encode(
        x=alt.X("x:Q", title="-log10 p by chance", axis=alt.Axis(tickCount=8)),
        y=alt.Y("y:Q", title="-log10 p"),
    )
    end = float(points["x"].max()) if len(points) else 1.0
    ends = {"x": alt.datum(0), "x2": alt.datum(end), "y": alt.datum(0), "y2": alt.datum(end)}
    equal = alt.Chart().mark_rule(color=GREY, strokeDash=[3, 3]).encode(**ends)
    factor = number(inflation(p))
    return Figure(
        f"quantiles-{trait.id}",
        f"p-values of the association test on {trait.name} against those that chance gives; on the "
        f"dashed line they are equal. Genomic inflation factor lambda (median of chi-squared over "
        f"that by chance): {factor}. Well above 1, something else than single loci makes p small "
        "(relatedness not accounted for, or very many loci); well below 1 the test is "
        f"conservative, as where relationships hold the tested loci. "
        f"{_shown(points, shown, 'markers', 'smallest p')}",
        f"Quantile-quantile plot of p-values on {trait.name}; lambda is {factor}.",
        spec_of(alt.layer(equal, dots).properties(width="container", height=260)),
    )


def saliency_figure(trait: TraitResult, limit: int) -> Figure | None:
    """Prominence along the genome, one chart per model that has one; None without any."""
    models = [model for model in trait.models if has_saliency(model)]
    if not models:
        return None
    genome = _along_genome(trait.association).set_index("marker")
    limits = trait.region_methods.set_index("method")["threshold"]
    parts, sizes = [], 0
    for model in models:
        assert model.saliency is not None  # noqa: S101  has_saliency
        y = model.saliency.set_index("marker")["prominence"]
        all_markers = genome.assign(model=model.name, y=y)
        shown = largest_and_sample(all_markers, "y", limit // len(models))
        parts.append(shown.assign(limit=limits[model.name]))
        sizes += len(all_markers)
    points = pd.concat(parts).round({"y": 3, "limit": 3})
    data = points[["x", "y", "shade", "id", "contig", "model", "limit"]]
    types = dict.fromkeys(["x", "y", "limit"], "number")
    base = alt.Chart()
    dots = base.mark_circle(size=16, opacity=0.7).encode(
        x=alt.X("x:Q", axis=None, scale=alt.Scale(nice=False, padding=4)),
        y=alt.Y("y:Q", title="Prominence", axis=alt.Axis(tickCount=3)),
        color=_shade(),
        tooltip=["id:N", "contig:N", alt.Tooltip("y:Q", title="prominence")],
    )
    line = base.mark_rule(color=AMBER, strokeDash=[5, 4]).encode(y="mean(limit):Q")
    chart = alt.layer(dots, line, data=csv_data(data, **types)).properties(height=110)
    facets = chart.facet(facet=model_facet(trait, models), columns=1)
    part = (
        "All markers are shown."
        if len(points) == sizes
        else f"{whole(len(points))} of {whole(sizes)} points are shown: the most prominent of "
        "each model, and a random sample of the rest (all are in each model's saliency.parquet)."
    )
    return Figure(
        f"saliency-{trait.id}",
        f"Prominence of each marker for {trait.name} by model: its saliency as a multiple of the "
        "mean over all markers. Saliency is the median over lines of the absolute gradient of the "
        "prediction (of trees: what the splits on it gain; of kernels and support vectors: what "
        "its window is worth to predictions of lines held out), mean over the folds of the first "
        f"repeat. {_control_told(trait)} The contigs are in the order of the association's figure. "
        f"{part}",
        f"Prominence of markers along the contigs for {trait.name}, one chart per model; the "
        "marker table has saliencies and ranks.",
        spec_of(facets.resolve_scale(y="independent")),
        cell=100_000,
    )


def _control_told(trait: TraitResult) -> str:
    """What the thresholds of the models' prominences are."""
    chance = trait.region_methods["chance"].dropna()
    if chance.empty:
        return "There is no threshold: without a control (control: permutations) chance is unknown."
    return (
        "Dashed line: what the most prominent marker reached in permuted traits (the control). A "
        f"model of a trait without any genetic part exceeds it somewhere with probability "
        f"{chance.max():.2g}"
        + (f"; more permutations would make that {ALPHA:g}." if chance.max() > ALPHA else ".")
    )


def largest_and_sample(frame: pd.DataFrame, column: str, limit: int) -> pd.DataFrame:
    """The rows largest in a column and a fixed random sample of the rest, half of each."""
    if len(frame) <= limit:
        return frame
    largest = frame.nlargest(limit // 2, column)
    rest = frame.drop(largest.index).sample(limit - len(largest), random_state=0)
    return pd.concat([largest, rest])


def _shown(all_points: pd.DataFrame, shown: pd.DataFrame, what: str, first: str) -> str:
    if len(shown) == len(all_points):
        return f"All {whole(len(shown))} tested {what} are shown."
    largest = len(shown) // 2
    return (
        f"{whole(len(shown))} of {whole(len(all_points))} tested {what} are shown: the "
        f"{whole(largest)} of {first} and a random sample of the rest."
    )


def _thresholds_told(trait: TraitResult, lines: list[Threshold]) -> str:
    tested = trait.association["p_value"].notna().sum()
    if not lines:
        return "No marker could be tested."
    reached = int((trait.association["q_value"] <= ALPHA).sum())
    told = f"Dashed line: Bonferroni, p = {ALPHA:g} / {whole(tested)} = {lines[0].p_value:.2g}. "
    rate = f"a false discovery rate of {100 * ALPHA:g} % (Benjamini and Hochberg)"
    if reached == 0:
        return f"{told}No marker reaches {rate}."
    if reached == 1:
        return f"{told}The same line is that of {rate}; one marker reaches it."
    return (
        f"{told}The lower one: {rate}, p = {whole(reached)} x {ALPHA:g} / {whole(tested)} = "
        f"{lines[1].p_value:.2g}, reached by {whole(reached)} markers."
    )


def _along_genome(markers: pd.DataFrame) -> pd.DataFrame:
    """The markers with x, their place with all contigs in a row (megabases), and shade."""
    ends = markers.groupby("contig", sort=False)["position"].max()
    gap = ends.sum() * 0.005
    starts = (ends + gap).cumsum().shift(fill_value=0)
    shades = pd.Series(np.arange(len(ends)) % 2, index=ends.index).map({0: "even", 1: "odd"})
    return markers.assign(
        x=((markers["position"] + markers["contig"].map(starts)) / MEGABASE).round(4),
        shade=markers["contig"].map(shades),
    )


def _contig_names(points: pd.DataFrame) -> alt.Chart:
    """The contigs' names beneath the figure; those too narrow for a name have none."""
    span = points.groupby("contig", sort=False)["x"].agg(["min", "max"]).reset_index()
    width = points["x"].max() - points["x"].min()
    wide = span[(span["max"] - span["min"]) >= NAMED_SHARE * width]
    names = pd.DataFrame({"name": wide["contig"], "x": (wide["min"] + wide["max"]) / 2})
    upright = len(names) > 7
    mark = alt.MarkDef(type="text", fontSize=11, color=GREY, limit=90)
    if upright:
        mark.angle, mark.align, mark.baseline = 270, "right", "middle"
    else:
        mark.dy = 14
    chart = alt.Chart(csv_data(names, name="string", x="number"), mark=mark)
    return chart.encode(x="x:Q", y=alt.value(268 if upright else 260), text="name:N")


def _threshold_layers(lines: list[Threshold]) -> list[alt.Chart]:
    """The lines with their names, the first above, the second, which is never higher, below."""
    layers = []
    for line, dy in zip(lines, (-6, 10), strict=False):
        row = pd.DataFrame({"y": [-np.log10(line.p_value)], "name": [line.name]})
        base = alt.Chart(csv_data(row, y="number", name="string")).encode(y="y:Q")
        name = base.mark_text(align="right", dy=dy, color=AMBER, fontSize=11)
        layers += [
            base.mark_rule(color=AMBER, strokeDash=[5, 4]),
            name.encode(x=alt.value("width"), text="name:N"),
        ]
    return layers


def _shade() -> alt.Color:
    return alt.Color(
        "shade:N",
        legend=None,
        scale=alt.Scale(domain=["even", "odd"], range=[GREEN, OTHER_GREEN]),
    )


def has_saliency(model: ModelResult) -> bool:
    """Whether a model says how much each marker moves its prediction."""
    return model.saliency is not None and len(model.saliency) > 0
