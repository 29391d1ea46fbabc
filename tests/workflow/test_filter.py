"""The filters as rules: their lists are inputs, and what they leave out is told."""

import json

import pytest

from breedcast.files import read_table

CONFIG = """
genotypes: {path: resources/example/genotypes.vcf.gz}
phenotypes: {path: resources/example/phenotypes.tsv}
filter:
  exclude_lines: out.txt
  duplicated_markers: drop
  ld_prune: {r2: 0.5}
"""
TARGET = "results/genotypes/codes.json"


@pytest.fixture
def workflow(make_workflow):
    made = make_workflow()
    (made.folder / "own.yaml").write_text(CONFIG)
    return made


def test_an_edited_list_runs_the_filter_again(workflow):
    names = workflow.folder / "out.txt"
    names.write_text("A01-01\n")
    arguments = ("--configfile", "own.yaml", "--", TARGET)
    first = workflow.run(*arguments)
    assert first.status == 0, first.output
    summary = json.loads((workflow.folder / TARGET).read_text())
    assert summary["dropped_lines"]["excluded by name"] == 1
    assert summary["thresholds"]["ld_prune"] == {"r2": 0.5, "window": 50, "step": 5}
    assert summary["dropped_markers"]["linked"] > 100
    assert not workflow.run(*arguments).jobs
    names.write_text("A01-01\nA01-02\nnot there\n")
    again = workflow.run(*arguments)
    assert again.jobs["filter_genotypes"] == 1, again.output
    assert "1 of its 3 names are not in the genotypes" in again.output
    dropped = read_table(workflow.folder / "results" / "genotypes" / "dropped_samples.tsv")
    by_name = dropped[dropped["reason"] == "excluded by name"]
    assert by_name["sample"].tolist() == ["A01-01", "A01-02"]


def test_a_list_that_is_not_there_stops_the_run_at_once(workflow):
    finished = workflow.run("--configfile", "own.yaml", "--", TARGET)
    assert finished.status != 0
    assert "config, filter: exclude_lines: out.txt: no such file" in finished.output
    assert "Traceback" not in finished.output
