"""Families, years and a plan of one's own, from the shipped configs: plans, scores and report."""

import pytest

from breedcast.files import read_table
from breedcast.phenotypes.labels import read_labels

TRAIT = "yield"
MODELS = ("baseline", "gblup", "ensemble")


@pytest.fixture(scope="module")
def workflow(make_workflow):
    """The embedded example by its families, run to the report."""
    workflow = make_workflow()
    config = ("--configfile", "config/families.yaml", "--config", f"traits=[{TRAIT}]")
    run = workflow.run("results-families/report.html", *config)
    assert run.status == 0, run.output
    return workflow


@pytest.fixture(scope="module")
def results(workflow):
    return workflow.folder / "results-families" / TRAIT


@pytest.fixture(scope="module")
def family(results):
    return read_labels(results / "labels.tsv").set_index("sample")["family"]


def sides(unit, family):
    of = family.loc[unit["sample"]].to_numpy()
    return [set(of[unit["role"] == role]) for role in ("train", "test")]


def test_every_family_is_predicted_from_the_others(results, family):
    plan = read_table(results / "plan.tsv")
    folds = [unit for _, unit in plan[plan["repeat"] == 0].groupby("fold")]
    assert len(folds) == 20
    for unit in folds:
        train, test = sides(unit, family)
        assert len(test) == 1
        assert not train & test


def test_accuracy_is_told_within_families(results):
    groups = read_table(results / "group_scores.tsv")
    by_family = groups[groups["by"] == "family"]
    assert by_family["model"].value_counts().to_dict() == dict.fromkeys(MODELS, 20)
    intervals = read_table(results / "intervals.tsv")
    held = intervals[intervals["by"] == "family"]
    assert held["model"].value_counts().to_dict() == dict.fromkeys(MODELS, 20)
    assert set(intervals["scheme"]) == {"leave_family_out"}
    scores = read_table(results / "gblup" / "scores.tsv")
    mean = scores.groupby("metric")["value"].mean()
    assert mean["pearson_within_family"] > 0.2  # no sib was trained on
    assert abs(mean["family_control_pearson"]) < 0.2


def test_the_report_says_which_question_is_answered(results):
    page = (results.parent / "report.html").read_text()
    assert "leaving out one family at a time" in page
    assert "Control within families" in page
    assert "each counted once whatever its size" in page


def plan_by(workflow, config, *changes):
    """The plan alone, by another config of the same genotypes."""
    run = workflow.run(
        *("results-families/yield/plan.tsv", "--configfile", f"config/{config}.yaml"),
        *("--config", f"traits=[{TRAIT}]", "output=results-families", *changes),
    )
    assert run.status == 0, run.output
    assert "import_genotypes" not in run.jobs
    plan = read_table(workflow.folder / "results-families" / TRAIT / "plan.tsv")
    return plan, plan[plan["repeat"] >= 0].groupby(["repeat", "fold"])


def test_within_families_only_sibs_are_trained_on(workflow, family):
    chosen = "validation={scheme: within_family, folds: 2, inner_folds: 3}"
    _, units = plan_by(workflow, "families", chosen)
    assert units.ngroups > 20
    for _, unit in units:
        train, test = sides(unit, family)
        assert train == test
        assert len(test) == 1


def test_forward_each_year_is_predicted_from_those_before(workflow, results):
    _, units = plan_by(workflow, "forward")
    year = read_labels(results / "labels.tsv").set_index("sample")["year"]
    found = [sides(unit, year) for _, unit in units]
    assert found == [[{2021}, {2023}], [{2021, 2023}, {2024}]]


def test_a_plan_of_ones_own_is_followed(workflow):
    plan, units = plan_by(workflow, "own")
    assert units.ngroups == 1
    for _, unit in units:
        generation = unit["sample"].str[0]
        assert set(generation[unit["role"] == "train"]) == {"A"}
        assert set(generation[unit["role"] == "test"]) == {"B"}
    assert (plan["repeat"] == -1).any()
