"""A search that is written down as a course: a generator of what is to be evaluated next.

A course yields a part, a `Stage` or a whole `Search`, and goes on once that is done; or `Until`, a
part that may be left earlier. What it returns is how the search ended. So a policy reads in the
order in which it happens, and knows nothing of who evaluates.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.machine import Machine, Points, Stage
from nelder.core.spanned import Spanned
from nelder.result import Simplex, Status
from nelder.search.search import Search, lower_of
from nelder.search.space import Space

__all__ = ["Course", "CourseSearch", "Until"]

Array = NDArray[np.float64]
Part = Stage | Search

COUNTS = ("nfev", "nfailed", "nit", "nshrink", "nrestart")


@dataclass(frozen=True)
class Until:
    """A part that is left as soon as a condition holds.

    Attributes
    ----------
    part : Stage or Search
    condition : callable
        Asked after every evaluation.
    every : int, optional
        It may hold only where the part's iterations are a multiple of this.
    """

    part: Part
    condition: Callable[[], bool]
    every: int | None = None


Course = Generator["Part | Until", None, Status]


class CourseSearch(Search):
    """A search by a course.

    Parameters
    ----------
    space : Space
    write : callable
        Returns the course, of this search.

    Attributes
    ----------
    space : Space
    answer : (ndarray of shape (dim,), float) or None
        What the course takes for the best point and its value, where that is not the lowest value.
    shown : Simplex or None
        What the course takes for its simplex, where that is not its last machine's.
    iterations : int or None
        What the course counts as iterations; None where those of its parts count.
    restarts : int
        Restarts of the course, beside those of its parts.
    extra : dict
        Further fields of `nelder.Result`.
    """

    def __init__(self, space: Space, write: Callable[[CourseSearch], Course]) -> None:
        self.space = space
        self.status = Status.RUNNING
        self.answer: tuple[Array, float] | None = None
        self.shown: Simplex | None = None
        self.iterations: int | None = None
        self.restarts = 0
        self.extra: dict[str, Any] = {}
        self._counts: dict[str, int] = dict.fromkeys(COUNTS, 0)  # of the parts that were left
        self._lowest: tuple[Array, float] = (space.x0, math.inf)  # of these
        self._simplex = Simplex(space.x0.reshape(1, -1), np.full(1, math.nan))
        self._condition: Callable[[], bool] | None = None
        self._every: int | None = None
        self._part: Part
        self._course: Course | None = write(self) if space.n else _one_point(self)
        self._resume()

    # What an observer reads

    @property
    def n(self) -> int:
        """Coordinates searched."""
        return self.space.n

    @property
    def nfev(self) -> int:
        """Evaluations."""
        return self._count("nfev")

    @property
    def nfailed(self) -> int:
        """Evaluations that gave no value below +inf."""
        return self._count("nfailed")

    @property
    def nit(self) -> int:
        """Iterations, of the course or else of its parts."""
        return self._count("nit") if self.iterations is None else self.iterations

    @property
    def nshrink(self) -> int:
        """Shrinks of all parts."""
        return self._count("nshrink")

    @property
    def nrestart(self) -> int:
        """Restarts, those of the parts included."""
        return self.restarts + self._count("nrestart")

    def _count(self, name: str) -> int:
        entered: int = self._entered[name]
        now: int = getattr(self._part, name, 0)
        return self._counts[name] + now - entered

    @property
    def begun(self) -> bool:
        """Whether a part with evaluations is done, or a search that is a part has begun."""
        part = self._part
        return self._counts["nfev"] > 0 or (isinstance(part, Search) and part.begun)

    @property
    def pauses(self) -> bool:
        """Whether `advance` must be called between evaluations now."""
        if self._condition is not None:
            return True
        return isinstance(self._part, Search) and self._part.pauses

    @property
    def patience(self) -> int | None:
        """After how many iterations the condition may hold, where the course says so."""
        every = self._every
        return None if every is None else every - self._part.nit % every

    @property
    def lowest(self) -> tuple[Array, float]:
        """The lowest point of all parts, (dim,), and its value."""
        part = self._part
        if isinstance(part, Points):
            return lower_of(self._lowest, part)
        assert isinstance(part, Machine | Spanned | Search)
        best = part.best
        return best if best[1] < self._lowest[1] else self._lowest

    @property
    def best(self) -> tuple[Array, float]:
        """What the course answers, (dim,), and its value: the lowest point, or `answer`."""
        lowest = self.lowest
        return lowest if self.answer is None or lowest[1] == -math.inf else self.answer

    @property
    def simplex(self) -> Simplex:
        """The vertices (n + 1, dim), best first, and their values."""
        return self._seen() if self.shown is None else self.shown

    def details(self) -> dict[str, Any]:
        """Return further fields of `nelder.Result`, by name."""
        own = self._part.details() if isinstance(self._part, Search) else {}
        return {**own, **self.extra}

    def _seen(self) -> Simplex:
        """Return the simplex of the part, or of the last part that had one."""
        part = self._part
        if isinstance(part, Search):
            return part.simplex
        if isinstance(part, Machine):
            return Simplex(part.vertices, part.values)
        return self._simplex

    def clone(self) -> CourseSearch:
        """Return an independent search in the same state, that ends with the part."""
        twin = copy.copy(self)  # whatever is not cloned below is replaced, never changed
        twin._course = twin._condition = twin._every = None
        twin._enter(self._part.clone())
        twin._entered = self._entered
        return twin

    # What moves it on

    def advance(self) -> None:
        """Decide what comes next, once the stage is done or, with `pauses`, between values."""
        part = self._part
        if isinstance(part, Search):
            part.advance()
            self.stage = part.stage
        if part.done or (self._condition is not None and self._condition()):
            self._leave(part)

    def _leave(self, part: Part) -> None:
        """Take note of a part and go on."""
        if self._course is None:  # a clone, which does not know what follows
            self.status = Status.CONVERGED
            return
        lowest, simplex = self.lowest, self._seen()
        self._counts = {name: self._count(name) for name in COUNTS}
        self._entered = {name: getattr(part, name, 0) for name in COUNTS}
        self._lowest, self._simplex = lowest, simplex
        if lowest[1] == -math.inf:
            self.answer = None
            self.status = Status.UNBOUNDED
        else:
            self._resume()

    def _resume(self) -> None:
        """Let the course say what is next, until there is something to evaluate."""
        assert self._course is not None
        while True:
            try:
                following = next(self._course)
            except StopIteration as end:
                finite = self.best[1] < math.inf
                self.status = end.value if finite else Status.NO_FINITE_VALUE
                return
            self._condition = self._every = None
            if isinstance(following, Until):
                self._condition, self._every = following.condition, following.every
                following = following.part
            self._enter(following)
            self._entered = {name: getattr(following, name, 0) for name in COUNTS}
            if not following.done:
                return

    def _enter(self, part: Part) -> None:
        self._part = part
        self.stage = part.stage if isinstance(part, Search) else part


def _one_point(search: CourseSearch) -> Course:
    """Evaluate the start: every variable is fixed."""
    yield Points(search.space.x0.reshape(1, -1), -math.inf)
    return Status.CONVERGED
