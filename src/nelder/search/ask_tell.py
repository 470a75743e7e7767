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
from nelder.search.ahead import plan
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
        # Where several points are out: all of them, how many are taken, and by row the values
        # told ahead of their turn.
        self._points: Array | None = None
        self._taken = 0
        self._values: dict[int, float] = {}
        # Points given out ahead of need, and the values of those that have been told.
        self._ahead: set[bytes] = set()
        self._known: dict[bytes, float] = {}

    def ask(self, max_points: int | None = None, ahead: bool = False) -> Array:
        """Return the points whose values are needed now, in the order of need.

        Asking again without telling gives the same points.

        Parameters
        ----------
        max_points : int, optional
            At most so many; by default all that can be evaluated at the same time: n + 1 at first,
            n at a shrink, else one (k with `KWorst`).
        ahead : bool, default False
            Whether to go on, up to `max_points`, with points that may be needed next, the most
            probable first. Their values may be told at any time, or never; they do not change what
            the search does.

        Returns
        -------
        ndarray of shape (m, n)
            No rows once the search is done. Where ``x0`` was structured the rows are flat.

        Raises
        ------
        InvalidArgumentError
            `max_points` is not a whole number above 0, or is needed and not given.
        """
        if ahead:
            return self._ask_ahead(max_points)
        if max_points is not None:
            _check_max_points(max_points, ", or None")
        stage = self._search.stage
        if stage.waiting == 1:
            return stage.pending()
        points = self._out()
        rows = [i for i in range(self._taken, len(points)) if i not in self._values]
        return points[rows[:max_points]]

    def tell(self, X: Any, values: Any) -> None:  # noqa: N803
        """Take the values of points that were asked for.

        Parameters
        ----------
        X : array_like of shape (m, n)
            Any of the points asked for, unchanged, in any order.
        values : array_like of shape (m,), or a number where m = 1
            NaN and +inf rank worst.

        Raises
        ------
        InvalidArgumentError
            The shapes do not fit, or a point was not asked for; then nothing is taken.
        ReturnValueError
            A value is not a real scalar; then nothing is taken.
        """
        stage = self._search.stage
        value: Any = values[0] if type(values) is list and len(values) == 1 else values  # type: ignore[arg-type]
        if isinstance(value, float) and stage.waiting == 1 and stage.tell_row(X, value):
            self._points = None
            if stage.done or self._search.pauses:
                self._search.advance()
            if self._known:
                self._catch_up()
            return
        out = self._out()
        try:
            given = np.asarray(X, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(
                f"X={X!r}: expected an array of shape (m, {out.shape[1]})"
            ) from error
        if given.ndim == 1:
            given = given.reshape(1, -1)
        if given.ndim != 2 or given.shape[1] != out.shape[1]:
            raise InvalidArgumentError(f"X has shape {np.shape(X)}: expected (m, {out.shape[1]})")
        told = self._read_values(values, len(given))
        for row, point, value in zip(self._match(given, out), given, told, strict=True):
            if row is None:
                self._known[point.tobytes()] = value
            else:
                self._values[row] = value
        while self._taken in self._values:
            stage.tell(self._values.pop(self._taken))
            self._taken += 1
            if stage.done or self._taken == len(out):
                self._points = None  # what was told beyond the end is not needed
                if stage.done or self._search.pauses:
                    self._search.advance()
                self._catch_up()
                return

    def _ask_ahead(self, max_points: int | None) -> Array:
        _check_max_points(max_points, " with ahead=True")
        known = dict(self._known)
        out = self._out()
        known.update((out[row].tobytes(), value) for row, value in self._values.items())
        planned = plan(self._search, known, max_points or 1)
        self._ahead |= planned.keys() - {point.tobytes() for point in out}
        points = [point.x for point in planned.values()]
        return np.array(points).reshape(-1, out.shape[1])

    def _catch_up(self) -> None:
        """Tell the search what it needs now and has been told ahead."""
        while self._known and not self._search.done:
            stage = self._search.stage
            value = self._known.pop(stage.x.tobytes(), None)
            if value is None:
                return
            stage.tell(value)
            if stage.done or self._search.pauses:
                self._search.advance()

    def _out(self) -> Array:
        """Return the points that are out."""
        if self._points is None:
            self._points = self._search.stage.needed()
            self._taken = 0
            self._values.clear()
            if self._known:
                for row, point in enumerate(self._points):
                    value = self._known.pop(point.tobytes(), None)
                    if value is not None:
                        self._values[row] = value
        return self._points

    def _match(self, given: Array, out: Array) -> list[int | None]:
        """Return the row of each given point among those waited for; None where it was ahead."""
        rest = out[self._taken :]
        if not self._values and len(given) == len(rest) and given.tobytes() == rest.tobytes():
            return list(range(self._taken, len(out)))
        waiting: dict[bytes, list[int]] = {}
        for i in range(len(out) - 1, self._taken - 1, -1):
            if i not in self._values:
                waiting.setdefault(out[i].tobytes(), []).append(i)
        rows: list[int | None] = []
        for i, point in enumerate(given):
            same = waiting.get(point.tobytes())
            if not same and point.tobytes() in self._ahead:
                rows.append(None)
                continue
            if not same:
                raise InvalidArgumentError(
                    f"X[{i}]={point!r}: expected one of the {len(out)} points asked for "
                    "and not yet told, unchanged"
                )
            rows.append(same.pop())
        return rows

    def _read_values(self, values: Any, m: int) -> list[float]:
        try:
            count = len(values)
        except TypeError:  # one value
            values, count = [values], 1
        if count != m:
            raise InvalidArgumentError(
                f"values has {count} entries: expected {m}, one for each row of X"
            )
        return [as_real(value) for value in values]


def _check_max_points(max_points: object, expected: str) -> None:
    if not (is_whole(max_points) and max_points > 0):
        raise InvalidArgumentError(
            f"max_points={max_points!r}: expected a whole number above 0{expected}"
        )
