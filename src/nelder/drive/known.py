"""Values that are known before a search asks for them: recorded, or looked ahead for."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from nelder.evaluation import Failure, Recorded

__all__ = ["Known"]


class Known:
    """Values by search and point, each given out once.

    Recorded ones are read only as far as they are asked for, so that replaying a long record takes
    little memory. A point that was evaluated twice has two values, given out in their order.

    Parameters
    ----------
    recorded : iterable of Recorded
        In the order recorded, without failures that were followed by another attempt.
    failures : bool
        Whether recorded failures count; otherwise their points are asked for again.
    room : int
        Values of a search that wait to be used, at most, beside those of a first simplex, which may
        be recorded in any order: the oldest are dropped, guesses that came to nothing.
    """

    def __init__(self, recorded: Iterable[Recorded], failures: bool, room: int) -> None:
        self._room = room
        self._recorded = iter(recorded)
        self._counts_failures = failures
        self._values: dict[int, dict[bytes, float]] = {}
        self._later: dict[tuple[int, bytes], deque[float]] = {}  # second and further values
        self._failures: dict[tuple[int, bytes], Failure] = {}
        self._attempts: dict[tuple[int, bytes], int] = {}  # of points that have no value yet

    def of(self, search: int) -> dict[bytes, float]:
        """Return the values read so far for `search`, by point; NaN where it failed."""
        return self._values.setdefault(search, {})

    def attempts(self, search: int, x: bytes) -> int:
        """Return how often a point without a value was tried."""
        return self._attempts.get((search, x), 0)

    def take(self, search: int, x: bytes) -> tuple[float, Failure | None] | None:
        """Give out the value of a point, or its failure; None where nothing is known."""
        values = self.of(search)
        value = values.pop(x, None)
        while value is None:
            row = next(self._recorded, None)
            if row is None:
                return None
            self._read(row)
            value = values.pop(x, None)
        place = (search, x)
        if self._later and place in self._later:
            waiting = self._later[place]
            values[x] = waiting.popleft()
            if not waiting:
                del self._later[place]
        if self._failures and math.isnan(value):
            self._attempts.pop(place, None)  # should it be needed again, that is another matter
            return value, self._failures.pop(place, None)
        return value, None

    def put(self, search: int, x: bytes, value: float, failure: Failure | None) -> None:
        """Take in a value, or a failure that is not tried again."""
        place = (search, x)
        if failure is not None:
            self._failures[place] = failure
        elif self._attempts:
            self._attempts.pop(place, None)
        values = self.of(search)
        if x in values:
            self._later.setdefault(place, deque()).append(value)
            return
        values[x] = value
        if len(values) > self._room + len(x):
            del values[next(iter(values))]

    def _read(self, row: Recorded) -> None:
        if row.failure is not None:
            self._attempts[row.search, row.x] = row.attempt
            wrong = row.failure.kind == "return value"  # raised whatever the policy
            if wrong or not (row.final and self._counts_failures):
                return
        self.put(row.search, row.x, row.value, row.failure)

    def forget(self, search: int) -> None:
        """Drop what is known for a search that has ended."""
        self._values.pop(search, None)
