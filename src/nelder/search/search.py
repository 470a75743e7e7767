"""One search: a machine, its bounds and its restarts, as ask and tell.

The search always waits at one *stage* (`core.machine.Stage`): the machine itself, or a short list
of points that a policy wants to know between two runs of the machine. Whoever evaluates fills the
stage until it is done and calls `advance`, which decides what comes next:

    machine -> converged -> probe -> nothing lower -> done
                  ^                  something lower -+
                  +---- restart there ---------------+
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.core.machine import Machine, Points, Stage
from nelder.core.simplexes import axis_steps
from nelder.result import Simplex, Status
from nelder.search.probe import below, first_radii, larger_steps, probe_points, unseen, wider_radii
from nelder.search.start import first_simplex

if TYPE_CHECKING:
    from nelder.core.bounds import Box
    from nelder.search.nelder_mead import NelderMead

__all__ = ["Search"]

Array = NDArray[np.float64]


class Search:
    """A simplex search with its restarts.

    Parameters
    ----------
    method : NelderMead
    x0 : ndarray of shape (dim,)
        The start, in the box.
    box : Box, optional
        Bounds; without it every coordinate is free.

    Attributes
    ----------
    stage : Stage
        What waits for values now.
    status : Status
        ``RUNNING`` until the search has ended by itself.
    nrestart : int
        Restarts after the probe found a lower value.
    """

    def __init__(self, method: NelderMead, x0: Array, box: Box | None) -> None:
        self.status = Status.RUNNING
        self.nrestart = 0
        self._method = method
        self._rule = method.rule
        self._box = box
        if box is None:
            self._free = np.arange(len(x0))
            self._lower, self._upper = np.full(len(x0), -math.inf), np.full(len(x0), math.inf)
        else:
            x0 = box.inside(x0)
            self._free, self._lower, self._upper = box.free, box.lower, box.upper
        self._machine: Machine | None = None
        self._found = (x0, math.inf)  # the lowest of all points outside the machine
        self._nfev = self._nfailed = 0  # of such points, but for those in `stage`
        self._then: Callable[[Search, Points], None] = Search._end  # after points
        self.stage: Stage
        if not len(self._free):  # every variable is fixed: there is one point
            self.stage = self._points = Points(x0.reshape(1, -1), -math.inf)
            return
        lower, upper = self._lower[self._free], self._upper[self._free]
        simplex = first_simplex(method.initial_simplex, x0[self._free], lower, upper)
        self._steps = np.abs(simplex[1:] - simplex[0]).max(axis=0)
        # A restart within the tolerance would be called converged at once.
        self._least_step = 1e3 * method.test.xatol
        self.stage = self._machine = method.machine(
            simplex if box is None else box.enter(simplex), box, self._embedded(simplex)
        )

    # What an observer reads

    @property
    def done(self) -> bool:
        """Whether the search has ended by itself."""
        return self.status is not Status.RUNNING

    @property
    def n(self) -> int:
        """Coordinates searched."""
        return len(self._free)

    @property
    def nfev(self) -> int:
        """Evaluations."""
        return self._nfev + sum(stage.nfev for stage in self._stages)

    @property
    def nfailed(self) -> int:
        """Evaluations that gave no value below +inf."""
        return self._nfailed + sum(stage.nfailed for stage in self._stages)

    @property
    def nit(self) -> int:
        """Iterations."""
        return self._machine.nit if self._machine else 0

    @property
    def nshrink(self) -> int:
        """Shrinks."""
        return self._machine.nshrink if self._machine else 0

    @property
    def begun(self) -> bool:
        """Whether the first simplex has been evaluated."""
        return self._machine is not None and (
            self._machine.nit > 0 or self._machine.phase != "initial"
        )

    @property
    def pauses(self) -> bool:
        """Whether `advance` must be called between iterations: the rule is a user's own."""
        return self._rule is not None

    @property
    def best(self) -> tuple[Array, float]:
        """The best point evaluated, (dim,), and its value."""
        lowest = self._found
        if isinstance(self.stage, Points):
            lowest = _lower(lowest, self.stage)
        if self._machine is None:
            return lowest
        best = self._machine.best
        return lowest if lowest[1] < best[1] else best

    @property
    def simplex(self) -> Simplex:
        """The vertices (n + 1, dim), best first, and their values."""
        if self._machine is None:
            return Simplex(self._points.points.copy(), self._points.values.copy())
        return Simplex(self._machine.vertices, self._machine.values)

    @property
    def _stages(self) -> list[Stage]:
        """The machine, and the points that are waited for."""
        if self._machine is None or self._machine is self.stage:
            return [self.stage]
        return [self._machine, self.stage]

    def clone(self) -> Search:
        """Return an independent search in the same state, but for a rule of the user's own.

        That rule is not the clone's: it may remember what it has been asked.
        """
        twin = copy.copy(self)  # whatever is not cloned below is replaced, never changed
        twin._rule = None
        if self._machine is None:
            twin.stage = twin._points = self._points.clone()
            return twin
        machine = twin._machine = self._machine.clone()
        twin.stage = machine if self.stage is self._machine else self.stage.clone()
        return twin

    # What moves it on

    def advance(self) -> None:
        """Decide what comes next, once the stage is done or, with `pauses`, an iteration is."""
        stage, machine = self.stage, self._machine
        if isinstance(stage, Points):
            if stage.done:
                self._leave(stage)
            return
        assert machine is not None
        if self._rule and machine.between and self._rule(machine.vertices, machine.values):
            machine.finish()
        if not machine.done:
            return
        if machine.end == "unbounded":
            self.status = Status.UNBOUNDED
        elif self._method.probe:
            self._radii = first_radii(self._steps)
            self._look(machine)
        elif self._method.final_centroid:
            self._wait_for(Points(machine.centroid.reshape(1, -1), machine.best[1]), Search._end)
        else:
            self._end()

    def _wait_for(self, points: Points, then: Callable[[Search, Points], None]) -> None:
        """Have `points` evaluated, then do `then`."""
        self.stage, self._then = points, then
        if points.done:  # there are none
            self._leave(points)

    def _leave(self, points: Points) -> None:
        """Take note of `points` and go back to the machine."""
        if self._machine is not None:
            self._nfev += points.nfev
            self._nfailed += points.nfailed
            self.stage = self._machine
        self._found = _lower(self._found, points)
        if self._found[1] == -math.inf:
            self.status = Status.UNBOUNDED
        else:
            self._then(self, points)

    def _look(self, machine: Machine) -> None:
        """Look beside the best point, `_radii` along each axis."""
        x, f = machine.best
        points, self._which = probe_points(x, self._free, self._radii, self._lower, self._upper)
        self._wait_for(Points(points, below(f)), Search._looked)

    def _looked(self, points: Points) -> None:
        """Restart where a lower value was found, look farther, or end."""
        machine = self._machine
        assert machine is not None
        if points.found >= 0:
            self._restart(machine, points.points[points.found], points.values[points.found])
            return
        x, f = machine.best
        blind = self._radii > 0.0
        with np.errstate(invalid="ignore"):  # infinite values
            blind[self._which[~unseen(points.values, f)]] = False
        self._radii = wider_radii(x[self._free], self._steps, self._radii, blind)
        if np.any(self._radii > 0.0):
            self._look(machine)
        else:
            self._end()

    def _restart(self, machine: Machine, x: Array, f: float) -> None:
        """Begin a fresh simplex at `x` with known value `f`: a tenth of the steps, then larger."""
        simplex = axis_steps(
            x[self._free],
            np.maximum(np.maximum(self._steps / 10.0, self._radii), self._least_step),
            self._lower[self._free],
            self._upper[self._free],
        )
        values = np.full(self.n + 1, math.nan)
        values[0] = f
        z = simplex if self._box is None else self._box.enter(simplex)
        machine.restart(z, values, self._embedded(simplex))
        self.nrestart += 1
        self._steps = larger_steps(x[self._free], self._steps, self._radii)

    def _embedded(self, simplex: Array) -> Array | None:
        """Return vertices (n + 1, n) with the coordinates that are fixed, where there is a box."""
        if self._box is None:
            return None
        points = np.tile(self._lower, (len(simplex), 1))
        points[:, self._free] = simplex
        return points

    def _end(self, points: Points | None = None) -> None:
        """End as converged, unless there is nothing to have converged to."""
        finite = self.best[1] < math.inf
        self.status = Status.CONVERGED if finite else Status.NO_FINITE_VALUE


def _lower(best: tuple[Array, float], points: Points) -> tuple[Array, float]:
    """Return `best`, a point and its value, or what is lower among the known `points`."""
    known = points.values[: points.count]
    if known.size and known.min() < best[1]:
        i = int(known.argmin())
        return points.points[i].copy(), float(known[i])
    return best
