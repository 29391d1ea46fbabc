import os
import signal
import subprocess
import sys
import time

import pytest

from breedcast.errors import UserError
from breedcast.workers import in_turn, meanwhile, run_tasks

PARENT = """
import os, time
from breedcast.workers import in_turn, run_tasks

def work(number):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)
    yield

"""
CALLS = {
    "run_tasks": "list(run_tasks(lambda number: list(work(number)), range(2), processes=2))",
    "in_turn": "list(in_turn(work, processes=2))",
}


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is asked for on Linux alone")
@pytest.mark.parametrize("call", CALLS)
def test_workers_die_with_a_killed_parent(repository, call):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT + CALLS[call]],
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


def counted(process, count=7, step=3):
    """Every third number, with the process that gave it."""
    for number in range(process, count, step):
        yield os.getpid(), number


def test_results_of_processes_come_in_turn_until_the_first_has_no_more():
    results = list(in_turn(counted, processes=3))
    assert [number for _, number in results] == list(range(7))
    assert [os.getpid() != process for process, _ in results] == [True] * 7
    assert [process for process, _ in results[:4]] == [process for process, _ in results[3:]]
    assert list(in_turn(counted, processes=1)) == [(os.getpid(), number) for number in (0, 3, 6)]


def test_large_results_wait_until_they_are_taken():
    """More than a pipe holds; and processes that are not listened to any longer are ended."""

    def large(process):
        while True:
            yield os.getpid(), bytes(1 << 22)

    results = in_turn(large, processes=2)
    workers = {next(results)[0] for _ in range(4)}
    assert len(workers) == 2
    assert all(map(is_running, workers))
    results.close()
    assert not any(map(is_running, workers))


@pytest.mark.parametrize("error", [UserError, ValueError])
def test_an_error_comes_after_the_results_before_it(error):
    def refuse(process):
        yield process
        if process:
            raise error("no more of 1")
        yield 2

    results = in_turn(refuse, processes=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UserError if error is UserError else RuntimeError, match="no more of 1"):
        next(results)


def test_a_process_killed_between_its_results_is_an_error_and_no_wait():
    def die(process):
        yield bytes(1 << 20)
        os.kill(os.getpid(), signal.SIGKILL)

    results = in_turn(die, processes=2)
    assert [len(next(results)) for _ in range(2)] == [1 << 20] * 2
    with pytest.raises(UserError, match="killed, most likely for want of memory"):
        next(results)


def test_a_result_computed_meanwhile_comes_from_another_process_where_there_may_be_one():
    with meanwhile(os.getpid, processes=2) as result:
        assert result() != os.getpid()
    with meanwhile(os.getpid, processes=1) as result:
        assert result() == os.getpid()


def test_an_error_met_meanwhile_is_raised_where_the_result_is_asked_for():
    def refuse():
        raise UserError("not to be had")

    with meanwhile(refuse, processes=2) as result, pytest.raises(UserError, match="not to be had"):
        result()
