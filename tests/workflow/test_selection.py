"""What to select, cross and measure next: what the shipped config asks, on the finished example."""

import shutil

import pytest
import yaml

from breedcast.files import read_table
from tests.workflow.conftest import Workflow

#: Better when low.
TRAIT = "disease"


@pytest.fixture(scope="module")
def run(finished_example, tmp_path_factory):
    """The folder of the example's results, the selection asked for; only that is computed."""
    folder = tmp_path_factory.mktemp("selection") / "breed cast"
    shutil.copytree(finished_example, folder, symlinks=True)
    config, selection = (
        yaml.safe_load((folder / "config" / name).read_text())
        for name in ("config.yaml", "selection.yaml")
    )
    changed = config | {"selection": selection["selection"], "traits": [TRAIT]}
    (folder / "changed.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
    finished = Workflow(folder).run("--configfile", "changed.yaml")
    assert finished.status == 0, finished.output
    assert not finished.trained
    return finished, folder / "results"


def test_nothing_but_the_selection_and_the_report_is_made(run):
    finished, _ = run
    asked = {"predict_crosses", "choose_contributions", "advise_training_set"}
    told = {"rank_candidates", "render_report", "render_figures"}
    assert set(finished.jobs) == {*asked, *told, "write_manifest"}


def test_useful_crosses_have_good_parents_by_the_truth(run, repository):
    _, results = run
    crosses = read_table(results / TRAIT / "crosses.tsv")
    truth = read_table(repository / "tests" / "data" / "example_truth.tsv").set_index("sample")
    true = truth[TRAIT]
    parents = crosses["parent_1"].map(true) + crosses["parent_2"].map(true)
    assert len(crosses) == 190
    assert parents.mean() / 2 < true.mean() - true.std()
    assert (crosses["usefulness"] < crosses["mean"]).all()
    # within a family less segregates than between families
    family = [crosses[name].str.split("-").str[0] for name in ("parent_1", "parent_2")]
    within = family[0] == family[1]
    assert crosses.loc[within, "sd"].mean() < crosses.loc[~within, "sd"].mean()


def test_shares_of_lines_keep_to_the_relationship(run):
    _, results = run
    shares = read_table(results / TRAIT / "contributions.tsv")
    frontier = read_table(results / TRAIT / "frontier.tsv")
    assert shares["contribution"].sum() == pytest.approx(1, abs=0.01)
    chosen = frontier[frontier["chosen"]].iloc[0]
    assert chosen["relationship"] == pytest.approx(0.1, abs=1e-3)
    assert frontier["value"].is_monotonic_decreasing  # less disease for more relationship


def test_more_lines_help_and_candidates_are_named(run):
    _, results = run
    curve = read_table(results / TRAIT / "learning_curve.tsv")
    mean = curve.groupby(["by", "share"])["pearson"].mean()
    assert mean["lines", 1] > mean["lines", 0.25]
    told = read_table(results / TRAIT / "phenotype_next.tsv")
    candidates = read_table(results / TRAIT / "candidates.tsv")
    assert len(told) == 10
    assert set(told["sample"]) <= set(candidates["sample"])


def test_the_report_shows_all_of_it(run):
    _, results = run
    page = (results / "report.html").read_text()
    for heading in ("What to cross", "How much to use each line", "What more data would be worth"):
        assert f"<h3>{heading}</h3>" in page
