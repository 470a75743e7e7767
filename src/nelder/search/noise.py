"""A simplex search for an objective that gives another value each time it is asked.

    first simplex -> best again -> same value -> the plain search
                                   another value -> simplex, until its values differ by noise only
                                                 -> regression, until 95 % of the budget
                                                 -> race

A simplex compares single values, so noise leads it once its vertices differ by no more than that.
From there on all values count: a quadratic is fitted to all that is known nearby, its minimum is
the next centre, and new points are drawn where the surface lies within some noise of it (response
surfaces, after Box & Wilson 1951). At last the candidates are evaluated again and again, and the
answer is the mean of that: never the lowest value, which is the luckiest one.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.core.machine import Machine, Points, Stage
from nelder.result import Status
from nelder.search.course import Course, CourseSearch, Until
from nelder.search.noise_level import ROUNDING, Spread, differ_by_noise, mean_of, shrunk
from nelder.search.regression import Samples, Surface, fit_surface, most_fitted, terms
from nelder.search.search import Search
from nelder.search.simplex_search import SimplexSearch
from nelder.search.start import first_simplex

if TYPE_CHECKING:
    from nelder.search.nelder_mead import NelderMead

__all__ = ["noisy"]

Array = NDArray[np.float64]
Steps = Generator["Stage | Search | Until", None, None]

AGAIN = 4  # times a point is evaluated again to learn the noise
STALE = 3  # times n + 1: evaluations for which a vertex may stay best without a doubt
HALF = 0.5  # of the first steps: the second simplex, before half of the budget
RACE = 0.05  # of the budget
PLANNED = 300  # times n + 1: the budget where none is given

LEVEL, LOWEST, HIGHEST = 10.0, 2.0, 100.0  # times the noise: how high points may lie
TIGHTER, WIDER = 0.8, 1.1  # times the level, where values scatter around the surface
POOR, GOOD = 1.1, 1.0  # by more, or by less, than so many times the noise
FULL = 0.95  # times the level, where more points would not be fitted: less is left to bias
SHARE = 0.1  # of the points fitted: new ones at a time, n + 1 at least
INNER = 0.5  # of the region's radius: new points lie outside of that
REGION = 2.0  # times √n: longest half-axis of the region
STEP = 0.8  # times √n: longest step of the centre;
SHORTER, LONGER, SHORTEST = 0.6, 1.5, 0.1  # a part of it, after one not taken and one taken
WORSE = 3.0  # times the scatter above what was promised: a step is not taken
WINS = 2.0  # standard errors by which a vertex must beat the centres in the race
SETTLED = 2.0  # standard errors: what the centres of the last quarter may still gain


def noisy(search: CourseSearch, method: NelderMead, maxfev: float) -> Course:
    """Return the course of a search whose objective may be noisy.

    Parameters
    ----------
    search : CourseSearch
        It gets ``answer``, the point and the estimate of its value, and in ``extra`` ``noise``,
        ``nrepeat`` and ``fun_error``.
    method : NelderMead
        How its simplexes decide; ``method.seed`` is that of the random numbers.
    maxfev : float
        The evaluations to plan for; all are made where there is noise. Where infinite, it is
        `PLANNED`·(n + 1), or twice what the simplex took if that is more.
    """
    plain = SimplexSearch(method, search.space)
    yield Until(plain, lambda: plain.begun and plain.best[1] < math.inf)
    if plain.done:
        return plain.status
    course = _Noisy(search, method, maxfev)
    yield from course.measure(plain)
    if course.negligible:
        yield plain
        return plain.status
    machine = course.begin(plain)
    yield from course.descend(machine)
    if machine.end == "unbounded":
        return Status.UNBOUNDED
    if not machine.done:
        yield from course.regress(machine)
    yield from course.race(machine)
    if machine.done:
        return Status.CONVERGED
    if not course.settled:
        return Status.MAXFEV
    search.extra["message"] = "the last fits gained nothing that the noise does not explain"
    return Status.CONVERGED


@dataclass(frozen=True)
class _Centre:
    """Where a surface has its minimum, (n,), its value there and the standard error of that."""

    z: Array
    value: float
    error: float


class _Noisy:
    """What a noisy search knows, and the parts of its course."""

    def __init__(self, search: CourseSearch, method: NelderMead, maxfev: float) -> None:
        self._search, self._space, self._method = search, search.space, method
        self._random = np.random.default_rng(method.seed)
        self._plan(maxfev)
        self._spread = Spread()
        self._samples = Samples(search.n)
        self._centres: list[_Centre] = []
        self._leader = (math.inf, 0)  # the value of the best vertex, and evaluations when it came
        self._first = np.empty(0)  # the first repeats
        self._repeats = 0
        self.negligible = False

    def _plan(self, evaluations: float) -> None:
        self._most = evaluations
        race = max(RACE * evaluations, AGAIN)
        self._until = evaluations - race if evaluations < math.inf else math.inf

    @property
    def _left(self) -> int | float:
        """Evaluations until the race."""
        left = max(self._until - self._search.nfev, 0.0)
        return int(left) if left < math.inf else left

    @property
    def _noise(self) -> float:
        """The noise, never 0."""
        return max(self._spread.noise, ROUNDING * abs(self._search.lowest[1]), 1e-300)

    def _tell(self, error: float, answer: tuple[Array, float] | None = None) -> None:
        """Let the search say how matters stand."""
        self._search.answer = answer
        self._search.extra.update(noise=self._spread.noise, nrepeat=self._repeats, fun_error=error)

    # The noise

    def measure(self, plain: SimplexSearch) -> Steps:
        """Evaluate the best point again, and more often if the value is another one."""
        x, f = plain.best
        again = Points(x.reshape(1, -1), -math.inf)
        yield again
        self._repeats, values = 1, again.values
        if values[0] != f:
            more = Points(np.tile(x, (AGAIN - 1, 1)), -math.inf)
            yield more
            self._repeats, values = AGAIN, np.append(values, more.values)
        self._first = values[np.isfinite(values)]
        if not len(self._first):  # it fails at times: of the noise nothing is known
            self.negligible = True
            self._search.extra.update(nrepeat=self._repeats)
            return
        self._spread.learn(self._first)
        if not self._spread.noise:  # equal, but for the first perhaps
            self._spread.learn(np.append(self._first, f))
        noise = self._spread.noise
        self.negligible = noise <= max(self._method.test.fatol, ROUNDING * abs(f))
        if self.negligible:
            self._tell(noise)
        else:
            self._tell(noise / math.sqrt(len(self._first)), (x, mean_of(self._first)))

    def _repeat(self, machine: Machine) -> Steps:
        """Evaluate the best vertex again; its value becomes the mean."""
        z, x = machine.simplex[0], machine.best[0]
        again = Points(np.tile(x, (AGAIN, 1)), -math.inf)
        yield again
        self._repeats += AGAIN
        self._spread.learn(again.values)
        self._samples.add(np.tile(z, (AGAIN, 1)), again.values)
        machine.replace(0, z, mean_of(again.values))
        self._leader = (machine.best[1], self._search.nfev)

    # The simplex

    def begin(self, plain: SimplexSearch) -> Machine:
        """Return a machine that goes on from the first simplex."""
        space, (vertices, values) = self._space, plain.simplex
        z = space.enter(vertices)
        self._samples.add(z, values)
        self._samples.add(np.tile(z[0], (len(self._first), 1)), self._first)
        values = values.copy()
        values[0] = mean_of(self._first)
        machine = self._method.machine(z, space.box, None)
        rows = min(most_fitted(space.n, 0), self._most, PLANNED * (space.n + 1))
        machine.keep(int(rows))
        machine.restart(z, values, None if space.box is None else vertices)
        return machine

    def descend(self, machine: Machine) -> Steps:
        """Run the simplex until its vertices differ by noise alone, or it has converged.

        Whether they do shows when the best is evaluated again: where it seems so, and where one has
        been the best for long. The first time, a second simplex begins there, half as large as the
        first and with edges the other way: what noise hid from the one, another may see.
        """
        second = False
        while True:
            if not self._reached(machine):
                yield Until(machine, lambda: self._reached(machine))
            if machine.end == "unbounded" or not self._left:
                break
            if not machine.done:
                yield from self._repeat(machine)
                if not differ_by_noise(machine.values, self._noise):
                    continue
            if second or self._search.nfev >= self._most / 2:
                break
            second = True
            self._begin_second(machine)
        self._samples.add(*machine.past())

    def _reached(self, machine: Machine) -> bool:
        """Return whether the simplex, between two iterations, is done; note how it stands."""
        if not machine.between:
            return not self._left
        self._look(machine)
        rule = self._method.rule
        if rule is not None and rule(machine.vertices, machine.values):
            machine.finish()
        return (
            not self._left
            or self._is_stale(machine)
            or differ_by_noise(machine.values, self._noise)
        )

    def _is_stale(self, machine: Machine) -> bool:
        """Return whether the best vertex has been that for long: by luck, perhaps.

        A simplex led by noise shrinks around such a vertex, and where the noise is thought to be
        less than it is, nothing else would tell.
        """
        value, nfev = machine.best[1], self._search.nfev
        if value != self._leader[0]:
            self._leader = (value, nfev)
        return nfev - self._leader[1] > STALE * (self._space.n + 1)

    def _look(self, machine: Machine) -> None:
        value, error = shrunk(machine.values, self._noise)
        self._tell(error, (machine.best[0], value))

    def _begin_second(self, machine: Machine) -> None:
        space, x = self._space, machine.best[0]
        bounds = space.free_bounds()
        first = first_simplex(self._method.initial_simplex, space.x0[space.free], *bounds)
        moves = first[1:] - first[0]
        steps = moves[np.abs(moves).argmax(axis=0), np.arange(space.n)]
        z = machine.simplex[0]
        machine.surround(z + np.diag(space.steps(x, -HALF * steps)))
        self._search.restarts += 1

    # Regression

    def regress(self, machine: Machine) -> Steps:
        """Move a centre to the minimum of what is known around it, until the race."""
        n = self._space.n
        if self._until == math.inf:
            self._plan(max(PLANNED * (n + 1), 2 * self._search.nfev))
        centre, value = machine.simplex[0], float(machine.values[0])
        edges = machine.simplex[1:] - centre
        level, part = LEVEL, 1.0
        while self._left:
            surface = fit_surface(self._samples, centre, value, self._noise, level)
            if surface is None:  # too few points: more of them where the simplex is
                weights = self._random.uniform(-1.0, 1.0, (terms(n) + n + 1, n))
                yield from self._sample(centre + weights @ edges)
                continue
            z, promised = surface.lowest(STEP * part * math.sqrt(n))
            new = max(n + 1, int(SHARE * surface.count))
            region = surface.within(
                z,
                level,
                REGION * math.sqrt(n),
                self._random.uniform(INNER, 1.0, new),
                self._random.standard_normal((new, n)),
            )
            values = yield from self._sample(np.vstack([z, z, region]))
            self._repeats += len(values[:2]) - 1
            self._spread.learn(values[:2])
            if mean_of(values[:2]) <= promised + WORSE * max(1.0, surface.scatter) * surface.noise:
                centre, value, part = z, promised, min(1.0, LONGER * part)
            else:
                value, part = surface.here, max(SHORTEST, SHORTER * part)
            self._note(centre, value, surface)
            if surface.scatter > POOR:
                level = max(LOWEST, TIGHTER * level)
            elif surface.count >= most_fitted(n, len(self._samples.values)):
                level = max(LOWEST, FULL * level)
            elif surface.scatter < GOOD:
                level = min(HIGHEST, WIDER * level)

    def _sample(self, z: Array) -> Generator[Points, None, Array]:
        """Evaluate points (k, n), as far as the budget allows; return their values."""
        z = z[: max(1, int(min(self._left, len(z))))]
        points = self._space.points(z)
        yield points
        self._samples.add(z, points.values)
        return points.values

    def _note(self, z: Array, value: float, surface: Surface) -> None:
        """Keep a centre as one of those between which the race decides."""
        share = min(1.0, terms(len(z)) / surface.count)
        error = surface.noise * max(1.0, surface.scatter) * math.sqrt(share)
        self._centres.append(_Centre(z, value, error))
        self._tell(error, (self._space.leave(z), value))

    @property
    def settled(self) -> bool:
        """Whether the centres have gained nothing lately that their errors do not explain."""
        if len(self._centres) < 4:
            return False
        first, last = self._last_quarter[0], self._centres[-1]
        return first.value - last.value <= SETTLED * math.hypot(first.error, last.error)

    @property
    def _last_quarter(self) -> list[_Centre]:
        return self._centres[-(len(self._centres) // 4) :]

    # The race

    def race(self, machine: Machine) -> Steps:
        """Evaluate the candidates in turn with what is left, and answer with the best of them."""
        candidates = [self._space.leave(z) for z in self._candidates()]
        vertex = len(candidates)
        candidates.append(machine.best[0])
        left = AGAIN if machine.done else self._most - self._search.nfev
        turns = np.arange(int(left)) % len(candidates)
        if len(turns) < len(candidates):
            return
        points = Points(np.array(candidates)[turns], -math.inf)
        yield points
        self._repeats += len(turns) - len(candidates) + 1
        raced = [points.values[turns == i] for i in range(len(candidates))]
        for values in raced:
            self._spread.learn(values)
        means = np.array([mean_of(values) for values in raced])
        errors = self._noise / np.sqrt([max(1, np.isfinite(v).sum()) for v in raced])
        won = int(np.argmin(means[:vertex])) if vertex else vertex
        needed = WINS * math.hypot(errors[won], errors[vertex]) if vertex else 0.0
        if means[vertex] + needed < means[won]:
            won = vertex
        if means[won] < math.inf:
            self._tell(float(errors[won]), (candidates[won], float(means[won])))

    def _candidates(self) -> list[Array]:
        """Return the last centre, and the mean of the last quarter of them."""
        if not self._centres:
            return []
        last = self._centres[-1].z
        if len(self._centres) < 4:
            return [last]
        return [last, np.mean([centre.z for centre in self._last_quarter], axis=0)]
