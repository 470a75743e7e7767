"""A pool that is the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.evaluate.attempt import attempt
from nelder.evaluate.waiting import WaitingPool
from nelder.evaluation import Outcome

__all__ = ["InlinePool"]


class InlinePool(WaitingPool):
    """One worker: whoever waits.

    Parameters
    ----------
    fun : callable
        ``fun(x)`` of x (dim,) -> real scalar.
    """

    def __init__(self, fun: Callable[[NDArray[np.float64]], Any]) -> None:
        super().__init__(workers=1)
        self._fun = fun

    def wait(self, timeout: float | None) -> list[tuple[int, Outcome]]:
        """Evaluate what was submitted; `timeout` cannot stop an objective in this thread."""
        done = [(task, attempt(self._fun, x, Exception)) for task, x in self._waiting.items()]
        self._waiting.clear()
        return done
