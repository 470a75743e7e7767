"""A pool whose workers are the rows of one call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import ReturnValueError
from nelder.evaluate.attempt import NO_FAILURES, failed, failure_of, one_line, this_worker
from nelder.evaluate.waiting import WaitingPool
from nelder.evaluation import Failure, Outcome

__all__ = ["BatchPool"]


class BatchPool(WaitingPool):
    """All tasks go into one call of a vectorised objective, in the calling thread.

    A call that raises is made again with each half of its points, so that in the end only those
    fail which do so alone: whether a point has a value must not depend on what it was sent with.

    Parameters
    ----------
    fun : callable
        ``fun(X)`` of X (m, dim) -> array_like of m real numbers (m,). It may keep or change X.
    workers : int
        Points per call at most.
    """

    def __init__(self, fun: Callable[[NDArray[np.float64]], Any], workers: int) -> None:
        super().__init__(workers)
        self._fun = fun

    def wait(self, timeout: float | None) -> list[tuple[int, Outcome]]:
        """Evaluate what was submitted; `timeout` cannot stop an objective in this thread."""
        if not self._waiting:
            return []
        outcomes = self._attempt(list(self._waiting.values()))
        done = list(zip(self._waiting, outcomes, strict=True))
        self._waiting.clear()
        return done

    def _attempt(self, points: Sequence[NDArray[np.float64]]) -> list[Outcome]:
        """Return what becomes of each point."""
        m = len(points)
        together = _call(self._fun, points)
        failure = together[0].failure
        if failure is None or m == 1:
            return together
        apart = _in_halves(self._fun, points)
        if failure.kind == "return value":
            bad = sum(outcome.failure is not None for outcome in apart)
            if bad in (0, m):  # no point's fault: it is no vectorised objective
                return together
        return apart


def _in_halves(
    fun: Callable[[NDArray[np.float64]], Any], points: Sequence[NDArray[np.float64]]
) -> list[Outcome]:
    """Return what becomes of points in two calls, or more where one of these fails."""
    outcomes: list[Outcome] = []
    middle = len(points) // 2
    for half in (points[:middle], points[middle:]):
        some = _call(fun, half)
        if len(half) > 1 and some[0].failure is not None:
            some = _in_halves(fun, half)
        outcomes += some
    return outcomes


def _call(
    fun: Callable[[NDArray[np.float64]], Any], points: Sequence[NDArray[np.float64]]
) -> list[Outcome]:
    """Return what becomes of points in one call; where it fails, all of them do."""
    m = len(points)
    began = time.time()
    clock = time.perf_counter()
    try:
        returned = fun(np.array(points))
    except NO_FAILURES:
        raise
    except Exception as error:  # what is none leaves the caller's thread, as it does everywhere
        return [failed(failure_of(error), began, this_worker())] * m
    try:
        values = _as_reals(returned, m)
    except ReturnValueError as error:
        failure = Failure("return value", one_line(str(error)), error=error)
        return [failed(failure, began, this_worker())] * m
    seconds, worker = time.perf_counter() - clock, this_worker()
    return [Outcome(value, None, began, seconds, worker) for value in values]


def _as_reals(returned: Any, m: int) -> list[float]:
    """Return what a vectorised objective returned for `m` points as floats."""
    try:
        array = np.asarray(returned)
    except Exception as error:  # ragged lists, tensors of another device
        raise _not_reals(f"a {type(returned).__name__}", m) from error
    if array.shape != (m,):
        what = "None" if returned is None else f"an array of shape {array.shape}"
        raise _not_reals(what, m)
    if array.dtype.kind not in "biuf":
        raise _not_reals(f"an array of dtype {array.dtype}", m)
    return array.astype(np.float64).tolist()


def _not_reals(what: str, m: int) -> ReturnValueError:
    return ReturnValueError(
        f"the objective returned {what}: expected real numbers of shape ({m},) for X of {m} points"
    )
