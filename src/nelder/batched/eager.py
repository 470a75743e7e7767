"""The loop of libraries whose operations run at once: evaluate, step, leave out finished lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nelder.batched.backend import Backend
from nelder.batched.batch import begin, embedded, only_point, raise_degenerate, result
from nelder.batched.settings import REFRESH
from nelder.batched.state import Outcome, State, outcome
from nelder.batched.step import refresh, step

if TYPE_CHECKING:
    from nelder.batched.problem import Problem
    from nelder.batched.result import BatchResult
    from nelder.batched.settings import Settings

__all__ = ["EagerBackend", "run"]

FEWER = 1.0 / 16.0  # of the lanes have to be done before they are left out

Evaluate = Callable[[Any, Any], Any]
"""Gives the values (m,) of pending points (w, m), with the data of their lanes."""


class EagerBackend(Backend):
    """A library whose operations run at once.

    Attributes
    ----------
    patience : int
        Steps between two looks at how many lanes are done.
    """

    patience = 1

    def step(self, state: State, f: Any, settings: Settings) -> State:
        """Return the state after the values `f` (B,)."""
        with self.quiet():
            return step(state, f, settings, self)

    def running(self, phase: Any) -> Any:
        """Return the indices of lanes that are not done."""
        raise NotImplementedError

    def host(self, array: Any) -> Any:
        """Return an array as NumPy's."""
        raise NotImplementedError

    def minimize(self, problem: Problem, settings: Settings, builder: Any) -> BatchResult:
        """Return what the searches of `problem` find."""
        if settings.n == 0:
            return only_point(problem, settings)
        with self.quiet():
            state, degenerate = begin(self.columns(problem.leaves), settings, builder, self)
        raise_degenerate(self.host(degenerate))

        def evaluate(point: Any, data: Any) -> Any:
            return problem.values(embedded(point[-settings.n :], settings, self), data)

        found = run(evaluate, state, problem.data, settings, self)
        return result(found, problem, settings)


def run(
    evaluate: Evaluate, state: State, data: Any, settings: Settings, backend: EagerBackend
) -> Outcome:
    """Return what becomes of all lanes.

    Parameters
    ----------
    evaluate : callable
    state : State
    data
        Of the lanes, for the objective: a tree of arrays with the lanes first.
    settings : Settings
    backend : EagerBackend
    """
    whole = outcome(state, settings, backend)
    lanes: Any = None  # which of all those still are that the state holds
    if state.phase.shape[0] == 0:
        return whole
    period = REFRESH * settings.n
    ticks = 0
    while True:
        state = backend.step(state, evaluate(state.point, data), settings)
        ticks += 1
        if not backend.resums and ticks % period == 0:
            state = refresh(state, settings, backend)
        if ticks % backend.patience:
            continue
        running = backend.running(state.phase)
        left, count = running.shape[0], state.phase.shape[0]
        if left and count - left < max(1.0, FEWER * count):
            continue
        found = outcome(state, settings, backend)
        whole = found if lanes is None else backend.put(whole, lanes, found)
        if not left:
            return whole
        lanes = running if lanes is None else lanes[running]
        state, data = backend.take(state, running), backend.take_data(data, running)
