"""The whole box: many simplex searches that know of each other, and of the axes.

    lines along the axes, while they add up
         |
    best of 2n random points -> simplex search -> a new best -> restarts around it
         ^                          | above the best, and closing up there
         +------- abandoned --------+

After the rules of multistart: a local search that cannot win is not paid to its end (Boender &
Rinnooy Kan; Törn), one that wins is refined, by ever smaller simplexes that look the other way each
time. Points are moved to the nearest bound: the transform would bend straight valleys.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.core.coefficients import Adaptive
from nelder.core.convergence import Tolerance
from nelder.core.machine import Machine, Points
from nelder.core.simplexes import axis_steps
from nelder.options import check_whole
from nelder.result import Simplex, Status
from nelder.search.course import Course, CourseSearch, Part, Until
from nelder.search.lines import Lines
from nelder.search.method import Method
from nelder.search.search import Search
from nelder.search.space import Space

if TYPE_CHECKING:
    from nelder.core.bounds import Box

__all__ = ["Local", "WholeBox", "WholeBoxSearch"]

Array = NDArray[np.float64]

STARTS = 2  # random points for each coordinate, of which a search begins at the lowest
INNER = 0.8  # of the box: where they lie
SIZE = 0.25  # of the box: the first steps
EVERY = 3  # iterations between two looks at whether a search can still win
CLOSED = 0.1  # of its distance above the best: a simplex whose values are so close cannot
RESTARTS = 3  # around a new best, while they gain
SMALLER = 0.3  # of the steps, from one to the next, in the other direction
CHECKS = (8, 16, 32, 64, 128)  # places on each axis when it is seen whether the lines add up
AGREED = 0.1  # of what they promise: so near it has to come
FARTHEST = 4  # times as many searches ahead as are wanted: some are known to their ends
LEAST = 1e-6  # of the box: the first steps after the lines, at least


@dataclass(frozen=True, eq=False)
class Local:
    """What a local search found.

    Attributes
    ----------
    x : ndarray of shape (dim,)
    f : float
    converged : bool
        False where it was abandoned.
    simplex : Simplex
        Its last one.
    """

    x: Array
    f: float
    converged: bool
    simplex: Simplex


@dataclass(frozen=True, kw_only=True)
class WholeBox(Method):
    """The settings of a search of the whole box; every coordinate has two finite bounds.

    Parameters
    ----------
    seed : int, default 0
        Of the random points: the same seed gives the same search.
    from_start : bool, default False
        Whether the start that is given is one of the first points; else it is not looked at.

    Raises
    ------
    InvalidArgumentError
        `seed` is not a whole number, 0 or above.
    """

    seed: int = 0
    from_start: bool = False

    def __post_init__(self) -> None:
        check_whole("seed", self.seed, 0)

    @property
    def clips(self) -> bool:
        """Points are moved to the nearest bound."""
        return True

    def start(self, x0: Array, box: Box | None, maxfev: float = math.inf) -> WholeBoxSearch:
        """Return a search of `box`, which has two finite bounds for each coordinate."""
        return WholeBoxSearch(Space(x0, box), self)


class WholeBoxSearch(CourseSearch):
    """A search of the whole box.

    Attributes
    ----------
    locals : list of Local
        What each local search that has ended found, with the restarts around it.
    """

    fleeting = True  # what is known ahead may be needed much later: none of it is dropped

    def __init__(self, space: Space, method: WholeBox) -> None:
        self.locals: list[Local] = []
        self._random = np.random.default_rng(method.seed)
        self._bounds = space.free_bounds()
        self._width = self._bounds[1] - self._bounds[0]
        self._coming: deque[_Coming] = deque()
        self._best = math.inf  # of the local searches that have ended
        first = space.x0 if method.from_start else None
        super().__init__(space, lambda _: self._all(first))

    def later(self, count: int) -> list[Search]:
        """Return the local searches that come next, as far as they are not known to their ends."""
        waiting = [coming.search for coming in self._coming if not coming.search.done]
        while len(waiting) < count and len(self._coming) < FARTHEST * count:
            starts = self._starts()
            waiting.append(CourseSearch(self.space, partial(self._alone, starts)))
            self._coming.append(_Coming(starts, waiting[-1]))
        return waiting[:count]

    def _all(self, first: Array | None) -> Course:
        """Search from one random start after the other; it does not end by itself."""
        while True:
            starts = self._coming.popleft().starts if self._coming else self._starts()
            if first is not None and not self.locals:
                starts[0] = first[self.space.free]
            x, f = yield from self._lowest_of(starts)
            steps = SIZE * self._width
            if not self.locals and f < math.inf:
                x, f, steps = yield from self._lines(x, f)
            yield from self._once(self, self.locals, x, f, steps, lambda: self._best)
            self._best = min(self._best, self.locals[-1].f)

    def _alone(self, starts: Array, search: CourseSearch) -> Course:
        """Search from the lowest of some points, while that may become a new best."""
        x, f = yield from self._lowest_of(starts)
        yield from self._once(search, [], x, f, SIZE * self._width, lambda: self.lowest[1])
        return Status.CONVERGED

    def _starts(self) -> Array:
        """Return random points (m, n)."""
        lower, upper = self._bounds
        unit = self._random.random((STARTS * len(lower), len(lower))) - 0.5
        return 0.5 * lower + 0.5 * upper + INNER * self._width * unit

    def _lowest_of(self, points: Array) -> Generator[Part, None, tuple[Array, float]]:
        """Return the lowest of some points (m, n), and its value."""
        values = yield from self._values(points)
        at = int(values.argmin())
        return points[at], float(values[at])

    def _lines(self, x: Array, f: float) -> Generator[Part, None, tuple[Array, float, Array]]:
        """Search along the axes while they add up; return the best point, its value, and steps."""
        lines = Lines(x, f, *self._bounds)
        together, reached = x, f
        for check in CHECKS:
            while lines.count < check:
                places = lines.following()
                lines.take(places, (yield from self._values(lines.points(places))))
            together, values = lines.lowest
            reached = float((yield from self._values(together.reshape(1, -1)))[0])
            promised = lines.promised
            if abs(f - reached - promised) > AGREED * promised:
                axis = int(values.argmin())
                if values[axis] <= reached:
                    together, reached = lines.points(together)[axis], float(values[axis])
                return together, reached, SIZE * self._width
        return together, reached, np.maximum(lines.gaps, LEAST * self._width)

    def _values(self, points: Array) -> Generator[Part, None, Array]:
        """Return the values (m,) at `points` (m, n)."""
        stage = Points(self.space.embed(points), -math.inf)
        yield stage
        return stage.values

    def _once(
        self,
        search: CourseSearch,
        found: list[Local],
        x: Array,
        f: float,
        steps: Array,
        best: Callable[[], float],
    ) -> Generator[Part | Until]:
        """Search from `x` (n,), unless it becomes plain that nothing below `best` comes of it.

        A new best is searched around with smaller steps, to alternate sides, while that gains. What
        is found is appended to `found`.
        """
        machine = self._machine(x, f, steps)
        yield Until(machine, _Hopeless(machine, best), EVERY)
        found.append(Local(*machine.best, machine.done, _simplex(machine)))
        steps = SIZE * self._width
        for _ in range(RESTARTS if found[-1].f < best() else 0):
            steps = -SMALLER * steps
            search.restarts += 1
            machine = self._machine(found[-1].x[self.space.free], found[-1].f, steps)
            yield machine
            if not machine.best[1] < found[-1].f:
                return
            found[-1] = Local(*machine.best, True, _simplex(machine))

    def _machine(self, x: Array, f: float, steps: Array) -> Machine:
        """Return a simplex at `x` (n,), whose value is known."""
        space = self.space
        simplex = space.embed(axis_steps(x, steps, *self._bounds))
        values = np.full(self.n + 1, math.nan)
        values[0] = f
        return space.machine(
            space.enter(simplex),
            values,
            coefficients=Adaptive()(self.n),
            test=Tolerance().test,
        )


@dataclass(frozen=True)
class _Coming:
    """A local search that comes later: where it starts, and the search as far as it is known."""

    starts: Array
    search: Search


def _simplex(machine: Machine) -> Simplex:
    return Simplex(machine.vertices, machine.values)


class _Hopeless:
    """Whether a simplex closes up above what is known to be the best."""

    def __init__(self, machine: Machine, best: Callable[[], float]) -> None:
        self._machine = machine
        self._best = best
        self._next = EVERY

    def __call__(self) -> bool:
        machine = self._machine
        if machine.nit < self._next:
            return False
        self._next = machine.nit + EVERY
        lowest, *_, highest = machine.values.tolist()
        above = lowest - self._best()
        return above > 0.0 and highest - lowest < CLOSED * above
