from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from breedcast.errors import UserError
from breedcast.validation.alike import alike_to_training, bundles
from breedcast.validation.control import permuted
from breedcast.validation.groups import LeaveGroupOutScheme, LineGroups, StratifiedScheme
from breedcast.validation.plan import KFoldScheme, shuffled, units


def lines(phenotyped=23, candidates=4):
    count = phenotyped + candidates
    return pd.DataFrame(
        {
            "sample": [f"L{number}" for number in range(count)],
            "environment": None,
            "value": [*np.arange(phenotyped) * 1.0, *[np.nan] * candidates],
            "weight": np.arange(count) + 0.5,
            "family": [f"F{number}" for number in range(count)],
        }
    )


SCHEME = KFoldScheme(folds=5, repeats=2, inner_folds=3, seed=7)


def test_the_folds_are_scikit_learns():
    table = lines()
    plan = SCHEME.make_plan(table, "yield")
    for repeat in range(2):
        split = KFold(5, shuffle=True, random_state=7 + repeat).split(np.zeros(23))
        for fold, (train, test) in enumerate(split):
            unit = plan[(plan["repeat"] == repeat) & (plan["fold"] == fold)]
            assert unit.loc[unit["role"] == "test", "sample"].tolist() == [f"L{i}" for i in test]
            assert unit.loc[unit["role"] == "train", "sample"].tolist() == [f"L{i}" for i in train]


@pytest.mark.parametrize("dealt", [10, 23, 400])
def test_dealing_is_scikit_learns(dealt):
    expected = KFold(3, shuffle=True, random_state=5).split(np.zeros(dealt))
    for ours, theirs in zip(shuffled(dealt, 3, 5), expected, strict=True):
        for found, known in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(found, known)


def test_each_training_set_is_split_into_shuffled_inner_folds():
    plan = SCHEME.make_plan(lines(), "yield")
    for _, unit in plan.groupby(["repeat", "fold"]):
        inner = unit.loc[unit["role"] == "train", "inner_fold"]
        sizes = inner.value_counts()
        assert sorted(sizes.index) == [0, 1, 2]
        assert sizes.max() - sizes.min() <= 1
        assert inner.tolist() != sorted(inner)
        assert unit.loc[unit["role"] == "test", "inner_fold"].isna().all()


def test_the_candidates_are_one_more_unit_in_which_all_others_train():
    plan = SCHEME.make_plan(lines(), "yield")
    unit = plan[plan["repeat"] == -1]
    assert (unit["fold"] == -1).all()
    assert set(unit.loc[unit["role"] == "test", "sample"]) == {"L23", "L24", "L25", "L26"}
    assert (unit["role"] == "train").sum() == 23


@pytest.mark.parametrize(("phenotyped", "enough"), [(8, True), (7, False), (4, False), (1, False)])
def test_too_few_lines_are_refused(phenotyped, enough):
    scheme = KFoldScheme(folds=5, repeats=1, inner_folds=3, seed=0)
    if enough:
        scheme.make_plan(lines(phenotyped), "yield")
    else:
        with pytest.raises(UserError, match=f"trait 'yield': {phenotyped} lines"):
            scheme.make_plan(lines(phenotyped), "yield")


def test_units_speak_of_positions_and_repeat_zero_is_permuted():
    table = lines()
    work = units(SCHEME.make_plan(table, "yield"), table, permutations=2)
    assert [(unit.repeat, unit.permutation) for unit in work].count((0, 1)) == 5
    assert len(work) == 2 * 5 + 1 + 2 * 5
    first = work[0]
    assert set(first.train) | set(first.test) == set(range(23))
    assert not set(first.train) & set(first.test)
    assert len(first.inner_fold) == len(first.train)
    assert first.inner_folds == [0, 1, 2]
    assert sum(unit.is_candidates for unit in work) == 1


def test_a_permutation_moves_value_weight_and_covariates_together():
    table = lines()
    moved = permuted(table, seed=1, trait="yield", permutation=1)
    assert moved["sample"].tolist() == table["sample"].tolist()
    by_value = table.set_index("value")
    phenotyped = moved[moved["value"].notna()]
    assert phenotyped["value"].tolist() != table["value"].dropna().tolist()
    assert sorted(phenotyped["value"]) == sorted(table["value"].dropna())
    for row in phenotyped.itertuples():
        assert row.weight == by_value.loc[row.value, "weight"]
        assert row.family == by_value.loc[row.value, "family"]
    # the candidates stay where they are
    pd.testing.assert_frame_equal(moved.iloc[23:], table.iloc[23:])


def test_permutations_differ_and_repeat_themselves():
    table = lines()
    values = [tuple(permuted(table, 1, "yield", k)["value"].dropna()) for k in (0, 1, 2)]
    assert len(set(values)) == 3
    assert values[0] == tuple(table["value"].dropna())
    again = permuted(table, 1, "yield", 1)
    assert tuple(again["value"].dropna()) == values[1]
    assert tuple(permuted(table, 2, "yield", 1)["value"].dropna()) != values[1]


