"""What a driver needs of a search, whatever it searches by.

A search always waits at one *stage* (`core.machine.Stage`). Whoever evaluates fills the stage until
it is done, or with `pauses` between two evaluations, and calls `advance`, which decides what comes
next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.machine import Points, Stage
from nelder.result import Simplex, Status

__all__ = ["Search", "lower_of"]

Array = NDArray[np.float64]


class Search:
    """A search under way.

    Attributes
    ----------
    stage : Stage
        What waits for values now.
    status : Status
        ``RUNNING`` until the search has ended by itself.
    fleeting : bool
        Whether a point may have another value each time it is evaluated.
    """

    stage: Stage
    status: Status
    fleeting: bool = False

    @property
    def done(self) -> bool:
        """Whether the search has ended by itself."""
        return self.status is not Status.RUNNING

    @property
    def n(self) -> int:
        """Coordinates searched."""
        raise NotImplementedError

    @property
    def nfev(self) -> int:
        """Evaluations."""
        raise NotImplementedError

    @property
    def nfailed(self) -> int:
        """Evaluations that gave no value below +inf."""
        raise NotImplementedError

    @property
    def nit(self) -> int:
        """Iterations."""
        raise NotImplementedError

    @property
    def nshrink(self) -> int:
        """Shrinks."""
        raise NotImplementedError

    @property
    def nrestart(self) -> int:
        """Restarts."""
        raise NotImplementedError

    @property
    def begun(self) -> bool:
        """Whether that has been evaluated which it begins with: a simplex, or a point."""
        raise NotImplementedError

    @property
    def pauses(self) -> bool:
        """Whether `advance` must be called between evaluations now, not at the end of the stage."""
        raise NotImplementedError

    @property
    def best(self) -> tuple[Array, float]:
        """The best point evaluated, (dim,), and its value."""
        raise NotImplementedError

    @property
    def simplex(self) -> Simplex:
        """The vertices (n + 1, dim), best first, and their values."""
        raise NotImplementedError

    def details(self) -> dict[str, Any]:
        """Return further fields of `nelder.Result`, by name."""
        return {}

    @property
    def patience(self) -> int | None:
        """With `pauses`: after how many iterations `advance` has something to decide, if known.

        None where that may be after each evaluation.
        """
        return None

    def later(self, count: int) -> list[Search]:
        """Return at most `count` searches that will be parts of this one, whatever it finds now.

        Who looks ahead tells them what is known of their points.
        """
        return []

    def clone(self) -> Search:
        """Return an independent search in the same state, to look ahead with.

        It knows the moves that follow from one value. Whatever takes more thought is not the
        clone's: a rule of the user's, which may remember what it was asked, a fit, a course.
        """
        raise NotImplementedError

    def advance(self) -> None:
        """Decide what comes next, once the stage is done or, with `pauses`, between values."""
        raise NotImplementedError


def lower_of(best: tuple[Array, float], points: Points) -> tuple[Array, float]:
    """Return `best`, a point and its value, or what is lower among the known `points`."""
    known = points.values[: points.count]
    if known.size and known.min() < best[1]:
        i = int(known.argmin())
        return points.points[i].copy(), float(known[i])
    return best
