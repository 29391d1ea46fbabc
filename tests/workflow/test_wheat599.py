"""One environment of real wheat from VCF to report, by the shipped config."""

import pandas as pd
import pytest
import yaml

from breedcast.files import read_table

#: Every fold of the shipped config, for GBLUP as it is and the Gaussian kernels.
REDUCED = {
    "traits": ["env1"],
    "validation": {"folds": 5, "repeats": 4, "inner_folds": 2, "seed": 0},
    "control": {"permutations": 1},
    "markers": {"windows": 5},
    "models": {"baseline": {}, "gblup": {}, "rkhs": {}},
}


@pytest.fixture(scope="module")
def results(make_workflow, shared_data):
    workflow = make_workflow()
    config = yaml.safe_load((workflow.folder / "config" / "wheat599.yaml").read_text())
    assert config["validation"]["folds"] == REDUCED["validation"]["folds"]
    assert config["validation"]["repeats"] == REDUCED["validation"]["repeats"]
    (workflow.folder / "reduced.yaml").write_text(yaml.safe_dump(config | REDUCED))
    page = f"{config['output']}/report.html"
    run = workflow.run(page, "--configfile", "reduced.yaml", BREEDCAST_DATA=str(shared_data))
    assert run.status == 0, run.output
    return workflow.folder / config["output"]


def test_gblup_is_rrblup_in_all_twenty_folds(results, shared_data):
    folds = pd.read_csv(shared_data / "wheat599" / "oracle_folds.tsv", sep="\t")
    folds = folds[(folds["trait"] == "env1") & (folds["program"] == "rrblup_4.6.3")]
    expected = folds.set_index(["repeat", "fold"])["pearson"]
    scores = read_table(results / "env1" / "gblup" / "scores.tsv")
    found = scores[scores["metric"] == "pearson"].set_index(["repeat", "fold"])["value"]
    assert len(found) == 20
    pd.testing.assert_series_equal(
        found, expected.loc[found.index], check_names=False, rtol=0, atol=1e-4
    )
    assert found.mean() == pytest.approx(0.5049, abs=0.005)


def test_kernels_and_the_ensemble_are_scored_on_the_same_folds(results):
    for model in ("rkhs", "ensemble"):
        scores = read_table(results / "env1" / model / "scores.tsv")
        assert (scores["metric"] == "pearson").sum() == 20
        assert (scores["metric"] == "control_pearson").sum() == 5
    comparison = read_table(results / "env1" / "comparison.tsv")
    assert set(comparison["folds"]) == {20}


def test_a_trait_without_candidates_has_an_empty_table_and_a_report(results):
    assert len(read_table(results / "env1" / "candidates.tsv")) == 0
    assert (results / "report.html").stat().st_size > 10_000
