"""Conformal intervals hold as many new values as they promise."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict

from breedcast.scoring.intervals import (
    COLUMNS,
    Intervals,
    conformal_quantile,
    pooled,
    try_intervals,
    winkler,
)


def unknown(lines: int) -> np.ndarray:
    return np.full(lines, np.nan)


@pytest.mark.parametrize(
    ("lines", "level", "place"),
    [(9, 0.9, 9), (19, 0.9, 18), (99, 0.9, 90), (10, 0.5, 6), (24, 0.56, 14)],
)
def test_half_width_is_the_residual_at_the_corrected_quantile(lines, level, place):
    residuals = np.random.default_rng(0).permutation(np.arange(1.0, lines + 1))
    residuals[::2] *= -1
    intervals = Intervals.fit(residuals, unknown(lines), level)
    assert (intervals.half_widths(unknown(3)) == place).all()


@pytest.mark.parametrize("lines", [0, 1, 8])
@pytest.mark.parametrize("sd", [np.nan, 2.0])
def test_too_few_lines_give_an_infinite_interval(lines, sd):
    intervals = Intervals.fit(np.ones(lines), np.full(lines, sd), 0.9)
    assert (intervals.half_widths(np.array([sd])) == np.inf).all()


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_coverage_is_exact_for_exchangeable_residuals(level):
    """19 residuals and one more: ceil(20 level) / 20 of the new ones lie within, by symmetry."""
    rng = np.random.default_rng(1)
    residuals = rng.standard_t(3, size=(20_000, 20))
    covered = [abs(row[0]) <= conformal_quantile(np.abs(row[1:]), level) for row in residuals]
    assert np.mean(covered) == pytest.approx(level, abs=0.01)


def test_coverage_of_new_lines_by_inner_residuals():
    """Ridge on 300 markers, 80 lines, 5 inner folds, nominal 90 %."""
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(100):
        effects = rng.normal(0, 0.15, 300)
        markers = rng.binomial(2, 0.3, (130, 300)).astype(float)
        value = markers @ effects + rng.standard_t(4, 130)
        train, new = slice(80), slice(80, None)
        ridge = Ridge(alpha=100)
        inner = cross_val_predict(
            ridge, markers[train], value[train], cv=KFold(5, shuffle=True, random_state=0)
        )
        half = Intervals.fit(value[train] - inner, unknown(80), 0.9).half_widths(unknown(50))
        predicted = ridge.fit(markers[train], value[train]).predict(markers[new])
        covered.append(np.mean(np.abs(value[new] - predicted) <= half))
    assert 0.89 < np.mean(covered) < 0.94


def test_normalised_intervals_cover_sure_and_unsure_lines_alike():
    """Errors of sd sqrt(1 + sd^2), sd 0 or 3: one width for all holds too many of the sure lines
    and too few of the others, and is wider."""
    rng = np.random.default_rng(3)
    sd = rng.choice([0.1, 3.0], 4000, p=[0.7, 0.3])
    error = rng.normal(0, np.sqrt(1 + sd**2))
    train, new = slice(2000), slice(2000, None)
    scaled = Intervals.fit(error[train], sd[train], 0.9)
    alike = Intervals.fit(error[train], unknown(2000), 0.9)
    assert scaled.error_variance == pytest.approx(1, abs=0.3)
    for is_sure in (True, False):
        rows = (sd[new] < 1) == is_sure
        held = np.abs(error[new]) <= scaled.half_widths(sd[new])
        held_alike = np.abs(error[new]) <= alike.half_widths(sd[new])
        assert held[rows].mean() == pytest.approx(0.9, abs=0.04)
        assert abs(held_alike[rows].mean() - 0.9) > 0.06
    assert scaled.half_widths(sd[new]).mean() < 0.95 * alike.half_widths(sd[new]).mean()


def test_an_sd_that_misleads_is_left_aside():
    """The more sure the line is said to be, the larger its error."""
    rng = np.random.default_rng(4)
    sd = rng.uniform(0.5, 3, 500)
    residuals = rng.normal(0, 1 / sd)
    assert Intervals.fit(residuals, sd, 0.9).error_variance is None


def test_the_winkler_score_by_hand_and_least_at_the_true_quantiles():
    value = np.array([0.0, 3.0, -1.0])
    assert winkler(value, np.full(3, -0.5), np.full(3, 1.5), 0.9) == pytest.approx(
        2 + 20 * (0 + 1.5 + 0.5) / 3
    )
    drawn = np.random.default_rng(5).normal(size=100_000)
    scores = {half: winkler(drawn, -half, half, 0.9) for half in (1.2, 1.645, 2.2)}
    assert min(scores, key=scores.get) == 1.645


@pytest.fixture
def tried():
    """Two folds of 20 test lines; residuals of the 20 inner lines are 1..20, the test lines' 19
    for ten lines and 19.5 for the others."""
    samples = [f"L{number:02d}" for number in range(40)]
    value = np.arange(40.0)
    phenotypes = pd.DataFrame(
        {"sample": samples, "environment": None, "value": value, "weight": 1.0}
    ).assign(family=["A"] * 15 + ["B"] * 20 + [None] * 5, height=1.5)
    structure = pd.DataFrame({"sample": samples, "cluster": [1, 2] * 20})
    parts = []
    for fold, (train, test) in enumerate([(range(20, 40), range(20)), (range(20), range(20, 40))]):
        residual = {"inner": np.arange(1.0, 21.0), "test": np.repeat([19.0, 19.5], 10)}
        for role, rows in (("inner", train), ("test", test)):
            lines = phenotypes.iloc[list(rows)]
            predicted = lines["value"].to_numpy() - residual[role]
            part = lines[["sample", "environment"]].assign(
                repeat=0, fold=fold, permutation=0, role=role, predicted=predicted, sd=np.nan
            )
            parts.append(part)
    real = pd.concat(parts, ignore_index=True)
    control = real.assign(permutation=1, predicted=0.0)
    candidates = real.assign(repeat=-1, fold=-1, predicted=0.0)
    table = pd.concat([real, control, candidates], ignore_index=True)
    return try_intervals({"m": table}, phenotypes, structure, 0.9)


def test_intervals_are_tried_fold_by_fold(tried):
    """k = ceil(21 x 0.9) = 19: residuals of 19 are held, those of 19.5 are not."""
    folds = tried[tried["by"] == "fold"]
    assert tried.columns.tolist() == COLUMNS
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
