"""The graph of the rules in the report: what is drawn, and where."""

from io import StringIO

import networkx
import numpy as np
import pandas as pd
import pytest

from breedcast.report.steps import HALF_WIDTH, steps_figure, without_detours


def random_graph(seed):
    """A graph without cycles: of each rule those that it needs."""
    rng = np.random.default_rng(seed)
    names = [f"rule_{number}" for number in rng.permutation(14)]
    chosen = {name: rng.random(at) < 0.3 for at, name in enumerate(names)}
    return {name: [names[it] for it in np.flatnonzero(of)] for name, of in chosen.items()}


def drawn(needs):
    """Boxes and lines of the drawing, by rule and by edge."""
    data = steps_figure(needs).spec["datasets"].values()
    frames = [pd.read_csv(StringIO(text)) for text in data]
    (lines,) = [frame for frame in frames if "edge" in frame]
    (boxes,) = [frame for frame in frames if "x2" in frame]
    boxes["rule"] = boxes["rule"].str.replace(" ", "_")
    middle = boxes.assign(x=(boxes["x"] + boxes["x2"]) / 2, y=(boxes["y"] + boxes["y2"]) / 2)
    return middle.set_index("rule")[["x", "y"]], lines


@pytest.mark.parametrize("seed", range(20))
def test_every_edge_leads_down_from_box_to_box_past_the_others(seed):
    needs = random_graph(seed)
    boxes, lines = drawn(needs)
    assert set(boxes.index) == set(needs)
    oracle = networkx.transitive_reduction(
        networkx.DiGraph([(it, rule) for rule, them in needs.items() for it in them])
    )
    assert set(lines["edge"]) == {f"{one} {other}" for one, other in oracle.edges}
    for edge, path in lines.groupby("edge"):
        one, other = edge.split()
        ends = path.sort_values("step")[["x", "y"]].to_numpy()
        assert ends[0] == pytest.approx(boxes.loc[one].to_numpy())
        assert ends[-1] == pytest.approx(boxes.loc[other].to_numpy())
        assert (np.diff(ends[:, 1]) == 1).all()  # a layer at a time, downwards
        for x, y in ends[1:-1]:
            beside = boxes[boxes["y"] == y]
            assert (np.abs(beside["x"] - x) > HALF_WIDTH).all()
    for _, layer in boxes.groupby("y"):
        assert (np.diff(np.sort(layer["x"])) > 2 * HALF_WIDTH).all()


def test_edges_that_longer_ways_imply_are_left_out_of_drawing_and_words():
    needs = {"read": [], "train": ["read"], "score": ["read", "train"]}
    assert without_detours(needs) == {"read": [], "train": ["read"], "score": ["train"]}
    figure = steps_figure(needs)
    assert "train needs read; score needs train." in figure.alt
    assert "3 steps" in figure.caption


def test_without_rules_nothing_is_drawn():
    assert steps_figure({}) is None
