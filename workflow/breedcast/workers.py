"""Work spread over processes that share this one's memory and do not outlive it."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from breedcast.errors import UserError

_PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from <malloc.h>
_GIGABYTE = 2**30

Task = TypeVar("Task")
Result = TypeVar("Result")

#: In a worker: the function and the tasks it was forked with.
_work: list[Any] = []


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    processes: int,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """The function's results in the order of the tasks, computed in so many processes.

    The processes are forked: function and tasks reach them as they are in memory, uncopied,
    and only results travel. meanwhile: called every second while other processes work. Raises
    UserError when a process is killed.
    """
    if processes == 1:
        yield from map(function, tasks)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context, _begin, (function, tasks)) as pool:
        try:
            for future in [pool.submit(_run, number) for number in range(len(tasks))]:
                while not wait([future], timeout=1.0).done:
                    meanwhile()
                yield future.result()
        except BrokenProcessPool:
            raise UserError(
                "a training process was killed, most likely for want of memory; lower threads in "
                "the config, or run where there is more"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(function: Callable[[Task], Result], tasks: Sequence[Task]) -> None:
    die_with_parent()
    _work[:] = [function, tasks]


def _run(number: int) -> Any:
    function, tasks = _work
    return function(tasks[number])


def keep_freed_memory() -> None:
    """Ask the allocator (glibc) to keep large blocks that are freed for the next of their size.

    By default it gives them back to the kernel, and the next step of a network takes them anew,
    page by page: a tenth of a training's time (measured in tests/benchmarks).
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _GIGABYTE)
        libc.mallopt(_M_TRIM_THRESHOLD, _GIGABYTE)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends, however it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # the parent was gone before we asked
            os.kill(os.getpid(), signal.SIGKILL)
