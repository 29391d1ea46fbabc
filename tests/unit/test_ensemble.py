"""The ensemble: right weights, honest inner predictions, nothing learnt from test lines."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from breedcast.scoring.conformal import conformal_quantile
from breedcast.scoring.ensemble import INTERCEPT, Combination, combine
from breedcast.validation.control import permuted
from breedcast.validation.plan import KFoldScheme

METHODS = ["auto", "mean", "stack", "elbpso"]
SAMPLES = [f"line{number:03d}" for number in range(80)]


@pytest.fixture
def phenotypes() -> pd.DataFrame:
    value = np.random.default_rng(0).normal(20, 3, len(SAMPLES))
    value[70:] = np.nan
    return pd.DataFrame({"sample": SAMPLES, "environment": np.nan, "value": value, "weight": 1.0})


@pytest.fixture
def phenotypes_of(phenotypes):
    return partial(permuted, phenotypes, 0, "yield")


@pytest.fixture
def plan(phenotypes) -> pd.DataFrame:
    return KFoldScheme(folds=3, repeats=2, inner_folds=4, seed=0).make_plan(phenotypes, "yield")


def predict(plan, phenotypes_of, noise, seed, permutations=1, slope=1.0) -> pd.DataFrame:
    """A model's predictions: slope x value plus noise, in every row that the contract asks for."""
    rng = np.random.default_rng(seed)
    parts = []
    for permutation in range(permutations + 1):
        rows = plan if permutation == 0 else plan[plan["repeat"] == 0]
        outer = "control" if permutation else "test"
        role = np.where(rows["repeat"] < 0, "candidate", outer)
        rows = rows.assign(role=np.where(rows["role"] == "train", "inner", role))
        new = rows[rows["role"].isin(["test", "candidate"])].assign(role="member")
        members = [new.assign(inner_fold=fold) for fold in plan["inner_fold"].dropna().unique()]
        rows = pd.concat([rows, *members], ignore_index=True)
        value = rows["sample"].map(phenotypes_of(permutation).set_index("sample")["value"])
        predicted = slope * value.fillna(20) + rng.normal(0, noise, len(rows))
        parts.append(rows.assign(permutation=permutation, predicted=predicted))
    return pd.concat(parts, ignore_index=True).assign(sd=1.0, reliability=0.5)


@pytest.fixture
def models(plan, phenotypes_of) -> dict[str, pd.DataFrame]:
    return {
        "good": predict(plan, phenotypes_of, 2, 1),
        "shrunken": predict(plan, phenotypes_of, 0.3, 2, slope=0.1),
        "noise": predict(plan, phenotypes_of, 3, 3, slope=0.0),
    }


