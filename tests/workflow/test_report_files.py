"""`snakemake --report` of the finished example, and its summary."""

import json
import re
import zipfile

import jsonschema
import networkx
import pytest
import yaml

TRAITS = ("yield", "height", "disease")
FIGURES = ("accuracy", "observed", "training", "manhattan", "quantiles", "saliency")
#: Nothing answers there: a report that asks for anything fails.
NO_NETWORK = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def variable(page, name):
    """A variable of the report's page: JSON in a script of its own."""
    return json.loads(re.search(rf"<script id=\"{name}\">\s*var {name} = (.*);\n", page)[1])


@pytest.fixture(scope="module")
def page(example, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    made = example.run("--report", path, **NO_NETWORK)
    assert made.status == 0, made.output
    return path.read_text(encoding="utf-8")


def test_every_trait_has_its_tables_and_figures(page):
    categories = variable(page, "categories")
    assert set(categories) == {"All traits", *TRAITS}
    for trait in TRAITS:
        found = categories[trait]
        assert set(found) == {"Accuracy", "Data", "Figures", "Markers", "Selection"}
        drawn = {f"results/{trait}/figures/{name}.svg" for name in FIGURES}
        assert set(found["Figures"]) == drawn
        assert len([path for path in found["Accuracy"] if path.endswith("/scores.tsv")]) == 9
        assert set(found["Selection"]) == {
            f"results/{trait}/{name}.tsv" for name in ("candidates", "response")
        }
    assert set(categories["All traits"]["Figures"]) == {
        f"results/figures/{name}.svg" for name in ("structure", "ranks", "steps")
    }


def test_every_entry_is_labelled_and_captioned(page):
    results = variable(page, "results")
    assert len(results) == 3 * (9 + 9 + 6) + 5  # scores, other tables, figures
    for path, entry in results.items():
        assert set(entry["labels"]) == {"content", "model"}, path
        assert "{" not in "".join(entry["labels"].values())
        assert len(entry["caption"]) > 60, path
        assert "system-message" not in entry["caption"], path
    assert "90 %" in results["results/yield/candidates.tsv"]["caption"]
    assert results["results/yield/gblup/scores.tsv"]["labels"]["model"] == "gblup"


def test_the_zip_holds_the_same_files(example, tmp_path, page):
    path = tmp_path / "report.zip"
    made = example.run("--report", path, **NO_NETWORK)
    assert made.status == 0, made.output
    with zipfile.ZipFile(path) as file:
        names = [name for name in file.namelist() if "/data/raw/" in name]
    assert len(names) == len(variable(page, "results"))


def test_the_summary_is_as_its_schema_says(example):
    schema = yaml.safe_load((example.folder / "workflow/schemas/summary.yaml").read_text())
    summary = json.loads((example.folder / "results/summary.json").read_text())
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(summary)) == []
    assert set(summary["traits"]) == set(TRAITS)


def test_the_steps_drawn_are_those_of_snakemakes_own_graph(example):
    printed = example.run("--rulegraph", "--forceall", "--quiet").output
    named = dict(re.findall(r'(\d+)\[label = "(\w+)"', printed))
    graph = networkx.DiGraph(
        (named[one], named[other]) for one, other in re.findall(r"(\d+) -> (\d+)", printed)
    )
    led = graph.subgraph({"render_report", *networkx.ancestors(graph, "render_report")})
    direct = networkx.transitive_reduction(led)
    page = (example.folder / "results" / "report.html").read_text(encoding="utf-8")
    told = re.search(r'aria-label="Diagram of the workflow&#39;s steps. ([^"]*)\."', page)[1]
    drawn = {
        (it.replace(" ", "_"), rule.replace(" ", "_"))
        for rule, needed in (part.split(" needs ") for part in told.split("; "))
        for it in needed.split(", ")
    }
    assert drawn == set(direct.edges)
