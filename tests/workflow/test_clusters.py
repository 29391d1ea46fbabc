"""The embedded example by its clusters, from the shipped config: plan, scores and report."""

import json

import pytest

from breedcast.files import read_table
from breedcast.validation.groups import LEAST_TESTED

TRAIT = "height"


@pytest.fixture(scope="module")
def results(make_workflow):
    workflow = make_workflow()
    config = ("--configfile", "config/clusters.yaml", "--config", f"traits=[{TRAIT}]")
    run = workflow.run("results-clusters/report.html", *config)
    assert run.status == 0, run.output
    return workflow.folder / "results-clusters"


@pytest.fixture(scope="module")
def clusters(results):
    return read_table(results / "genotypes" / "structure.tsv").set_index("sample")["cluster"]


def test_the_structure_tells_of_every_line(results, clusters):
    told = json.loads((results / "genotypes" / "structure.json").read_text())
    codes = json.loads((results / "genotypes" / "codes.json").read_text())
    assert len(clusters) == codes["lines"]
    assert clusters.max() == told["clusters"] > 1
    assert len(told["variance_shares"]) == 10


def test_lines_of_a_family_are_of_a_cluster(results, clusters, repository):
    """Most lines of each of the ten last families, which nobody told the clusters of."""
    family = read_table(repository / "resources" / "example" / "phenotypes.tsv")
    family = family[family["family"].str.startswith("B")].set_index("sample")["family"]
    family = family[family.index.isin(clusters.index)]
    largest = clusters.loc[family.index].groupby(family).agg(lambda of: of.value_counts().max())
    assert (largest / family.value_counts()).median() > 0.8


def test_no_cluster_is_on_both_sides_of_a_fold(results, clusters):
    plan = read_table(results / TRAIT / "plan.tsv")
    folds = plan[plan["repeat"] == 0].groupby("fold")
    assert 1 < folds.ngroups <= clusters.max()
    for _, unit in folds:
        of = clusters.loc[unit["sample"]].to_numpy()
        sides = {role: set(of[unit["role"] == role]) for role in ("train", "test")}
        assert not sides["train"] & sides["test"]
        assert (unit["role"] == "test").sum() >= LEAST_TESTED


def test_groups_that_were_not_trained_on_are_predicted_and_count_once(results):
    comparison = read_table(results / TRAIT / "comparison.tsv")
    plan = read_table(results / TRAIT / "plan.tsv")
    assert (comparison["folds"] == plan.loc[plan["repeat"] == 0, "fold"].nunique()).all()
    assert (comparison["df"] == comparison["folds"] - 1).all()
    scores = read_table(results / TRAIT / "gblup" / "scores.tsv")
    mean = scores.groupby("metric")["value"].mean()
    assert mean["pearson"] > mean["control_pearson"] + 0.15


def test_the_report_says_which_question_is_answered(results):
    page = (results / "report.html").read_text()
    assert "leaving out one cluster of lines at a time" in page
    assert "each counted once whatever its size" in page
