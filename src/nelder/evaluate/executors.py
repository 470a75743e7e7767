"""A pool on an executor of the caller's: threads, processes, a cluster.

What the objective raises comes back as an outcome. So an exception of a future is the executor's:
it lost the task, and the point counts as unanswered.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from nelder.errors import ExecutorError, InvalidArgumentError, NelderError
from nelder.evaluate.attempt import attempt, failed, one_line, shown, this_host, timed_out
from nelder.evaluate.finished import ReportingPool
from nelder.evaluate.remote import (
    Reply,
    Unknown,
    Unusable,
    evaluate_parcel,
    pack_objective,
    unpack,
)
from nelder.evaluation import Failure, Outcome
from nelder.options import is_whole

__all__ = ["ExecutorPool", "Running", "read_executor"]

SMALL = 4096  # bytes; a pickled objective of this size travels with every point

# Where an executor says how many tasks it runs at the same time: concurrent.futures, loky, mpi4py
# and executorlib by an attribute, a dask client when it is asked.
COUNTS: tuple[Callable[[Any], object], ...] = (
    lambda executor: executor._max_workers,
    lambda executor: executor.max_workers,
    lambda executor: executor.num_workers,
    lambda executor: sum(executor._client.nthreads().values()),
)

# What executors that outlive their workers raise for a task whose worker died.
DEATHS = frozenset(
    {("distributed", "KilledWorker"), ("parsl", "WorkerLost"), ("ray", "WorkerCrashedError")}
)

# Packages whose executors take it well when a task is cancelled; others stop or raise.
CANCELLING = frozenset({"concurrent", "distributed", "loky", "mpi4py"})


def read_executor(workers: Any) -> tuple[Executor, int]:
    """Return an executor, and how many tasks it runs at the same time.

    Parameters
    ----------
    workers : Executor, or tuple of Executor and int

    Raises
    ------
    InvalidArgumentError
        It is no executor, or nobody says how many workers it has.
    """
    executor, count = workers, None
    if isinstance(workers, tuple):
        pair = cast("tuple[Any, ...]", workers)
        if len(pair) != 2 or not is_whole(pair[1]) or pair[1] < 1:
            raise InvalidArgumentError(
                f"workers={workers!r}: expected a pair (executor, number of its workers)"
            )
        executor, count = pair
    if not callable(getattr(executor, "submit", None)):
        raise InvalidArgumentError(
            f"workers={workers!r}: expected a whole number, 1 or above, "
            "a concurrent.futures.Executor or a pair (executor, number of its workers)"
        )
    if count is None:
        count = _count(executor)
    return executor, int(count)


def _count(executor: Any) -> int:
    for ask in COUNTS:
        with suppress(AttributeError, NotImplementedError):
            count = ask(executor)
            if is_whole(count) and count > 0:
                return int(count)
    raise InvalidArgumentError(
        f"workers={executor!r}: it has no workers yet, or does not say how many; expected a pair "
        "(executor, number of its workers)"
    )


class ExecutorPool(ReportingPool[tuple[int, Future[Any]]]):
    """Tasks of a `concurrent.futures.Executor` of any kind.

    Parameters
    ----------
    executor : Executor
        Never shut down.
    fun : callable
        ``fun(x)`` of x (dim,) -> real scalar. Threads of this process call it as it is; all others
        get it pickled.
    workers : int
        How many tasks the executor runs at the same time.
    timeout : float or None
        Seconds from when a task is given to the executor. It fails then. As nothing can stop it,
        its worker counts as busy until it is done with it, and tasks that are submitted meanwhile
        wait here.

    Raises
    ------
    InvalidArgumentError
        `fun` cannot be pickled.
    """

    def __init__(
        self,
        executor: Executor,
        fun: Callable[[NDArray[np.float64]], Any],
        workers: int,
        timeout: float | None,
    ) -> None:
        super().__init__(workers)
        self._executor = executor
        self._timeout = math.inf if timeout is None else timeout
        here = isinstance(executor, ThreadPoolExecutor)
        self._way: _Way = _Here(executor, fun) if here else _Elsewhere(executor, fun, workers)
        self._backlog: deque[tuple[int, NDArray[np.float64]]] = deque()
        self._running: dict[int, Running] = {}
        self._abandoned: dict[Future[Any], NDArray[np.float64]] = {}  # of no use, but not done
        self._given_up = math.inf  # when, if no worker is free by then

    def submit(self, task: int, x: NDArray[np.float64]) -> None:
        """Give a point to the executor; what goes wrong with that is raised by `wait`."""
        self._backlog.append((task, x.copy()))
        self._fill()

    def cancel(self, task: int) -> bool:
        """Forget a task that the executor has not got yet.

        Others go on. They are rarely queued there, as no more are submitted than it has workers.
        """
        for waiting in self._backlog:
            if waiting[0] == task:
                self._backlog.remove(waiting)
                return True
        return False

    def close(self) -> None:
        """Cancel what has not begun, where that can be done."""
        if _cancels(self._executor):
            for running in self._running.values():
                running.future.cancel()
        self._backlog.clear()
        self._running.clear()
        self._abandoned.clear()

    @property
    def _expects(self) -> bool:
        return bool(self._running or self._backlog)

    def _fill(self) -> None:
        """Give the executor as many tasks as it has free workers."""
        while (
            self._backlog
            and self._error is None
            and len(self._running) + len(self._abandoned) < self.workers
        ):
            self._begin(*self._backlog.popleft())

    def _begin(self, task: int, x: NDArray[np.float64]) -> None:
        try:
            future = self._way.begin(x)
        except Exception as error:
            self._error = self._broken(error)
            return
        began = time.time()
        self._running[task] = Running(future, x, began, time.monotonic() + self._timeout)
        self._given_up = math.inf
        future.add_done_callback(lambda future: self._finished.put((task, future)))

    def _read(self, report: tuple[int, Future[Any]]) -> Sequence[tuple[int, Outcome]]:
        task, future = report
        running = self._running.get(task)
        if running is None or running.future is not future:
            self._abandoned.pop(future, None)
            return ()
        del self._running[task]
        try:
            outcome = self._way.read(future.result())
        except (NelderError, KeyboardInterrupt):
            raise
        except BaseException as error:
            if not _is_death(error):
                raise self._broken(error) from error
            message = one_line(f"the worker died ({error})")
            outcome = failed(Failure("died", message), running.began, this_host())
        if outcome is None:
            self._begin(task, running.x)
            return ()
        return ((task, outcome),)

    def _next_look(self) -> float:
        if self._timeout == math.inf:
            return math.inf
        deadlines = (running.deadline for running in self._running.values())
        return min(deadlines, default=self._given_up)

    def _look(self) -> Sequence[tuple[int, Outcome]]:
        """Fill free workers; return the tasks that have run out of time as failed."""
        self._fill()
        if self._timeout == math.inf:
            return ()
        now = time.monotonic()
        late = [task for task, running in self._running.items() if running.deadline <= now]
        if not late:
            if self._backlog and not self._running and now >= self._given_up:
                self._error = ExecutorError(
                    f"{self._shown}: all {self.workers} workers are still busy with tasks that ran "
                    f"out of timeout={self._timeout:g}; {self._reason}"
                )
            return ()
        failure = timed_out(self._timeout)
        return [(task, failed(failure, self._abandon(task).began, this_host())) for task in late]

    def _abandon(self, task: int) -> Running:
        """Have no further use for a task."""
        running = self._running.pop(task)
        self._abandoned[running.future] = running.x
        self._given_up = time.monotonic() + self._patience
        return running

    # What is said, and for how long waited, where all workers hang

    @property
    def _shown(self) -> str:
        return f"workers={self._executor!r}"

    @property
    def _reason(self) -> str:
        return "tasks of an executor cannot be stopped, those of workers=<int> can"

    @property
    def _patience(self) -> float:
        return self._timeout

    def _broken(self, error: BaseException) -> ExecutorError:
        broken = ExecutorError(f"{self._shown}: {shown(error)}")
        broken.__cause__ = error
        return broken


class Running(NamedTuple):
    """A task that the executor has got."""

    future: Future[Any]
    x: NDArray[np.float64]
    began: float
    deadline: float


class _Way(Protocol):
    """How points reach the objective."""

    def begin(self, x: NDArray[np.float64]) -> Future[Any]:
        """Submit a point."""
        ...

    def read(self, result: Any) -> Outcome | None:
        """Return the outcome from what a future brings; None where it has to be submitted again."""
        ...


class _Here:
    """Threads of this process."""

    def __init__(self, executor: Executor, fun: Callable[[NDArray[np.float64]], Any]) -> None:
        self._executor = executor
        self._fun = fun

    def begin(self, x: NDArray[np.float64]) -> Future[Any]:
        return self._executor.submit(attempt, self._fun, x)

    def read(self, result: Any) -> Outcome | None:
        return result


class _Elsewhere:
    """Other processes, of any executor.

    The pickled objective is sent with the first point for each worker and then left out. A worker
    that has not got it says so, and is asked again with it. Each time that happens it is sent with
    more points, up to all of them, as some executors start a new process for every task.
    """

    def __init__(
        self, executor: Executor, fun: Callable[[NDArray[np.float64]], Any], workers: int
    ) -> None:
        self._executor = executor
        self._fun = fun
        self._parcel = pack_objective(fun)
        self._with = workers  # how many points more it is sent with
        self._more = workers
        self._serial = itertools.count()

    def begin(self, x: NDArray[np.float64]) -> Future[Any]:
        parcel = self._parcel
        whole = self._with > 0 or len(parcel.pickled) <= SMALL
        self._with -= 1
        # no two calls are equal, so that no cluster takes the result of one for the other's
        return self._executor.submit(
            evaluate_parcel,
            parcel.digest,
            parcel.pickled if whole else None,
            x.tobytes(),
            next(self._serial),
        )

    def read(self, result: Reply) -> Outcome | None:
        if isinstance(result, Unknown):
            self._with = self._more
            self._more *= 2
            return None
        if isinstance(result, Unusable):
            raise InvalidArgumentError(
                f"fun={self._fun!r}: expected an objective that can be unpickled in the workers of "
                f"{self._executor!r}; there it raised {result.message}\n{result.details}"
            )
        return unpack(result)


def _cancels(executor: Executor) -> bool:
    kinds = (kind for kind in type(executor).__mro__ if kind is not Executor)
    return any(kind.__module__.partition(".")[0] in CANCELLING for kind in kinds)


def _is_death(error: BaseException) -> bool:
    kind = type(error)
    return (kind.__module__.partition(".")[0], kind.__name__) in DEATHS
