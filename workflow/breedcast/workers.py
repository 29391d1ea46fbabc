"""Work spread over processes that share this one's memory and do not outlive it."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from typing import Any, BinaryIO, NoReturn, TypeVar

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
    # loaded here: the import of genotypes has no use for them
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

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


def in_turn(results_of: Callable[[int], Iterator[Result]], processes: int) -> Iterator[Result]:
    """One result of each process after another, until it is the turn of one that has no more.

    results_of: called with the number of a process, from 0, in that process, which is forked
    from this one. A process waits where its results are not taken, so few of them are in memory.
    Raises the UserError of a process when it is its turn, and one when a process is killed.
    """
    if processes == 1:
        yield from results_of(0)
        return
    with ExitStack() as running:
        pipes = [running.enter_context(_forked(results_of, it)) for it in range(processes)]
        for pipe in cycle(pipes):
            kind, content = _received(pipe)
            if kind == "end":
                return
            yield content


@contextmanager
def meanwhile(result_of: Callable[[], Result], processes: int) -> Iterator[Callable[[], Result]]:
    """A function whose result is computed in a process of its own, where there may be several.

    Raises what `in_turn` does when the result is asked for.
    """
    if processes == 1:
        yield result_of
        return
    with _forked(lambda _: iter([result_of()]), 0) as pipe:
        yield lambda: _received(pipe)[1]


def _received(pipe: BinaryIO) -> tuple[str, Any]:
    """What a forked process says next: ("result", it) or ("end", None)."""
    try:
        kind, content = pickle.load(pipe)  # noqa: S301  (from a process of our own)
    except (EOFError, pickle.UnpicklingError):
        raise UserError(
            "a process was killed, most likely for want of memory: run where there is more"
        ) from None
    if kind == "error":
        raise content
    return kind, content


@contextmanager
def _forked(results_of: Callable[[int], Iterator[Any]], number: int) -> Iterator[BinaryIO]:
    """The pipe that a process sends its results through; the process ends with the block."""
    receiving, sending = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(receiving)
        _send(results_of, number, sending)
    os.close(sending)
    try:
        with open(receiving, "rb") as pipe:
            yield pipe
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _send(results_of: Callable[[int], Iterator[Any]], number: int, sending: int) -> NoReturn:
    """All that a forked process does."""
    try:
        die_with_parent()
        with open(sending, "wb") as pipe:
            end: tuple[str, Any] = ("end", None)
            try:
                for result in results_of(number):
                    pickle.dump(("result", result), pipe, pickle.HIGHEST_PROTOCOL)
                    pipe.flush()
            except UserError as error:
                end = ("error", error)
            except Exception:
                # with the traceback, which is not sent along with an error
                end = ("error", RuntimeError(traceback.format_exc()))
            pickle.dump(end, pipe)
    finally:
        os._exit(0)  # the rest of the program is the parent's


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
