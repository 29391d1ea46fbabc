"""Models that other libraries fit: against those libraries, called another way."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from breedcast.models.base import Lines, model_class
from breedcast.models.products import DosageProducts
from breedcast.models.registry import MODELS
from breedcast.models.svr import SVR

NAMES = ["elastic_net", "svr", "random_forest", "lightgbm", "xgboost"]


def simulate(lines=200, markers=60, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.binomial(2, rng.uniform(0.2, 0.8, markers), (lines, markers)).astype(np.uint8)
    genetic = (
        codes[:, 7] * 2.0
        + codes[:, 30]
        + codes[:, 31:].astype(float) @ rng.normal(0, 0.1, markers - 31)
    )
    family = pd.DataFrame({"family": rng.choice(list("AB"), lines)})
    return Lines(codes, 2, family, 50 + 3 * (genetic + rng.normal(size=lines)))


def fit(name, lines, seed=0, **options):
    return model_class(MODELS[name])(**options).fit(lines, seed, "cpu")


def prepared(lines):
    """Centred dosages and the standardised trait less its family means, by hand."""
    y = lines.observed - pd.Series(lines.observed).groupby(
        lines.covariates["family"].to_numpy()
    ).transform("mean")
    return lines.codes - lines.codes.mean(axis=0), (y / y.std(ddof=0)).to_numpy()


@pytest.mark.parametrize("name", NAMES)
def test_it_predicts_new_lines(name):
    lines = simulate(300)
    train, new = lines.take(np.arange(200)), lines.take(np.arange(200, 300))
    predicted = fit(name, train).predict(new.blind()).mean
    assert np.corrcoef(predicted, new.observed)[0, 1] > 0.6
    assert abs(predicted.mean() - new.observed.mean()) < new.observed.std() / 2


@pytest.mark.parametrize("name", NAMES)
def test_covariates_are_taken_out_and_put_back(name):
    lines = simulate()
    shift = np.where(lines.covariates["family"] == "A", 1024.0, 0.0)
    moved = Lines(lines.codes, 2, lines.covariates, lines.observed + shift)
    before, after = (fit(name, each).predict(lines.blind()).mean for each in (lines, moved))
    np.testing.assert_allclose(after - before, shift, atol=0.05 * lines.observed.std())


@pytest.mark.parametrize("name", ["gblup", "rkhs", "bayes", "deepgs", *NAMES])
def test_lines_of_little_weight_teach_little(name):
    """Half the lines are measured with large errors: knowing which they are must help."""
    lines, new = simulate(300, seed=2), simulate(300, seed=2)
    rng = np.random.default_rng(0)
    noisy = np.arange(300) % 2 == 0
    errors = np.where(noisy, rng.normal(0, 5 * lines.observed.std(), 300), 0.0)
    spoilt = replace(lines, value=lines.observed + errors)
    weight = np.where(noisy, 0.02, 1.0)
    options = {"learning_rate": 0.01} if name == "deepgs" else {}
    r = {}
    for known, seen in (("told", replace(spoilt, weight=weight)), ("not told", spoilt)):
        predicted = fit(name, seen.take(np.arange(200)), **options).predict(new.blind()).mean
        r[known] = np.corrcoef(predicted[200:], new.observed[200:])[0, 1]
    assert r["told"] > r["not told"] + 0.1


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("elastic_net", "effect"),
        ("random_forest", "impurity"),
        ("lightgbm", "gain"),
        ("xgboost", "gain"),
    ],
)
def test_the_largest_loci_are_the_most_salient(name, statistic):
    saliency = fit(name, simulate()).saliency[statistic]
    assert saliency.shape == (1, 60)
    assert (saliency >= 0).all()
    assert set(np.argsort(-saliency[0])[:2]) == {7, 30}


def standardised(fitted, lines):
    """What it predicts of lines, as the target it learnt."""
    return fitted.target.standardise(replace(lines, value=fitted.predict(lines.blind()).mean))


def test_svr_is_scikit_learns_with_its_own_kernel():
    from sklearn.metrics import pairwise_distances
    from sklearn.svm import SVR

    lines, new = simulate(), simulate(20, seed=0)
    X, y = prepared(lines)
    gamma = 2.0 / (pairwise_distances(X) ** 2).mean()
    expected = SVR(gamma=gamma, C=0.5, epsilon=0.2).fit(X, y)
    found = fit("svr", lines, bandwidths=(2.0,), costs=(0.5,), epsilon=0.2)
    x = new.codes - lines.codes.mean(axis=0)
    np.testing.assert_allclose(standardised(found, new), expected.predict(x), atol=1e-8)
    products = DosageProducts.of(np.vstack([lines.codes, new.codes]), 2)
    with_products = replace(lines, products=products.take(np.arange(200)))
    found = fit("svr", with_products, bandwidths=(2.0,), costs=(0.5,), epsilon=0.2)
    new = replace(new, products=products.take(np.arange(200, 220)))
    np.testing.assert_allclose(standardised(found, new), expected.predict(x), atol=1e-8)


def test_svr_chooses_as_a_grid_search_does():
    from sklearn.metrics import pairwise_distances
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.svm import SVR

    lines = simulate()
    X, y = prepared(lines)
    mean_distance = (pairwise_distances(X) ** 2).mean()
    search = GridSearchCV(
        SVR(epsilon=0.1),
        {"gamma": [h / mean_distance for h in (0.1, 0.5, 2.0)], "C": [0.1, 1.0, 5.0]},
        cv=KFold(4, shuffle=True, random_state=3),
        scoring="neg_mean_squared_error",
    ).fit(X, y)
    options = {"bandwidths": (0.1, 0.5, 2.0), "costs": (0.1, 1.0, 5.0), "inner_folds": 4}
    found = fit("svr", lines, seed=3, **options)
    np.testing.assert_allclose(standardised(found, lines), search.predict(X), atol=1e-8)


def test_some_of_many_lines_choose_for_an_svr_of_all(monkeypatch):
    lines, new = simulate(300), simulate(40, seed=1)
    of_all = fit("svr", lines)
    monkeypatch.setattr("breedcast.models.multikernel.SHARES_FROM", 80)
    asked = []
    monkeypatch.setattr(SVR, "_chosen", lambda _, *given: asked.append(given) or (1.0, 1.0))
    found = fit("svr", lines)
    products, y, weight, _ = asked[0]
    assert products.cross.shape == (80, 80)
    assert len(y) == len(weight) == 80
    one = fit("svr", lines, bandwidths=(1.0,), costs=(1.0,))
    np.testing.assert_array_equal(found.predict(new).mean, one.predict(new).mean)
    assert np.corrcoef(found.predict(new).mean, of_all.predict(new).mean)[0, 1] > 0.95


def test_trees_look_at_no_more_markers_than_asked():
    """As many as a share says, or as a bound does, are the same trees; the bound has a say."""
    lines = simulate(markers=60)
    bound, share, without = (
        fit("lightgbm", lines, rounds=20, **options).predict(lines.blind()).mean
        for options in ({"marker_share": 1.0, "most_markers": 6}, {"marker_share": 0.1}, {})
    )
    np.testing.assert_array_equal(bound, share)
    assert not np.array_equal(bound, without)


def test_elastic_net_meets_the_conditions_of_its_minimum():
    """Zou & Hastie's subgradient: the penalty is read off one marker and holds for the others."""
    lines = simulate()
    X, y = prepared(lines)
    fitted = fit("elastic_net", lines, l1_ratios=(0.5,))
    sd = float(np.std(lines.observed - fitted.fixed.predict(lines.covariates)))
    b = fitted.marker_effects / sd
    gradient = X.T @ (y - y.mean() - X @ b) / len(y)
    used = b != 0
    assert 2 < used.sum() < 60
    # gradient = penalty * (sign(b) + b) / 2 for those used, and less than penalty / 2 otherwise
    penalty = 2 * gradient[used] / (np.sign(b[used]) + b[used])
    np.testing.assert_allclose(penalty, np.median(penalty), rtol=0.1)
    assert (np.abs(gradient[~used]) <= 1.1 * np.median(penalty) / 2).all()


