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
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.core.coefficients import Adaptive
from nelder.core.convergence import Tolerance
from nelder.core.machine import Machine, Points
from nelder.core.simplexes import axis_steps
from nelder.options import check_whole
from nelder.result import Simplex
from nelder.search.course import Course, CourseSearch, Part, Until
from nelder.search.lines import Lines
from nelder.search.method import Method
from nelder.search.space import Space

if TYPE_CHECKING:
    from nelder.core.bounds import Box

__all__ = ["Local", "WholeBox", "WholeBoxSearch"]

Array = NDArray[np.float64]
Steps = Generator["Part | Until", None, "Local"]

STARTS = 2  # random points for each coordinate, of which a search begins at the lowest
INNER = 0.8  # of the box: where they lie
SIZE = 0.25  # of the box: the first steps
EVERY = 3  # iterations between two looks at whether a search can still win
CLOSED = 0.1  # of its distance above the best: a simplex whose values are so close cannot
RESTARTS = 3  # around a new best, while they gain
SMALLER = 0.3  # of the steps, from one to the next, in the other direction
CHECKS = (8, 16, 32, 64, 128)  # places on each axis when it is seen whether the lines add up
AGREED = 0.1  # of what they promise: so near it has to come
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

    def __init__(self, space: Space, method: WholeBox) -> None:
        self.locals: list[Local] = []
        self._method = method
        self._bounds = space.free_bounds()
        self._width = self._bounds[1] - self._bounds[0]
        super().__init__(space, lambda _: self._all())

    def _all(self) -> Course:
        """Search from one random start after the other; it does not end by itself."""
        random = np.random.default_rng(self._method.seed)
        best = math.inf
        while True:
            x, f = yield from self._begin(random)
            steps = SIZE * self._width
            if not self.locals and f < math.inf:
                x, f, steps = yield from self._lines(x, f)
            found = yield from self._local(x, f, steps, best)
            self.locals.append(found)
            if found.f < best:
                yield from self._around(found)
                best = self.locals[-1].f

    def _begin(self, random: np.random.Generator) -> Generator[Part, None, tuple[Array, float]]:
        """Return the lowest of some random points (n,), and its value."""
        lower, upper = self._bounds
        unit = random.random((STARTS * self.n, self.n)) - 0.5
        starts = 0.5 * lower + 0.5 * upper + INNER * self._width * unit
        if self._method.from_start and not self.locals:
            starts[0] = self.space.x0[self.space.free]
        values = yield from self._values(starts)
        at = int(values.argmin())
        return starts[at], float(values[at])

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

    def _local(self, x: Array, f: float, steps: Array, best: float) -> Steps:
        """Search from `x` (n,), unless it becomes plain that nothing below `best` comes of it."""
        space = self.space
        simplex = space.embed(axis_steps(x, steps, *self._bounds))
        values = np.full(self.n + 1, math.nan)
        values[0] = f
        machine = space.machine(
            space.enter(simplex),
            values,
            coefficients=Adaptive()(self.n),
            test=Tolerance().test,
        )
        if best < math.inf:
            yield Until(machine, _Hopeless(machine, best))
        else:
            yield machine
        x, f = machine.best
        return Local(x, f, machine.done, Simplex(machine.vertices, machine.values))

    def _around(self, found: Local) -> Generator[Part | Until]:
        """Search around a new best, with smaller steps to alternate sides, while that gains."""
        steps = SIZE * self._width
        for _ in range(RESTARTS):
            steps = -SMALLER * steps
            self.restarts += 1
            again = yield from self._local(found.x[self.space.free], found.f, steps, math.inf)
            if not again.f < found.f:
                return
            found = self.locals[-1] = again


class _Hopeless:
    """Whether a simplex closes up above what is known to be the best."""

    def __init__(self, machine: Machine, best: float) -> None:
        self._machine = machine
        self._best = best
        self._next = EVERY

    def __call__(self) -> bool:
        machine = self._machine
        if machine.nit < self._next:
            return False
        self._next = machine.nit + EVERY
        lowest, *_, highest = machine.values.tolist()
        above = lowest - self._best
        return above > 0.0 and highest - lowest < CLOSED * above
