"""Hybrids of inbred parents, from the shipped config: plans, candidates, tables, report."""

import json

import numpy as np
import pytest
import yaml

from breedcast.files import read_table
from breedcast.phenotypes.hybrids import parents_by_sample
from breedcast.validation.classes import hybrid_classes

TRAIT = "yield"
RESULTS = "results-hybrids"


@pytest.fixture(scope="module")
def workflow(make_workflow):
    """The example of hybrids by plain folds, run to the report with two models."""
    workflow = make_workflow()
    config = yaml.safe_load((workflow.folder / "config" / "hybrids.yaml").read_text())
    config |= {"traits": [TRAIT], "models": {"gblup": {}, "gca_sca": {}}}
    config["validation"] = {"scheme": "kfold", "folds": 3, "repeats": 1, "inner_folds": 3}
    (workflow.folder / "changed.yaml").write_text(yaml.safe_dump(config))
    run = workflow.run(f"{RESULTS}/report.html", "--configfile", "changed.yaml")
    assert run.status == 0, run.output
    return workflow


@pytest.fixture(scope="module")
def results(workflow):
    return workflow.folder / RESULTS / TRAIT


@pytest.fixture(scope="module")
def truth(repository):
    return read_table(repository / "tests" / "data" / "hybrids_truth.tsv")


def test_every_cross_that_was_not_made_is_a_candidate(results, truth):
    lines = read_table(results / "phenotypes.tsv")
    assert lines["value"].notna().sum() == 260
    assert len(lines) == len(truth)
    assert not lines.duplicated(["female", "male"]).any()
    candidates = read_table(results / "candidates.tsv")
    of = candidates[candidates["model"] == "gca_sca"]
    assert of["hybrid_class"].value_counts().to_dict() == {"T2": 182, "T1": 146, "T0": 12}
    # new parents are less like the measured hybrids
    far = of.groupby("hybrid_class")["distance"].mean()
    assert far["T0"] > far["T2"]


def test_parents_and_crosses_are_rated_as_the_truth_has_them(results, truth):
    values = truth.pivot(index="female", columns="male", values=TRAIT)
    parents = read_table(results / "parents.tsv")
    for pool, axis in (("female", 1), ("male", 0)):
        rated = parents[parents["pool"] == pool].set_index("parent")["gca"]
        assert np.corrcoef(rated, values.mean(axis=axis)[rated.index])[0, 1] > 0.8
    hybrids = read_table(results / "hybrids.tsv")
    true = truth.set_index(["female", "male"])[TRAIT]
    new = hybrids[hybrids["value"].isna()]
    found = true.loc[list(zip(new["female"], new["male"], strict=True))]
    assert np.corrcoef(new["predicted"], found)[0, 1] > 0.8
    variances = read_table(results / "hybrid_variances.tsv").set_index("component")["share"]
    assert variances["gca_male"] > variances["gca_female"] > variances["sca"] > 0.02


def test_accuracy_and_coverage_are_told_by_class(results):
    groups = read_table(results / "group_scores.tsv")
    by_class = groups[groups["by"] == "hybrid_class"]
    assert set(by_class["model"]) == {"gblup", "gca_sca", "ensemble"}
    assert by_class.loc[by_class["model"] == "gblup", "lines"].sum() == 260
    intervals = read_table(results / "intervals.tsv")
    assert "T2" in set(intervals.loc[intervals["by"] == "hybrid_class", "group"])


def test_the_report_speaks_of_hybrids(results):
    page = (results.parent / "report.html").read_text()
    assert "What parents give to their hybrids" in page
    assert "Which hybrids to make" in page
    assert "260 hybrids with genotype and value" in page
    assert "12 candidates are T0 hybrids" in page  # none such was tested
    told = json.loads((results.parent / "summary.json").read_text())["traits"][TRAIT]["hybrids"]
    assert set(told["parents"]) == {"female", "male"}
    assert sum(told["variances"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("scheme", "wanted"), [("one_parent_new", "T1"), ("both_parents_new", "T0")]
)
def test_schemes_by_parents_test_their_class(workflow, results, scheme, wanted):
    run = workflow.run(
        *(f"{RESULTS}/{TRAIT}/plan.tsv", "--configfile", "changed.yaml"),
        *("--config", f"validation={{scheme: {scheme}, folds: 3, repeats: 2}}"),
    )
    assert run.status == 0, run.output
    assert "import_genotypes" not in run.jobs
    lines, plan = (read_table(results / name) for name in ("phenotypes.tsv", "plan.tsv"))
    classes = hybrid_classes(plan, parents_by_sample(lines))
    assert set(classes.loc[classes["repeat"] >= 0, "class"]) == {wanted}


@pytest.mark.parametrize(
    ("config", "changes", "told"),
    [
        ("hybrids", "validation={scheme: leave_cluster_out}", "clusters are of genotyped lines"),
        ("hybrids", "selection={crosses: {}}", "see parents.tsv"),
        ("config", "validation={scheme: one_parent_new}", "asks for the parents of hybrids"),
    ],
)
def test_what_does_not_apply_is_one_line(workflow, config, changes, told):
    run = workflow.run("-n", "--configfile", f"config/{config}.yaml", "--config", changes)
    assert run.status != 0
    assert told in run.output
    assert "Traceback" not in run.output
