"""A pool that is the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.evaluate.attempt import attempt
from nelder.evaluation import Outcome

__all__ = ["InlinePool"]


class InlinePool:
    """One worker: whoever waits.

    Parameters
    ----------
    fun : callable
        ``fun(x)`` of x (dim,) -> real scalar.
    """

    workers = 1

    def __init__(self, fun: Callable[[NDArray[np.float64]], Any]) -> None:
        self._fun = fun
        self._waiting: dict[int, NDArray[np.float64]] = {}

    def submit(self, task: int, x: NDArray[np.float64]) -> None:
        """Take a task; `wait` does it."""
        self._waiting[task] = x.copy()

    def wait(self, timeout: float | None) -> list[tuple[int, Outcome]]:
        """Evaluate what was submitted; `timeout` cannot stop an objective in this thread."""
        done = [(task, attempt(self._fun, x, Exception)) for task, x in self._waiting.items()]
        self._waiting.clear()
        return done

    def cancel(self, task: int) -> bool:
        """Forget a task."""
        return self._waiting.pop(task, None) is not None

    def close(self) -> None:
        """Forget all tasks."""
        self._waiting.clear()
