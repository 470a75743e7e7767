"""What pools have in common whose worker is whoever waits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["WaitingPool"]


class WaitingPool:
    """Tasks that are kept until `wait`, of a subclass, does them in the calling thread.

    Parameters
    ----------
    workers : int
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._waiting: dict[int, NDArray[np.float64]] = {}

    def submit(self, task: int, x: NDArray[np.float64]) -> None:
        """Take a task; `wait` does it."""
        self._waiting[task] = x.copy()

    def cancel(self, task: int) -> bool:
        """Forget a task."""
        return self._waiting.pop(task, None) is not None

    def close(self) -> None:
        """Forget all tasks."""
        self._waiting.clear()
