"""Waiting for what other threads report, so that Ctrl-C gets through at once."""

from __future__ import annotations

import sys
import threading
from queue import Empty, SimpleQueue
from typing import TypeVar

__all__ = ["take"]

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
