"""Faults of the machine, injected: one clear line, nothing half-written, and it goes on later."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import SNAKEMAKE
from tests.workflow.test_bad_input import GOOD_TRAITS, vcf

IMPORTED = "results/genotypes/joined_markers.tsv"
CLEANED = "results/yield/phenotypes.tsv"


@pytest.fixture(scope="module")
def workflow(make_workflow):
    return make_workflow()


@pytest.fixture
def folder(tmp_path):
    """A user's folder: genotypes that fill more than a small disk, a trait table and a config."""
    (tmp_path / "genotypes.vcf").write_text(vcf(records=20_000))
    (tmp_path / "traits.tsv").write_text(GOOD_TRAITS)
    config = {
        "genotypes": {"path": "genotypes.vcf"},
        "phenotypes": {"path": "traits.tsv"},
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "models": {"gblup": {}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def make(workflow, folder, target, config="config.yaml"):
    return workflow.run("--configfile", config, "--", target, directory=folder)


@pytest.fixture
def mount(folder):
    """A function that mounts at the results' folder; skips where that is not allowed."""
    results = folder / "results"
    results.mkdir()

    def mount(*arguments):
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a disk cannot be made full or read-only here: {done.stderr.strip()}")

    yield mount
    while f" {results} " in Path("/proc/mounts").read_text():
        subprocess.run(["umount", results], check=True)


def assert_told(run, line):
    """It failed, and said why in one line, without a traceback."""
    assert run.status != 0
    assert "Traceback" not in run.output, run.output
    assert len([said for said in run.output.splitlines() if line in said]) == 1, run.output


def test_a_full_disk(workflow, folder, mount):
    results = folder / "results"
    mount("-t", "tmpfs", "-o", "size=100k", "tmpfs", results)
    run = make(workflow, folder, IMPORTED)
    line = "results/genotypes: no space left on device; free some, and run again"
    assert_told(run, line)
    log = folder / "logs" / "results" / "genotypes" / "import.log"
    assert line in log.read_text()
    assert str(log.relative_to(folder)) in run.output
    assert not [path for path in results.rglob("*") if path.is_file()]
    mount("-o", "remount,size=50m", results)
    assert make(workflow, folder, IMPORTED).status == 0


def test_results_that_are_read_only(workflow, folder, mount):
    results = folder / "results"
    mount("--bind", results, results)
    mount("-o", "remount,ro,bind", results)
    assert_told(make(workflow, folder, IMPORTED), "Read-only file system: 'results/genotypes'")
    mount("-o", "remount,rw,bind", results)
    assert make(workflow, folder, IMPORTED).status == 0


def test_two_runs_in_one_folder_and_a_file_that_vanishes(workflow, folder):
    call = [SNAKEMAKE, "--cores", "1", "--snakefile", workflow.folder / "Snakefile"]
    printed = folder / "first.txt"
    with open(printed, "w") as file:
        first = subprocess.Popen(
            [*call, "--configfile", "config.yaml", "--latency-wait", "0", "--", CLEANED],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    while not (folder / "logs" / "results" / "genotypes" / "import.log").exists():
        assert first.poll() is None, printed.read_text()
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGSTOP)  # it has the folder while the second one starts
    (folder / "traits.tsv").rename(folder / "away.tsv")
    config = (folder / "config.yaml").read_text()
    (folder / "second.yaml").write_text(config.replace("traits.tsv", "away.tsv"))
    second = make(workflow, folder, CLEANED, "second.yaml")
    assert_told(second, "Directory cannot be locked")
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait() != 0
    assert "Traceback" not in printed.read_text()
    assert "traits.tsv (missing locally" in printed.read_text()
    assert not (folder / CLEANED).exists()
    (folder / "away.tsv").rename(folder / "traits.tsv")
    assert make(workflow, folder, CLEANED).status == 0
