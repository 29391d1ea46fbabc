"""Schemes that follow families, years or a user's own file."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from breedcast.columns import label_columns, trait_ids
from breedcast.config import check_config
from breedcast.demands import Demands
from breedcast.errors import UserError
from breedcast.files import write_table
from breedcast.memory import Records
from breedcast.phenotypes.table import PhenotypeTable
from breedcast.project import Project
from breedcast.validation.groups import LineGroups
from breedcast.validation.names import (
    BY_PARENTS,
    FOLLOWED,
    OF_ENVIRONMENTS,
    RANDOM,
    scheme_of_candidates,
)
from breedcast.validation.own_file import read_own_plan
from breedcast.validation.plan import units
from breedcast.validation.schemes import SCHEMES
from tests.unit.trials import lines_in_trials

SIZES = {"F1": 30, "F2": 25, "F3": 20, "F4": 12}
CANDIDATES = 4


def lines(count):
    """phenotypes.tsv of so many lines with a value, and the candidates."""
    value = [*np.arange(count) * 1.0, *[np.nan] * CANDIDATES]
    sample = [f"L{number}" for number in range(len(value))]
    return pd.DataFrame({"sample": sample, "environment": None, "value": value, "weight": 1.0})


def labels(**sizes):
    """labels.tsv: so many lines of each family, shuffled; the year is the number in its name."""
    family = np.random.default_rng(0).permutation(np.repeat(list(sizes), list(sizes.values())))
    table = pd.DataFrame({"sample": [f"L{number}" for number in range(len(family))]})
    table["environment"] = None
    table["family"] = family.astype(object)
    table["year"] = table["family"].str[1:].astype(float)
    return table


def structure(told, at=None):
    """structure.tsv: one cluster, each family at its number, or `at`, on a line."""
    place = told["year"].replace(at or {})
    extra = pd.DataFrame({"sample": [f"L{len(told) + it}" for it in range(CANDIDATES)]})
    points = pd.concat([told[["sample"]].assign(coordinate_1=place), extra]).fillna(0.0)
    return points.assign(cluster=np.arange(len(points)) % 4 + 1)


def plan_of(scheme, told, folds=3, repeats=2, inner_folds=3, at=None, table=None):
    known = LineGroups.of(FOLLOWED[scheme], structure(told, at), told)
    made = SCHEMES[scheme](folds, repeats, inner_folds, 7, known)
    return made.make_plan(lines(len(told)) if table is None else table, "yield")


def validation(plan):
    return plan[plan["repeat"] >= 0].groupby(["repeat", "fold"])


def sides(unit, told, label):
    """The families or years that a unit trains on, and those that it tests."""
    of = told.set_index("sample")[label]
    return [set(of.loc[unit.loc[unit["role"] == role, "sample"]]) for role in ("train", "test")]


def test_every_family_is_left_out_once_and_inner_folds_leave_families_out():
    told = labels(**SIZES)
    plan = plan_of("leave_family_out", told)
    tested = []
    for _, unit in validation(plan):
        train, test = sides(unit, told, "family")
        assert train == set(SIZES) - test
        tested += sorted(test)
        inner = unit[unit["role"] == "train"].merge(told, on="sample")
        assert (inner.groupby("family")["inner_fold"].nunique() == 1).all()
        assert inner["inner_fold"].nunique() == 3
    assert tested == sorted(SIZES)


def test_a_small_family_is_left_out_with_the_nearest(caplog):
    told = labels(F1=30, F2=25, F3=4)
    plan = plan_of("leave_family_out", told, at={3.0: 1.2})
    assert [sides(unit, told, "family")[1] for _, unit in validation(plan)] == [
        {"F1", "F3"},
        {"F2"},
    ]
    assert "family F3 has 4 lines with a value, fewer than 10" in caplog.text


def test_within_families_sibs_alone_are_trained_on(caplog):
    told = labels(**SIZES, F5=8)
    plan = plan_of("within_family", told, folds=2)
    for _, unit in validation(plan):
        train, test = sides(unit, told, "family")
        assert train == test
        assert len(test) == 1
    for _, repeat in plan[(plan["repeat"] >= 0) & (plan["role"] == "test")].groupby("repeat"):
        large = told.loc[told["family"] != "F5", "sample"]
        assert sorted(repeat["sample"]) == sorted(large)
        assert repeat["fold"].nunique() == 8
    assert "1 of 5 families are too small to be split and are not tested: F5" in caplog.text
    last = plan[plan["repeat"] == -1].merge(told, on="sample")
    shares = pd.crosstab(last["family"], last["inner_fold"])
    assert shares.sum(axis=1)["F5"] == 8
    assert (shares.max(axis=1) - shares.min(axis=1)).max() <= 1


def test_stratified_by_family_every_fold_has_its_share():
    told = labels(**SIZES)
    for _, unit in validation(plan_of("stratified_family", told)):
        test = unit[unit["role"] == "test"].merge(told, on="sample")
        shares = test["family"].value_counts() / pd.Series(SIZES)
        assert np.allclose(shares, 1 / 3, atol=0.05)


def test_forward_the_years_before_are_trained_on(caplog):
    told = labels(Y2001=20, Y2002=5, Y2003=15, Y2005=12)
    plan = plan_of("forward", told)
    found = [sides(unit, told, "year") for _, unit in validation(plan)]
    assert found == [
        [{2001, 2002}, {2003}],  # 2002 has too few lines to be tested
        [{2001, 2002, 2003}, {2005}],
    ]
    assert "10 lines with a value, or 6 before: 2002" in caplog.text
    inner = plan[(plan["fold"] == 1) & (plan["role"] == "train")].merge(told, on="sample")
    assert (inner.groupby("year")["inner_fold"].nunique() == 1).all()
    assert set(plan["repeat"]) == {0, -1}


@pytest.mark.parametrize(
    ("scheme", "sizes", "line"),
    [
        ("leave_family_out", {"F1": 40, "F2": 4}, "make no two families of at least 10"),
        ("leave_family_out", {"F1": 40, "F2": 11}, "without its largest family 11 lines are left"),
        ("within_family", {"F1": 10, "F2": 9}, "its largest family has 10 lines"),
        ("forward", {"Y1": 40}, "no year has 10 lines with genotype and value, and 12 in the"),
        ("forward", {"Y1": 11, "Y2": 40}, "no year has 10 lines"),
    ],
)
def test_what_cannot_be_asked_of_so_few_lines_is_refused(scheme, sizes, line):
    with pytest.raises(UserError, match=f"trait 'yield': .*{line}"):
        plan_of(scheme, labels(**sizes), inner_folds=6)


@pytest.mark.parametrize("scheme", ["leave_family_out", "within_family", "stratified_family"])
def test_a_line_without_a_family_is_named(scheme):
    told = labels(**SIZES)
    told.loc[told["sample"].isin(["L5", "L8"]), "family"] = np.nan
    with pytest.raises(UserError, match=r"line 'L5' has a value and no family \(2 such lines\)"):
        plan_of(scheme, told)


def given(tmp_path, text):
    path = tmp_path / "plan.tsv"
    path.write_text(text)
    return path


def own(path, table, inner_folds=2):
    return SCHEMES["own"](5, 2, inner_folds, 7, read_own_plan(path)).make_plan(table, "yield")


def test_a_file_of_folds_tests_each_line_in_its_fold(tmp_path, caplog):
    rows = [f"{number % 3 + 1}\tL{number}" for number in range(20)] + ["2\tgone"]
    plan = own(given(tmp_path, "\n".join(["fold\tsample", *rows])), lines(24))
    assert "1 of 21 lines of the plan have no genotype or no value" in caplog.text
    assert "4 lines with a value of yield are not in the plan: not tested" in caplog.text
    for (repeat, fold), unit in validation(plan):
        of = {role: rows["sample"].tolist() for role, rows in unit.groupby("role")}
        assert repeat == 0
        assert of["test"] == [f"L{number}" for number in range(20) if number % 3 == fold]
        assert sorted(of["test"] + of["train"]) == sorted(f"L{number}" for number in range(20))
    last = plan[plan["repeat"] == -1]
    assert (last["role"] == "train").sum() == 24
    assert (last["role"] == "test").sum() == CANDIDATES


def test_a_plan_of_the_workflow_is_taken_as_it_is(tmp_path):
    table = lines(30)
    made = SCHEMES["kfold"](folds=3, repeats=2, inner_folds=4, seed=7).make_plan(table, "yield")
    write_table(made, tmp_path / "plan.tsv")
    pd.testing.assert_frame_equal(own(tmp_path / "plan.tsv", table, inner_folds=4), made)


def test_a_fold_whose_tested_lines_lack_the_trait_is_left_out(tmp_path, caplog):
    rows = [f"L{number},{number // 10}" for number in range(30)]
    table = lines(30)
    table.loc[:9, "value"] = np.nan
    plan = own(given(tmp_path, "\n".join(["sample,fold", *rows])), table)
    assert sorted(unit for unit, _ in validation(plan)) == [(0, 1), (0, 2)]
    assert "repeat 0, fold 0: no test line has genotype and value" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample\tset\nL1\t1\n", "no column 'fold'; a plan has the columns sample and fold"),
        ("", "no column 'sample'"),
        ("sample\tfold\n", "the plan has no rows"),
        ("sample\tfold\nL1\t1\nL2\tx\n", "line 3, column 'fold': 'x' is not a whole number"),
        ("sample\tfold\nL1\t1_0\n", "line 2, column 'fold': '1_0' is not a whole number"),
        ("sample\tfold\nL1\t1\n\t2\n", "line 3: no line name"),
        ("sample\tfold\nL1\t1\nL1\t2\n", "line 3: 'L1' stands in repeat 0 already (line 2)"),
        ("sample\tfold\nL1\t1\nL2\t1\t1\n", "line 3: 3 fields where the header has 2"),
        ("sample\tfold\nL1\t1\nL2\t1\n", "repeat 0: one fold only, so no line is left to train"),
        (
            "sample\tfold\trole\nL1\t1\ttrain\nL2\t2\ttest\n",
            "repeat 0, fold 1: no line has the role test",
        ),
        (
            "sample\tfold\trole\nL1\t1\ttrain\nL1\t1\ttest\n",
            "line 3: 'L1' stands in repeat 0, fold 1 already (line 2)",
        ),
        ("sample\tfold\trole\nL1\t1\tvalid\n", "line 2, column 'role': 'valid' is neither"),
        (
            "sample\tfold\trole\tenvironment\nL1\t1\ttrain\tNA\nL1\t1\ttest\tE1\n",
            "line 3: 'L1' stands in repeat 0, fold 1 already (line 2)",
        ),
        (
            "sample\tfold\tenvironment\nL1\t1\tE1\nL1\t2\tE2\nL1\t2\tNA\n",
            "line 4: 'L1' stands in repeat 0 already (line 2)",
        ),
    ],
)
def test_a_wrong_plan_is_refused_in_one_line(tmp_path, text, message):
    path = given(tmp_path, text)
    with pytest.raises(UserError) as error:
        read_own_plan(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("inner", "message"),
    [("1", "are of one inner fold"), ("NA", "8 training lines .* too few for 5 inner folds")],
)
def test_training_lines_that_make_no_inner_folds_are_refused(tmp_path, inner, message):
    rows = [f"L{number}\t1\t{'test' if number < 2 else 'train'}\t{inner}" for number in range(10)]
    path = given(tmp_path, "\n".join(["sample\tfold\trole\tinner_fold", *rows]))
    with pytest.raises(UserError, match=f"trait 'yield': .*repeat 0, fold 1: .*{message}"):
        own(path, lines(12), inner_folds=5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_fits_of_a_job_are_those_of_its_plan(scheme, tmp_path):
    told = labels(**SIZES)
    options = {"folds": 2, "repeats": 2, "inner_folds": 3}
    chosen = {"scheme": scheme, **options}
    given_to, table = {}, lines(87)
    if scheme in FOLLOWED:
        given_to["known"] = LineGroups.of(FOLLOWED[scheme], structure(told), told)
    if scheme in OF_ENVIRONMENTS:
        table = lines_in_trials()[0]
    phenotypes = {"path": "p.tsv", "environments": "trial"}
    if scheme in BY_PARENTS:
        phenotypes = {"path": "p.tsv", "parents": ["female", "male"]}
        pairs = [(f"F{number % 10}", f"M{number // 10}") for number in range(len(table))]
        if scheme == "both_parents_new":  # where parents are on both sides inner folds are more
            pairs = list(combinations([f"P{number}" for number in range(14)], 2))[: len(table)]
        given_to["parents"] = pd.DataFrame(pairs, table["sample"], ["female", "male"])
    if scheme == "own":
        rows = [f"L{number},{number % 5},{number % 2}" for number in range(87)]
        path = given(tmp_path, "\n".join(["sample,fold,repeat", *rows]))
        chosen["plan"], given_to["plan"] = str(path), read_own_plan(path)
    config = check_config(
        {
            "genotypes": {"path": "g.vcf"},
            "phenotypes": phenotypes,
            "validation": chosen,
            "structure": {"clusters": 4},
            "control": {"permutations": 2},
        }
    )
    folds = given_to["plan"].folds if scheme == "own" else []
    labelled = {"labels": {"family": "x"}, "groups": len(SIZES), "own_folds": folds}
    project = Project(config, {}, {}, environments=4, **labelled)
    demands = Demands(project)
    plan = SCHEMES[scheme](**options, seed=0, **given_to).make_plan(table, "yield")
    work = units(plan, table, permutations=2, within_families=True)
    assert {unit.permutation for unit in work} == {-2, -1, 0, 1, 2}
    assert demands.units_per_job == len(work)
    fits = sum(len(unit.inner_folds) + 1 for unit in work)
    if scheme == "forward":  # inner folds are years, of which there may be few
        assert demands.fits_per_job >= fits
    elif scheme == "both_parents_new":  # ten pairs of parts, less what few hybrids leave empty
        assert demands.fits_per_job >= fits > len(work) * 5
    else:
        assert demands.fits_per_job == fits
    assert project.has_random_folds == (scheme in RANDOM)
    rows = sum(
        len(unit.train) + len(unit.test) * (1 + len(unit.inner_folds) * (unit.permutation == 0))
        for unit in work
        if not unit.is_candidates
    )
    assert rows <= demands.prediction_rows(Records(len(table), 0))[0]


def test_a_scheme_whose_units_are_not_counted_is_told():
    config = {"validation": {"scheme": "new", "folds": 5, "repeats": 2}}
    with pytest.raises(NotImplementedError, match="scheme new"):
        _ = Demands(Project(config, {}, {})).units_of_plan


def test_candidates_are_new_lines_whatever_tells_of_the_tested_ones():
    assert scheme_of_candidates("cv2", several=True) == "cv1"
    assert scheme_of_candidates("forward", several=False) == "forward"
    assert scheme_of_candidates("forward", several=True) == "cv1"  # their inner folds are of lines
    assert scheme_of_candidates("leave_family_out", several=True) == "leave_family_out"


def config_of(**changes):
    paths = {"genotypes": {"path": "g.vcf"}, "phenotypes": {"path": "p.tsv"}}
    for key, value in changes.items():
        paths[key] = {**paths.get(key, {}), **value}
    return paths


TABLE = PhenotypeTable("p.tsv", ["cross", "made", "yield"], ["L1"], [["A", "x", "3"]], [2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"validation": {"scheme": "leave_family_out"}},
            "config, validation: scheme leave_family_out asks for the family of each line: name "
            "the column that holds it (phenotypes: family); p.tsv has the columns cross, made, "
            "yield",
        ),
        ({"validation": {"scheme": "forward"}}, "scheme forward asks for the year of each line"),
        (
            {"phenotypes": {"family": "crss"}},
            "config, phenotypes: family: p.tsv has no column 'crss'; did you mean 'cross'?",
        ),
        (
            {"phenotypes": {"year": "made"}},
            "p.tsv, line 2, column 'made' (sample 'L1'): 'x' is not",
        ),
    ],
)
def test_what_a_scheme_asks_for_and_the_table_lacks_is_named(changes, message):
    with pytest.raises(UserError) as error:
        label_columns(check_config(config_of(**changes)), TABLE)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ({"scheme": "own"}, "scheme own and the path of a plan (validation: plan) go together"),
        ({"plan": "folds.tsv"}, "scheme own and the path of a plan (validation: plan) go together"),
        ({"scheme": "forward", "keep_together": True}, "scheme forward does not deal whole lines"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(validation, message):
    with pytest.raises(UserError) as error:
        check_config(config_of(validation=validation))
    assert message in str(error.value)


def test_a_label_is_no_trait():
    config = check_config(config_of(phenotypes={"family": "cross", "year": "made"}))
    table = PhenotypeTable("p.tsv", TABLE.columns, ["L1"], [["7", "2020", "3"]], [2])
    assert trait_ids(config, table) == {"yield": "yield"}