def structure_of(*sizes, points=None, candidates=4):
    """structure.tsv of `lines()`: so many of each cluster; points: where it lies on a line."""
    cluster = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    cluster = np.random.default_rng(0).permutation(cluster)
    cluster = np.append(cluster, np.full(candidates, 1))
    place = np.asarray(points if points is not None else range(1, len(sizes) + 1), dtype=float)
    return pd.DataFrame(
        {
            "sample": [f"L{number}" for number in range(len(cluster))],
            "cluster": cluster,
            "coordinate_1": place[cluster - 1],
            "coordinate_2": 0.0,
        }
    )


def clusters_of(structure):
    return LineGroups.of("cluster", structure, pd.DataFrame())


def left_out(plan, structure):
    """The clusters of the tested lines, by repeat and fold."""
    tests = plan[(plan["role"] == "test") & (plan["repeat"] >= 0)]
    of = structure.set_index("sample")["cluster"]
    return {unit: set(of.loc[rows["sample"]]) for unit, rows in tests.groupby(["repeat", "fold"])}


def cluster_plan(structure, phenotyped, scheme=LeaveGroupOutScheme, inner_folds=5, folds=4):
    made = scheme(folds, 3, inner_folds, 7, clusters_of(structure))
    return made.make_plan(lines(phenotyped), "yield")


def test_every_cluster_is_left_out_once():
    structure = structure_of(30, 25, 20, 12)
    plan = cluster_plan(structure, 87)
    assert left_out(plan, structure) == {(0, 0): {1}, (0, 1): {2}, (0, 2): {3}, (0, 3): {4}}
    tests = plan[(plan["role"] == "test") & (plan["repeat"] >= 0)]
    assert sorted(tests["sample"]) == sorted(f"L{number}" for number in range(87))
    for _, unit in plan[plan["repeat"] >= 0].groupby("fold"):
        assert sorted(unit["sample"]) == sorted(f"L{number}" for number in range(87))


@pytest.mark.parametrize(("inner_folds", "parts"), [(5, 3), (3, 3), (2, 2)])
def test_inner_folds_leave_whole_clusters_out(inner_folds, parts):
    structure = structure_of(30, 25, 20, 12)
    of = structure.set_index("sample")["cluster"]
    plan = cluster_plan(structure, 87, inner_folds=inner_folds)
    for (repeat, _), unit in plan.groupby(["repeat", "fold"]):
        train = unit[unit["role"] == "train"]
        by_cluster = train["inner_fold"].groupby(of.loc[train["sample"]].to_numpy()).nunique()
        assert (by_cluster == 1).all()
        expected = min(inner_folds, 4) if repeat == -1 else parts
        assert train["inner_fold"].nunique() == expected


def test_where_one_cluster_is_left_inner_folds_are_random(caplog):
    structure = structure_of(30, 30)
    plan = cluster_plan(structure, 60)
    for (repeat, _), unit in plan.groupby(["repeat", "fold"]):
        inner = unit.loc[unit["role"] == "train", "inner_fold"]
        sizes = inner.value_counts()
        if repeat == -1:  # both are left: each is held out
            assert sizes.to_dict() == {0: 30, 1: 30}
        else:
            assert sizes.to_dict() == dict.fromkeys(range(5), 6)
    assert caplog.text.count("30 training lines are of 1 clusters") == 2


def test_an_inner_fold_holds_no_more_than_three_quarters():
    plan = cluster_plan(structure_of(70, 15, 12), 97)
    inner = plan[plan["role"] == "train"].groupby(["repeat", "fold"])["inner_fold"].nunique()
    assert inner.to_dict() == {(-1, -1): 3, (0, 0): 2, (0, 1): 5, (0, 2): 5}


def test_a_small_cluster_is_left_out_with_the_nearest(caplog):
    structure = structure_of(30, 20, 9, 3, points=[0, 10, 8, 2])
    plan = cluster_plan(structure, 62)
    assert left_out(plan, structure) == {(0, 0): {1, 4}, (0, 1): {2, 3}}
    assert "cluster 4 has 3 lines with a value, fewer than 10" in caplog.text


def test_clusters_are_counted_among_lines_with_a_value():
    """A cluster of candidates alone is nobody's test fold."""
    structure = structure_of(30, 20)
    structure.loc[structure["sample"].isin(["L50", "L51", "L52", "L53"]), "cluster"] = 3
    plan = cluster_plan(structure, 50)
    assert left_out(plan, structure) == {(0, 0): {1}, (0, 1): {2}}
    assert set(plan.loc[(plan["repeat"] == -1) & (plan["role"] == "test"), "sample"]) == {
        *("L50", "L51", "L52", "L53")
    }


@pytest.mark.parametrize(
    ("sizes", "line"),
    [
        ((40,), "trait 'yield': its 40 lines .* make no two clusters of at least 10"),
        ((32, 8), "trait 'yield': its 40 lines .* make no two clusters of at least 10"),
        ((35, 11), "trait 'yield': without its largest cluster 11 lines are left"),
    ],
)
def test_clusters_that_cannot_be_left_out_are_refused(sizes, line):
    with pytest.raises(UserError, match=line):
        cluster_plan(structure_of(*sizes), sum(sizes), inner_folds=6)


