"""Ask and tell on a search, with values in any order.

Values wait until those before them are there; the search takes them in its own order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.real import as_real
from nelder.errors import InvalidArgumentError
from nelder.options import is_whole
from nelder.search.search import Search

__all__ = ["AskTell"]

Array = NDArray[np.float64]


class AskTell:
    """What is asked of a search and not yet told.

    Parameters
    ----------
    search : Search
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._advances = search.pauses
        self._single: Array | None = None  # the one point out, where it is only one
        self._points = np.empty((0, search.stage.dim))
        self._values: dict[int, float] = {}  # told ahead of their turn, by row of _points
        self._taken = 0
        self._refill()

    def ask(self, max_points: int | None = None) -> Array:
        """Return what is needed now and not told, (m, dim), at most `max_points` rows."""
        if max_points is None and self._single is not None:
            return self._single
        if max_points is not None and not (is_whole(max_points) and max_points > 0):
            raise InvalidArgumentError(
                f"max_points={max_points!r}: expected a whole number above 0, or None"
            )
        if self._single is not None:
            return self._single
        rows = [i for i in range(self._taken, len(self._points)) if i not in self._values]
        asked = self._points[rows[:max_points]]
        asked.flags.writeable = False
        return asked

    def tell(self, points: Any, values: Any) -> None:
        """Take `values` (m,) at `points` (m, dim)."""
        if points is self._single and self._single is not None:
            if type(values) is not float:
                values = self._read_values(values, 1)[0]
            self._search.stage.tell(values)
            self._moved()
            return
        given = np.asarray(points, dtype=np.float64)
        if given.ndim == 1:
            given = given.reshape(1, -1)
        if given.ndim != 2 or given.shape[1] != self._points.shape[1]:
            raise InvalidArgumentError(
                f"X has shape {np.shape(points)}: expected (m, {self._points.shape[1]})"
            )
        told = self._read_values(values, len(given))
        self._values.update(zip(self._match(given), told, strict=True))
        while self._taken in self._values:
            self._search.stage.tell(self._values.pop(self._taken))
            self._taken += 1
            if self._taken == len(self._points) or self._search.stage.done:
                self._moved()
                return

    def _moved(self) -> None:
        stage = self._search.stage
        if stage.done or self._advances:
            self._search.advance()
        self._refill()

    def _refill(self) -> None:
        search = self._search
        if search.done:
            self._points = self._points[:0]
        else:
            self._points = search.stage.needed()
        self._values.clear()
        self._taken = 0
        self._single = None
        if len(self._points) == 1:
            self._points.flags.writeable = False
            self._single = self._points

    def _match(self, given: Array) -> list[int]:
        """Return the row of each given point among those waited for."""
        waiting: dict[bytes, list[int]] = {}
        for i in range(len(self._points) - 1, self._taken - 1, -1):
            if i not in self._values:
                waiting.setdefault(self._points[i].tobytes(), []).append(i)
        rows: list[int] = []
        for i, point in enumerate(given):
            same = waiting.get(point.tobytes())
            if not same:
                raise InvalidArgumentError(
                    f"X[{i}]={point!r}: expected one of the {len(self._points)} points asked for "
                    "and not yet told, unchanged"
                )
            rows.append(same.pop())
        return rows

    def _read_values(self, values: Any, m: int) -> list[float]:
        if np.ndim(values) == 0:
            values = [values]
        if len(values) != m:
            raise InvalidArgumentError(
                f"values has {len(values)} entries: expected {m}, one for each row of X"
            )
        return [as_real(value) for value in values]
