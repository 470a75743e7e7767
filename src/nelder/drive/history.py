"""A growing record of what was evaluated."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nelder.result import History

__all__ = ["Recorder"]


class Recorder:
    """Rows of points (dim,) and their values, in the order of evaluation."""

    def __init__(self, dim: int) -> None:
        self._points = np.empty((64, dim))
        self._values = np.full(64, math.nan)

    def room(self, used: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rows behind the first `used`, at least as many again."""
        if 2 * used > len(self._values):
            grown = np.full(4 * used, math.nan)
            grown[:used] = self._values[:used]
            rows = np.empty((4 * used, self._points.shape[1]))
            rows[:used] = self._points[:used]
            self._values, self._points = grown, rows
        return self._points[used:], self._values[used:]

    def until(self, used: int) -> History:
        """Return the first `used` rows."""
        return History(self._points[:used].copy(), self._values[:used].copy())