def test_every_fold_has_its_share_of_every_cluster():
    structure = structure_of(31, 22, 9, 3)
    of = structure.set_index("sample")["cluster"]
    plan = cluster_plan(structure, 65, StratifiedScheme)
    tests = plan[(plan["role"] == "test") & (plan["repeat"] >= 0)]
    assert sorted(set(zip(tests["repeat"], tests["fold"], strict=True))) == [
        (repeat, fold) for repeat in range(3) for fold in range(4)
    ]
    for _, repeat in tests.groupby("repeat"):
        assert sorted(repeat["sample"]) == sorted(f"L{number}" for number in range(65))
        counts = pd.crosstab(repeat["fold"], of.loc[repeat["sample"]].to_numpy())
        assert (counts.max() - counts.min()).max() <= 1
        sizes = counts.sum(axis=1)
        assert sizes.max() - sizes.min() <= 1
    for _, unit in plan.groupby(["repeat", "fold"]):
        train = unit[unit["role"] == "train"]
        counts = pd.crosstab(train["inner_fold"], of.loc[train["sample"]].to_numpy())
        assert (counts.max() - counts.min()).max() <= 1
    folds = [
        set(tests.loc[(tests["repeat"] == r) & (tests["fold"] == 0), "sample"]) for r in (0, 1)
    ]
    assert folds[0] != folds[1]


@pytest.mark.parametrize("scheme", [LeaveGroupOutScheme, StratifiedScheme])
def test_a_plan_by_clusters_is_the_same_every_time(scheme):
    structure = structure_of(30, 25, 20)
    one, other = (cluster_plan(structure, 75, scheme) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    shuffled = cluster_plan(structure.sample(frac=1, random_state=1), 75, scheme)
    pd.testing.assert_frame_equal(one, shuffled)


def chains(*chained):
    """duplicated_lines.tsv: each line a pair with the next of its chain."""
    pairs = [pair for chain in chained for pair in pairwise(chain)]
    return pd.DataFrame(pairs, columns=["line_1", "line_2"], dtype=str)


CHAINS = (("L4", "L11", "L2"), ("L20", "L7"), ("L9", "L25"))


def test_bundles_are_what_pairs_connect():
    samples = pd.Series([f"L{number}" for number in range(12)])
    assert bundles(samples, chains()).tolist() == list(range(12))
    assert bundles(samples[[0, 1, 0]], chains()).tolist() == [0, 1, 0]
    found = bundles(samples, chains(("L8", "L3", "L10"), ("L1", "L0"), ("L5", "gone")))
    assert found.tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 2, 7, 2, 8]


@pytest.mark.parametrize("scheme", [KFoldScheme, StratifiedScheme, LeaveGroupOutScheme])
def test_lines_kept_together_share_folds_and_inner_folds(scheme):
    given = () if scheme is KFoldScheme else (clusters_of(structure_of(30, 25, 20)),)
    table, alike = lines(75), chains(*CHAINS)
    plan = scheme(5, 2, 3, 7, *given).make_plan(table, "yield", alike)
    for _, unit in plan.groupby(["repeat", "fold"]):
        assert sorted(unit["sample"]) == sorted(table["sample"][: len(unit)])
        placed = unit.fillna({"inner_fold": -1}).set_index("sample")[["role", "inner_fold"]]
        for chain in CHAINS:
            assert len(placed.loc[list(chain)].drop_duplicates()) == 1
    assert alike_to_training(plan, alike).empty
    tests = plan[(plan["role"] == "test") & (plan["repeat"] == 0)]
    assert sorted(tests["sample"]) == sorted(table["sample"][:75])


@pytest.mark.parametrize("scheme", [KFoldScheme, StratifiedScheme, LeaveGroupOutScheme])
def test_without_pairs_nothing_is_dealt_otherwise(scheme):
    given = () if scheme is KFoldScheme else (clusters_of(structure_of(30, 25, 20)),)
    made = scheme(5, 2, 3, 7, *given)
    plain = made.make_plan(lines(75), "yield")
    nobody = chains(("L3", "L76"), ("gone", "L5"))  # L76 is a candidate
    pd.testing.assert_frame_equal(plain, made.make_plan(lines(75), "yield", nobody))


def test_lines_alike_to_training_are_told_by_fold():
    plan = SCHEME.make_plan(lines(), "yield")
    alike = chains(*CHAINS[:2], ("L3", "L24"))
    found = set(alike_to_training(plan, alike))
    for (repeat, fold), unit in plan.groupby(["repeat", "fold"]):
        of = {role: set(rows["sample"]) for role, rows in unit.groupby("role")}
        for pair in alike.itertuples():
            for one, other in ((pair.line_1, pair.line_2), (pair.line_2, pair.line_1)):
                if one in of["test"] and other in of["train"]:
                    assert (repeat, fold, one) in found
    assert {sample for *_, sample in found} <= {"L4", "L11", "L2", "L20", "L7", "L24"}
    assert (-1, -1, "L24") in found  # a candidate, alike to a line with a value
    assert not [key for key in found if key[2] == "L3"]
    assert alike_to_training(plan, chains()).empty
