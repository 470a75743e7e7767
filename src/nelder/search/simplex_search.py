"""One search: a machine, its bounds and its restarts, as ask and tell.

The search always waits at one *stage* (`core.machine.Stage`): the machine itself, or a short list
of points that a policy wants to know between two runs of the machine. Whoever evaluates fills the
stage until it is done and calls `advance`, which decides what comes next:

    machine -> converged -> probe -> nothing lower -> done
     ^    ^ |                        something lower -+
     |    | +- iteration -> model step -+             |
     |    +-----------------------------+             |
     +---- restart there -----------------------------+
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.machine import Machine, Points, Stage
from nelder.core.simplexes import axis_steps
from nelder.result import Simplex, Status
from nelder.search.probe import below, first_radii, larger_steps, probe_points, unseen, wider_radii
from nelder.search.search import Search, lower_of
from nelder.search.space import Space
from nelder.search.start import first_simplex

if TYPE_CHECKING:
    from nelder.search.model_steps import ModelSteps
    from nelder.search.nelder_mead import NelderMead

__all__ = ["SimplexSearch"]

Array = NDArray[np.float64]


class SimplexSearch(Search):
    """A simplex search with its restarts.

    Parameters
    ----------
    method : NelderMead
    space : Space
        The start and its box.
    """

    def __init__(self, method: NelderMead, space: Space) -> None:
        self.status = Status.RUNNING
        self.space = space
        self._nrestart = 0
        self._method = method
        self._rule = method.rule
        self._machine: Machine | None = None
        self._model: ModelSteps | None = None
        self._found = (space.x0, math.inf)  # the lowest of all points outside the machine
        self._nfev = self._nfailed = 0  # of such points, but for those in `stage`
        self._then: Callable[[SimplexSearch, Points], None] = SimplexSearch._end  # after points
        if not space.n:  # every variable is fixed: there is one point
            self.stage = self._points = Points(space.x0.reshape(1, -1), -math.inf)
            return
        lower, upper = space.free_bounds()
        simplex = first_simplex(method.initial_simplex, space.x0[space.free], lower, upper)
        self._steps = np.abs(simplex[1:] - simplex[0]).max(axis=0)
        # A restart within the tolerance would be called converged at once.
        self._least_step = 1e3 * method.test.xatol
        points = space.embed(simplex)
        box = space.box
        self.stage = self._machine = method.machine(
            space.enter(points), box, None if box is None else points
        )
        if method.model:
            from nelder.search.model_steps import ModelSteps

            self._model = ModelSteps(space.n)
            self._machine.keep(self._model.rows)

    # What an observer reads

    @property
    def n(self) -> int:
        """Coordinates searched."""
        return self.space.n

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
    def nrestart(self) -> int:
        """Restarts after the probe found a lower value."""
        return self._nrestart

    @property
    def begun(self) -> bool:
        """Whether the first simplex has been evaluated."""
        return self._machine is not None and (
            self._machine.nit > 0 or self._machine.phase != "initial"
        )

    @property
    def pauses(self) -> bool:
        """Whether `advance` must be called between evaluations."""
        return self._rule is not None or self._model is not None

    @property
    def best(self) -> tuple[Array, float]:
        """The best point evaluated, (dim,), and its value."""
        lowest = self._found
        if isinstance(self.stage, Points):
            lowest = lower_of(lowest, self.stage)
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

    def details(self) -> dict[str, Any]:
        """Return how many model steps there were, where they are wanted."""
        model = self._model
        return {} if model is None else {"nmodel": model.steps, "nmodel_better": model.better}

    def clone(self) -> SimplexSearch:
        """Return an independent search in the same state, but for model steps and a user's rule.

        A model of values that are only supposed would lead nowhere.
        """
        twin = copy.copy(self)  # whatever is not cloned below is replaced, never changed
        twin._rule = twin._model = None
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
            if self._model and machine.between:
                self._step_by_model(machine, self._model)
            return
        if machine.end == "unbounded":
            self.status = Status.UNBOUNDED
        elif self._method.probe:
            self._radii = first_radii(self._steps)
            self._look(machine)
        elif self._method.final_centroid:
            centroid = Points(machine.centroid.reshape(1, -1), machine.best[1])
            self._wait_for(centroid, SimplexSearch._end)
        else:
            self._end()

    def _wait_for(self, points: Points, then: Callable[[SimplexSearch, Points], None]) -> None:
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
        self._found = lower_of(self._found, points)
        if self._found[1] == -math.inf:
            self.status = Status.UNBOUNDED
        else:
            self._then(self, points)

    def _step_by_model(self, machine: Machine, model: ModelSteps) -> None:
        """Have the point evaluated that a model of the values promises, if there is one."""
        z = model.propose(machine, self.nfev)
        if z is not None:
            point = self.space.leave(z).reshape(1, -1)
            self._wait_for(Points(point, machine.best[1]), SimplexSearch._stepped)

    def _stepped(self, points: Points) -> None:
        """Let the model and the machine have the value."""
        machine, model = self._machine, self._model
        assert machine is not None
        if model is not None:  # a clone has none
            model.take(machine, float(points.values[0]))
        self.advance()

    def _look(self, machine: Machine) -> None:
        """Look beside the best point, `_radii` along each axis."""
        x, f = machine.best
        space = self.space
        points, self._which = probe_points(x, space.free, self._radii, space.lower, space.upper)
        self._wait_for(Points(points, below(f)), SimplexSearch._looked)

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
        self._radii = wider_radii(x[self.space.free], self._steps, self._radii, blind)
        if np.any(self._radii > 0.0):
            self._look(machine)
        else:
            self._end()

    def _restart(self, machine: Machine, x: Array, f: float) -> None:
        """Begin a fresh simplex at `x` with known value `f`: a tenth of the steps, then larger."""
        space = self.space
        points = space.embed(
            axis_steps(
                x[space.free],
                np.maximum(np.maximum(self._steps / 10.0, self._radii), self._least_step),
                *space.free_bounds(),
            )
        )
        values = np.full(self.n + 1, math.nan)
        values[0] = f
        machine.restart(space.enter(points), values, None if space.box is None else points)
        if self._model:
            self._model.restarted()
        self._nrestart += 1
        self._steps = larger_steps(x[space.free], self._steps, self._radii)

    def _end(self, points: Points | None = None) -> None:
        """End as converged, unless there is nothing to have converged to."""
        finite = self.best[1] < math.inf
        self.status = Status.CONVERGED if finite else Status.NO_FINITE_VALUE
