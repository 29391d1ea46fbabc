"""Intervals of a unit's lines from its predictions, and what they hold."""

import numpy as np
import pandas as pd
import pytest

from breedcast.scoring.intervals import (
    ALIKE,
    COLUMNS,
    SCALED,
    each_tested_line,
    pooled,
    try_intervals,
    unit_intervals,
    winkler,
)


def test_the_winkler_score_by_hand_and_least_at_the_true_quantiles():
    value = np.array([0.0, 3.0, -1.0])
    assert winkler(value, np.full(3, -0.5), np.full(3, 1.5), 0.9) == pytest.approx(
        2 + 20 * (0 + 1.5 + 0.5) / 3
    )
    drawn = np.random.default_rng(5).normal(size=100_000)
    scores = {half: winkler(drawn, -half, half, 0.9) for half in (1.2, 1.645, 2.2)}
    assert min(scores, key=scores.get) == 1.645


@pytest.fixture
def phenotypes() -> pd.DataFrame:
    """40 lines; each value is its number."""
    samples = [f"L{number:02d}" for number in range(40)]
    return pd.DataFrame(
        {"sample": samples, "environment": None, "value": np.arange(40.0), "weight": 1.0}
    ).assign(family=["A"] * 15 + ["B"] * 20 + [None] * 5, height=1.5)


@pytest.fixture
def predictions(phenotypes) -> pd.DataFrame:
    """Two folds of 20 test lines; residuals of the 20 inner lines are 1..20, the test lines' 19
    for ten lines and 19.5 for the others, by both inner folds' fits and by the model's own."""
    parts = []
    for fold, (train, test) in enumerate([(range(20, 40), range(20)), (range(20), range(20, 40))]):
        inner, new = (phenotypes.iloc[list(rows)] for rows in (train, test))
        inner = inner.assign(role="inner", inner_fold=np.arange(20) % 2)
        inner["predicted"] = inner["value"] - np.arange(1.0, 21.0)
        new = new.assign(role="test", predicted=new["value"] - np.repeat([19.0, 19.5], 10))
        members = [new.assign(role="member", inner_fold=number) for number in (1, 0)]
        parts += [part.assign(repeat=0, fold=fold) for part in (inner, *members, new)]
    real = pd.concat(parts, ignore_index=True).drop(columns=["value", "weight", "family", "height"])
    return real.assign(permutation=0, sd=np.nan)


@pytest.fixture
def tried(phenotypes, predictions):
    groups = {"cluster": pd.Series(["1", "2"] * 20, phenotypes["sample"])}
    control = predictions.assign(permutation=1, predicted=0.0)
    candidates = predictions.assign(repeat=-1, fold=-1, predicted=0.0)
    table = pd.concat([predictions, control, candidates], ignore_index=True)
    return try_intervals(each_tested_line({"m": table}, phenotypes, 0.9), phenotypes, groups, 0.9)


def test_a_fits_own_errors_go_with_its_own_prediction(phenotypes, predictions):
    """Errors of inner fold 0 are 1, 3, ..., 19, of 1 they are 2, 4, ..., 20; where the fit without
    fold 1 predicts 100 more, the 19th of all upper ends is 100 + 18 above, the lower end alike."""
    unit = predictions[predictions["fold"] == 0].copy()
    without_1 = (unit["role"] == "member") & (unit["inner_fold"] == 1)
    unit.loc[without_1, "predicted"] += 100
    test = unit[unit["role"] == "test"]
    intervals = unit_intervals(unit, phenotypes, 0.9)
    assert intervals.index.equals(test.index)
    assert np.allclose(intervals["upper"] - test["predicted"], 118)
    assert np.allclose(intervals["lower"] - test["predicted"], -17)
    assert set(intervals["method"]) == {ALIKE}


def test_lines_of_less_weight_and_larger_sd_get_wider_intervals(phenotypes, predictions):
    """Errors as weights and sd have it: the scale finds them out."""
    rng = np.random.default_rng(6)
    lines = pd.DataFrame(
        {"sample": [f"L{n}" for n in range(3000)], "environment": None, "value": 0.0}
    ).assign(weight=rng.choice([0.25, 4.0], 3000))
    sd = rng.choice([0.5, 3.0], 3000)
    inner = lines.assign(repeat=0, fold=0, role="inner", inner_fold=np.arange(3000) % 5, sd=sd)
    inner["predicted"] = rng.normal(0, np.sqrt(1 / lines["weight"] + sd**2))
    new = inner.iloc[:100].assign(role="test", inner_fold=np.nan, predicted=0.0)
    members = [new.assign(role="member", inner_fold=fold) for fold in range(5)]
    intervals = unit_intervals(pd.concat([inner, *members, new], ignore_index=True), lines, 0.9)
    half = (intervals["upper"] - intervals["lower"]).to_numpy() / 2
    true = 1.645 * np.sqrt(1 / lines["weight"].to_numpy() + sd**2)[:100]
    assert np.allclose(half, true, rtol=0.1)
    assert set(intervals["method"]) == {SCALED}


def test_a_fit_that_does_not_predict_a_line_is_an_error(phenotypes, predictions):
    missing = (predictions["role"] == "member") & (predictions["sample"] == "L03")
    unit = predictions[(predictions["fold"] == 0) & ~(missing & (predictions["inner_fold"] == 1))]
    with pytest.raises(ValueError, match=r"L03.* no prediction without fold 1"):
        unit_intervals(unit, phenotypes, 0.9)


def test_intervals_are_tried_fold_by_fold(tried):
    """k = ceil(21 x 0.9) = 19: residuals of 19 are held, those of 19.5 are not."""
    folds = tried[tried["by"] == "fold"]
    assert tried.columns.tolist() == COLUMNS
    assert set(tried["method"]) == {ALIKE}
    assert folds["lines"].tolist() == [20, 20]
    assert folds["coverage"].tolist() == [0.5, 0.5]
    assert folds["width"].tolist() == [38, 38]
    assert folds["winkler"].tolist() == pytest.approx([38 + 20 * 0.25] * 2)
    assert folds["trivial_width"].tolist() == pytest.approx([0.9 * 19] * 2)


def test_groups_are_those_known_of_the_lines(tried):
    groups = pooled(tried[tried["by"] != "fold"], ["by", "group"]).set_index(["by", "group"])
    assert set(groups.index) == {
        *(("cluster", "1"), ("cluster", "2")),
        *(("covariate family", "A"), ("covariate family", "B")),
    }
    assert groups["lines"].tolist() == [20, 20, 15, 20]
    assert groups.loc[("covariate family", "A"), "coverage"] == pytest.approx(10 / 15)
    assert groups.loc[("covariate family", "B"), "coverage"] == pytest.approx(10 / 20)


def test_pooled_figures_are_those_of_all_lines(tried):
    by_cluster = pooled(tried[tried["by"] == "cluster"], ["model"])
    by_fold = pooled(tried[tried["by"] == "fold"], ["model"])
    pd.testing.assert_frame_equal(by_cluster, by_fold)