def test_elastic_net_chooses_as_a_shuffled_grid_search_does():
    from sklearn.linear_model import ElasticNet
    from sklearn.model_selection import GridSearchCV, KFold

    lines = simulate()
    X, y = prepared(lines)
    largest = np.abs(X.T @ y).max() / len(y) / 0.5
    search = GridSearchCV(
        ElasticNet(l1_ratio=0.5),
        {"alpha": np.geomspace(largest, 0.03 * largest, 12)},
        cv=KFold(4, shuffle=True, random_state=3),
        scoring="neg_mean_squared_error",
    ).fit(X, y)
    found = fit("elastic_net", lines, seed=3, l1_ratios=(0.5,), penalties=12, inner_folds=4)
    predicted = found.predict(lines.blind()).mean - found.fixed.predict(lines.covariates)
    sd = float(np.std(lines.observed - found.fixed.predict(lines.covariates)))
    np.testing.assert_allclose(predicted / sd, search.predict(X) - y.mean(), atol=0.01)


def test_a_forest_can_be_walked_from_its_weights():
    lines = simulate()
    fitted = fit("random_forest", lines, trees=20)
    arrays = fitted.learnt.arrays()
    X = prepared(lines)[0].astype(np.float32)

    def leaf(row, first):
        node = first
        while arrays["marker"][node] >= 0:
            below = row[arrays["marker"][node]] <= arrays["threshold"][node]
            node = first + arrays["left" if below else "right"][node]
        return arrays["value"][node]

    walked = [np.mean([leaf(row, first) for first in arrays["first_node"]]) for row in X[:30]]
    np.testing.assert_allclose(walked, fitted.learnt.predict(X)[:30], atol=1e-10)


