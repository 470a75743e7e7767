"""Waiting for what other threads report, so that Ctrl-C gets through at once."""

from __future__ import annotations

import math
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from nelder.errors import NelderError
from nelder.evaluation import Outcome

__all__ = ["ReportingPool", "take"]

T = TypeVar("T")

# Windows sees Ctrl-C only between two waits; elsewhere a signal ends a wait.
LONGEST = 0.2 if sys.platform == "win32" else threading.TIMEOUT_MAX


def take(queue: SimpleQueue[T], seconds: float) -> list[T]:
    """Wait for one item and return all that are there.

    Parameters
    ----------
    queue : SimpleQueue
    seconds : float
        How long to wait at most; it may be less.
    """
    try:
        items = [queue.get(timeout=max(0.0, min(seconds, LONGEST)))]
    except Empty:
        return []
    while not queue.empty():
        items.append(queue.get_nowait())
    return items


class ReportingPool(ABC, Generic[T]):
    """A pool to which other threads report what is finished; T is a report.

    Parameters
    ----------
    workers : int
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._finished: SimpleQueue[T] = SimpleQueue()
        self._error: BaseException | None = None  # what ends it

    def wait(self, timeout: float | None) -> list[tuple[int, Outcome]]:
        """Return the tasks that are finished, as soon as there is one.

        Raises
        ------
        InvalidArgumentError
            The workers cannot unpickle the objective.
        ExecutorError
            The workers broke, cannot be started, or have no way to evaluate.
        """
        deadline = time.monotonic() + (math.inf if timeout is None else timeout)
        done: list[tuple[int, Outcome]] = []
        while self._expects and not done:
            until = -math.inf if self._error else min(deadline, self._next_look())
            for report in take(self._finished, until - time.monotonic()):
                try:
                    done.extend(self._read(report))
                except (NelderError, KeyboardInterrupt) as error:  # Ctrl-C in a worker
                    self._error = error
            done.extend(self._look())
            if self._error or time.monotonic() >= deadline:
                break
        if self._error and not done:  # what is finished is not lost
            raise self._error
        return done

    @property
    @abstractmethod
    def _expects(self) -> bool:
        """Whether there is a task that will be reported."""

    @abstractmethod
    def _read(self, report: T) -> Sequence[tuple[int, Outcome]]:
        """Return the task that a report is of, or nothing where it is not finished or forgotten."""

    def _next_look(self) -> float:
        """Return when, by ``time.monotonic``, to look even if nothing is reported."""
        return math.inf

    def _look(self) -> Sequence[tuple[int, Outcome]]:
        """Do what is due besides; return tasks that are finished by that."""
        return ()
