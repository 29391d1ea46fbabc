import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from breedcast.errors import UserError
from breedcast.validation.control import permuted
from breedcast.validation.plan import KFoldScheme, units


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
    work = units(SCHEME.make_plan(table, "yield"), table["sample"].tolist(), permutations=2)
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
