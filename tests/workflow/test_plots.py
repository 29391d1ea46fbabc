"""From a table of plots to scores, by the shipped config."""

import numpy as np
import pytest

from breedcast.files import read_table


@pytest.fixture(scope="module")
def results(make_workflow):
    """The yield of the embedded plots, as far as GBLUP's scores."""
    workflow = make_workflow()
    few = "validation={folds: 2, repeats: 1, inner_folds: 2}"
    scores = "results-plots/yield/gblup/scores.tsv"
    run = workflow.run("--configfile", "config/plots.yaml", "--config", few, "--", scores)
    assert run.status == 0, run.output
    return workflow.folder / "results-plots" / "yield"


def test_models_are_given_adjusted_means_and_their_weights(results):
    adjusted = read_table(results / "adjusted.tsv")
    own = adjusted[adjusted["environment"].isna()].set_index("sample")
    lines = read_table(results / "phenotypes.tsv").set_index("sample")
    measured = lines[lines["value"].notna()]
    np.testing.assert_allclose(measured["value"], own.loc[measured.index, "value"])
    weight = own.loc[measured.index, "weight"]
    assert weight.std() > 0.1 * weight.mean()
    np.testing.assert_allclose(measured["weight"], weight / weight.mean())


def test_accuracy_is_predictive_ability_over_the_root_of_heritability(results):
    table = read_table(results / "heritability.tsv")
    assert table["environment"].isna().tolist() == [False, False, False, True]
    scores = read_table(results / "gblup" / "scores.tsv")
    score = scores[scores["permutation"] == 0].pivot(index="fold", columns="metric", values="value")
    expected = score["pearson"] / np.sqrt(table["cullis"].iloc[-1])
    np.testing.assert_allclose(score["accuracy"], expected)
    assert (score["accuracy"] > score["pearson"]).all()