def test_boosted_trees_are_read_back_from_their_weights():
    import lightgbm
    import xgboost

    lines = simulate()
    X = prepared(lines)[0]
    of_lightgbm, of_xgboost = (fit(name, lines, rounds=50).learnt for name in NAMES[3:])
    text = of_lightgbm.arrays()["lightgbm_text"].tobytes().decode()
    read = lightgbm.Booster(model_str=text)
    np.testing.assert_allclose(read.predict(X), of_lightgbm.predict(X), atol=1e-12)
    booster = xgboost.Booster()
    booster.load_model(bytearray(of_xgboost.arrays()["xgboost_ubj"].tobytes()))
    np.testing.assert_array_equal(booster.predict(xgboost.DMatrix(X)), of_xgboost.predict(X))


def test_xgboost_is_its_scikit_learn_interface():
    from xgboost import XGBRegressor

    lines = simulate()
    X, y = prepared(lines)
    expected = XGBRegressor(
        n_estimators=60,
        learning_rate=0.1,
        max_depth=3,
        colsample_bytree=0.5,
        subsample=0.8,
        random_state=7,
        n_jobs=1,
    ).fit(X, y)
    found = fit(
        "xgboost",
        lines,
        seed=7,
        rounds=60,
        learning_rate=0.1,
        depth=3,
        marker_share=0.5,
        line_share=0.8,
    )
    np.testing.assert_allclose(found.learnt.predict(X), expected.predict(X), atol=1e-4)


def test_lightgbm_is_its_scikit_learn_interface():
    from lightgbm import LGBMRegressor

    lines = simulate()
    X, y = prepared(lines)
    expected = LGBMRegressor(
        n_estimators=60,
        learning_rate=0.1,
        num_leaves=7,
        min_child_samples=10,
        colsample_bytree=0.5,
        subsample=0.8,
        subsample_freq=1,
        random_state=7,
        n_jobs=1,
        deterministic=True,
        force_col_wise=True,
        verbosity=-1,
    ).fit(X, y)
    found = fit(
        "lightgbm",
        lines,
        seed=7,
        rounds=60,
        learning_rate=0.1,
        leaves=7,
        min_lines=10,
        marker_share=0.5,
        line_share=0.8,
    )
    np.testing.assert_allclose(found.learnt.predict(X), expected.predict(X), atol=1e-4)


@pytest.mark.parametrize(
    "work",
    [
        "from breedcast.models.registry import MODELS, options_schema; "
        "[options_schema(name) for name in MODELS]",
        "import breedcast.models.job",
    ],
    ids=["reading the options", "starting to train"],
)
def test_no_library_is_loaded_before_a_model_needs_it(work, repository):
    code = (
        f"import sys; {work}; "
        "libraries = {'sklearn', 'lightgbm', 'xgboost', 'torch', 'scipy', 'optuna'}; "
        "heavy = libraries & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=repository, env={"PYTHONPATH": "workflow"}
    )
