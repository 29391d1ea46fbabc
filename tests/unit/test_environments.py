"""The conda environments carry the lock's versions, and the lock what is asked for."""

import re
from importlib.metadata import version

import pytest
import yaml

#: Names that differ between conda and PyPI.
ON_PYPI = {"pytorch": "torch", "xgboost": "xgboost-cpu", "python-isal": "isal"}


def locked(repository):
    text = (repository / "envs" / "lock.txt").read_text()
    pins = dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", text, flags=re.MULTILINE))
    torch = (repository / "envs" / "torch.txt").read_text()
    return pins | dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", torch, flags=re.MULTILINE))


def conda_pins(path):
    for dependency in yaml.safe_load(path.read_text())["dependencies"]:
        name, pin = dependency.split(" =")
        yield ON_PYPI.get(name, name), pin


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
