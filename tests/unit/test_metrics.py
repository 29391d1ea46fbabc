"""Scores against scipy, scikit-learn, worked cases and the figures DeepGS's own package gives."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import (
    brier_score_loss,
    mean_absolute_error,
    mean_squared_error,
    ndcg_score,
    roc_auc_score,
)

from breedcast.agreement import pearson, pearson_or_zero
from breedcast.scoring import metrics


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    observed = rng.normal(10, 2, 87)
    return observed, 0.5 * observed + rng.normal(0, 1, 87)


def test_correlations_and_errors_agree_with_scipy_and_sklearn(pair):
    observed, predicted = pair
    assert pearson(*pair) == pytest.approx(stats.pearsonr(observed, predicted)[0])
    assert metrics.rmse(*pair) == pytest.approx(mean_squared_error(*pair) ** 0.5)
    assert metrics.mae(*pair) == pytest.approx(mean_absolute_error(*pair))
    line = stats.linregress(predicted, observed)
    assert metrics.regression(*pair) == pytest.approx((line.slope, line.intercept))


def test_spearman_agrees_with_scipy_with_ties(pair):
    observed, predicted = np.round(pair[0]), np.round(pair[1])
    expected = stats.spearmanr(observed, predicted)[0]
    assert metrics.spearman(observed, predicted) == pytest.approx(expected)


def test_rmse_is_the_root_in_trait_units():
    assert metrics.rmse(np.array([0.0, 0.0]), np.array([3.0, 3.0])) == 3.0


def test_auc_and_brier_agree_with_sklearn_ties_included():
    rng = np.random.default_rng(4)
    is_high = rng.random(80) < 0.3
    predicted = np.round(1 + 2 * (0.3 * is_high + rng.normal(0.3, 0.3, 80)), 1)
    scored = metrics.evaluate_binary(np.where(is_high, 3.0, 1.0), predicted, 1.0, 3.0)
    assert scored["auc"] == pytest.approx(roc_auc_score(is_high, predicted))
    share = np.clip((predicted - 1) / 2, 0, 1)
    assert scored["brier"] == pytest.approx(brier_score_loss(is_high, share))


def test_auc_of_one_class_is_undefined():
    assert np.isnan(metrics.auc(np.full(5, True), np.arange(5.0)))


@pytest.mark.parametrize("constant", [np.full(5, 0.3), 0.3 + 1e-13 * np.eye(5)[2], np.zeros(5)])
def test_correlation_and_slope_of_a_constant_are_undefined(constant):
    varying = np.arange(5.0)
    assert np.isnan(pearson(varying, constant))
    assert np.isnan(pearson(constant, varying))
    assert pearson_or_zero(varying, constant) == 0
    assert np.isnan(metrics.spearman(varying, constant))
    assert np.isnan(metrics.regression(varying, constant)).all()


def test_a_constant_prediction_selects_nobody_in_particular():
    observed = np.arange(20.0)
    assert metrics.response(observed, np.zeros(20), 0.1, "high") == pytest.approx(0.0)


@pytest.mark.parametrize(("lines", "count"), [(1, 1), (4, 1), (14, 1), (16, 2), (25, 2), (120, 12)])
def test_best_tenth_is_rounded_and_never_empty(lines, count):
    assert metrics.best_count(lines, 0.1) == count


def test_response_is_selected_mean_minus_mean():
    observed = np.arange(20.0)
    assert metrics.response(observed, observed, 0.1, "high") == 18.5 - 9.5
    assert metrics.response(observed, -observed, 0.1, "high") == 0.5 - 9.5


def test_response_of_a_low_trait_is_positive_when_low_lines_are_selected():
    observed = np.arange(20.0)
    assert metrics.response(observed, observed, 0.1, "low") == 9.0


def test_response_in_sd_of_normal_truth_is_the_selection_intensity():
    """Selecting the best tenth of a normal trait by its own value moves it 1.755 SD."""
    observed = np.random.default_rng(2).normal(50, 4, 200_000)
    scores = metrics.evaluate(observed, observed, "high")
    assert scores["response_10_sd"] == pytest.approx(1.755, abs=0.01)
    assert scores["response_10"] == pytest.approx(4 * 1.755, abs=0.05)


@pytest.mark.parametrize("decimals", [8, 0])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_ndcg_agrees_with_sklearn_also_in_ties(pair, decimals, share):
    observed, predicted = pair[0], np.round(pair[1], decimals)
    gain = observed - observed.min()
    k = metrics.best_count(len(gain), share)
    ours = metrics.ndcg(observed, predicted, share, "high")
    assert ours == pytest.approx(ndcg_score([gain], [predicted], k=k))
    each = [ndcg_score([gain], [predicted], k=count) for count in range(1, k + 1)]
    assert metrics.mean_ndcg(observed, predicted, share, "high") == pytest.approx(np.mean(each))


@pytest.mark.parametrize("metric", [metrics.ndcg, metrics.mean_ndcg])
def test_gain_does_not_depend_on_the_origin_and_follows_the_direction(pair, metric):
    observed, predicted = pair
    score = metric(observed, predicted, 0.1, "high")
    assert metric(observed - 1000, predicted, 0.1, "high") == pytest.approx(score)
    assert metric(-observed, -predicted, 0.1, "low") == pytest.approx(score)
    assert metric(observed, observed, 0.1, "low") == pytest.approx(1)
    assert metric(observed, predicted, 0.1, "low") != pytest.approx(score)


def test_selection_is_undefined_where_all_lines_are_alike():
    alike = np.full(10, 2.0)
    scores = metrics.evaluate(alike, np.arange(10.0), "high")
    undefined = ["pearson", "spearman", "ndcg_10", "mean_ndcg_10", "response_10_sd"]
    assert np.isnan([scores[name] for name in undefined]).all()
    assert scores["response_10"] == 0


# Computed with the DeepGS package, R 4.2, on its own test set for ensembles.
PUBLISHED = {
    ("deepgs", 0.01): 0.69055651,
    ("deepgs", 0.10): 0.53697889,
    ("deepgs", 0.20): 0.50653673,
    ("deepgs", 0.50): 0.46075102,
    ("rrblup", 0.01): -0.11254409,
    ("rrblup", 0.10): 0.16566333,
    ("rrblup", 0.20): 0.23166720,
    ("rrblup", 0.50): 0.30317333,
}


def published_gain(observed: np.ndarray) -> np.ndarray:
    """The observed value about its mean, over its range: half the lines have a negative gain."""
    return (observed - observed.mean()) / np.ptp(observed)


def published_mean_ndcg(observed: np.ndarray, predicted: np.ndarray, share: float) -> float:
    """meanNDCG as DeepGS 1.2 computes it (Ma et al. 2018, Planta 248:1307-1318)."""
    count = metrics.best_count(len(observed), share)
    each = metrics._ndcg_at_each_count(published_gain(observed), predicted, count)
    return float(each.mean())


@pytest.mark.parametrize(("model", "share"), PUBLISHED)
def test_published_mean_ndcg_equals_the_deepgs_package(shared_data, model, share):
    table = pd.read_csv(shared_data / "deepgs_published" / "elbpso_test.tsv", sep="\t")
    ours = published_mean_ndcg(table["real"].to_numpy(), table[model].to_numpy(), share)
    assert ours == pytest.approx(PUBLISHED[model, share], abs=1e-6)
