"""Values that are known before a search asks for them: recorded, or looked ahead for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nelder.evaluation import Failure, Recorded

__all__ = ["Known", "Taken"]


class Taken(NamedTuple):
    """A value that is given out.

    Attributes
    ----------
    value : float
        NaN where it failed.
    failure : Failure or None
    new : bool
        Whether it was evaluated in this call.
    """

    value: float
    failure: Failure | None
    new: bool


class Known:
    """Values by search and point, each given out once.

    Recorded ones are read only as far as they are asked for, and those of searches that have ended
    are skipped, so that replaying a long record takes little memory. A point that was evaluated
    twice has two values, given out in their order.

    Parameters
    ----------
    recorded : iterable of Recorded
        In the order recorded, without failures that were followed by another attempt.
    failures : bool
        Whether recorded failures count; otherwise their points are asked for again.
    room : int
        Values of this call that wait to be used by a search, at most, beside those of a first
        simplex: the oldest are dropped, guesses that came to nothing. What was recorded before is
        never dropped, since the search may be one that has hardly begun to ask.
    """

    def __init__(self, recorded: Iterable[Recorded], failures: bool, room: int) -> None:
        self._room = room
        self._recorded = iter(recorded)
        self._counts_failures = failures
        self._waiting: dict[int, _Waiting] = {}
        self._ended: set[int] = set()

    def of(self, search: int) -> Mapping[bytes, float]:
        """Return the values read so far for `search`, by point; NaN where it failed."""
        return self._of(search).values

    def attempts(self, search: int, x: bytes) -> int:
        """Return how often a point without a value was tried."""
        return self._of(search).attempts.get(x, 0)

    def take(self, search: int, x: bytes) -> Taken | None:
        """Give out the value of a point, or its failure; None where nothing is known."""
        waiting = self._of(search)
        while x not in waiting.values:
            row = next(self._recorded, None)
            if row is None:
                return None
            self._read(row)
        return waiting.take(x)

    def put(
        self, search: int, x: bytes, value: float, failure: Failure | None, fleeting: bool = False
    ) -> None:
        """Take in a value of this call, or a failure that is not tried again.

        Where values are `fleeting`, another evaluation of a point that was dropped would give
        another value than the one recorded: none is dropped.
        """
        waiting = self._of(search)
        waiting.add(x, value, failure)
        waiting.new[x] = None
        if len(waiting.new) > self._room + len(x) and not fleeting:
            waiting.take(next(iter(waiting.new)))

    def forget(self, search: int) -> None:
        """Drop what is known, or will be read, for a search that has ended."""
        self._waiting.pop(search, None)
        self._ended.add(search)

    def _of(self, search: int) -> _Waiting:
        waiting = self._waiting.get(search)
        if waiting is None:
            waiting = self._waiting[search] = _Waiting()
        return waiting

    def _read(self, row: Recorded) -> None:
        if row.search in self._ended:
            return
        waiting = self._of(row.search)
        if row.failure is not None:
            wrong = row.failure.kind == "return value"  # raised whatever the policy
            if wrong or not (row.final and self._counts_failures):
                waiting.attempts[row.x] = row.attempt
                return
        waiting.add(row.x, row.value, row.failure)


class _Waiting:
    """What waits to be used by one search.

    Attributes
    ----------
    values : dict
        By point; NaN where it failed.
    failures : dict
        Of those that failed.
    later : dict
        Second and further values and failures of these points.
    attempts : dict
        How often points without a value were tried.
    new : dict
        Points that were evaluated in this call, the oldest first.
    """

    __slots__ = ("attempts", "failures", "later", "new", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, float] = {}
        self.failures: dict[bytes, Failure] = {}
        self.later: dict[bytes, deque[tuple[float, Failure | None]]] = {}
        self.attempts: dict[bytes, int] = {}
        self.new: dict[bytes, None] = {}

    def add(self, x: bytes, value: float, failure: Failure | None) -> None:
        """Take in a value or a failure."""
        if self.attempts:
            self.attempts.pop(x, None)  # should it be tried again, that is another matter
        if x in self.values:
            self.later.setdefault(x, deque()).append((value, failure))
        else:
            self._set(x, value, failure)

    def take(self, x: bytes) -> Taken:
        """Give out the first value of a point; it and its failure are gone here."""
        new = x in self.new
        if new:
            del self.new[x]
        failure = self.failures.pop(x, None) if self.failures else None
        taken = Taken(self.values.pop(x), failure, new)
        if self.later and x in self.later:
            following = self.later[x]
            self._set(x, *following.popleft())
            if not following:
                del self.later[x]
        return taken

    def _set(self, x: bytes, value: float, failure: Failure | None) -> None:
        self.values[x] = value
        if failure is not None:
            self.failures[x] = failure
