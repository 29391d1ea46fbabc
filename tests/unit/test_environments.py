"""The conda environments carry the lock's versions, and the lock what is asked for."""

import ast
import re
import sys
from importlib.metadata import version

import pytest
import yaml

from breedcast.code import code_files
from breedcast.models.registry import MODELS

#: Names that differ between conda and PyPI.
ON_PYPI = {"pytorch": "torch", "xgboost": "xgboost-cpu", "python-isal": "isal"}


def locked(repository):
    text = (repository / "envs" / "lock.txt").read_text()
    pins = dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", text, flags=re.MULTILINE))
    torch = (repository / "envs" / "torch.txt").read_text()
    return pins | dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", torch, flags=re.MULTILINE))


def conda_pins(path, on_pypi=ON_PYPI):
    for dependency in yaml.safe_load(path.read_text())["dependencies"]:
        name, pin = dependency.split(" =")
        yield on_pypi.get(name, name), pin


def environments(repository):
    return sorted((repository / "envs").glob("*.yaml"))


def test_conda_environments_have_the_locks_versions(repository):
    pins = locked(repository)
    assert environments(repository)
    for path in environments(repository):
        for name, pin in conda_pins(path):
            if name != "python":
                # conda does not carry PyPI's post-releases
                assert re.sub(r"\.post\d+$", "", pins[name]) == pin, f"{path.name}: {name}"


def test_every_rule_names_an_environment_that_exists(repository):
    for rules in (repository / "workflow" / "rules").glob("*.smk"):
        text = rules.read_text()
        scripts = len(re.findall(r"^    script:", text, flags=re.MULTILINE))
        named = re.findall(r'^    conda:\n        "(.+)"', text, flags=re.MULTILINE)
        assert len(named) == scripts, rules.name
        assert all((rules.parent / name).is_file() for name in named)


@pytest.mark.parametrize("package", ["snakemake", "numpy", "torch", "cyvcf2", "zarr", "pandas"])
def test_the_tests_run_in_the_locks_versions(repository, package):
    assert version(package).partition("+")[0] == locked(repository)[package]


def test_every_distribution_in_the_lock_has_a_hash(repository):
    text = (repository / "envs" / "lock.txt").read_text()
    for block in re.split(r"\n(?=[a-z])", text):
        if "==" in block:
            assert "--hash=sha256:" in block, block.partition("\n")[0]
    assert "://" not in text  # no index is written into it


def test_the_container_is_built_from_the_lock(repository):
    recipe = (repository / "envs" / "Dockerfile").read_text()
    python = (repository / "envs" / "models.yaml").read_text().partition("python =")[2][:4]
    assert f"FROM python:{python}-slim" in recipe
    assert "--require-hashes -r /opt/breedcast/envs/lock.txt" in recipe
    copied = [
        source
        for line in re.findall(r"^COPY (.+)$", recipe, flags=re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"Snakefile", "workflow", "envs/torch.txt"} < set(copied)
    assert all((repository / source).exists() for source in copied)


#: Names under which packages are imported that conda calls otherwise.
IN_CONDA = {
    **{"sklearn": "scikit-learn", "torch": "pytorch", "yaml": "pyyaml", "isal": "python-isal"},
    **{"bed_reader": "bed-reader", "vl_convert": "vl-convert-python"},
}


def imported(path):
    """The libraries that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module]
        for name in {module.partition(".")[0] for module in modules}:
            if name not in {"breedcast", *sys.stdlib_module_names}:
                yield IN_CONDA.get(name, name)


def rules(repository):
    """Script and environment of every rule."""
    for path in (repository / "workflow" / "rules").glob("*.smk"):
        pairs = re.findall(
            r'conda:\n +"../../(.+)"(?:.|\n)+?script:\n +"../(.+)"', path.read_text()
        )
        for environment, script in pairs:
            yield repository / environment, repository / "workflow" / script


def test_a_rules_environment_has_what_its_script_imports(repository):
    found = list(rules(repository))
    assert {script for _, script in found} == set((repository / "workflow/scripts").glob("*.py"))
    models = [module.partition(":")[0] for module in MODELS.values()]
    for environment, script in found:
        modules = models if script.stem == "train_model" else []
        needed = {name for file in code_files(script.stem, *modules) for name in imported(file)}
        there = {name for name, _ in conda_pins(environment, on_pypi={})}
        assert needed <= there, f"{environment.name} for {script.name}"
