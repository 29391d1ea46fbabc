"""A training job that is killed goes on where it was, and ends with the same bytes."""

import os
import signal
import subprocess
import time
from pathlib import Path

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
    network = {"model": "dnngp", "learning_rate": 0.0001, "epochs": 25, "patience": 25}
    changes = {
        "traits": ["yield"],
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "control": {"permutations": 0},
        "models": {"apart": network, "stacked": {"model": "dnn", "epochs": 60, "patience": 60}},
    }
    for name in ("unbroken", "killed"):
        path = workflow.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(example | changes | {"output": name}))
    return workflow


def targets(output: str, model: str) -> list[str]:
    return [f"{output}/yield/{model}/predictions.parquet"]


def kill_in_the_middle(workflow, output: str, model: str, epoch_seen: int) -> None:
    """Start the job, and kill it -9 with all its processes when it has saved so many times."""
    arguments = ["--cores", "2", "--configfile", f"{output}.yaml", "--", *targets(output, model)]
    process = subprocess.Popen(
        [SNAKEMAKE, *arguments],
        cwd=workflow.folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seen: set[tuple[str, int]] = set()
    deadline = time.monotonic() + 300
    while len(seen) < epoch_seen:
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < deadline
        for path in checkpoints(workflow.folder):
            try:
                seen.add((path.name, path.stat().st_mtime_ns))
            except FileNotFoundError:
                continue
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def checkpoints(folder: Path) -> list[Path]:
    """The saved states of networks in training."""
    return list(folder.glob("checkpoints/killed/yield/*/*/*.training.*"))


@pytest.mark.parametrize("model", ["apart", "stacked"])
def test_a_killed_job_ends_with_the_same_bytes(workflow, model):
    unbroken = workflow.run("--configfile", "unbroken.yaml", "--", *targets("unbroken", model))
    assert unbroken.status == 0, unbroken.output
    for saved in (3, 6):
        kill_in_the_middle(workflow, "killed", model, saved)
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
