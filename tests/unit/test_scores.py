"""The scores table: complete or an error, controls against their own permutation."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from breedcast.scoring.scores import score, summarise
from breedcast.validation.control import permuted

SAMPLES = [f"line{number:03d}" for number in range(60)]
FOLDS = 3


@pytest.fixture
def phenotypes() -> pd.DataFrame:
    value = np.random.default_rng(0).normal(5, 2, len(SAMPLES))
    return pd.DataFrame({"sample": SAMPLES, "environment": np.nan, "value": value, "weight": 1.0})


@pytest.fixture
def plan() -> pd.DataFrame:
    """Two repeats of three folds, and the candidates."""
    rows = [
        (repeat, fold, sample, "test" if (number + repeat) % FOLDS == fold else "train")
        for repeat in range(2)
        for fold in range(FOLDS)
        for number, sample in enumerate(SAMPLES)
    ]
    rows += [(-1, -1, sample, "train") for sample in SAMPLES] + [(-1, -1, "new", "test")]
    frame = pd.DataFrame(rows, columns=["repeat", "fold", "sample", "role"])
    return frame.assign(environment=np.nan, inner_fold=np.nan)


@pytest.fixture
def phenotypes_of(phenotypes):
    return partial(permuted, phenotypes, 0, "yield")


@pytest.fixture
def predictions(plan, phenotypes_of) -> pd.DataFrame:
    """Truth plus 1 for the real trait, its own values for permutation 1, minus them for 2."""
    tests = plan[plan["role"] == "test"]
    units = []
    for permutation in range(3):
        rows = tests if permutation == 0 else tests[tests["repeat"] == 0]
        value = rows["sample"].map(phenotypes_of(permutation).set_index("sample")["value"])
        predicted = {0: value + 1, 1: value, 2: -value}[permutation]
        role = np.where(rows["repeat"] < 0, "candidate", "control" if permutation else "test")
        units.append(rows.assign(permutation=permutation, predicted=predicted, role=role))
    return pd.concat(units).drop(columns="inner_fold").assign(sd=np.nan, reliability=np.nan)


def test_a_trait_of_two_values_has_auc_and_brier_and_no_other_has(
    predictions, plan, phenotypes, phenotypes_of
):
    assert not {"auc", "brier"} & set(score(predictions, plan, phenotypes_of, "high")["metric"])
    binary = phenotypes.assign(value=np.where(phenotypes["value"] > 5, 2.0, 1.0))
    dealt = partial(permuted, binary, 0, "yield")
    scores = score(predictions, plan, dealt, "high")
    by_metric = scores[scores["permutation"] == 0].groupby("metric")["value"]
    # what is predicted is the value that was cut in two, plus 1
    assert by_metric.mean()["auc"] == 1
    assert by_metric.size()[["auc", "brier"]].tolist() == [2 * FOLDS, 2 * FOLDS]


def test_every_fold_is_scored_and_candidates_are_not(predictions, plan, phenotypes_of):
    scores = score(predictions, plan, phenotypes_of, "high")
    real = scores[scores["permutation"] == 0]
    assert len(real) == 2 * FOLDS * 10
    assert real["repeat"].min() == 0
    wide = real.pivot(index=["repeat", "fold"], columns="metric", values="value")
    assert np.allclose(wide[["pearson", "rmse", "mae", "slope"]], 1)
    assert np.allclose(wide["intercept"], -1)


def test_controls_are_scored_against_their_own_permutation(predictions, plan, phenotypes_of):
    scores = score(predictions, plan, phenotypes_of, "high")
    control = scores[scores["permutation"] > 0]
    assert set(control["metric"]) == {"control_pearson"}
    assert np.allclose(control.loc[control["permutation"] == 1, "value"], 1)
    assert np.allclose(control.loc[control["permutation"] == 2, "value"], -1)
    assert len(control) == 2 * FOLDS


def test_order_of_rows_does_not_matter(predictions, plan, phenotypes_of):
    shuffled = predictions.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        score(shuffled, plan.iloc[::-1], phenotypes_of, "low"),
        score(predictions, plan, phenotypes_of, "low"),
    )


def test_a_lost_line_is_an_error_that_names_the_unit(predictions, plan, phenotypes_of):
    lost = (predictions["sample"] == "line007") & (predictions["repeat"] == 1)
    with pytest.raises(ValueError, match="line007 is not predicted in repeat 1, fold 2, permut"):
        score(predictions[~lost], plan, phenotypes_of, "high")


def test_a_lost_control_fold_is_an_error(predictions, plan, phenotypes_of):
    lost = (predictions["permutation"] == 2) & (predictions["fold"] == 1)
    with pytest.raises(ValueError, match="not predicted in repeat 0, fold 1, permutation 2"):
        score(predictions[~lost], plan, phenotypes_of, "high")


def test_a_line_predicted_twice_is_an_error(predictions, plan, phenotypes_of):
    doubled = pd.concat([predictions, predictions.iloc[[3]]])
    with pytest.raises(ValueError, match="predicted twice in repeat 0, fold 0, permutation 0"):
        score(doubled, plan, phenotypes_of, "high")


def test_a_training_line_scored_as_test_is_an_error(predictions, plan, phenotypes_of):
    leaked = predictions.iloc[[0]].assign(fold=1)
    with pytest.raises(ValueError, match="not in the plan's test set in repeat 0, fold 1"):
        score(pd.concat([predictions, leaked]), plan, phenotypes_of, "high")


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_is_an_error(predictions, plan, phenotypes_of, broken):
    predictions.loc[predictions["sample"] == "line004", "predicted"] = broken
    with pytest.raises(ValueError, match="line004 has no finite prediction in repeat 0, fold 1"):
        score(predictions, plan, phenotypes_of, "high")


def test_undefined_correlations_count_as_zero_and_are_counted(predictions, plan, phenotypes_of):
    constant = (predictions["fold"] == 0) & (predictions["repeat"] == 0)
    predictions.loc[constant, "predicted"] = 5.0
    scores = score(predictions, plan, phenotypes_of, "high")
    summary = summarise(scores).set_index("metric")
    assert summary.loc["pearson", "mean"] == pytest.approx(5 / 6)
    assert summary.loc["pearson", "sd"] == pytest.approx(np.std([0, 1, 1, 1, 1, 1], ddof=1))
    assert summary.loc["pearson", ["folds", "undefined"]].tolist() == [6, 1]
    assert summary.loc["slope", ["mean", "undefined"]].tolist() == pytest.approx([1, 1])
    assert summary.loc["control_pearson", ["mean", "undefined"]].tolist() == pytest.approx([0, 2])
    assert summary.loc["rmse", "undefined"] == 0


def test_lines_alike_to_a_training_line_are_left_out_beside(
    predictions, plan, phenotypes, phenotypes_of
):
    """Predicted by their twins' values they lift the correlation, not that of the others."""
    noise = np.random.default_rng(1).normal(size=len(predictions))
    spoilt = predictions.assign(predicted=noise).reset_index(drop=True)
    # with three folds in turn the two of a pair are always in different ones
    alike = pd.DataFrame({"line_1": SAMPLES[:30:2], "line_2": SAMPLES[1:30:2]})
    twins = spoilt["sample"].isin(SAMPLES[:30]) & (spoilt["role"] == "test")
    value = spoilt["sample"].map(phenotypes.set_index("sample")["value"])
    spoilt["predicted"] = spoilt["predicted"].mask(twins, 10 * (value - 5))
    scores = score(spoilt, plan, phenotypes_of, "high", alike)
    by_metric = scores.set_index(["repeat", "fold", "metric"])["value"]
    for (repeat, fold), unit in spoilt[spoilt["role"] == "test"].groupby(["repeat", "fold"]):
        others = unit[~unit["sample"].isin(SAMPLES[:30])]
        assert len(others) == 10
        expected = np.corrcoef(others["predicted"], value[others.index])[0, 1]
        assert by_metric[repeat, fold, "pearson_distinct"] == pytest.approx(expected)
        assert by_metric[repeat, fold, "pearson"] > expected + 0.1
    nobody = alike.assign(line_2="gone")
    plain = score(spoilt, plan, phenotypes_of, "high", nobody)
    assert "pearson_distinct" not in set(plain["metric"])


def test_a_fold_of_lines_alike_alone_has_no_second_correlation(predictions, plan, phenotypes_of):
    alike = pd.DataFrame({"line_1": SAMPLES[0::3], "line_2": SAMPLES[1::3]})
    scores = score(predictions, plan, phenotypes_of, "high", alike)
    distinct = scores[scores["metric"] == "pearson_distinct"]
    assert distinct["value"].notna().all()
    assert distinct.groupby("repeat")["fold"].agg(list).to_dict() == {0: [2], 1: [0]}
