"""A pool whose workers are the rows of one call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import ReturnValueError
from nelder.evaluate.attempt import failed, failure_of, one_line, this_worker
from nelder.evaluation import Failure, Outcome

__all__ = ["BatchPool"]


class BatchPool:
    """All tasks go into one call of a vectorised objective, in the calling thread.

    Parameters
    ----------
    fun : callable
        ``fun(X)`` of X (m, dim) -> array_like of m real numbers (m,). It may keep or change X.
    workers : int
        Points per call at most.
    """

    def __init__(self, fun: Callable[[NDArray[np.float64]], Any], workers: int) -> None:
        self.workers = workers
        self._fun = fun
        self._waiting: dict[int, NDArray[np.float64]] = {}

    def submit(self, task: int, x: NDArray[np.float64]) -> None:
        """Take a task; `wait` does it."""
        self._waiting[task] = x.copy()

    def wait(self, timeout: float | None) -> list[tuple[int, Outcome]]:
        """Evaluate what was submitted; `timeout` cannot stop an objective in this thread."""
        if not self._waiting:
            return []
        tasks = list(self._waiting)
        outcomes = _attempt_all(self._fun, np.array(list(self._waiting.values())))
        self._waiting.clear()
        return list(zip(tasks, outcomes, strict=True))

    def cancel(self, task: int) -> bool:
        """Forget a task."""
        return self._waiting.pop(task, None) is not None

    def close(self) -> None:
        """Forget all tasks."""
        self._waiting.clear()


def _attempt_all(
    fun: Callable[[NDArray[np.float64]], Any], points: NDArray[np.float64]
) -> list[Outcome]:
    """Return what became of each row; where the call fails, all of them do."""
    m = len(points)
    began = time.time()
    clock = time.perf_counter()
    try:
        returned = fun(points)
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
