"""A pool of processes of our own.

Every worker is a pebble pool of one process. The workers of one pebble pool share their pipes and
locks, so that one which is killed at a bad moment takes the others' tasks with it, or leaves them
waiting for ever. Here it takes only its own.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, cast

import numpy as np
from loky import cpu_count
from loky.backend.context import LokyContext
from loky.backend.process import LokyProcess
from numpy.typing import NDArray
from pebble import CONSTS, ProcessExpired
from pebble import ProcessPool as PebblePool

from nelder.errors import ExecutorError, InvalidArgumentError
from nelder.evaluate.attempt import failed, failure_of, this_host, timed_out
from nelder.evaluate.finished import ReportingPool
from nelder.evaluate.groups import Groups
from nelder.evaluate.remote import (
    Parcel,
    Unusable,
    evaluate,
    learn,
    pack_objective,
    unpack,
)
from nelder.evaluation import Failure, Outcome

__all__ = ["ProcessPool"]

POSIX = os.name == "posix"  # elsewhere, what a worker started is not ended with it

ENDING_SECONDS = 5.0  # for what a killed process leaves behind, at most
STARTS = 5  # of processes, one after the other, that end before they have taken a task
PARENT_SECONDS = 1.0  # between two looks whether the parent lives
LOOK_SECONDS = 1.0  # between two looks whether somebody is left to answer
LOCK_SECONDS = 1.0  # before a worker believes that the one before it was killed holding the lock
EXITED = 256  # stands for exit code 0, which pebble would not notice

THREADS = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class ProcessPool(ReportingPool[tuple[int, Future[Any], int]]):
    """Processes that are started when they are needed and replaced when they die.

    They are fresh interpreters, which neither share threads nor import the caller's ``__main__``.
    Each has its share of the cores for its BLAS and OpenMP threads, ignores Ctrl-C, and ends, with
    all that it has started, when it is killed or the driver is gone.

    Parameters
    ----------
    fun : callable
        ``fun(x)`` of x (dim,) -> real scalar.
    workers : int
    timeout : float or None
        Seconds for one task, its worker's start not counted. Seen ten times a second.

    Raises
    ------
    InvalidArgumentError
        `fun` cannot be pickled.
    """

    def __init__(
        self, fun: Callable[[NDArray[np.float64]], Any], workers: int, timeout: float | None
    ) -> None:
        super().__init__(workers)
        self._fun = fun
        self._timeout = timeout
        parcel = pack_objective(fun)
        threads = max(1, int(cpu_count()) // workers)
        self._groups: Groups | None = None
        self._make = functools.partial(_Worker, parcel, threads, timeout)
        self._idle: list[_Worker] = []
        self._busy: dict[int, _Running] = {}
        self._ending: list[threading.Thread] = []
        self._lost = 0  # new workers that ended before they took a task, one after the other
        self._next = 0.0  # when to look again

    def submit(self, task: int, x: NDArray[np.float64]) -> None:
        """Send a point to a worker; what goes wrong with that is raised by `wait`."""
        self._begin(task, x.tobytes())

    def cancel(self, task: int) -> bool:
        """Kill the worker of a task, unless it has finished it."""
        running = self._busy.get(task)
        if running is None or running.future.done():
            return False
        del self._busy[task]
        self._end(running.worker)
        return True

    def close(self) -> None:
        """Kill all workers."""
        workers = [*self._idle, *(running.worker for running in self._busy.values())]
        self._idle.clear()
        self._busy.clear()
        for worker in workers:
            self._end(worker)
        for thread in self._ending:
            thread.join(ENDING_SECONDS)
        self._ending.clear()
        if self._groups is not None:
            self._groups.close()
            self._groups = None

    def _begin(self, task: int, x: bytes, new: bool = False) -> None:
        """Give a task to an idle worker, or to a `new` one."""
        began = time.time()
        while True:
            fresh = new or not self._idle
            worker = None
            try:
                worker = self._start() if fresh else self._idle.pop()
                future = worker.begin(x)
                break
            except Exception as error:
                if worker is not None:
                    self._end(worker)
                if fresh:
                    self._error = ExecutorError(
                        f"cannot start a worker process: {error.__cause__ or error}"
                    )
                    self._error.__cause__ = error
                    return
                # else it died while it was idle
        self._busy[task] = _Running(worker, future, x, began, fresh)
        future.add_done_callback(lambda future: self._finished.put((task, future, worker.pid)))

    def _start(self) -> _Worker:
        if POSIX and self._groups is None:
            self._groups = Groups()
        return self._make(self._groups)

    @property
    def _expects(self) -> bool:
        return bool(self._busy)

    def _read(self, report: tuple[int, Future[Any], int]) -> Sequence[tuple[int, Outcome]]:
        task, future, pid = report
        running = self._busy.get(task)
        if running is None or running.future is not future:
            return ()  # cancelled
        del self._busy[task]
        error = future.exception()
        if isinstance(error, BrokenProcessPool):  # its process ended before it took the task
            self._end(running.worker)
            self._lost += running.fresh
            if self._lost == STARTS:
                raise ExecutorError(
                    f"{STARTS} worker processes have ended as they started, the last with "
                    f"{_exit(running.worker.exitcode)}; unpickling fun={self._fun!r} may crash them"
                ) from error
            self._begin(task, running.x, new=True)
            return ()
        self._lost = 0
        if error is None:
            self._idle.append(running.worker)
            reply = future.result()
            if isinstance(reply, Unusable):
                raise InvalidArgumentError(
                    f"fun={self._fun!r}: expected an objective that can be unpickled in another "
                    f"process; there it raised {reply.message}\n{reply.details}"
                )
            return ((task, unpack(reply)),)
        self._end(running.worker)  # half an answer may be left in its pipe
        if isinstance(error, KeyboardInterrupt):
            raise error
        outcome = failed(self._failure(error), running.began, f"{this_host()}:{pid}")
        return ((task, outcome),)

    def _next_look(self) -> float:
        return self._next

    def _look(self) -> Sequence[tuple[int, Outcome]]:
        """Give up tasks that nobody will report, which `_read` then gives to others."""
        if time.monotonic() >= self._next:
            for running in self._busy.values():
                running.worker.give_up(running.future)
            self._next = time.monotonic() + LOOK_SECONDS
        return ()

    def _failure(self, error: BaseException) -> Failure:
        """Return why there is no reply."""
        if isinstance(error, ProcessExpired):
            return Failure("died", f"the worker died ({_exit(int(error.exitcode))})")
        if isinstance(error, TimeoutError):
            return timed_out(cast("float", self._timeout))
        return failure_of(error)

    def _end(self, worker: _Worker) -> None:
        """Kill a worker, without waiting for its threads."""
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        self._ending.append(worker.end())


@dataclass(frozen=True)
class _Running:
    """A task.

    Attributes
    ----------
    worker : _Worker
    future : Future
    x : bytes
    began : float
    fresh : bool
        Whether it is the first of its worker.
    """

    worker: _Worker
    future: Future[Any]
    x: bytes
    began: float
    fresh: bool


class _Worker:
    """One process and what pebble needs to run it."""

    def __init__(
        self, parcel: Parcel, threads: int, timeout: float | None, groups: Groups | None
    ) -> None:
        self._groups = groups
        self._digest = parcel.digest
        self._timeout = timeout
        self._environment = _at_most(threads)
        self._process: _Process | None = None
        context: Any = LokyContext()
        context.Process = self._new_process
        self._pool = PebblePool(1, initializer=learn, initargs=(parcel,), context=context)

    @property
    def pid(self) -> int:
        """Of its present process."""
        return 0 if self._process is None else self._process.pid or 0

    @property
    def exitcode(self) -> int:
        """Of its last process, where that has ended."""
        return 0 if self._process is None else self._process.exitcode or 0

    def begin(self, x: bytes) -> Future[Any]:
        """Send a point."""
        return self._pool.schedule(evaluate, (self._digest, x), timeout=self._timeout)

    def give_up(self, future: Future[Any]) -> None:
        """Fail a task if pebble has lost it.

        A task that comes just when pebble sees that its idle process has ended is neither begun nor
        failed: the threads that would do so end first.
        """
        if not self._pool.active:
            self._pool.join()  # until those threads have ended
            if not future.done():
                future.set_exception(BrokenProcessPool("its process ended while it was idle"))

    def end(self) -> threading.Thread:
        """Kill the process; return the thread that clears up."""
        self._pool.stop()
        if self._process is not None:
            self._process.terminate()
        thread = threading.Thread(target=self._pool.join, name="nelder-end", daemon=True)
        thread.start()
        return thread

    def _new_process(self, **settings: Any) -> _Process:
        self._process = _Process(self._groups, **settings, env=self._environment)
        return self._process


class _Process(LokyProcess):
    """A worker's process: of its own session, so that it is killed with all that it started.

    Parameters
    ----------
    groups : Groups or None
        Who is to know of it, where there are process groups.
    """

    def __init__(self, groups: Groups | None, **settings: Any) -> None:
        super().__init__(**settings)  # pyright: ignore[reportUnknownMemberType]
        self._groups = groups
        self._driver = os.getpid()
        self._seen_ended = False  # whether a look has found that it has

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_groups": None}

    def start(self) -> None:
        """Start it, deaf to Ctrl-C from the first moment; in the driver.

        Raises
        ------
        OSError
            Whatever goes wrong: pebble takes note of no other.
        """
        try:
            with _no_ctrl_c():
                super().start()
        except Exception as error:  # loky's may hide the one that led to it
            cause = error.__context__ if isinstance(error.__context__, OSError) else error
            raise OSError(repr(cause)) from error
        if self._groups is not None:
            self._groups.begun(cast("int", self.pid))

    def run(self) -> None:
        """Do a worker's work; in the worker."""
        CONSTS.channel_lock_timeout = LOCK_SECONDS
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if POSIX:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            os.setsid()
            _leave_without(self._driver)
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        super().run()

    def terminate(self) -> None:
        """Kill it; in the driver."""
        self._seen_ended = True
        if not self.is_alive():
            return
        if POSIX:
            with suppress(ProcessLookupError):  # it has just been started
                os.killpg(cast("int", self.pid), signal.SIGKILL)
                return
        super().terminate()

    @property
    def exitcode(self) -> int | None:
        """As it is, but never 0: a worker that ends itself has not done its task."""
        code = super().exitcode
        if code is not None:
            self._is_gone()
        return EXITED if code == 0 else code

    def is_alive(self) -> bool:
        """Whether it is; in the driver.

        That it has ended by itself is told at the second look, a tenth of a second later. Pebble
        takes a task for one not begun if it sees the end before what the process said last.
        """
        if super().is_alive():
            return True
        self._is_gone()
        before, self._seen_ended = self._seen_ended, True
        return not before

    def _is_gone(self) -> None:
        if self._groups is not None and self.pid is not None:
            self._groups.gone(self.pid)
            self._groups = None


@contextmanager
def _no_ctrl_c() -> Generator[None]:
    """Block SIGINT in this thread and in the processes that it starts."""
    if not POSIX:
        yield
        return
    resource_tracker.ensure_running()  # before, as its start would let Ctrl-C through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_without(driver: int) -> None:
    """End this process if the driver was killed before this was a process group to be ended."""
    try:
        os.kill(driver, 0)
    except ProcessLookupError:
        os._exit(1)
    except PermissionError:  # it has given up the rights to be asked
        pass


def _end_with(parent: int) -> None:
    """End this process, and all that it started, when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    if POSIX:
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _exit(code: int) -> str:
    if code < 0:
        try:
            return f"exit code {code}, {signal.Signals(-code).name}"
        except ValueError:  # a real-time signal
            pass
    return f"exit code {0 if code == EXITED else code}"


def _at_most(threads: int) -> dict[str, str]:
    """Return what to add to the environment, so that libraries use no more threads than these."""
    set_lower = {
        name
        for name in THREADS
        if (value := os.environ.get(name, "")).isdecimal() and 0 < int(value) < threads
    }
    return {name: str(threads) for name in THREADS if name not in set_lower}
