"""Tetraploid potatoes from VCF to report, by the shipped config."""

import json
import re

import pytest
import yaml

from breedcast.files import read_table

#: GBLUP and the baseline on one trait; the other models only take longer.
REDUCED = {
    "traits": ["tuber_shape"],
    "validation": {"folds": 5, "repeats": 1, "inner_folds": 2, "seed": 0},
    "control": {"permutations": 1},
    "models": {"baseline": {}, "gblup": {}},
}


@pytest.fixture(scope="module")
def results(make_workflow, shared_data):
    workflow = make_workflow()
    config = yaml.safe_load((workflow.folder / "config" / "potato4x.yaml").read_text())
    assert REDUCED["traits"][0] in config["traits"]
    assert set(REDUCED["models"]) <= set(config["models"])
    (workflow.folder / "reduced.yaml").write_text(yaml.safe_dump(config | REDUCED))
    page = f"{config['output']}/report.html"
    run = workflow.run(page, "--configfile", "reduced.yaml", BREEDCAST_DATA=str(shared_data))
    assert run.status == 0, run.output
    return workflow.folder / config["output"]


def test_markers_predict_tuber_shape(results):
    scores = read_table(results / "tuber_shape" / "gblup" / "scores.tsv")
    found = scores[scores["metric"] == "pearson"]["value"]
    assert len(found) == 5
    assert found.mean() > 0.7
    control = scores[scores["metric"] == "control_pearson"]["value"]
    assert abs(control.mean()) < 0.3


def test_missing_calls_are_filled_and_the_ploidy_is_told(results):
    run = json.loads((results / "tuber_shape" / "gblup" / "run.json").read_text())
    assert run["imputation"] == "nearest"
    assert json.loads((results / "genotypes" / "codes.json").read_text())["ploidy"] == 4
    page = re.sub(r"\s+", " ", (results / "report.html").read_text())
    assert "(ploidy 4)" in page
    clones = read_table(results / "tuber_shape" / "candidates.tsv")
    assert len(clones) > 30  # genotyped and never measured
