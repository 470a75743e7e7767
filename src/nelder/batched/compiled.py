"""The loop of libraries that compile: a cascade of loops over fewer and fewer lanes.

Compilers want shapes that stay. So the first loop runs until few enough lanes run that these fit
into the next, smaller one, and so on. Within it nothing waits for the host, and lanes that are done
cost something only until the next loop begins.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nelder.batched.backend import Backend
from nelder.batched.settings import REFRESH, Settings
from nelder.batched.state import DONE, PARKED, PROBE, Outcome, State, outcome
from nelder.batched.step import refresh, step

__all__ = ["CompiledBackend", "cascade", "sizes_for"]

FEWER = 6  # times fewer lanes in each loop than in the one before
HELD = 8  # so many times more running lanes than look around let these wait
LEAST = 256  # lanes, below which another loop is not worth its compilation

Evaluate = Callable[[Any, Any], Any]


class CompiledBackend(Backend):
    """A library with loops of its own."""

    def loop(
        self, goes_on: Callable[[State], Any], body: Callable[[State, Any], State], state: State
    ) -> State:
        """Return the state after ``body(state, tick)`` as long as ``goes_on(state)``.

        `tick` is 0, 1, ...
        """
        raise NotImplementedError

    def when(self, flag: Any, function: Callable[[Any], Any], array: Any) -> Any:
        """Return ``function(array)`` where the scalar `flag` is true, else `array`."""
        raise NotImplementedError

    def first_running(self, done: Any, count: int) -> Any:
        """Return the indices of `count` lanes, those that are not `done` first."""
        raise NotImplementedError


def sizes_for(lanes: int) -> tuple[int, ...]:
    """Return how many lanes the loops after the first have."""
    sizes: list[int] = []
    while lanes >= 2 * LEAST:
        lanes = -(-lanes // FEWER)
        sizes.append(lanes)
    return tuple(sizes)


def cascade(
    evaluate: Evaluate,
    state: State,
    data: Any,
    settings: Settings,
    backend: CompiledBackend,
    sizes: tuple[int, ...],
) -> Outcome:
    """Return what becomes of all lanes.

    Parameters
    ----------
    evaluate : callable
        Gives the values (m,) of pending points (w, m), with the data of their lanes.
    state : State
    data
        Of the lanes: a tree of arrays with the lanes first.
    settings : Settings
    backend : CompiledBackend
    sizes : tuple of int
        How many lanes the loops after the first have.
    """
    xp = backend.xp
    fewer = sizes[0] if sizes else 0

    def goes_on(state: State) -> Any:
        running = backend.whole(xp.not_equal(state.phase, DONE))
        return xp.sum(running) > fewer

    def body(state: State, tick: Any) -> State:
        f = evaluate(state.point, data)
        state = step(state, f, settings, backend, held(state) if settings.probe else None)
        if backend.resums:
            return state
        due = xp.equal(tick % period, period - 1)
        return state._replace(sum=backend.when(due, partial(refreshed, state), state.sum))

    def held(state: State) -> Any:
        """Whether too few lanes want to look around for all to pay for it."""
        looks = xp.equal(state.phase, PROBE) | xp.equal(state.phase, PARKED)
        running = backend.whole(xp.not_equal(state.phase, DONE))
        return HELD * xp.sum(backend.whole(looks)) < xp.sum(running)

    def refreshed(state: State, total: Any) -> Any:
        return refresh(state, settings, backend).sum

    period = REFRESH * settings.n
    state = backend.loop(goes_on, body, state)
    found = outcome(state, settings, backend)
    if not sizes:
        return found
    lanes = backend.first_running(xp.equal(state.phase, DONE), fewer)
    part = cascade(
        evaluate,
        backend.take(state, lanes),
        backend.take_data(data, lanes),
        settings,
        backend,
        sizes[1:],
    )
    return backend.put(found, lanes, part)
