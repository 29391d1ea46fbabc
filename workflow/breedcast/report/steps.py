"""The graph of the rules that led to the report, laid out here: no machine needs Graphviz.

Layers and the order within them are those of Sugiyama et al. (1981, IEEE Trans. Syst. Man Cybern.
11:109): a rule stands below all that it needs, an edge that passes layers has a place in each,
and every layer is sorted by the mean place of its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import altair as alt
import numpy as np
import pandas as pd

from breedcast.report.figures import GREY, OTHER_GREEN, Figure, csv_data, spec_of

#: How often the layers are sorted, down and up in turn.
SWEEPS = 8
#: Width and height of a place in pixels; half a box, as shares of these.
PLACE, LAYER = 100, 56
HALF_WIDTH, HALF_HEIGHT = 0.45, 0.3
#: Of the words in a box, which is as light on a dark page as on paper.
INK = "#10241a"

#: A place in a layer: a rule, or (from, to, layer) of an edge that passes.
Place = str | tuple[str, str, int]


def steps_figure(needs: Mapping[str, Sequence[str]]) -> Figure | None:
    """The rules as boxes, those that a rule needs above it; None where none are told.

    needs: of every rule, whose files it reads.
    """
    if not needs:
        return None
    direct = without_detours(needs)
    layers, paths = _layers(direct)
    x = {at: i - (len(layer) - 1) / 2 for layer in layers for i, at in enumerate(layer)}
    y = {at: row for row, layer in enumerate(layers) for at in layer}
    lines = pd.DataFrame(
        [
            (f"{path[0]} {path[-1]}", step, x[at], y[at])
            for path in paths
            for step, at in enumerate(path)
        ],
        columns=["edge", "step", "x", "y"],
    )
    boxes = pd.DataFrame(
        [(_words(rule), x[rule], y[rule]) for rule in needs], columns=["rule", "x", "y"]
    )
    corners = boxes.assign(
        x=boxes["x"] - HALF_WIDTH, x2=boxes["x"] + HALF_WIDTH,
        y=boxes["y"] - HALF_HEIGHT, y2=boxes["y"] + HALF_HEIGHT,
    )  # fmt: skip
    numbers = dict.fromkeys(["x", "y"], "number")
    columns = max(map(len, layers))
    span = columns / 2
    across = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-span, span], nice=False))
    down = alt.Y(
        "y:Q", axis=None, scale=alt.Scale(domain=[len(layers) - 0.5, -0.5], nice=False)
    )  # the first above
    edges = (
        alt.Chart(csv_data(lines, step="number", **numbers))
        .mark_line(color=GREY, strokeWidth=1.5, strokeJoin="round")
        .encode(x=across, y=down, detail="edge:N", order="step:Q")
    )
    frames = (
        alt.Chart(csv_data(corners, x2="number", y2="number", **numbers))
        .mark_rect(color=OTHER_GREEN, cornerRadius=5)
        .encode(x=across, x2="x2:Q", y=down, y2="y2:Q")
    )
    mark = alt.MarkDef(type="text", color=INK, fontSize=11, lineBreak="|", lineHeight=12, dy=-6)
    named = boxes.assign(rule=boxes["rule"].str.replace(" ", "|", n=1))  # in two lines
    words = alt.Chart(csv_data(named, **numbers), mark=mark).encode(x=across, y=down, text="rule:N")
    chart = alt.layer(edges, frames, words).properties(
        width=PLACE * columns, height=LAYER * len(layers)
    )
    told = "; ".join(
        f"{_words(rule)} needs {', '.join(map(_words, direct[rule]))}"
        for layer in layers
        for rule in layer
        if isinstance(rule, str) and direct[rule]
    )
    return Figure(
        "steps",
        f"The {len(needs)} steps that led to this report: a line leads from a step down to those "
        "that read its files. Lines that others already imply are left out. Training, and what "
        "follows it, is done for every trait.",
        f"Diagram of the workflow's steps. {told}.",
        spec_of(chart),
    )


def without_detours(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The same without the edges that longer ways imply (the transitive reduction)."""
    before: dict[str, set[str]] = {}

    def reach(rule: str) -> set[str]:
        if rule not in before:
            before[rule] = set(needs[rule]).union(*map(reach, needs[rule]))
        return before[rule]

    def is_direct(rule: str, needed: str) -> bool:
        return not any(needed in reach(other) for other in needs[rule])

    return {rule: [it for it in needs[rule] if is_direct(rule, it)] for rule in needs}


def _layers(needs: Mapping[str, Sequence[str]]) -> tuple[list[list[Place]], list[list[Place]]]:
    """The places of each layer in their order, and the places that each edge leads through."""
    depth: dict[str, int] = {}

    def deep(rule: str) -> int:
        if rule not in depth:
            depth[rule] = max((deep(it) + 1 for it in needs[rule]), default=0)
        return depth[rule]

    layers: list[list[Place]] = [[] for _ in range(max(map(deep, needs)) + 1)]
    for rule in needs:
        layers[depth[rule]].append(rule)
    paths: list[list[Place]] = []
    for rule in needs:
        for needed in needs[rule]:
            passed = [(needed, rule, row) for row in range(depth[needed] + 1, depth[rule])]
            for place in passed:
                layers[place[2]].append(place)
            paths.append([needed, *passed, rule])
    beside: dict[tuple[Place, int], list[Place]] = {}  # of a place, in the layer above or below
    for path in paths:
        for above, below in pairwise(path):
            beside.setdefault((above, 1), []).append(below)
            beside.setdefault((below, -1), []).append(above)
    for sweep in range(SWEEPS):
        rows = range(len(layers))
        for row in rows if sweep % 2 == 0 else reversed(rows):
            side = -1 if sweep % 2 == 0 else 1
            other = layers[row + side] if 0 <= row + side < len(layers) else []
            at = {place: i - (len(other) - 1) / 2 for i, place in enumerate(other)}

            def middle(place: Place, side: int = side, at: Mapping[Place, float] = at) -> float:
                return float(np.mean([at[it] for it in beside.get((place, side), [])] or [0.0]))

            layers[row].sort(key=middle)
    return layers, paths


def _words(rule: str) -> str:
    return rule.replace("_", " ")
