import shutil

import pytest

from breedcast import code
from breedcast.models.base import model_class
from breedcast.models.registry import MODELS


@pytest.fixture
def edited(tmp_path, repository, monkeypatch):
    """A copy of the workflow, and a function that edits one of its files."""
    workflow = tmp_path / "workflow"
    shutil.copytree(repository / "workflow", workflow, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PACKAGE", workflow / "breedcast")
    monkeypatch.setattr(code, "SCRIPTS", workflow / "scripts")

    def read_anew():
        for function in (code.code_hash, code._reachable, code._imports):
            function.cache_clear()

    def edit(path):
        with open(workflow / "breedcast" / path, "a") as file:
            file.write("\n# edited\n")
        read_anew()

    read_anew()
    yield edit
    read_anew()


def hashes():
    trained = {
        name: code.code_hash("train_model", location.partition(":")[0])
        for name, location in MODELS.items()
    }
    others = {
        script: code.code_hash(script)
        for script in (
            *("filter_genotypes", "describe_structure", "plan_validation"),
            *("score_models", "compare_models", "render_report", "adjust_plots"),
        )
    }
    return trained | others


NETWORKS = {name for name, location in MODELS.items() if model_class(location).is_network}


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("models/dnngp.py", {"dnngp"}),
        ("models/gblup.py", {"gblup"}),
        ("models/network.py", NETWORKS),
        ("training/trainer.py", NETWORKS),
        ("models/registry.py", set()),
        ("models/job.py", set(MODELS)),
        ("report/page.py", {"render_report"}),
        ("scoring/comparison.py", {"compare_models"}),
        ("genotypes/filter.py", {"filter_genotypes"}),
        ("genotypes/distance.py", {"describe_structure"}),
        ("validation/groups.py", {"plan_validation"}),
        ("phenotypes/trial.py", {"adjust_plots"}),
    ],
)
def test_an_edit_changes_the_hash_of_what_uses_it_and_no_other(edited, path, changed):
    before = hashes()
    edited(path)
    after = hashes()
    assert {name for name in before if before[name] != after[name]} == changed


#: A stage may import those before it (CONTRIBUTING.md).
STAGES = (
    *("genotypes", "phenotypes", "validation", "training", "models"),
    *("scoring", "markers", "selection", "report"),
)


def test_no_stage_imports_a_later_one():
    assert {path.parent.name for path in code.PACKAGE.glob("*/__init__.py")} == set(STAGES)
    for number, stage in enumerate(STAGES):
        later = {f"breedcast.{it}" for it in STAGES[number + 1 :]}
        for path in (code.PACKAGE / stage).rglob("*.py"):
            named = {".".join(module.split(".")[:2]) for module in code._imported(path)}
            assert not named & later, path
