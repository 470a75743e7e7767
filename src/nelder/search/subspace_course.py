"""How `Subspaces` goes: sweeps along the axes, patterns of moves, learned directions, the probe.

    sweep       each axis by itself: a point on either side, or two on one, and the least value of
                a parabola
    pattern     Nelder & Mead in the span of the last moves, and the least value of a quadratic
    directions  slopes along conjugate directions from n points, a quasi-Newton step, the BFGS
                formula; again while steps bring what they promise, else back to sweeps

Sweep and pattern are Rowan's subplex with subspaces of one dimension; the directions are Powell's.
What is decided stands in `subspace_lines` and `subspace_directions`.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.core.coefficients import Coefficients
from nelder.core.convergence import Test
from nelder.core.machine import Points, Stage
from nelder.result import Simplex, Status
from nelder.search.probe import below, first_radii, larger_steps, probe_points, unseen, wider_radii
from nelder.search.subspace_directions import (
    combined,
    first_directions,
    shorter,
    simplex_gradient,
    updated,
)
from nelder.search.subspace_lines import (
    UNKNOWN,
    independent,
    next_signs,
    next_steps,
    parabola,
    quadratic_step,
)

if TYPE_CHECKING:
    from nelder.search.course import Course, CourseSearch
    from nelder.search.space import Space

__all__ = ["subspaces"]

Array = NDArray[np.float64]

EPS = 2.220446049250313e-16
FAR = 1e150  # beyond this, or 1e10 times the start, there is no minimum to be found

MOVES = 3  # that span the pattern
PATTERN_END = Test("both", 0.1, math.inf)  # a tenth of the moves, whatever the values
REMEMBERED = 60  # evaluations of the pattern

BESIDE = 0.1  # of the last step: how far from the best point slopes are measured
SHORTEST, LONGEST = 6, 8.0  # times a step is tried shorter; the longest, in quasi-Newton steps
PROMISED = 0.1  # of what the slopes promise: a step that brings less is poor
POOR = 2  # such steps in a row, and the directions are left
USEFUL = 3  # others, and they are tried again after one sweep; else after twice as many as before
MOST_SWEEPS = 32


def subspaces(
    search: CourseSearch, steps: Array, tolerance: Test, probe: bool, clips: bool
) -> Course:
    """Return the course.

    Parameters
    ----------
    search : CourseSearch
    steps : ndarray of shape (n,)
        The first steps along the axes, in the units of x, above 0.
    tolerance : Test
        Of kind "both".
    probe : bool
        Whether to look beside the point found, and to begin anew where that finds a lower value.
    clips : bool
        Whether points outside the box are moved to its nearest side.
    """
    return _quiet(_course(search, steps, tolerance, probe, clips))


def _quiet(course: Course) -> Course:
    """Let the course compute without warnings; the objective, which is called between, may warn."""
    while True:
        with np.errstate(all="ignore"):
            try:
                part = next(course)
            except StopIteration as end:
                return end.value
        yield part


def _course(
    search: CourseSearch, steps: Array, tolerance: Test, probe: bool, clips: bool
) -> Course:
    space = search.space
    walk = _Walk(search, tolerance, clips)
    look = Points(space.x0.reshape(1, -1), -math.inf)
    yield look
    walk.begin(space.x0, float(look.values[0]), steps)
    while True:
        yield from walk.descend()
        if walk.far:
            return Status.UNBOUNDED
        if not probe:
            return Status.CONVERGED
        look, radii = yield from _look_beside(space, *search.lowest, steps)
        if look.found < 0:
            return Status.CONVERGED
        # A restart within the tolerance would be called converged at once.
        again = np.maximum(np.maximum(steps / 10.0, radii), 1e3 * tolerance.xatol)
        x = look.points[look.found].copy()
        walk.begin(x, float(look.values[look.found]), again)
        search.restarts += 1
        steps = larger_steps(x[space.free], steps, radii)


def _look_beside(
    space: Space, x: Array, f: float, steps: Array
) -> Generator[Stage, None, tuple[Points, Array]]:
    """Look beside a point (dim,), and farther along axes where nothing changes: `search.probe`.

    Returns
    -------
    look : Points
        The last ones, of which one is lower or none.
    radii : ndarray of shape (n,)
        How far away they were.
    """
    radii = first_radii(steps)
    while True:
        points, which = probe_points(x, space.free, radii, space.lower, space.upper)
        look = Points(points, below(f))
        yield look
        blind = radii > 0.0
        blind[which[~unseen(look.values, f)]] = False
        wider = wider_radii(x[space.free], steps, radii, blind)
        if look.found >= 0 or not np.any(wider > 0.0):
            return look, radii
        radii = wider


class _Line(NamedTuple):
    """What was seen along an axis: three points.

    Attributes
    ----------
    other : ndarray of shape (n,)
        The second of them.
    value : float
        Its value.
    width, rise : float
        How far from the lowest another was, and how much higher.
    """

    other: Array
    value: float
    width: float
    rise: float


class _Walk:
    """Where the search is and what it has learned on the way, in its coordinates z (n,).

    Attributes
    ----------
    far : bool
        Whether it is so far away that there is no minimum.
    """

    _z: Array  # the best point,
    _f: float  # its value
    _first: tuple[Array, Array]  # where it began: z, and x as it was evaluated
    _directions: Array  # learned, (n, n),
    _slopes: Array  # along them,
    _length: float  # of the last step in them, by each of its coordinates,
    _lower: tuple[Array, float]  # and the lowest point seen

    def __init__(self, search: CourseSearch, tolerance: Test, clips: bool) -> None:
        self.far = False
        self._search = search
        search.iterations = 0
        self._counted = 0  # evaluations when an iteration was counted last
        self._space = search.space
        self._tolerance = tolerance
        self._bounds = self._space.free_bounds() if clips else None
        self._limit = max(FAR, 1e10 * float(np.abs(self._space.x0).max()))

    def begin(self, x: Array, f: float, steps: Array) -> None:
        """Begin at a point (dim,) of value `f` with steps in the units of x; forget all else."""
        self._z, self._f = self._space.enter(x), f
        self._first = self._z, x
        signed = self._space.steps(x, steps)
        self._unit = np.maximum(np.abs(signed), np.spacing(np.abs(self._z)))
        self._steps = self._unit
        self._signs = np.where(signed < 0.0, -1.0, 1.0)
        self._move = np.zeros(len(signed))  # of the last sweep and pattern, or of the directions
        self._moves: list[Array] = []  # the newest first
        self._curvatures = np.full(len(signed), math.nan)  # along the axes

    def descend(self) -> Generator[Stage, None, None]:
        """Go on until it has converged, or is too far away."""
        sweeps = 1
        while True:
            for _ in range(sweeps):
                converged = yield from self._sweep()
                self._iterated()
                if converged or self._is_far():
                    return
            if not self._move.any():  # so there is no length to measure slopes on
                continue
            good, converged = yield from self._follow()
            if converged or self._is_far():
                return
            sweeps = 1 if good >= USEFUL else min(2 * sweeps, MOST_SWEEPS)

    def _iterated(self) -> None:
        """Count a sweep, or a step in directions, if anything was evaluated for it."""
        search = self._search
        if search.nfev > self._counted:
            self._counted = search.nfev
            search.iterations = (search.iterations or 0) + 1

    # Axes

    def _sweep(self) -> Generator[Stage, None, bool]:
        """Search along every axis, then in the span of moves; return whether it has converged."""
        begun, n = self._z, len(self._z)
        others, values, widths, rises = np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n)
        for i in np.argsort(-np.abs(self._move) / self._unit, kind="stable").tolist():
            line = yield from self._line(i, float(self._signs[i] * self._steps[i]))
            others[i], values[i], widths[i], rises[i] = line
        self._show(self._seen(others), values)
        if self._small(widths, float(rises.max())):
            return True
        if np.any(self._z != begun):
            self._moves = [self._z - begun, *self._moves[: MOVES - 1]]
            yield from self._pattern()
            self._moves[0] = self._z - begun
        self._move = self._z - begun
        self._steps = next_steps(self._steps, self._move, self._unit)
        self._signs = next_signs(self._signs, self._move)
        return False

    def _line(self, i: int, step: float) -> Generator[Stage, None, _Line]:
        """Search along axis `i`."""
        f, here = self._f, float(self._z[i])
        points = self._along(i, here + step, here - step)
        points = points[points[:, i] != here]  # not those that a bound has moved back
        look = Points(self._seen(points), f)
        yield look
        at = [here, *points[: look.count, i].tolist()]
        values = [f, *look.values[: look.count].tolist()]
        if look.count == 1 and look.found == 0:  # lower at once
            further = here + 2.0 * math.copysign(step, at[1] - here)
            yield from self._look_at(i, further, at, values)
        ranks = sorted(range(len(at)), key=values.__getitem__)
        at, values = [at[rank] for rank in ranks], [values[rank] for rank in ranks]
        width = max(abs(there - at[0]) for there in at)
        rise = values[-1] - values[0] if values[-1] > values[0] else 0.0
        beside = min(1, len(at) - 1)  # 0 where the step is lost in rounding
        line = _Line(self._along(i, at[beside])[0], values[beside], width, rise)
        guess = parabola(at, values) if len(at) == 3 else UNKNOWN
        self._curvatures[i] = guess.curvature
        if guess.step:
            yield from self._look_at(i, at[0] + guess.step, at, values)
        lowest = int(values[-1] < values[0]) * (len(at) - 1)
        if values[lowest] < f:
            self._z, self._f = self._along(i, at[lowest])[0], values[lowest]
        return line

    def _look_at(
        self, i: int, to: float, at: list[float], values: list[float]
    ) -> Generator[Stage, None, None]:
        """Evaluate the point with coordinate `i` moved to `to`, unless it is one of those known.

        Parameters
        ----------
        i : int
        to : float
        at, values : list of float
            The coordinates that are known, and their values; this one is added.
        """
        point = self._along(i, to)
        if float(point[0, i]) not in at:
            values.append((yield from self._value(point)))
            at.append(float(point[0, i]))

    def _along(self, i: int, *at: float) -> Array:
        """Return this point with coordinate `i` replaced, (len(at), n)."""
        points = np.repeat(self._z[None], len(at), axis=0)
        points[:, i] = at
        return self._fit(points)

    def _pattern(self) -> Generator[Stage, None, None]:
        """Search in the span of the last moves, which are the edges of the first simplex."""
        base, f = self._z, self._f
        basis = np.array(independent(self._moves, self._unit))
        k = len(basis)
        simplex = np.vstack([np.zeros(k), np.eye(k)])
        values = np.array([f, *[math.nan] * k])
        part = self._space.spanned(
            base, basis, simplex, values, coefficients=Coefficients(), test=PATTERN_END
        )
        machine = part.machine
        machine.keep(REMEMBERED)
        machine.note(simplex[0], f)
        yield part
        self.far = machine.end == "unbounded"
        y, lowest = machine.best
        z = part.at(y)
        step = quadratic_step(*machine.past(), y, lowest)
        if step is not None:
            point = self._fit(part.at(y + step)[None])
            value = yield from self._value(point)
            if value < lowest:
                z, lowest = point[0], value
        if lowest < f:
            self._z, self._f = self._fit(z), lowest

    # Directions

    def _follow(self) -> Generator[Stage, None, tuple[int, bool]]:
        """Go by learned directions while they bring what they promise.

        Returns
        -------
        good : int
            Steps that did.
        converged : bool
        """
        begun = self._z
        self._lower = begun, self._f
        self._directions = first_directions(self._curvatures, self._unit)
        self._slopes = np.zeros(len(begun))
        self._length = moved = _mean(self._move / self._directions.diagonal())
        yield from self._learn(None)
        good = poor = 0
        while poor < POOR and not self._is_far():
            last, before = self._z, self._f
            promised = 0.5 * float(self._slopes @ self._slopes)
            step = yield from self._step()
            if step is None:
                self._length *= BESIDE
            else:
                self._length = moved = _mean(step)
            look, widths = yield from self._learn(step)
            gain = before - self._f
            if gain >= PROMISED * promised > 0.0:
                good, poor = good + 1, 0
            else:
                poor += 1
            if step is not None:
                rise = max(gain, float(look.values.max()) - self._f)
                if self._small(np.maximum(widths, np.abs(self._z - last)), rise):
                    return good, True
        self._z, self._f = self._lower
        if np.any(self._z != begun):
            self._move = self._z - begun
            self._moves = [self._move, *self._moves[: MOVES - 1]]
            self._signs = np.where(self._move == 0.0, self._signs, np.sign(self._move))
        if good:
            self._steps = moved * np.linalg.norm(self._directions, axis=0)
        return good, False

    def _step(self) -> Generator[Stage, None, Array | None]:
        """Go to the quasi-Newton point, or less far until it is lower, or farther while it is.

        Returns
        -------
        ndarray of shape (n,) or None
            The step in directions; None if nothing lower was found.
        """
        z, f = self._z, self._f
        whole = combined(-self._slopes, self._directions)
        slope = -float(self._slopes @ self._slopes)
        if not (slope < 0.0 and np.isfinite(whole).all()):
            return None
        share = 1.0
        for _ in range(SHORTEST):
            value = yield from self._value(self._fit((z + share * whole)[None]))
            if value < f:
                break
            share = shorter(share, slope, value - f)
        else:
            return None
        while 1.0 <= share < LONGEST:
            further = yield from self._value(self._fit((z + 2.0 * share * whole)[None]))
            if not further < value:
                break
            share, value = 2.0 * share, further
        self._z, self._f = self._fit(z + share * whole), value
        self._note_lower(self._z, value)
        return -share * self._slopes

    def _learn(self, step: Array | None) -> Generator[Stage, None, tuple[Points, Array]]:
        """Measure the slopes where the search is, and let the directions learn of the last step.

        Parameters
        ----------
        step : ndarray of shape (n,) or None
            In directions; None where there was none.

        Returns
        -------
        look : Points
            Where they were measured.
        widths : ndarray of shape (n,)
            How far from here that was along each axis.
        """
        lengths = BESIDE * self._length * np.where(self._slopes > 0.0, -1.0, 1.0)
        lengths = self._inward(lengths)
        points = self._fit(self._z + lengths[:, None] * self._directions)
        look = Points(self._seen(points), -math.inf)
        yield look
        self._iterated()
        self._show(look.points, look.values)
        lowest = int(look.values.argmin())
        self._note_lower(points[lowest], float(look.values[lowest]))
        slopes = simplex_gradient(self._f, look.values, lengths)
        if step is None or not np.isfinite(look.values).all():
            self._slopes = slopes
        else:
            self._directions, self._slopes = updated(self._directions, self._slopes, step, slopes)
        return look, np.abs(points - self._z).max(axis=0)

    def _inward(self, lengths: Array) -> Array:
        """Return lengths along the directions (n,), turned round where that way is a bound only."""
        if self._bounds is None:
            return lengths
        steps = lengths[:, None] * self._directions
        lower, upper = self._bounds
        forth, back = (
            np.any((points < lower) | (points > upper), axis=1)
            for points in (self._z + steps, self._z - steps)
        )
        return np.where(forth & ~back, -lengths, lengths)

    def _note_lower(self, z: Array, f: float) -> None:
        """Remember a point to go to when the directions are left, if it is lower."""
        if f < self._lower[1]:
            self._lower = z, f

    # Where it is

    def _show(self, points: Array, values: Array) -> None:
        """Show this point and others (n, dim) as the simplex of the search, best first."""
        points = np.vstack([self._seen(self._z[None]), points])
        values = np.array([self._f, *values])
        ranks = np.argsort(values, kind="stable")
        self._search.shown = Simplex(points[ranks], values[ranks])

    def _seen(self, points: Array) -> Array:
        """Return points z (m, n) as the objective sees them, (m, dim).

        The one where it began is seen as it was evaluated, from which T(z) may be a rounding away.
        """
        seen = self._space.leave_all(points)
        if self._space.box is not None:
            z, x = self._first
            seen[np.all(points == z, axis=1)] = x
        return seen

    def _value(self, points: Array) -> Generator[Stage, None, float]:
        """Evaluate one point (1, n)."""
        look = Points(self._seen(points), -math.inf)
        yield look
        return float(look.values[0])

    def _fit(self, points: Array) -> Array:
        """Return points (..., n), moved to the nearest bounds where that is the way.

        Coordinates that overflow, here or where the objective sees them, stay where the search is.
        """
        if not (np.abs(points) < FAR).all():
            rows = np.where(np.isfinite(points), points, self._z).reshape(-1, len(self._z))
            seen = self._space.leave_all(rows)[:, self._space.free]
            points = np.where(np.isfinite(seen), rows, self._z).reshape(points.shape)
        return points if self._bounds is None else np.clip(points, *self._bounds)

    def _is_far(self) -> bool:
        """Take note whether there is no minimum to be found any more."""
        self.far = self.far or not bool(np.all(np.abs(self._z) <= self._limit))
        return self.far

    def _small(self, widths: Array, rise: float) -> bool:
        """Return whether points so far from this one (n,), and so much higher, mean convergence.

        The rule is that of the machine for a simplex.
        """
        test, best = self._tolerance, self._f
        rounding = test.ulps * EPS
        floor = rounding * abs(best) if abs(best) < math.inf else 0.0
        level = rise <= max(test.fatol, floor)
        if not (level or rounding):
            return False
        x = self._space.leave(self._z)
        apart = np.maximum(
            np.abs(self._space.leave(self._z + widths) - x),
            np.abs(self._space.leave(self._z - widths) - x),
        )
        least = rounding * np.abs(x)
        return bool(np.all(apart <= (np.maximum(test.xatol, least) if level else least)))


def _mean(step: Array) -> float:
    """Return the root mean square of a step's coordinates."""
    return float(np.linalg.norm(step)) / math.sqrt(len(step))
