"""Breedcast as a module of another workflow, from an install that nothing is written to."""

import os
import shutil
import subprocess

import pytest
import yaml

from breedcast.files import read_table
from tests.workflow.conftest import SNAKEMAKE

PARENT = """
configfile: "parent.yaml"

module breedcast:
    snakefile:
        config["install"] + "/Snakefile"
    config:
        config["prediction"]

use rule * from breedcast as prediction_*

rule parents:
    default_target: True
    input:
        "predicted/yield/candidates.tsv",
    output:
        "parents.txt",
    shell:
        "head -n 2 {input} | tail -n 1 | cut -f 1 > {output}"
"""


def state(folder):
    """Every file and folder, and when it was last written to."""
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.fixture(scope="module")
def install(make_workflow):
    folder = make_workflow().folder
    for path in [*folder.rglob("*"), folder]:
        path.chmod(path.stat().st_mode & ~0o222)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)


def test_a_module_runs_from_a_read_only_install(install, tmp_path):
    folder = tmp_path / "their work"
    folder.mkdir()
    for name in ("genotypes.vcf.gz", "phenotypes.tsv"):
        shutil.copy(install / "resources" / "example" / name, folder / name)
    prediction = {
        "genotypes": {"path": "genotypes.vcf.gz"},
        "phenotypes": {"path": "phenotypes.tsv"},
        "traits": ["yield"],
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "models": {"gblup": {}},
        "output": "predicted",
    }
    config = {"install": str(install), "prediction": prediction}
    (folder / "parent.yaml").write_text(yaml.safe_dump(config))
    (folder / "Snakefile").write_text(PARENT)
    before = state(install)
    finished = subprocess.run(
        [SNAKEMAKE, "--cores", "2"],
        cwd=folder,
        # the owner of a file may write it whatever its mode, if that is root: let Python not
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    candidates = read_table(folder / "predicted" / "yield" / "candidates.tsv")
    assert (folder / "parents.txt").read_text().strip() == candidates["sample"].iloc[0]
    assert state(install) == before
