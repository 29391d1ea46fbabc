"""The conda environments carry the lock's versions, and the lock what is asked for."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version

import pytest
import yaml

from breedcast.code import libraries
from breedcast.environment import SCRIPTS, check_environments, check_imports
from breedcast.errors import UserError
from breedcast.models.registry import MODELS

#: Names that differ between conda and PyPI.
ON_PYPI = {
    "pytorch": "torch",
    "pytorch-gpu": "torch",
    "xgboost": "xgboost-cpu",
    "python-isal": "isal",
}


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


def test_the_environment_for_gpus_differs_in_pytorch_alone(repository):
    pins = {
        name: set(conda_pins(repository / "envs" / f"{name}.yaml", on_pypi={}))
        for name in ("models", "models-cuda")
    }
    one_way, other = (pins["models"] - pins["models-cuda"], pins["models-cuda"] - pins["models"])
    assert [name for name, _ in one_way] == ["pytorch"]
    assert [name for name, _ in other] == ["pytorch-gpu"]


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
    first, *builds = re.split(r"^FROM ", recipe, flags=re.MULTILINE)[1:]
    assert first.startswith(f"python:{python}-slim")
    assert "--require-hashes -r /opt/breedcast/envs/lock.txt" in first
    assert [build.partition("\n")[0] for build in builds] == ["locked AS cuda", "locked AS cpu"]
    for build, index in zip(builds, ("cu126", "cpu"), strict=True):
        assert f"--index-url https://download.pytorch.org/whl/{index} " in build
        assert build.count("RUN") == build.count("-r /opt/breedcast/envs/torch.txt") == 1
    copied = [
        source
        for line in re.findall(r"^COPY (.+)$", recipe, flags=re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"Snakefile", "workflow", "envs/torch.txt"} < set(copied)
    assert all((repository / source).exists() for source in copied)


def test_the_container_has_what_the_report_reads(repository, tmp_path):
    """Files beside the package too: its version stands in pyproject.toml."""
    recipe = (repository / "envs" / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (.+)$", recipe, flags=re.MULTILINE):
        *sources, target = line.split()
        place = tmp_path / target.removeprefix("/opt/breedcast").strip("/")
        for source in sources:
            if (repository / source).is_dir():
                shutil.copytree(repository / source, place)
            else:
                place.mkdir(exist_ok=True)
                shutil.copy(repository / source, place)
    code = "from breedcast.report.made import breedcast_version; print(breedcast_version())"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "workflow")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", told.stdout), told.stderr


#: Names under which packages are imported that conda calls otherwise.
IN_CONDA = {
    **{"sklearn": "scikit-learn", "torch": "pytorch", "yaml": "pyyaml", "isal": "python-isal"},
    **{"bed_reader": "bed-reader", "vl_convert": "vl-convert-python"},
}
ALL_MODELS = [module.partition(":")[0] for module in MODELS.values()]
#: What a name in a rule's `conda:` stands for, where it is no file.
CHOSEN = {
    "{project.training_environment}": ("models", "models-cuda"),
    "{environment}": tuple(SCRIPTS),
}


def rules(repository):
    """Environment and script of every rule that has a script."""
    for path in (repository / "workflow" / "rules").glob("*.smk"):
        text = path.read_text()
        pairs = re.findall(
            r'conda:\n +f?"../../envs/(.+)\.yaml"(?:.|\n)+?script:\n +"../scripts/(.+)\.py"', text
        )
        assert len(pairs) == text.count("    script:"), path.name
        yield from pairs


def test_a_rules_environment_has_what_its_script_imports(repository):
    found = list(rules(repository))
    scripts = {path.stem for path in (repository / "workflow" / "scripts").glob("*.py")}
    assert {script for _, script in found} == scripts
    for named, script in found:
        modules = ALL_MODELS if script == "train_model" else []
        tops = {name.partition(".")[0] for name in libraries(script, *modules)}
        for environment in CHOSEN.get(named, [named]):
            pins = conda_pins(repository / "envs" / f"{environment}.yaml", on_pypi={})
            there = {name.removesuffix("-gpu") for name, _ in pins}
            assert {IN_CONDA.get(name, name) for name in tops} <= there, (environment, script)


def test_an_environment_is_tried_with_the_scripts_of_the_rules_that_name_it(repository):
    of_rules = {environment: set() for environment in SCRIPTS}
    for named, script in rules(repository):
        for environment in CHOSEN.get(named, [named]):
            if script != "check_environment":
                of_rules[environment].add(script)
    assert {environment: set(scripts) for environment, scripts in SCRIPTS.items()} == of_rules


def test_what_every_script_imports_is_here():
    check_imports(sorted({it for scripts in SCRIPTS.values() for it in scripts}), MODELS)


def test_what_cannot_be_imported_is_told_in_one_line_with_the_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UserError) as error:
        check_imports(["train_model", "render_figures"], MODELS)
    line = str(error.value)
    assert "cannot import lightgbm (import of lightgbm halted" in line
    assert "vl_convert (" in line
    assert line.endswith("make this environment anew from the files in envs")
    assert "\n" not in line
    check_environments(["models"], {"a name": {"model": "gblup"}, "rkhs": {}})  # asks for neither
