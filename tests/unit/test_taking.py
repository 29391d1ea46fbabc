"""GPUs shared out between jobs: here pretended ones, which are told apart by their names alone."""

import os
import subprocess
import sys

import pytest

JOB = """
import logging, os, sys, time
from pathlib import Path
from breedcast.taking import take_one

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
names = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
print(names[take_one("GPU", names, Path(sys.argv[1]))], flush=True)
time.sleep(60)
"""


@pytest.fixture
def start(repository, tmp_path):
    """A function that starts a job which sees these GPUs; ended with the test."""
    started = []

    def start(gpus):
        environment = {
            "PYTHONPATH": str(repository / "workflow"),
            "CUDA_VISIBLE_DEVICES": gpus,
        }
        job = subprocess.Popen(
            [sys.executable, "-c", JOB, str(tmp_path)],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(job)
        return job

    yield start
    for job in started:
        job.kill()
        job.wait()


def says(job):
    return job.stdout.readline().strip()


def test_jobs_side_by_side_take_different_gpus(start):
    jobs = [start("GPU-a,GPU-b,GPU-c") for _ in range(3)]
    assert sorted(map(says, jobs)) == ["GPU-a", "GPU-b", "GPU-c"]


def test_a_gpu_is_the_same_wherever_it_stands_in_the_list(start):
    assert says(start("GPU-a,GPU-b")) == "GPU-a"
    assert says(start("GPU-b,GPU-a")) == "GPU-b"


def test_a_job_waits_for_a_gpu_until_another_is_killed(start):
    first = start("GPU-a")
    assert says(first) == "GPU-a"
    second = start("GPU-a")
    assert says(second) == "waiting for a GPU: 1 of 1 are taken"
    first.kill()
    assert says(second) == "GPU-a"