def correlated(lines: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three alike predictions of different merit and scale, and the values."""
    rng = np.random.default_rng(seed)
    value = rng.normal(size=lines)
    shared = rng.normal(size=lines)
    noise = rng.normal(size=(lines, 3)) * [0.5, 0.7, 1.5]
    return (value[:, None] + shared[:, None] + noise) * [1, 5, 0.2] + [0, 10, -3], value + 7


def test_stack_is_non_negative_least_squares_with_an_intercept():
    predicted, value = correlated(100, 0)
    predicted = np.column_stack([predicted, -predicted[:, 0]])
    expected = LinearRegression(positive=True).fit(predicted, value)
    fitted = Combination.fit(predicted, value, "stack")
    assert np.allclose(fitted.weights, expected.coef_)
    assert fitted.intercept == pytest.approx(expected.intercept_)


@pytest.mark.parametrize("method", ["auto", "mean", "stack"])
def test_a_line_of_weight_two_counts_as_two_lines(method):
    rng = np.random.default_rng(1)
    value = rng.normal(size=80)
    predicted = value[:, None] * [0.6, 0.3] + rng.normal(size=(80, 2))
    weight = np.where(np.arange(80) < 30, 2.0, 1.0)
    part = np.arange(80) % 4
    twice = np.repeat(np.arange(80), weight.astype(int))
    found = Combination.fit(predicted, value, method, part, weight)
    expected = Combination.fit(predicted[twice], value[twice], method, part[twice])
    # but for what is sure of 110 lines and not of 80
    tolerance = 0.02 if method == "auto" else 1e-9
    assert np.allclose(found.weights, expected.weights, atol=tolerance)
    assert found.intercept == pytest.approx(expected.intercept, abs=tolerance)
    alike = Combination.fit(predicted, value, method, part)
    assert not np.allclose(found.weights, alike.weights, atol=tolerance)


def test_mean_is_the_least_squares_line_on_the_mean_of_standardised_predictions():
    predicted, value = correlated(100, 1)
    Z = (predicted - predicted.mean(axis=0)) / predicted.std(axis=0)
    expected = LinearRegression().fit(Z.mean(axis=1, keepdims=True), value)
    fitted = Combination.fit(predicted, value, "mean").predict(predicted)
    assert np.allclose(fitted, expected.predict(Z.mean(axis=1, keepdims=True)))


def test_auto_approaches_stacking_as_lines_grow():
    for lines, tolerance in ((50, 0.1), (20_000, 0.001)):
        predicted, value = correlated(lines, 2)
        auto, stack = (Combination.fit(predicted, value, m).weights for m in ("auto", "stack"))
        assert np.allclose(auto * [1, 5, 0.2], stack * [1, 5, 0.2], atol=tolerance)
        assert not np.allclose(auto, stack, atol=1e-9)


def accuracy_on_few_lines(accuracies: list[float], lines: int) -> dict[str, float]:
    """The mean correlation of each method's weights with values, for models of known accuracy that
    correlate by 0.8 with one another."""
    models = len(accuracies)
    matrix = np.full((models + 1, models + 1), 0.8)
    matrix[0], matrix[:, 0] = [1, *accuracies], [1, *accuracies]
    np.fill_diagonal(matrix, 1)
    among = matrix[1:, 1:]
    found = {method: [] for method in ("auto", "stack", "mean")}
    for seed in range(60):
        drawn = np.random.default_rng(seed).multivariate_normal(np.zeros(models + 1), matrix, lines)
        for method, r in found.items():
            weights = Combination.fit(drawn[:, 1:], drawn[:, 0], method).weights
            r.append(weights @ matrix[0, 1:] / np.sqrt(weights @ among @ weights))
    return {method: float(np.mean(r)) for method, r in found.items()}


def test_auto_does_not_choose_by_chance_between_models_that_are_equally_good():
    """The true accuracy of what 60 lines choose: equal weights are the best there are."""
    r = accuracy_on_few_lines([0.5] * 5, 60)
    assert r["mean"] - 0.008 < r["auto"] < r["mean"]
    assert r["stack"] < r["auto"] - 0.008


def test_auto_leaves_a_poor_model_behind():
    r = accuracy_on_few_lines([0.65, 0.65, 0.65, 0.3], 240)
    assert r["auto"] > r["mean"] + 0.03
    assert r["auto"] > r["stack"] - 0.003


@pytest.mark.parametrize("method", METHODS)
def test_what_folds_differ_in_is_not_looked_at(method):
    """Lines of a fold are predicted from the others, whose mean is the lower the higher theirs."""
    predicted, value = correlated(90, 7)
    fold = np.arange(90) % 3
    apart = np.array([4.0, -3.0, 0.5])[fold]
    before = Combination.fit(predicted, value, method, fold)
    after = Combination.fit(predicted - apart[:, None], value + apart, method, fold)
    assert np.allclose(before.weights, after.weights)
    assert not np.allclose(before.weights, Combination.fit(predicted, value, method).weights)


@pytest.mark.parametrize("method", METHODS)
def test_the_scale_of_a_model_does_not_matter(method):
    predicted, value = correlated(60, 3)
    rescaled = Combination.fit(predicted * [3, 1, 1] + [0, 0, 50], value, method)
    assert np.allclose(
        rescaled.predict(predicted * [3, 1, 1] + [0, 0, 50]),
        Combination.fit(predicted, value, method).predict(predicted),
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_model_changes_nothing(method):
    predicted, value = correlated(60, 4)
    rounding = 7 + 1e-6 * np.random.default_rng(0).normal(size=60)
    fitted = Combination.fit(np.column_stack([predicted, rounding]), value, method)
    assert fitted.weights[3] == 0
    assert np.allclose(fitted.weights[:3], Combination.fit(predicted, value, method).weights)


@pytest.mark.parametrize("method", METHODS)
def test_constant_models_alone_predict_the_mean(method):
    fitted = Combination.fit(np.full((10, 2), 3.0), np.arange(10.0), method)
    assert np.allclose(fitted.predict(np.full((4, 2), 3.0)), 4.5)


@pytest.mark.parametrize("method", METHODS)
def test_models_that_contradict_the_values_are_averaged(method):
    value = np.arange(30.0)
    predicted = np.column_stack([-value, 2 - 2 * value])
    fitted = Combination.fit(predicted, value, method)
    assert np.allclose(fitted.weights, 0.5)
    assert fitted.predict(predicted).mean() == pytest.approx(value.mean())


def test_auto_beats_its_worst_choice_on_few_lines():
    """Four models as alike as models are, one of them noise: on 60 lines neither equal weights
    nor plain stacking may beat auto on new lines by more than chance."""
    reached = {method: [] for method in METHODS}
    covariance = np.eye(5)
    covariance[1:4, 1:4] = 0.8 + 0.2 * np.eye(3)
    covariance[0, 1:4] = covariance[1:4, 0] = 0.5
    rng = np.random.default_rng(0)
    for _ in range(60):
        train, new = (rng.multivariate_normal(np.zeros(5), covariance, size=n) for n in (60, 2000))
        for method in METHODS:
            predicted = Combination.fit(train[:, 1:], train[:, 0], method).predict(new[:, 1:])
            reached[method].append(np.corrcoef(predicted, new[:, 0])[0, 1])
    mean = {method: np.mean(values) for method, values in reached.items()}
    assert mean["auto"] > mean["stack"] + 0.005
    assert mean["auto"] > mean["mean"] + 0.005


@pytest.mark.parametrize("method", METHODS)
def test_every_row_of_the_models_is_combined(models, plan, phenotypes_of, method):
    predictions, weights = combine(models, phenotypes_of, method)
    key = ["repeat", "fold", "permutation", "role", "sample"]
    assert predictions[key].equals(models["good"][key])
    assert predictions["predicted"].notna().all()
    assert predictions[["sd", "reliability"]].isna().all(axis=None)
    units = 2 * 3 + 3 + 1
    assert len(weights) == units * 4
    assert (weights.loc[weights["model"] != INTERCEPT, "weight"] >= 0).all()


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_what_environments_differ_in_is_not_looked_at_where_they_are_held_out(method, parts):
    """Each inner fold holds out two of six environments, or a part of the lines there, and is
    predicted at one mean: the weights are those of environments that are all alike."""
    rng = np.random.default_rng(0)
    line, number = np.repeat(np.arange(60), 6), np.tile(np.arange(6), 60)
    cell = np.stack([number // 2, line % parts])
    rows = pd.DataFrame({"sample": np.array(SAMPLES)[line], "environment": number.astype(str)})
    rows = rows.assign(repeat=0, fold=0, permutation=0, sd=np.nan, reliability=np.nan, role="inner")
    rows = rows.assign(inner_fold=cell[0] * parts + cell[1])
    every = np.array([(row, column) for row in range(3) for column in range(parts)])
    shares = (every[:, :, None] == cell).sum(axis=1) == 1
    if parts == 1:
        shares[:] = False
    plan = rows.assign(left_out=[" ".join(np.flatnonzero(it).astype(str)) for it in shares.T])
    main, error = np.repeat(rng.normal(size=60), 6), rng.normal(size=360)
    noisy = [main + noise * rng.normal(size=360) for noise in (0.7, 3.0)]
    found = []
    for level in (0.0, 10.0):
        value = main + error + level * number
        phenotypes = rows[["sample", "environment"]].assign(value=value, weight=1.0)
        # the mean of the environments that the fit without the fold has seen
        seen = level * (15 - 4 * cell[0] - 1) / 4
        models = {str(at): rows.assign(predicted=it + seen) for at, it in enumerate(noisy)}
        found.append(combine(models, lambda _, it=phenotypes: it, method, plan=plan))
    (plain, alike), (apart, weights) = found
    np.testing.assert_allclose(weights["weight"], alike["weight"], rtol=1e-9, atol=1e-9)
    # and nothing of a fold's own level is in its predictions
    np.testing.assert_allclose(apart["predicted"] - plain["predicted"], seen, atol=1e-9)


def test_test_rows_are_the_weighted_sum_that_weights_tsv_tells(models, plan, phenotypes_of):
    predictions, weights = combine(models, phenotypes_of, "auto")
    unit = "repeat == 1 and fold == 2 and permutation == 0"
    weight = weights.query(unit).set_index("model")["weight"]
    rows = predictions.query(unit + " and role == 'test'")
    expected = weight[INTERCEPT] + sum(
        weight[name] * table.loc[rows.index, "predicted"] for name, table in models.items()
    )
    assert np.allclose(rows["predicted"], expected)


def test_inner_rows_are_predicted_without_their_inner_fold(models, plan, phenotypes, phenotypes_of):
    """Another value in one inner fold leaves that fold's own combined predictions unmoved."""
    before, _ = combine(models, phenotypes_of, "auto")
    unit = plan[(plan["repeat"] == 1) & (plan["fold"] == 0) & (plan["role"] == "train")]
    held_out = unit.loc[unit["inner_fold"] == 2, "sample"]
    other = phenotypes.copy()
    other.loc[other["sample"].isin(held_out), "value"] += np.linspace(-9, 9, len(held_out))
    after, _ = combine(models, partial(permuted, other, 0, "yield"), "auto")
    rows = (before["repeat"] == 1) & (before["fold"] == 0) & (before["role"] == "inner")
    same = before["predicted"] == after["predicted"]
    assert same[rows & before["sample"].isin(held_out)].all()
    assert not same[rows & ~before["sample"].isin(held_out)].any()


def test_nothing_is_learnt_from_test_rows(models, plan, phenotypes, phenotypes_of):
    before, weights = combine(models, phenotypes_of, "auto")
    other = phenotypes.copy()
    tested = plan.query("repeat == 0 and fold == 1 and role == 'test'")["sample"]
    other.loc[other["sample"].isin(tested), "value"] *= -5
    changed = {name: table.copy() for name, table in models.items()}
    for table in changed.values():
        table.loc[table["role"] != "inner", "predicted"] *= -3
    after, moved = combine(changed, partial(permuted, other, 0, "yield"), "auto")
    unit = "repeat == 0 and fold == 1 and permutation == 0"
    pd.testing.assert_frame_equal(weights.query(unit), moved.query(unit))
    inner = unit + " and role == 'inner'"
    pd.testing.assert_frame_equal(before.query(inner), after.query(inner))


def test_controls_learn_from_their_own_permutation(models, plan, phenotypes_of):
    """The good model is good for each permutation's values, the noise for none."""
    _, weights = combine(models, phenotypes_of, "stack")
    control = weights[weights["permutation"] == 1].groupby("model")["weight"].mean()
    assert control["good"] > 0.2
    assert control["noise"] < 0.1 * control["good"]


def test_models_of_noise_do_not_score_on_the_lines_that_chose_them(plan, phenotypes, phenotypes_of):
    """Weights fitted on the lines they are scored on would find a correlation in noise."""
    plan = plan.query("repeat == -1")
    inner = plan.query("role == 'train'")
    value = inner["sample"].map(phenotypes.set_index("sample")["value"]).to_numpy()
    naive, crossed = [], []
    for seed in range(40):
        noise = {
            str(m): predict(plan, phenotypes_of, 1, 10 * seed + m, 0, slope=0) for m in range(5)
        }
        rows = "role == 'inner'"
        matrix = np.column_stack([table.query(rows)["predicted"] for table in noise.values()])
        fitted = Combination.fit(matrix, value, "stack").predict(matrix)
        naive.append(np.corrcoef(fitted, value)[0, 1])
        combined, _ = combine(noise, phenotypes_of, "stack")
        crossed.append(np.corrcoef(combined.query(rows)["predicted"], value)[0, 1])
    assert np.mean(naive) > 0.1
    assert np.mean(crossed) < 0.05


@pytest.mark.parametrize(("method", "lost"), [("stack", 0.04), ("elbpso", 0.01)])
def test_intervals_of_the_ensemble_hold_what_they_promise(plan, phenotypes, method, lost):
    """Twelve poor models, 70 lines: by residuals of cross-fitted weights 80 % of new lines are
    held; by those of weights fitted on the same lines fewer."""
    plan = plan.query("repeat == -1")
    new = 10
    crossed, naive = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        lines = phenotypes.assign(value=rng.normal(20, 3, len(phenotypes)))
        hidden = lines["value"].to_numpy()[-new:].copy()
        models = {
            str(m): predict(plan, lambda _, lines=lines: lines, 9, 100 * seed + m, 0, slope=1)
            for m in range(12)
        }
        lines.loc[lines.index[-new:], "value"] = np.nan
        combined, _ = combine(models, lambda _, lines=lines: lines, method, seed=seed)
        inner, candidates = (combined[combined["role"] == r] for r in ("inner", "candidate"))
        value = lines.set_index("sample").loc[inner["sample"], "value"].to_numpy()
        matrix = np.column_stack(
            [table.loc[table["role"] == "inner", "predicted"] for table in models.values()]
        )
        seen = Combination.fit(matrix, value, method).predict(matrix)
        error = np.abs(hidden - candidates["predicted"].to_numpy())
        for residuals, held in ((value - inner["predicted"].to_numpy(), crossed),
                                (value - seen, naive)):  # fmt: skip
            held += list(error <= conformal_quantile(np.abs(residuals), 0.8))
    assert 0.76 < np.mean(crossed) < 0.87
    assert np.mean(naive) < np.mean(crossed) - lost


def test_elbpso_looks_at_the_better_end_of_the_trait():
    """One model orders the high lines, the other the low ones: direction says which counts."""
    rng = np.random.default_rng(8)
    value = rng.normal(size=400)
    noise = 0.8 * rng.normal(size=(400, 2))
    knows_high = np.where(value > 0, value, 0) + noise[:, 0]
    knows_low = np.where(value < 0, value, 0) + noise[:, 1]
    predicted = np.column_stack([knows_high, knows_low])
    high = Combination.fit(predicted, value, "elbpso", direction="high").weights
    low = Combination.fit(predicted, value, "elbpso", direction="low").weights
    assert high[0] > 1.5 * high[1]
    assert low[1] > 1.5 * low[0]
    mirrored = Combination.fit(-predicted, -value, "elbpso", direction="high").weights
    assert np.allclose(mirrored, low)


def test_models_of_other_lines_are_an_error(models, plan, phenotypes_of):
    models["noise"] = models["noise"].iloc[1:]
    with pytest.raises(ValueError, match="good and noise do not predict the same lines"):
        combine(models, phenotypes_of, "auto")
