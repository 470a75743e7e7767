"""A pool of threads of our own, for objectives that work without the GIL."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.evaluate.executors import ExecutorPool, Running
from nelder.evaluation import Outcome

__all__ = ["ThreadPool"]

AGAIN = 0.2  # seconds until a call that does not end is asked to again
ENDING = 10.0  # seconds for its end, at least, before that is an error


class ThreadPool(ExecutorPool):
    """Threads that are started when they are needed.

    Nothing can end a thread, but the objective may end what it waits for.

    Parameters
    ----------
    fun : callable
        ``fun(x)`` of x (dim,) -> real scalar. Its ``stop()``, where it has one, ends all calls, and
        ``stop(x)`` has those at x end, without waiting for that.
    workers : int
    timeout : float or None
        Seconds for one task, which is stopped then.
    """

    def __init__(
        self, fun: Callable[[NDArray[np.float64]], Any], workers: int, timeout: float | None
    ) -> None:
        super().__init__(ThreadPoolExecutor(workers, "nelder"), fun, workers, timeout)
        self._fun = fun
        self._stop: Callable[..., None] | None = getattr(fun, "stop", None)

    def cancel(self, task: int) -> bool:
        """Forget a task, and stop it where the objective can.

        Its thread counts as busy until it is done with it.
        """
        if super().cancel(task):
            return True
        running = self._running.get(task)
        if self._stop is None or running is None or running.future.done():
            return False
        self._abandon(task)
        return True

    def close(self) -> None:
        """Stop what runs."""
        super().close()
        if self._stop is not None:
            self._stop()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _abandon(self, task: int) -> Running:
        running = super()._abandon(task)
        self._stop_abandoned()
        return running

    def _stop_abandoned(self) -> None:
        """Have calls end whose values nobody waits for.

        One that has only just begun may not be known to the objective yet, so it is asked again.
        """
        if self._stop is None or not self._abandoned:
            return
        used = {tuple(running.x) for running in self._running.values()}
        for x in self._abandoned.values():
            if tuple(x) not in used:  # another search is at the same point
                self._stop(x.copy())

    def _next_look(self) -> float:
        due = super()._next_look()
        return min(due, time.monotonic() + AGAIN) if self._abandoned else due

    def _look(self) -> Sequence[tuple[int, Outcome]]:
        self._stop_abandoned()
        return super()._look()

    @property
    def _shown(self) -> str:
        return f"workers={self.workers}"

    @property
    def _reason(self) -> str:
        return f"fun={self._fun!r} does not stop"

    @property
    def _patience(self) -> float:
        return max(self._timeout, ENDING)
