"""Schemes of lines in several environments: who trains, who is tested, and who is held out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import UserError
from breedcast.models.gblup import GBLUP
from breedcast.models.job import TrainingJob
from breedcast.models.results import FitTask
from breedcast.phenotypes.records import keys
from breedcast.validation.control import permuted
from breedcast.validation.own import OwnScheme
from breedcast.validation.own_file import read_own_plan
from breedcast.validation.plan import units
from breedcast.validation.schemes import SCHEMES
from tests.unit.trials import lines_in_trials

NAMES = ("cv1", "cv2", "cv0", "cv00")
#: Whether a test record's line, and its environment, are among the training records.
KNOWN = {"cv1": (False, True), "cv2": (True, True), "cv0": (True, False), "cv00": (False, False)}


def plan_of(scheme, table, folds=3, repeats=2, inner_folds=3):
    return SCHEMES[scheme](folds, repeats, inner_folds, 7).make_plan(table, "yield")


def is_known(table, train, test):
    """Whether all, or none, of the test records' lines and environments train; else None."""
    found = []
    for column in ("sample", "environment"):
        known = np.isin(table[column].iloc[test], table[column].iloc[train])
        found.append(bool(known[0]) if known.all() or not known.any() else None)
    return tuple(found)


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("scheme", NAMES)
def test_what_is_new_is_what_the_scheme_says_outside_and_inside(scheme, share):
    table, _ = lines_in_trials(share=share)
    plan = plan_of(scheme, table)
    work = [unit for unit in units(plan, table, permutations=0) if not unit.is_candidates]
    for unit in work:
        assert is_known(table, unit.train, unit.test) == KNOWN[scheme]
        for fold in unit.inner_folds:
            task = FitTask(unit, fold, final=False)
            lines, environments = is_known(table, task.train, task.inner)
            assert environments == KNOWN[scheme][1]
            # of few environments a line may be in one that is held out alone
            assert lines == KNOWN[scheme][0] or (share < 1 and KNOWN[scheme][0])
        assert set(unit.inner_fold) == set(unit.inner_folds)


@pytest.mark.parametrize("scheme", NAMES)
def test_every_value_is_tested_once_a_repeat(scheme):
    table, _ = lines_in_trials()
    plan = plan_of(scheme, table)
    tested = plan[(plan["role"] == "test") & (plan["repeat"] >= 0)]
    repeats = 1 if scheme == "cv0" else 2
    assert len(tested) == repeats * 240
    assert not keys(tested, "repeat").has_duplicates


def test_sparse_testing_tests_no_line_of_one_record_and_spreads_the_others():
    table, _ = lines_in_trials(share=0.4)
    plan = plan_of("cv2", table, folds=5)
    measured = table[table["value"].notna()]
    records = measured.groupby("sample").size()
    tested = plan[(plan["role"] == "test") & (plan["repeat"] == 0)]
    assert records[tested["sample"]].min() == 2
    assert len(tested) == records[records > 1].sum()
    assert tested.groupby(["sample", "fold"]).size().max() == 1


@pytest.mark.parametrize("scheme", NAMES)
def test_the_candidates_are_new_lines_in_every_environment(scheme):
    table, _ = lines_in_trials()
    unit = units(plan_of(scheme, table), table, permutations=0)[-1]
    assert unit.is_candidates
    assert len(unit.test) == 5 * 4
    for fold in unit.inner_folds:
        task = FitTask(unit, fold, final=False)
        assert is_known(table, task.train, task.inner) == (False, True)
        assert len(task.train) + len(task.inner) == 240


def test_one_environment_is_too_few():
    table, _ = lines_in_trials(trials=1)
    with pytest.raises(UserError, match="1 environment; this scheme leaves one out"):
        plan_of("cv0", table)


def in_trials(*lines):
    """Lines numbered so, in a trial each."""
    records = [(f"L{it}", f"E{trial}") for trial, its in enumerate(lines) for it in its]
    table = pd.DataFrame(records, columns=["sample", "environment"], dtype=object)
    return table.assign(value=np.arange(float(len(table))), weight=1.0)


@pytest.mark.parametrize("scheme", ["cv2", "cv0"])
def test_trials_that_share_no_line_are_refused_in_one_line(scheme):
    with pytest.raises(UserError, match="80 values of 80 lines make no fold that this scheme"):
        plan_of(scheme, in_trials(range(40), range(40, 80)))


def test_a_trial_of_one_line_is_never_all_that_a_fit_has():
    table = in_trials(range(40), range(40), range(1))
    for unit in units(plan_of("cv0", table), table, permutations=0):
        for fold in unit.inner_folds:
            assert len(FitTask(unit, fold, final=False).train) >= 20


@pytest.mark.parametrize(
    ("scheme", "table"),
    [("cv2", in_trials(range(40), range(34, 74))), ("cv00", in_trials(range(16), range(16)))],
)
def test_what_tells_no_correlation_is_not_tested(scheme, table):
    plan = plan_of(scheme, table, folds=6 if scheme == "cv00" else 5, repeats=4)
    plan = plan[plan["repeat"] >= 0]
    tested = plan[plan["role"] == "test"].groupby(["repeat", "fold"]).size()
    assert tested.min() >= 3
    assert len(tested) == len(plan.groupby(["repeat", "fold"]))


def test_the_control_deals_values_within_environments():
    table, _ = lines_in_trials()
    families = pd.Series({name: f"F{name[-1]}" for name in table["sample"].unique()})
    for permutation in (1, -1):
        dealt = permuted(table, 0, "yield", permutation, families)
        assert (dealt["value"].notna() == table["value"].notna()).all()
        for _, rows in table.groupby("environment"):
            assert sorted(dealt.loc[rows.index, "value"].dropna()) == sorted(rows["value"].dropna())
        assert (dealt["value"] != table["value"])[:240].mean() > 0.6


def test_a_plan_of_ones_own_may_name_environments(tmp_path):
    table, _ = lines_in_trials()
    rows = [f"L{number},0,{'test' if number < 20 else 'train'},NA" for number in range(60)]
    rows[0] = "L0,0,test,E2"
    path = tmp_path / "plan.csv"
    path.write_text("\n".join(["sample,fold,role,environment", *rows]))
    plan = OwnScheme(3, 1, 3, 0, read_own_plan(path)).make_plan(table, "yield")
    tested = plan[(plan["role"] == "test") & (plan["repeat"] == 0)]
    assert len(tested) == 19 * 4 + 1
    assert tested.loc[tested["sample"] == "L0", "environment"].tolist() == ["E2"]


@pytest.mark.parametrize("scheme", NAMES)
def test_the_test_records_move_nothing_that_is_fitted(scheme):
    table, codes = lines_in_trials()
    plan = plan_of(scheme, table, repeats=1, inner_folds=2)
    plan = plan[(plan["repeat"] == 0) & (plan["fold"] == 0)].reset_index(drop=True)
    job = TrainingJob(
        model=GBLUP(),
        name="gblup",
        trait="yield",
        lines=table,
        codes=codes,
        ploidy=2,
        plan=plan,
        permutations=0,
        seed=0,
        device="cpu",
    )
    test = keys(table).isin(keys(plan[plan["role"] == "test"]))
    other = table.assign(value=table["value"].mask(test, 1000.0))
    one, two = job.run(threads=1), replace(job, lines=other).run(threads=1)
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.facts, two.facts, check_exact=True)
