"""Whom to measure next against refits of the model; the learning curve where truth is known."""

import numpy as np
import pandas as pd
import pytest

from breedcast.genotypes.columns import CodeColumns
from breedcast.selection.merit import Merit
from breedcast.selection.training_set import CURVE, NEXT, learning_curve, phenotype_next
from breedcast.validation.plan import KFoldScheme


def population(seed=0, lines=60, candidates=12, markers=60, covariate=True):
    """Lines of three families of different sizes; the last `candidates` without a value."""
    rng = np.random.default_rng(seed)
    family = rng.choice(3, lines, p=[0.6, 0.3, 0.1])
    frequency = rng.uniform(0.1, 0.9, (3, markers))
    codes = rng.binomial(2, frequency[family]).astype(np.uint8)
    genetic = (codes - codes.mean(axis=0)) @ rng.normal(0, 1, markers)
    value = genetic + rng.normal(0, genetic.std(), lines)
    value[lines - candidates :] = np.nan
    samples = [f"L{number}" for number in range(lines)]
    table = pd.DataFrame({"sample": samples, "environment": None, "value": value, "weight": 1.0})
    if covariate:
        table["place"] = np.where(rng.random(lines) < 0.5, "north", "south")
    return table, codes


def mean_reliability(merit, added):
    """Of the candidates, with these also measured: the mixed model's own equations solved anew."""
    rows = [*range(merit.trained), *(merit.trained + number for number in added)]
    new = np.arange(merit.trained, len(merit.lines))
    K, X = merit.K * merit.mixed.sigma2_g, merit.X
    errors = np.concatenate([merit.error_variances, np.full(len(added), merit.mixed.sigma2_e)])
    inverse = np.linalg.inv(K[np.ix_(rows, rows)] + np.diag(errors))
    XV = X[rows].T @ inverse
    P = inverse - XV.T @ np.linalg.solve(XV @ X[rows], XV)
    k = K[np.ix_(new, rows)]
    return np.einsum("ij,jk,ik->i", k, P, k) / np.diag(K)[new]


def test_lines_to_measure_are_those_of_a_search_by_refits():
    lines, codes = population()
    merit = Merit.fit(CodeColumns.of(codes, 2), lines)
    assert 0.1 < merit.mixed.heritability < 0.95
    told = phenotype_next(merit, 4)
    assert told.columns.tolist() == NEXT
    taken = []
    for row in told.itertuples():
        means = [
            -np.inf if number in taken else mean_reliability(merit, [*taken, number]).mean()
            for number in range(12)
        ]
        best = int(np.argmax(means))
        assert row.sample == lines["sample"][merit.trained + best]
        assert row.reliability == pytest.approx(mean_reliability(merit, taken)[best])
        assert row.mean_reliability == pytest.approx(means[best])
        taken.append(best)


def test_reliabilities_are_those_of_the_models_predictions():
    lines, codes = population(covariate=False)
    merit = Merit.fit(CodeColumns.of(codes, 2), lines)
    new = slice(merit.trained, None)
    told = merit.mixed.prediction(
        merit.K[new, : merit.trained], np.diag(merit.K)[new], merit.X[new]
    )
    assert np.allclose(told.reliability, mean_reliability(merit, []))
    first = phenotype_next(merit, 1).iloc[0]
    number = lines["sample"].tolist().index(first["sample"]) - merit.trained
    assert first["reliability"] == pytest.approx(told.reliability[number])


def test_no_more_are_named_than_there_are_and_twins_are_not_both_first():
    lines, codes = population()
    codes[-1] = codes[-2]
    merit = Merit.fit(CodeColumns.of(codes, 2), lines)
    told = phenotype_next(merit, 50)
    assert sorted(told["sample"]) == sorted(lines["sample"][merit.trained :])
    assert told["mean_reliability"].is_monotonic_increasing
    measured = lines[lines["value"].notna()]
    alone = Merit.fit(CodeColumns.of(codes[: len(measured)], 2), measured)
    assert phenotype_next(alone, 5).empty


def test_more_lines_and_more_markers_predict_better():
    """Of unrelated lines and independent markers each share adds what the others do not have."""
    rng = np.random.default_rng(1)
    codes = rng.binomial(2, 0.5, (240, 60)).astype(np.uint8)
    value = (codes - 1.0) @ rng.choice([-1.0, 1.0], 60) + rng.normal(0, 2, 240)
    lines = pd.DataFrame(
        {
            "sample": [f"L{it}" for it in range(240)],
            "environment": None,
            "value": value,
            "weight": 1.0,
        }
    )
    plan = KFoldScheme(4, 2, 2, 0).make_plan(lines, "yield")
    shares = {"line_shares": [1.0, 0.25, 0.02], "marker_shares": [0.2, 1.0, 0.01], "seed": 0}
    curve = learning_curve(lines, codes, 2, plan, **shares)
    assert curve.columns.tolist() == CURVE
    assert sorted(curve["fold"].unique()) == [0, 1, 2, 3]
    mean = curve.groupby(["by", "share"])[["lines", "markers", "pearson"]].mean()
    assert mean.index.tolist() == [("lines", 0.25), ("lines", 1), ("markers", 0.2), ("markers", 1)]
    assert mean["lines"].tolist() == [45, 180, 180, 180]
    assert mean["markers"].tolist() == [60, 60, 12, 60]
    assert mean["pearson"].iloc[1] == pytest.approx(mean["pearson"].iloc[3])
    assert mean["pearson"].iloc[1] > mean["pearson"].iloc[0] + 0.2
    # twelve markers of sixty carry a fifth of the genetic variance
    assert mean["pearson"].iloc[2] < 0.6 * mean["pearson"].iloc[3]
    pd.testing.assert_frame_equal(curve, learning_curve(lines, codes, 2, plan, **shares))


def test_a_test_lines_value_moves_nothing_but_its_score():
    """What is fitted does not see it: predictions are the same, the values other ones."""
    lines, codes = population(candidates=0)
    plan = KFoldScheme(3, 1, 2, 0).make_plan(lines, "yield")
    shares = {"line_shares": [1.0], "marker_shares": [], "seed": 0}
    before = learning_curve(lines, codes, 2, plan, **shares).set_index("fold")["pearson"]
    tested = plan[(plan["repeat"] == 0) & (plan["fold"] == 0) & (plan["role"] == "test")]["sample"]
    turned = lines.assign(
        value=lines["value"].where(~lines["sample"].isin(tested), -lines["value"])
    )
    after = learning_curve(turned, codes, 2, plan, **shares).set_index("fold")["pearson"]
    assert after[0] == pytest.approx(-before[0])
    assert not np.allclose(after[1:], before[1:])
