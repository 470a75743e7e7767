"""Many searches, one pool of workers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.leg import Leg
from nelder.core.machine import Stage
from nelder.drive.loop import Evaluator, Observers, Watch, drive
from nelder.drive.overview import Overview, Tally
from nelder.drive.progress import SECONDS, Monitor, MultistartLine, Restore, read_show
from nelder.drive.schedule import Log, NoLog, Run, schedule
from nelder.evaluate.native import NativeObjective
from nelder.evaluate.objective import read_objective
from nelder.evaluate.python import PythonObjective
from nelder.evaluation import Pool
from nelder.means import Means
from nelder.minima import (
    APART,
    Minimum,
    MultistartProgress,
    MultistartResult,
    distinct_minima,
)
from nelder.options import Budget, OnFailure
from nelder.result import Result, Status
from nelder.search.lanes import Lanes, Settled
from nelder.search.method import Method, check_method
from nelder.search.nelder_mead import NelderMead
from nelder.starts import Sampler, read_starts

if TYPE_CHECKING:
    import os
    from concurrent.futures import Executor

    from nelder.core.bounds import Box
    from nelder.parameters import Parameters
    from nelder.search.search import Search

__all__ = ["multistart"]

Array = NDArray[np.float64]

_DEFAULT = NelderMead()

QUICK = 2e-3  # seconds: a search below this is not worth a call of its own
LANES = 256  # searches that are run at once


def multistart(
    fun: Callable[..., Any] | Any,
    x0s: Any = None,
    args: Any = (),
    *,
    bounds: Any = None,
    starts: int | None = None,
    sampler: Sampler = "sobol",
    seed: int = 0,
    method: Method = _DEFAULT,
    maxfev: int | None = None,
    maxiter: int | None = None,
    maxtime: float | None = None,
    target: float | None = None,
    progress: bool | Callable[[MultistartProgress], object] = False,
    on_failure: OnFailure = "raise",
    retries: int = 0,
    timeout: float | None = None,
    workers: int | Executor | tuple[Executor, int] | None = None,
    vectorized: bool = False,
    journal: str | os.PathLike[str] | tuple[str | os.PathLike[str], str] | None = None,
) -> MultistartResult:
    """Minimise from many starts, and tell the best and all distinct minima.

    Parameters
    ----------
    fun : callable, Numba ``cfunc``, ``scipy.LowLevelCallable`` or NativeObjective
        As `minimize` takes it.
    x0s : array_like of shape (searches, n), or a sequence of starts, optional
        Where the searches begin; each start as `minimize` takes it. By default they are sampled.
    args : tuple, default ()
        Further arguments of `fun`.
    bounds : optional
        As `minimize` takes them. Finite where starts are sampled in them.
    starts : int, default 10·n
        How many starts are sampled where `x0s` is not given.
    sampler : {"sobol", "latin_hypercube"}, default "sobol"
        How they are spread over the bounds (needs ``nelder[scipy]``).
    seed : int, default 0
        Of the sampler: the same seed gives the same starts.
    method : NelderMead, default NelderMead()
    maxfev, maxiter : int, optional
        Evaluations, by default 1000·(n + 1), and iterations of each search.
    maxtime : float, optional
        Seconds for all searches together; no evaluation begins later.
    target : float, optional
        Once a search has found a value at or below it, all end, as they do at -inf.
    progress : bool or callable, default False
        Whether to show a progress line for all searches (needs ``nelder[progress]``), or what to
        call about ten times a second, and at the end, with a `MultistartProgress`.
    on_failure, retries, timeout, workers, vectorized, journal
        As `minimize` takes them. The workers are shared by all searches: they evaluate what is
        needed by those under way, begin others, and only then look ahead. Native objectives run in
        threads, ``workers`` of them (1 by default), a search at a time.

    Returns
    -------
    MultistartResult
        ``x``, ``fun``, ``best``, ``minima`` with the number of searches that found each, and
        arrays by search. Each search is the one that `minimize` makes from its start, whatever the
        number of workers; with `maxtime` or `target` that number may show in which ones were begun.

    Raises
    ------
    InvalidArgumentError, EvaluationError, ReturnValueError, ExecutorError, JournalError
        As `minimize` does; ``error.result`` holds what all searches have found so far.
    KeyboardInterrupt
        Ctrl-C, with ``result``.

    Examples
    --------
    The best of three:

    >>> import nelder
    >>> def bumpy(x):
    ...     return (x[0] ** 2 - 1) ** 2 + 0.1 * x[0] + (x[1] - 2) ** 2
    >>> result = nelder.multistart(bumpy, [[2.0, 0.0], [0.5, 1.0], [-3.0, 4.0]])
    >>> result.x.round(3)
    array([-1.012,  2.   ])
    >>> [(round(minimum.fun, 3), minimum.count) for minimum in result.minima]
    [(-0.101, 2), (0.099, 1)]
    """
    method = check_method(method)
    parameters, begins = read_starts(x0s, bounds, starts, sampler, seed)
    objective = read_objective(fun, args, parameters.restore if parameters.structured else None)
    box = parameters.box(method.clips)
    n = begins.shape[1] if box is None else box.n
    budget = Budget(maxfev, maxiter, maxtime, target, n)
    means = Means.read(workers, vectorized, timeout, retries, on_failure, journal)
    show = read_show(progress, MultistartLine)
    found = _Found(parameters, begins, show and show(budget))
    try:
        if means.here or (means.in_threads and isinstance(objective, NativeObjective)):
            _whole(method.for_workers(1), box, objective, budget, means, found)
        else:
            with means.pool(objective) as pool:
                method = means.method_for(method, pool.workers)
                problem = {
                    "objective": fun,
                    "args": args,
                    "starts": begins,
                    "lower": parameters.lower,
                    "upper": parameters.upper,
                    "names": parameters.names,
                    "method": method,
                }
                with means.log(problem) as log:
                    searches = (method.start(x0, box, budget.maxfev) for x0 in begins)
                    _interleaved(searches, pool, budget, means, log, found)
        found.end()
        return found.result()
    except BaseException as error:
        error.result = found.result() if found.fun < math.inf else None  # type: ignore[attr-defined]
        raise
    finally:
        found.end()


def _whole(
    method: Method,
    box: Box | None,
    objective: PythonObjective | NativeObjective,
    budget: Budget,
    means: Means,
    found: _Found,
) -> None:
    """Run one search after the other, on as many threads as there are workers.

    Where a search takes no time to speak of, and the objective is native, many are run at once.
    """
    over = Event()
    stoppable = _UntilOver(objective, over)
    deadline = found.began + budget.maxtime
    turn = found.turn

    def search(index: int, evaluator: Evaluator = stoppable, until: float = deadline) -> None:
        left = until - time.perf_counter()
        if left <= 0.0 and index > 0:
            over.set()
            return
        result = None
        try:
            result = drive(
                method.start(found.starts[index], box, budget.maxfev),
                evaluator,
                budget.within(left),
                means.policy.on_failure,
                found.observers(index),
            )
        except BaseException as error:
            result = getattr(error, "result", None)
            if not isinstance(error, _OverError):
                raise
        finally:
            with turn:
                found.take(index, result)
            if found.fun <= budget.target:
                over.set()

    def work(chunks: Iterator[NDArray[np.intp]], lanes: Lanes | None) -> None:
        while not over.is_set():
            with turn:
                chunk = next(chunks, None)
            if chunk is None or time.perf_counter() >= deadline:
                return
            if lanes and isinstance(objective, NativeObjective):
                settled = lanes.run(
                    found.starts[chunk],
                    objective.address,
                    objective.data,
                    budget.maxfev,
                    budget.target,
                )
                # The best needs a result before its value is taken in: Ctrl-C may come any time.
                first = found.best_of(chunk, settled)
                if first is not None:
                    search(first, objective, math.inf)
                with turn:
                    chunk = found.settle(chunk, settled)
                found.look(0)
            for index in chunk.tolist():
                search(index)
                if over.is_set():
                    return

    search(0)
    count = len(found.starts)
    if over.is_set() or count == 1:
        return
    native = isinstance(objective, NativeObjective)
    quick = time.perf_counter() - found.began < QUICK and budget.maxiter == math.inf
    many = method if native and quick and Lanes.fits(method, box) else None
    size = LANES if many else 1
    chunks = iter(np.split(np.arange(1, count), range(size, count - 1, size)))
    threads = 1 if means.workers is None else means.workers
    each = [Lanes(many, found.starts.shape[1], box) if many else None for _ in range(threads)]
    if threads == 1:
        work(chunks, each[0])
        return
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait  # slow to import

    with ThreadPoolExecutor(threads) as executor:
        try:
            left = {executor.submit(work, chunks, lanes) for lanes in each}
            while left:
                done, left = wait(left, found.pause, FIRST_COMPLETED)
                for future in done:
                    future.result()
                found.look(len(left))
        except BaseException:
            over.set()  # the others need not go on
            raise


def _interleaved(
    searches: Iterator[Search],
    pool: Pool,
    budget: Budget,
    means: Means,
    log: Log | None,
    found: _Found,
) -> None:
    """Run all searches on one pool, interleaved by what their points need."""
    deadline = found.began + budget.maxtime
    under_way: dict[int, Run] = {}

    def runs() -> Iterator[Run]:
        for index, search in enumerate(searches):
            run = Run(index, search, budget, Watch.begin(search, budget, found.observers(index)))
            under_way[index] = run
            yield run

    scheduled = schedule(pool, runs(), means.policy, log or NoLog(), deadline)
    try:
        with closing(scheduled):  # which records what is finished by then
            for run in scheduled:
                del under_way[run.index]
                found.take(run.index, run.watch.result(run.search, run.status))
                if found.fun <= budget.target:
                    break
    finally:
        for run in under_way.values():  # one of them may have failed
            status = Status.INTERRUPTED if run.status is Status.RUNNING else run.status
            found.take(run.index, run.watch.result(run.search, status))


class _OverError(BaseException):
    """Another search has ended all of them; no failure of the objective."""


@dataclass(frozen=True)
class _UntilOver:
    """An evaluator that can be stopped from another thread."""

    evaluator: Evaluator
    over: Event

    @property
    def chunked(self) -> bool:
        return self.evaluator.chunked

    def run(self, stage: Stage, leg: Leg) -> None:
        if self.over.is_set():
            raise _OverError
        self.evaluator.run(stage, leg)

    def guarded(self, check: Callable[[], None]) -> _UntilOver:
        return _UntilOver(self.evaluator.guarded(check), self.over)


class _Found:
    """What the searches have found so far, and who watches them."""

    def __init__(
        self,
        parameters: Parameters,
        begins: Array,
        show: Callable[[MultistartProgress], object] | None,
    ) -> None:
        self.began = time.perf_counter()
        self.starts = begins
        self.turn = Lock()  # of threads that take in what they have found
        count = len(begins)
        self._parameters = parameters
        self._best: Result | None = None
        self._at = 0  # which search that is
        self._points = begins.copy()
        self._values = np.full(count, math.nan)
        self._statuses = np.full(count, int(Status.RUNNING))
        self._nfevs = np.zeros(count, dtype=np.intp)
        self._nahead = 0
        self._observers = Observers(parameters.restore, parameters.names)
        self._overview = show and Overview(show, parameters.restore, self._tally, self.turn)

    @property
    def fun(self) -> float:
        """The lowest value of which there is a result."""
        return math.inf if self._best is None else self._best.fun

    def take(self, index: int, result: Result | None) -> None:
        """Take in what a search has found, also where it was cut short."""
        if self._overview:
            self._overview.drop(index)
        if result is None or not result.nfev:
            return
        self._points[index] = result.flat
        self._values[index] = result.fun
        self._statuses[index] = result.status
        self._nfevs[index] = result.nfev
        self._nahead += result.nahead
        # Of equal values the first search's, whichever was there first.
        if self._best is None or (result.fun, index) < (self._best.fun, self._at):
            self._best, self._at = result, index

    def best_of(self, indices: NDArray[np.intp], settled: Settled) -> int | None:
        """Return which of many searches is the best of all so far, or None."""
        values = np.where(settled.statuses == Status.RUNNING, math.inf, settled.values)
        row = int(values.argmin())
        return int(indices[row]) if self._better(values, indices)[row] else None

    def settle(self, indices: NDArray[np.intp], settled: Settled) -> NDArray[np.intp]:
        """Take in what many searches have found; return those that are not settled.

        Nor are those that would be the best: that one has a `Result`.
        """
        done = settled.statuses != Status.RUNNING
        done &= ~self._better(settled.values, indices)
        which = indices[done]
        self._points[which] = settled.points[done]
        self._values[which] = settled.values[done]
        self._statuses[which] = settled.statuses[done]
        self._nfevs[which] = settled.nfevs[done]
        return indices[~done]

    def _better(self, values: Array, indices: NDArray[np.intp]) -> NDArray[np.bool_]:
        return (values < self.fun) | ((values == self.fun) & (indices < self._at))

    # Who watches

    def observers(self, index: int) -> Observers:
        """Return what watches a search that begins."""
        overview = self._overview
        if overview is None:
            return self._observers

        def part(budget: Budget, restore: Restore) -> Monitor:
            return overview.part(index)

        return replace(self._observers, progress=part)

    @property
    def pause(self) -> float | None:
        """Seconds between two looks."""
        return None if self._overview is None else SECONDS

    def look(self, running: int) -> None:
        """Show how it stands to whoever wants to see it."""
        if self._overview:
            self._overview.look(running)

    def end(self) -> None:
        """Show how it ended; may be called twice."""
        if self._overview:
            self._overview.end()

    def _tally(self) -> Tally:
        best = self._best
        ended = np.isin(self._statuses, (Status.RUNNING, Status.INTERRUPTED), invert=True)
        return Tally(
            self.starts[0] if best is None else best.flat,
            self.fun,
            len(self.starts),
            int(ended.sum()),
            int(self._nfevs.sum()),
            self._nahead,
        )

    def result(self) -> MultistartResult:
        """Return all of it; some search has to have found something."""
        best = self._best
        assert best is not None
        parameters = self._parameters
        groups = distinct_minima(
            self._points,
            self._values,
            self._statuses == Status.CONVERGED,
            APART * _scale(parameters, best.flat),
        )
        return MultistartResult(
            x=best.x,
            fun=best.fun,
            success=best.success,
            message=best.message,
            best=best,
            minima=tuple(
                Minimum(
                    parameters.restore(self._points[group[0]].copy()),
                    float(self._values[group[0]]),
                    len(group),
                    group,
                )
                for group in groups
            ),
            starts=self.starts,
            points=self._points,
            values=self._values,
            statuses=self._statuses,
            nfevs=self._nfevs,
            nfev=int(self._nfevs.sum()),
            nahead=self._nahead,
            elapsed=time.perf_counter() - self.began,
            names=parameters.names,
        )


def _scale(parameters: Parameters, x: Array) -> Array:
    """Return the size of each coordinate: its range, or abs(x) and at least 1 without bounds."""
    with np.errstate(over="ignore"):
        width = parameters.upper - parameters.lower
    return np.where(np.isfinite(width), width, np.maximum(1.0, np.abs(x)))
