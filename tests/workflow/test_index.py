"""The selection index and the model of several traits: the shipped config, as a user runs it."""

import json

import numpy as np
import pytest

from breedcast.files import read_table


@pytest.fixture(scope="module")
def results(make_workflow):
    """The results of config/index.yaml, without the control, which other tests run."""
    workflow = make_workflow()
    config = ("--configfile", "config/index.yaml", "--config", "control={permutations: 0}")
    finished = workflow.run("results-index/report.html", *config)
    assert finished.status == 0, finished.output
    assert finished.jobs["rank_index"] == 1
    return workflow.folder / "results-index"


def test_candidates_are_ranked_by_what_they_are_worth(results):
    index = read_table(results / "index.tsv")
    worth = 10 * index["predicted_yield"] - index["predicted_disease"]
    np.testing.assert_allclose(index["index"], worth - worth.mean(), atol=1e-6)
    assert index["rank"].is_monotonic_increasing
    own = read_table(results / "yield" / "candidates.tsv")
    own = own[own["model"] == "ensemble"].set_index("sample")["predicted"]
    np.testing.assert_allclose(index["predicted_yield"], own[index["sample"]], rtol=1e-6)
    gains = read_table(results / "index_gains.tsv").set_index("trait")
    assert (gains["gain"] * gains["weight"]).sum() > 0
    assert (gains["slope"] > 0).all()


def test_the_selected_are_worth_more_by_the_truth(results, repository):
    index = read_table(results / "index.tsv")
    truth = read_table(repository / "tests" / "data" / "example_truth.tsv").set_index("sample")
    true = truth.loc[index["sample"]]
    worth = (10 * true["yield"] - true["disease"]).to_numpy()
    assert worth[index["selected"]].mean() > worth.mean() + 0.5 * worth.std()


def test_traits_were_learnt_together(results):
    between = read_table(results / "index_correlations.tsv")
    assert between["genetic"].between(-1, 1).all()
    facts = read_table(results / "yield" / "mtgblup" / "facts.tsv")
    assert {"genetic_correlation with height", "residual_correlation with disease"} <= set(
        facts["fact"]
    )
    assert len(read_table(results / "yield" / "dnn_together" / "scores.tsv"))
    summary = json.loads((results / "summary.json").read_text())
    assert len(summary["index"]["gains"]) == 3
    page = (results / "report.html").read_text()
    assert "<h2>Selection index</h2>" in page
    assert "How yield goes with other traits, by mtgblup" in page
