import os
import signal
import subprocess
import sys
import time

import pytest

from breedcast.errors import UserError
from breedcast.workers import run_tasks

PARENT = """
import os, time
from breedcast.workers import run_tasks

def work(number):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)

list(run_tasks(work, range(2), processes=2))
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is asked for on Linux alone")
def test_workers_die_with_a_killed_parent(repository):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env=os.environ | {"PYTHONPATH": str(repository / "workflow")},
        stdout=subprocess.PIPE,
        text=True,
    )
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(map(is_running, workers))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


class CannotBeSent:
    """Something that would fail if it were copied to a process instead of shared with it."""

    def __reduce__(self):
        raise AssertionError("this travelled")

    def square(self, task):
        assert isinstance(task, CannotBeSent | int)
        return os.getpid(), 4 if isinstance(task, CannotBeSent) else task**2


def test_work_is_shared_and_results_keep_their_order():
    shared = CannotBeSent()
    results = list(run_tasks(shared.square, [*range(20), shared], processes=2))
    assert [square for _, square in results] == [*(n**2 for n in range(20)), 4]
    assert os.getpid() not in {pid for pid, _ in results}


def test_a_killed_worker_is_an_error_and_no_wait():
    def die(task):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(UserError, match="killed, most likely for want of memory"):
        list(run_tasks(die, range(4), processes=2))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_users_mistake_comes_through(processes):
    def refuse(task):
        raise UserError(f"task {task}: no")

    with pytest.raises(UserError, match="task 0: no"):
        list(run_tasks(refuse, range(3), processes))
