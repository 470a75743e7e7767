"""The loop around a search: evaluate, advance, observe, until it ends or a budget does.

This is where the clock, Ctrl-C, failures of the objective and the observers are known. Whatever
stops the search, the best point found is in the result, or in the ``result`` of what is raised.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from nelder.core.leg import Leg
from nelder.core.machine import Stage
from nelder.drive.callback import Callback
from nelder.drive.history import Recorder
from nelder.drive.progress import MakeMonitor, Monitor, Restore
from nelder.errors import EvaluationError, ExecutorError, NelderError, ReturnValueError
from nelder.options import Budget, OnFailure
from nelder.result import History, IntermediateResult, Origin, Result, Status
from nelder.search.search import Search

__all__ = ["Evaluator", "Observers", "Watch", "drive", "ended", "failed", "result_of", "watched"]

CHUNK_SECONDS = 0.02  # between two looks at the clock, where somebody wants them
GROWTH = 64.0  # of the evaluations between them, at most
UNLIMITED = 2**62


class Evaluator(Protocol):
    """What fills a stage with values."""

    @property
    def chunked(self) -> bool:
        """Whether `run` has to be called for short times only, for signals to be seen."""
        ...

    def run(self, stage: Stage, leg: Leg) -> None:
        """Evaluate pending points of `stage` within the limits of `leg`."""
        ...

    def guarded(self, check: Callable[[], None]) -> Evaluator:
        """Return the same with `check` called before every evaluation where that is possible."""
        ...


@dataclass(frozen=True)
class Observers:
    """Who watches a search, and how points look to them.

    Attributes
    ----------
    restore : callable
        Gives a flat point (dim,) the caller's structure.
    names : tuple of str
        Of the parameters, empty where points are flat.
    callback : callable or None
        Called with an `IntermediateResult` after every iteration.
    progress : callable or None
        Makes, of the budget and `restore`, what looks at the search.
    history : bool
        Whether to keep every point and value.
    origin : Origin or None
        What results are to know of where they come from.
    """

    restore: Restore
    names: tuple[str, ...] = ()
    callback: Callback | None = None
    progress: MakeMonitor | None = None
    history: bool = False
    origin: Origin | None = None


class _OutOfTimeError(Exception):
    """The deadline passed before an evaluation."""


@dataclass
class Watch:
    """What watches a search while it is driven.

    Attributes
    ----------
    observers : Observers
    began : float
        When it began, by ``time.perf_counter``.
    recorder : Recorder or None
        Keeps every point and value, where asked to.
    monitor : Monitor or None
        Shows the search, where asked to.
    nahead : int
        Evaluations made that the search has not used.
    """

    observers: Observers
    began: float
    recorder: Recorder | None
    monitor: Monitor | None
    nahead: int = 0

    @classmethod
    def begin(cls, search: Search, budget: Budget, observers: Observers) -> Watch:
        """Return the watch that `observers` want, beginning now."""
        make = observers.progress
        return cls(
            observers,
            time.perf_counter(),
            Recorder(search.stage.dim) if observers.history else None,
            make(budget, observers.restore) if make else None,
        )

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.began

    def result(self, search: Search, status: Status) -> Result:
        """Return the search as it stands."""
        history = self.recorder.until(search.nfev) if self.recorder else None
        return result_of(search, status, self.elapsed, self.observers, history, self.nahead)

    def look(self, search: Search, running: int = 0, status: Status = Status.RUNNING) -> None:
        """Show the search where somebody wants to see it."""
        if self.monitor is not None:
            self.monitor.look(search, self.elapsed, running, self.nahead, status)

    def iterated(self, search: Search) -> bool:
        """Call the callback; return whether it wants the search to end."""
        callback = self.observers.callback
        assert callback is not None
        try:
            callback(_intermediate(search, self.observers, self.elapsed))
        except StopIteration:
            return True
        return False


def result_of(
    search: Search,
    status: Status,
    elapsed: float,
    observers: Observers,
    history: History | None = None,
    nahead: int = 0,
) -> Result:
    """Return the search as it stands as a result."""
    x, fun = search.best
    details: dict[str, Any] = {"message": status.message, **search.details()}
    return Result(
        x=observers.restore(x),
        fun=fun,
        success=status.success,
        status=status,
        nfev=search.nfev,
        nit=search.nit,
        nshrink=search.nshrink,
        nrestart=search.nrestart,
        nfailed=search.nfailed,
        nahead=nahead,
        elapsed=elapsed,
        final_simplex=search.simplex,
        history=history,
        names=observers.names,
        flat=x.copy(),
        origin=observers.origin,
        **details,
    )


def watched(search: Search, watch: Watch, body: Callable[[], Status]) -> Result:
    """Return the result of `search`, which `body` drives to its end.

    Whatever `body` raises gets ``result``, the search so far.
    """
    status = Status.INTERRUPTED
    try:
        status = body()
        watch.look(search, status=status)
        return watch.result(search, status)
    except EvaluationError as error:
        if error.result is not None:  # of another search, within a callback: keep both
            failure = NelderError(f"the callback raised {error!r}")
            failure.result = watch.result(search, status)
            raise failure from error
        status = Status.OBJECTIVE_FAILED
        error.result = watch.result(search, status)
        raise
    except BaseException as error:  # Ctrl-C, or an error in a callback or a rule: lose nothing
        error.result = watch.result(search, status)  # type: ignore[attr-defined]
        raise
    finally:
        watch.look(search, status=status)


def drive(
    search: Search,
    evaluator: Evaluator,
    budget: Budget,
    on_failure: OnFailure,
    observers: Observers,
) -> Result:
    """Run `search` to its end or that of `budget`.

    Raises
    ------
    EvaluationError
        The objective raised and `on_failure` is "raise", or returned no real scalar. The error
        carries ``x`` and ``result``.
    KeyboardInterrupt
        With ``result``, the search so far.
    """
    watch = Watch.begin(search, budget, observers)
    return watched(search, watch, lambda: _loop(search, evaluator, budget, on_failure, watch))


def _loop(
    search: Search, evaluator: Evaluator, budget: Budget, on_failure: OnFailure, watch: Watch
) -> Status:
    clock = time.perf_counter
    observers, recorder = watch.observers, watch.recorder
    deadline = watch.began + budget.maxtime
    if deadline < math.inf:

        def check() -> None:
            if search.nfev and clock() >= deadline:
                raise _OutOfTimeError

        evaluator = evaluator.guarded(check)
    chunked = evaluator.chunked or watch.monitor is not None
    chunk = 1 if chunked else UNLIMITED
    points = values = None
    while True:
        status = ended(search, budget, clock() >= deadline)
        if status is not None:
            return status
        left = min(budget.maxfev - search.nfev, chunk)
        if recorder is not None:
            points, values = recorder.room(search.nfev)
            left = min(left, len(values))
        iterations = min(budget.maxiter - search.nit, search.patience or UNLIMITED)
        if observers.callback is not None:
            iterations = min(iterations, 1)
        if search.pauses and search.patience is None:
            left = min(left, search.stage.waiting)
        if iterations <= 0:  # the first simplex is asked for all the same, and no more
            left, iterations = min(left, search.stage.waiting), 1
        nit, nfev, started = search.nit, search.nfev, clock()
        until = search.stage.nit + int(iterations)
        leg = Leg(int(left), until, budget.target, points, values)
        try:
            evaluator.run(search.stage, leg)
        except _OutOfTimeError:
            return Status.MAXTIME
        except ExecutorError:  # there is no way to evaluate: it says nothing of the point
            raise
        except Exception as error:
            x = observers.restore(search.stage.x)
            if isinstance(error, ReturnValueError) and error.result is None:
                error.x = x  # not from a search within the objective: that one has its result
                raise
            if failed(search, on_failure, x, f"the objective raised {error!r}", error):
                return Status.OBJECTIVE_FAILED
        else:
            search.advance()
        if chunked:
            chunk = _next_chunk(search.nfev - nfev, clock() - started)
        watch.look(search)
        if observers.callback is not None and search.nit > nit and watch.iterated(search):
            return Status.CALLBACK


def failed(
    search: Search, on_failure: OnFailure, x: object, what: str, cause: Exception | None
) -> bool:
    """Rank the pending point, at which the objective failed, worst; return whether that is the end.

    Raises
    ------
    EvaluationError
        `on_failure` is "raise".
    """
    search.stage.tell(math.nan)
    search.advance()
    if on_failure == "raise":
        failure = EvaluationError(f"{what} at x={x!r}")
        failure.x = x
        raise failure from cause
    return on_failure == "stop"


def _next_chunk(evaluations: int, seconds: float) -> int:
    """Return how many evaluations fill `CHUNK_SECONDS`, judging by the last; not far more."""
    done = max(evaluations, 1)
    return max(1, int(done * min(GROWTH, CHUNK_SECONDS / max(seconds, 1e-9))))


def ended(search: Search, budget: Budget, late: bool) -> Status | None:
    """Return why the search is over, or None while it is not."""
    best = search.best[1]
    if best == -math.inf:
        return Status.UNBOUNDED
    if best <= budget.target and search.nfev:
        return Status.TARGET
    if search.done:
        return search.status
    if search.nfev >= budget.maxfev:
        return Status.MAXFEV
    if search.nit >= budget.maxiter and search.begun:
        return Status.MAXITER
    if late and search.nfev:
        return Status.MAXTIME
    return None


def _intermediate(search: Search, observers: Observers, elapsed: float) -> IntermediateResult:
    x, fun = search.best
    vertices, values = search.simplex
    return IntermediateResult(
        x=observers.restore(x),
        fun=fun,
        nit=search.nit,
        nfev=search.nfev,
        simplex=vertices,
        values=values,
        elapsed=elapsed,
    )
