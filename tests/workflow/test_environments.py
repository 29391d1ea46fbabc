"""Lines in several environments, from the shipped config of plots to the report."""

import numpy as np
import pytest

from breedcast.files import read_table
from breedcast.phenotypes.records import keys

MODELS = ("baseline", "gblup", "ensemble")
TRIALS = ["North 2023", "South 2023", "South 2024"]


@pytest.fixture(scope="module")
def workflow(make_workflow):
    """The embedded plots by their trials, run to the report."""
    workflow = make_workflow()
    page = "results-environments/report.html"
    run = workflow.run(page, "--configfile", "config/environments.yaml")
    assert run.status == 0, run.output
    return workflow


@pytest.fixture(scope="module")
def results(workflow):
    return workflow.folder / "results-environments" / "yield"


@pytest.fixture(scope="module")
def lines(results):
    return read_table(results / "phenotypes.tsv")


def test_models_are_given_the_means_of_each_trial(results, lines):
    measured = lines[lines["value"].notna()]
    adjusted = read_table(results / "adjusted.tsv")
    genotyped = adjusted["sample"].isin(lines["sample"])
    own = adjusted[adjusted["environment"].notna() & genotyped]
    found = own.set_index(keys(own))["value"].reindex(keys(measured))
    np.testing.assert_allclose(measured["value"], found)
    assert keys(measured).sort_values().equals(keys(own).sort_values())
    assert set(own["environment"]) == set(TRIALS)


def test_a_tested_line_is_known_from_another_trial(results):
    plan = read_table(results / "plan.tsv")
    for _, unit in plan[plan["repeat"] >= 0].groupby("fold"):
        train, test = (unit[unit["role"] == role] for role in ("train", "test"))
        assert test["sample"].isin(train["sample"]).all()
        assert not keys(test).isin(keys(train)).any()


def test_accuracy_is_within_trials(results):
    groups = read_table(results / "group_scores.tsv")
    by = groups[groups["by"] == "environment"]
    assert by["model"].value_counts().to_dict() == dict.fromkeys(MODELS, 3)
    scores = {
        model: read_table(results / model / "scores.tsv").groupby("metric")["value"].mean()
        for model in MODELS
    }
    # the trials' means are all that the baseline knows: nothing of lines within them
    assert scores["baseline"]["pearson_pooled"] > 0.2
    assert np.isnan(scores["baseline"]["pearson"])
    assert scores["gblup"]["pearson"] > 0.3
    assert abs(scores["gblup"]["control_pearson"]) < 0.2
    assert scores["gblup"]["accuracy"] > scores["gblup"]["pearson"]


def test_candidates_are_told_over_trials_and_in_each(results, lines):
    candidates = read_table(results / "candidates.tsv")
    new = lines.loc[lines["value"].isna(), "sample"].unique()
    assert candidates["model"].value_counts().to_dict() == dict.fromkeys(MODELS, len(new))
    assert set(candidates["scheme"]) == {"cv1"}
    each = read_table(results / "candidates_by_environment.tsv")
    assert len(each) == 3 * len(candidates)
    assert (each["lower"] < each["upper"]).all()
    page = (results.parent / "report.html").read_text(encoding="utf-8")
    assert "where it was not grown, from where it was (sparse testing)?" in page
    assert "within each environment" in page
    assert "in each environment, as" in page


@pytest.mark.parametrize("scheme", ["cv1", "cv0", "cv00"])
def test_other_schemes_are_one_word_away(workflow, scheme):
    run = workflow.run(
        *("results-environments/yield/plan.tsv", "--configfile", "config/environments.yaml"),
        *("--config", f"validation={{scheme: {scheme}, folds: 2, inner_folds: 2}}"),
    )
    assert run.status == 0, run.output
    plan = read_table(workflow.folder / "results-environments" / "yield" / "plan.tsv")
    for _, unit in plan[plan["repeat"] >= 0].groupby(["repeat", "fold"]):
        train, test = (unit[unit["role"] == role] for role in ("train", "test"))
        assert test["sample"].isin(train["sample"]).any() == (scheme == "cv0")
        assert test["environment"].isin(train["environment"]).any() == (scheme == "cv1")


def test_models_learn_from_covariates_of_the_trials_and_heed_their_edit(workflow):
    weather = workflow.folder / "weather.csv"
    rain = "environment,rain,heat\nNorth 2023,310,14\nSouth 2023,190,17\nSouth 2024,240,18\n"
    weather.write_text(rain)
    facts = "results-environments/yield/gblup/facts.tsv"
    arguments = [facts, "results-environments/yield/baseline/facts.tsv"]
    arguments += ["--configfile", "config/environments.yaml", "--config"]
    arguments += ["phenotypes={environment_covariates: weather.csv}"]
    arguments += ["models={gblup: {interaction: reaction_norm}}"]
    run = workflow.run(*arguments)
    assert run.status == 0, run.output
    told = read_table(workflow.folder / facts).groupby("fact")["value"]
    assert set(told.groups) == {"heritability", "share_covariates", "share_interaction"}
    shares = told.mean()
    assert 0 <= shares["share_covariates"] <= 1 - shares["share_interaction"]
    assert not workflow.run("-n", *arguments).trained
    weather.write_text(rain.replace("310", "290"))
    assert workflow.run("-n", *arguments).trained == {("gblup", "yield")}
    weather.write_text(rain.replace("North 2023", "North 2032"))
    run = workflow.run("-n", *arguments)
    assert run.status != 0
    assert "environment 'North 2023' of the trait table; did you mean 'North 2032'?" in run.output
