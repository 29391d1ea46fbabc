"""Model comparisons: the corrected test against its formula, and against chance."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.model_selection import KFold

from breedcast.scoring.comparison import compare_models, corrected_t, holm
from breedcast.validation.folds import replicates


def scores_of(pearson: list[float], rmse: list[float], folds: int) -> pd.DataFrame:
    """A scores table of repeats x folds, filled in order, with a control beside it."""
    records = [
        (number // folds, number % folds, 0, metric, value)
        for metric, values in {"pearson": pearson, "rmse": rmse}.items()
        for number, value in enumerate(values)
    ]
    records.append((0, 0, 1, "control_pearson", 0.9))
    return pd.DataFrame(records, columns=["repeat", "fold", "permutation", "metric", "value"])


def plan_of(lines: int, folds: int, repeats: int) -> pd.DataFrame:
    rows = [
        (repeat, fold, str(line), "test" if line % folds == fold else "train")
        for repeat in range(repeats)
        for fold in range(folds)
        for line in range(lines)
    ]
    rows += [(-1, -1, str(line), "train") for line in range(lines)]
    plan = pd.DataFrame(rows, columns=["repeat", "fold", "sample", "role"])
    return plan.assign(environment=np.nan)


def test_t_is_the_corrected_resampled_t_by_hand():
    """Differences 1, 2, 3 with a quarter as many test as train lines: s2 = 1, mean 2."""
    error, t, p = corrected_t(np.array([1.0, 2.0, 3.0]), 0.25)
    assert error == pytest.approx((1 / 3 + 1 / 4) ** 0.5)
    assert t == pytest.approx(2 / error)
    assert p == pytest.approx(2 * (1 - stats.t.cdf(2 / error, df=2)))


def test_without_shared_lines_it_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 10))
    expected = stats.ttest_rel(one, other)
    _, t, p = corrected_t(one - other, 0.0)
    assert (t, p) == pytest.approx((expected.statistic, expected.pvalue))


def test_every_pair_is_compared_once_on_the_folds_of_both():
    rng = np.random.default_rng(1)
    tables = {name: scores_of(*rng.normal(size=(2, 10)), folds=5) for name in "abc"}
    comparison = compare_models(tables, plan_of(50, 5, 2))
    pairs = [("b", "a"), ("c", "a"), ("c", "b")]
    for metric in ("pearson", "rmse"):
        rows = comparison[comparison["metric"] == metric]
        assert list(zip(rows["model"], rows["reference"], strict=True)) == pairs
        row = rows[(rows["model"] == "c") & (rows["reference"] == "b")].iloc[0]
        one, other = (
            table[table["metric"] == metric]["value"] for table in (tables["c"], tables["b"])
        )
        plain = stats.ttest_rel(one, other).statistic
        assert row["difference"] == pytest.approx(one.mean() - other.mean())
        assert row["t"] == pytest.approx(plain * np.sqrt((1 / 10) / (1 / 10 + 10 / 40)))
        assert (row["df"], row["folds"]) == (9, 10)


def test_models_are_tested_against_the_standard_alone():
    """Holm over the two comparisons with it; of the other pair nothing is claimed."""
    rng = np.random.default_rng(2)
    tables = {name: scores_of(*rng.normal(size=(2, 10)), folds=5) for name in ("a", "gblup", "c")}
    tables["c"]["value"] += 1
    comparison = compare_models(tables, plan_of(50, 5, 2), standard="gblup")
    for metric in ("pearson", "rmse"):
        rows = comparison[comparison["metric"] == metric]
        pairs = list(zip(rows["model"], rows["reference"], strict=True))
        assert pairs == [("a", "gblup"), ("c", "gblup"), ("c", "a")]
        assert rows["p_value"].notna().all()
        assert rows["p_holm"].tolist() == pytest.approx(
            [*holm(rows["p_value"].to_numpy()[:2]), np.nan], nan_ok=True
        )


def test_holm_follows_the_worked_case_and_leaves_untested_pairs_alone():
    """Holm: .01 x 4, .02 x 3, .03 x 2, .04 x 1, never below an earlier one."""
    p_values = np.array([0.03, np.nan, 0.01, 0.04, 0.02])
    assert holm(p_values) == pytest.approx([0.06, np.nan, 0.04, 0.06, 0.06], nan_ok=True)
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]


def test_an_undefined_correlation_counts_as_zero():
    tables = {
        "a": scores_of([0.2, 0.3, 0.4], [1, 1, 1], 3),
        "b": scores_of([0.5, np.nan, 0.1], [1, 1, 1], 3),
    }
    row = compare_models(tables, plan_of(30, 3, 1)).iloc[0]
    assert row["mean"] == pytest.approx(0.2)
    assert row["difference"] == pytest.approx(-0.1)


@pytest.mark.parametrize("folds", [[0.4], [0.4, 0.5]])
def test_one_fold_or_equal_models_are_not_tested(folds):
    rounded = [value * (1 + number * 1e-15) for number, value in enumerate(folds, start=1)]
    tables = {
        "a": scores_of(folds, folds, len(folds)),
        "twin": scores_of(rounded, folds, len(folds)),
    }
    comparison = compare_models(tables, plan_of(20, 2, 1))
    assert (comparison["difference"] == 0).all()
    untested = comparison[["standard_error", "t", "p_value", "p_holm"]].astype(float)
    assert untested.isna().all(axis=None)


def test_one_model_has_nothing_to_compare():
    assert compare_models({"a": scores_of([0.1], [1], 1)}, plan_of(20, 2, 1)).empty


def test_environments_of_the_same_new_lines_count_once():
    """Two parts of ten lines, each tested in three environments by fits that saw neither."""
    rows = [
        (0, 3 * part + place, f"L{line}", "NSW"[other], role)
        for part in range(2)
        for place in range(3)
        for line in range(20)
        for other in range(3)
        if (line % 2 == part) == (other == place)
        for role in ["test" if line % 2 == part else "train"]
    ]
    columns = ["repeat", "fold", "sample", "environment", "role"]
    plan = pd.DataFrame(rows, columns=columns)
    number, share = replicates(plan)
    assert number.tolist() == [0, 0, 0, 1, 1, 1]
    assert share == 1.0  # ten new lines by ten others
    a, b = [0.5, 0.6, 0.7, 0.3, 0.2, 0.4], [0.4, 0.4, 0.4, 0.1, 0.1, 0.1]
    tables = {"b": scores_of(b, [1] * 6, 6), "a": scores_of(a, [1] * 6, 6)}
    row = compare_models(tables, plan).iloc[0]
    assert row["folds"] == 2
    assert row["difference"] == pytest.approx(0.2)
    known = plan.assign(sample="L0")  # lines that are trained on too: each fold is one more
    assert replicates(known)[0].is_unique
    assert replicates(plan.assign(environment=None))[0].is_unique


def test_models_scored_on_other_folds_are_an_error():
    tables = {"a": scores_of([0.1, 0.2], [1, 1], 2), "b": scores_of([0.1, 0.2], [1, 1], 1)}
    with pytest.raises(ValueError, match="same folds"):
        compare_models(tables, plan_of(20, 2, 1))


def test_the_plain_test_is_too_liberal_and_the_corrected_one_is_not():
    """Two equally good one-marker regressions, 5 x 4 folds, tested at 5 %."""
    rng = np.random.default_rng(0)
    plain, corrected = [], []
    for _ in range(200):
        markers = rng.normal(size=(2, 60))
        value = 0.3 * markers.sum(axis=0) + rng.normal(size=60)
        differences = []
        for repeat in range(4):
            for train, test in KFold(5, shuffle=True, random_state=repeat).split(value):
                errors = [
                    np.mean(
                        (np.polyval(np.polyfit(x[train], value[train], 1), x[test]) - value[test])
                        ** 2
                    )
                    for x in markers
                ]
                differences.append(errors[0] - errors[1])
        differences = np.array(differences)
        plain.append(corrected_t(differences, 0.0)[2] < 0.05)
        corrected.append(corrected_t(differences, 12 / 48)[2] < 0.05)
    assert np.mean(plain) > 0.3
    assert np.mean(corrected) < 0.1


def test_over_left_out_clusters_the_corrected_test_is_not_too_liberal_either():
    """Six clusters with means of their own; models of three markers each, equally good."""
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(6), 30)
    plain, corrected = [], []
    for _ in range(250):
        markers = rng.normal(size=(2, 180, 3)) + rng.normal(size=(2, 6, 3))[:, cluster]
        value = markers.sum(axis=0) @ rng.normal(0, 0.3, 3)
        value = value + rng.normal(size=6)[cluster] + rng.normal(size=180)
        differences = np.zeros(6)
        for left_out in range(6):
            test = cluster == left_out
            for sign, X in zip((1, -1), markers, strict=True):
                X = np.column_stack([np.ones(180), X])
                effects = np.linalg.lstsq(X[~test], value[~test], rcond=None)[0]
                accuracy = np.corrcoef(X[test] @ effects, value[test])[0, 1]
                differences[left_out] += sign * accuracy
        plain.append(corrected_t(differences, 0.0)[2] < 0.05)
        corrected.append(corrected_t(differences, 1 / 5)[2] < 0.05)
    assert np.mean(plain) > 0.08
    assert np.mean(corrected) < 0.07
