"""A training job that is killed goes on where it was, and ends with the same bytes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import yaml

from tests.workflow.conftest import SNAKEMAKE

TABLES = [
    *("predictions.parquet", "history.parquet", "saliency.parquet", "facts.tsv"),
    "weights.safetensors",
]


@pytest.fixture(scope="module")
def workflow(make_workflow):
    workflow = make_workflow()
    example = yaml.safe_load((workflow.folder / "config" / "config.yaml").read_text())
    network = {"model": "dnngp", "learning_rate": 0.0001, "epochs": 15, "patience": 15}
    changes = {
        "traits": ["yield"],
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "control": {"permutations": 0},
        "threads": 2,
        "models": {"apart": network, "stacked": {"model": "dnn", "epochs": 40, "patience": 40}},
    }
    for name in ("unbroken", "killed"):
        path = workflow.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(example | changes | {"output": name}))
    return workflow


def targets(output: str, model: str) -> list[str]:
    return [f"{output}/yield/{model}/predictions.parquet"]


def training(workflow, output: str, model: str, saved: int) -> subprocess.Popen:
    """A run that has saved so many times since it was started."""
    arguments = ["--cores", "2", "--configfile", f"{output}.yaml", "--", *targets(output, model)]
    process = subprocess.Popen(
        [SNAKEMAKE, *arguments],
        cwd=workflow.folder,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen: set[tuple[str, int]] = set()
    deadline = time.monotonic() + 300
    while len(seen) < saved:
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < deadline
        for path in checkpoints(workflow.folder):
            try:
                seen.add((path.name, path.stat().st_mtime_ns))
            except FileNotFoundError:
                continue
        time.sleep(0.005)
    return process


def kill_all(process: subprocess.Popen) -> None:
    """Kill a run -9 with all its processes."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def kill_a_worker(process: subprocess.Popen) -> str:
    """Kill -9 a process that trains, as the kernel does where memory ends; what the run says."""
    started = psutil.Process(process.pid).children(recursive=True)
    next(it for it in started if not it.children()).kill()
    return process.communicate()[0]


def checkpoints(folder: Path) -> list[Path]:
    """The saved states of networks in training."""
    return list(folder.glob("checkpoints/killed/yield/*/*/*.training.*"))


@pytest.mark.parametrize("model", ["apart", "stacked"])
def test_a_killed_job_ends_with_the_same_bytes(workflow, model):
    unbroken = workflow.run("--configfile", "unbroken.yaml", "--", *targets("unbroken", model))
    assert unbroken.status == 0, unbroken.output
    said = kill_a_worker(training(workflow, "killed", model, saved=3))
    assert said.count("a training process was killed, most likely for want of memory") == 1
    assert "Traceback" not in said
    assert "log: logs/killed/yield" in said
    kill_all(training(workflow, "killed", model, saved=6))
    assert checkpoints(workflow.folder)
    assert not (workflow.folder / targets("killed", model)[0]).exists()
    workflow.run("--configfile", "killed.yaml", "--unlock")
    resumed = workflow.run("--configfile", "killed.yaml", "--", *targets("killed", model))
    assert resumed.status == 0, resumed.output
    assert "going on after epoch" in resumed.output
    for table in TABLES:
        one, two = (
            workflow.folder / run / "yield" / model / table for run in ("unbroken", "killed")
        )
        assert one.read_bytes() == two.read_bytes(), table
    assert not checkpoints(workflow.folder)
    assert not (workflow.folder / "checkpoints" / "killed" / "yield" / model).exists()
