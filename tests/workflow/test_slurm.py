"""The workflow on a real Slurm, of one node: a run that is killed, jobs that are, and a GPU.

One run after another, since each job of a cluster costs seconds; the last one ends the work.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import SNAKEMAKE
from tests.workflow.one_node_slurm import missing_programs, one_node_slurm

#: The jobs are short, and the files near.
AT_ONCE = {
    "slurm": ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5"],
    "cluster-generic": ["--latency-wait", "5"],
}
GBLUP = "results/yield/gblup/predictions.parquet"
NETWORK = "results/yield/slow/predictions.parquet"


class Cluster:
    """A copy of the checkout, and the commands of the Slurm it is run on."""

    def __init__(self, workflow, environment: dict[str, str]) -> None:
        self.workflow = workflow
        self.environment = os.environ | environment

    def start(self, *arguments: str, profile: str = "slurm") -> subprocess.Popen:
        """A run of the workflow by a shipped profile; what it prints goes to run.log."""
        by = ["--profile", f"workflow/profiles/{profile}", "--configfile", "slurm.yaml"]
        with open(self.workflow.folder / "run.log", "w") as log:
            return subprocess.Popen(
                [SNAKEMAKE, *by, *AT_ONCE[profile], *arguments],
                cwd=self.workflow.folder,
                env=self.environment,
                start_new_session=True,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def printed(self) -> str:
        return (self.workflow.folder / "run.log").read_text()

    def slurm(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def jobs(self, rule: str) -> list[list[str]]:
        """The number and state of every job of a rule or group, the oldest first."""
        rows = self.slurm("squeue", "--states=all", "--noheader", "--sort=i", "-o", "%k|%i|%T")
        jobs = [row.split("|") for row in rows.splitlines()]
        return [job[1:] for job in jobs if job[0].startswith(f"rule_{rule}")]

    def memory(self, number: str) -> int:
        """The MB that a job asked for."""
        told = self.slurm("scontrol", "--oneliner", "show", "job", number)
        return int(re.search(r"MinMemoryNode=(\d+)M", told).group(1))

    def wait(self, condition, run: subprocess.Popen) -> None:
        """Until this is so, while a run goes on."""
        deadline = time.monotonic() + 600
        while not condition():
            assert run.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.1)

    def is_training(self) -> bool:
        """Whether the job of the network is in an epoch, having saved one."""
        saved = self.workflow.folder.glob("checkpoints/results/yield/slow/*/*.training.*")
        return any(state == "RUNNING" for _, state in self.slow_jobs()) and any(saved)

    def slow_jobs(self) -> list[list[str]]:
        return self.jobs("train_model_wildcards_yield_slow")


@pytest.fixture(scope="module")
def cluster(make_workflow):
    missing = missing_programs()
    if missing:
        pytest.skip(f"no Slurm ({', '.join(missing)}): apt-get install slurm-wlm munge")
    workflow = make_workflow()
    example = yaml.safe_load((workflow.folder / "config" / "config.yaml").read_text())
    slow = {"model": "dnngp", "learning_rate": 0.0001, "epochs": 15, "patience": 15}
    changes = {
        "traits": ["yield"],
        "validation": {"folds": 2, "repeats": 1, "inner_folds": 2},
        "control": {"permutations": 0},
        "models": {"gblup": {}, "slow": slow},
    }
    (workflow.folder / "slurm.yaml").write_text(yaml.safe_dump(example | changes))
    # a rule that asks for 200 MB at first: less than it takes, by far
    rules = workflow.folder / "workflow" / "rules" / "genotypes.smk"
    asked = "structure_mb(CodesShape.read(input.codes_summary))"
    assert asked in rules.read_text()
    rules.write_text(rules.read_text().replace(asked, "200 - SNAKEMAKE_MB"))
    with (
        tempfile.TemporaryDirectory(prefix="slurm") as root,
        one_node_slurm(Path(root)) as environment,
    ):
        yield Cluster(workflow, environment)


@pytest.fixture(scope="module")
def finished(cluster):
    """The run, killed once; resumed, and one of its jobs cancelled."""
    killed = cluster.start()
    cluster.wait(cluster.is_training, killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert cluster.is_training()  # its jobs live on, until they are cancelled by the run's name
    run = re.search(r"SLURM run ID: (\S+)", cluster.printed).group(1)
    cluster.slurm("scancel", f"--name={run}")
    while cluster.slurm("squeue", "--noheader"):
        time.sleep(0.1)
    assert cluster.workflow.run("--configfile", "slurm.yaml", "--unlock").status == 0
    before = len(cluster.slow_jobs())
    resumed = cluster.start()
    cluster.wait(lambda: len(cluster.slow_jobs()) > before and cluster.is_training(), resumed)
    cluster.slurm("scancel", cluster.slow_jobs()[-1][0])
    assert resumed.wait(timeout=600) == 0, cluster.printed
    return cluster


def test_a_killed_run_and_a_cancelled_job_are_resumed(finished):
    states = [state for _, state in finished.slow_jobs()]
    assert states == ["CANCELLED", "CANCELLED", "COMPLETED"]
    log = finished.workflow.folder / "logs" / "results" / "yield" / "slow" / "train.log"
    assert "going on after epoch" in log.read_text() or "were done before" in log.read_text()
    assert (finished.workflow.folder / "results" / "report.html").is_file()


def test_a_job_over_its_memory_is_given_more(finished):
    jobs = finished.jobs("describe_structure")
    states = [state for _, state in jobs]
    assert len(states) > 1
    assert "COMPLETED" not in states[:-1]
    # the last may have been cancelled with the run, its files written: the run went on with them
    assert states[-1] in ("COMPLETED", "CANCELLED")
    assert (finished.workflow.folder / "results" / "genotypes" / "structure.json").is_file()
    first, *_, last = (finished.memory(number) for number, _ in jobs)
    assert first < last


def test_small_jobs_share_one_of_the_cluster(finished):
    assert len(finished.jobs("plans_clean_phenotypes_plan_validation")) == 1
    assert len(finished.jobs("scores")) == 1


def test_slurm_gives_the_same_bytes(finished):
    targets = [f"alone/yield/{model}/predictions.parquet" for model in ("slow", "gblup")]
    alone = finished.workflow.run(
        *("--configfile", "slurm.yaml", "--config", "output=alone", "--", *targets)
    )
    assert alone.status == 0, alone.output
    for model in ("slow", "gblup"):
        one, two = (
            finished.workflow.folder / output / "yield" / model / "predictions.parquet"
            for output in ("alone", "results")
        )
        assert one.read_bytes() == two.read_bytes(), model


def test_a_gpu_is_asked_for_and_given(finished):
    """The one that is pretended here is no GPU to PyTorch, which says so."""
    run = finished.start("--retries", "0", "--config", "device=cuda", "--", NETWORK)
    assert run.wait(timeout=300) != 0
    number, state = finished.slow_jobs()[-1]
    assert state == "FAILED"
    assert "TresPerJob=gres:gpu:1" in finished.slurm(
        "scontrol", "--oneliner", "show", "job", number
    )
    log = finished.workflow.folder / "logs" / "results" / "yield" / "slow" / "train.log"
    assert "PyTorch finds no CUDA device here" in log.read_text()


def test_jobs_are_started_by_a_command(finished):
    """The other profile, by the commands of Slurm; one model's job is made again."""
    run = finished.start("--forcerun", "train_model", "--", GBLUP, profile="cluster-generic")
    assert run.wait(timeout=300) == 0, finished.printed
    rows = finished.slurm("squeue", "--states=all", "--noheader", "-o", "%j|%T")
    assert "train_model|COMPLETED" in rows.splitlines()
