"""Faults of the machine, made real: how they are told, and what they leave behind."""

import os
import resource
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from breedcast.errors import fault_of_the_machine
from breedcast.files import write_arrays, write_json, write_parquet, write_table, write_yaml
from breedcast.workers import in_turn, run_tasks
from tests.messages import messages

NUMBERS = np.random.default_rng(0).random(100_000)
WRITERS = {
    "table": lambda path: write_table(pd.DataFrame({"value": NUMBERS}), path),
    "parquet": lambda path: write_parquet(pd.DataFrame({"value": NUMBERS}), path),
    "arrays": lambda path: write_arrays({"value": NUMBERS}, path, {}),
    "json": lambda path: write_json({"value": NUMBERS.tolist()}, path),
    "yaml": lambda path: write_yaml({"value": NUMBERS[:9000].tolist()}, path),
}


@contextmanager
def limit(kind, size):
    """The process may have so much of it, as `ulimit` says."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@pytest.mark.parametrize("writer", WRITERS)
def test_what_cannot_be_written_to_its_end_is_not_there(writer, tmp_path):
    path = tmp_path / "results" / writer
    WRITERS[writer](path)
    before = path.read_bytes()
    with limit(resource.RLIMIT_FSIZE, 50_000), pytest.raises(Exception) as error:  # noqa: PT011
        WRITERS[writer](path)
    assert [it.name for it in path.parent.iterdir()] == [writer]
    assert path.read_bytes() == before, "what was there before is there still"
    line = fault_of_the_machine(error.value, "results")
    assert "file too large; raise the limit on the size of files" in line
    assert "\n" not in line


def fill_memory(_=0):
    with limit(resource.RLIMIT_AS, 1 << 40):
        np.ones(1 << 45, np.uint8)
    yield


@pytest.mark.parametrize("processes", [1, 2])
def test_memory_that_is_not_there_is_told_in_one_line(processes):
    with pytest.raises(Exception) as error:  # noqa: PT011
        list(in_turn(fill_memory, processes))
    line = fault_of_the_machine(error.value, "results")
    assert "not enough memory" in line
    assert "lower threads in the config" in line
    assert "\n" not in line


def test_pytorch_without_memory_is_told_in_one_line():
    import torch

    with pytest.raises(RuntimeError) as error:
        list(run_tasks(lambda size: torch.ones(size, dtype=torch.uint8), [1 << 45], 1))
    line = fault_of_the_machine(error.value, "results")
    assert "not enough memory" in line
    assert "\n" not in line


def test_a_fault_of_ours_is_no_fault_of_the_machine():
    for error in (ValueError("x"), KeyError("sample"), FileNotFoundError("x"), IndexError(3)):
        assert fault_of_the_machine(error, "results") is None


SCRIPT = """
import os, resource, sys
from types import SimpleNamespace
from breedcast.script import job

given, made, log, work = sys.argv[1:]
rule = dict(rule="train_model", input=[given], output=[made], log=[log])
with job(SimpleNamespace(**rule, params=SimpleNamespace(settings="{}"))):
    from breedcast.files import whole

    exec(work)
"""
FILLS_A_LIMIT = """
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
with whole(made) as unfinished:
    unfinished.write_bytes(bytes(60_000))
"""


@pytest.mark.parametrize(
    ("work", "lines"),
    [
        ("os.unlink(given); open(given)", ["{given} was there and is gone; put it back, and run"]),
        (FILLS_A_LIMIT, ["{results}: file too large; raise the limit on the size of files"]),
        ("bytearray(1 << 60)", ["not enough memory"]),
        ("dict()['sample']", ["train_model failed", "Traceback", "KeyError: 'sample'"]),
    ],
)
def test_a_script_says_on_stderr_and_in_its_log_why_it_failed(work, lines, tmp_path, repository):
    given, results, log = tmp_path / "lines.tsv", tmp_path / "results", tmp_path / "train.log"
    given.touch()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, given, results / "table.tsv", log, work],
        env=os.environ | {"PYTHONPATH": str(repository / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == log.read_text()
    assert not list(tmp_path.rglob("*table.tsv*"))
    for line in lines:
        assert line.format(given=given, results=results) in done.stderr
    assert len(done.stderr.splitlines()) == 1 or len(lines) > 1


def test_every_message_is_one_line_with_what_to_do(repository):
    found = list(messages(repository / "workflow" / "breedcast"))
    assert len(found) > 100
    for path, lines, text in found:
        place = f"{path.name}, line {lines[0]}"
        several = "join(problems)" in text  # the config's, a line each
        told_elsewhere = text.endswith(("{what}", "{CHANGED}"))
        assert "\\n" not in text or several, place
        assert not text.endswith((".", "!")), place
        assert any(mark in text for mark in (": ", "; ", ", ")) or told_elsewhere or several, place
