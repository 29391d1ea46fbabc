"""The same results, byte for byte, however a run is made: told by the manifests."""

import os
import random
import signal
import subprocess
import time

import pytest
import yaml

from breedcast.manifest import changed, differences
from tests.workflow.conftest import SNAKEMAKE

#: How often a run is killed; twenty times take a few minutes.
KILLS = int(os.environ.get("BREEDCAST_KILLS", "3"))


@pytest.fixture(scope="module")
def workflow(make_workflow):
    return make_workflow()


@pytest.fixture(scope="module")
def config(workflow):
    example = workflow.folder / "resources" / "example"
    return {
        "genotypes": {"path": str(example / "genotypes.vcf.gz")},
        "phenotypes": {"path": str(example / "phenotypes.tsv")},
        "traits": ["disease"],
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "models": {"gblup": {}, "dnn": {"networks": 2, "epochs": 4}},
        "markers": {"windows": 12},
        "threads": 2,
    }


@pytest.fixture(scope="module")
def plain(workflow, config, tmp_path_factory):
    """The results of an unbroken run on two cores."""
    folder = tmp_path_factory.mktemp("plain")
    write(config, folder)
    run = workflow.run("--configfile", "config.yaml", directory=folder)
    assert run.status == 0, run.output
    return folder / "results"


def write(config, folder):
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def assert_same(first, again):
    assert not changed(first)
    assert not changed(again)
    assert not differences(first, again)


def test_another_core_folder_locale_and_time_zone(workflow, config, plain, tmp_path):
    folder = tmp_path / "übung 'a'"
    folder.mkdir()
    write(config | {"threads": 1, "output": "deeper/the results"}, folder)
    elsewhere = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "5"}
    arguments = ("--cores", "1", "--configfile", "config.yaml")
    run = workflow.run(*arguments, directory=folder, **elsewhere)
    assert run.status == 0, run.output
    assert_same(plain, folder / "deeper" / "the results")


def test_killed_at_random_moments_and_taken_up_again(workflow, config, plain, tmp_path):
    write(config, tmp_path)
    moments = random.Random(1)  # noqa: S311
    call = [SNAKEMAKE, "--cores", "4", "--snakefile", workflow.folder / "Snakefile"]
    call += ["--configfile", "config.yaml"]
    for _ in range(KILLS):
        process = subprocess.Popen(
            call,
            cwd=tmp_path,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(1, 10))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        subprocess.run([*call, "--unlock"], cwd=tmp_path, check=True, capture_output=True)
    run = workflow.run("--cores", "4", "--configfile", "config.yaml", directory=tmp_path)
    assert run.status == 0, run.output
    assert_same(plain, tmp_path / "results")
    left = {path.name for path in tmp_path.glob("results/**/.*")}
    assert left == {".snakemake_timestamp"}, "nothing half-written is left"
