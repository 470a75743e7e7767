"""What always holds of a search of the whole box."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nelder.core.bounds import Box
from nelder.drive.loop import Observers
from nelder.drive.schedule import Policy, drive_on
from nelder.minimize_global import minimize_global
from nelder.options import Budget
from nelder.search.ask_tell import AskTell
from nelder.search.whole_box import WholeBox
from tests.property.test_schedule import Memory, Workers

HOW = settings(max_examples=25, deadline=None)
OBSERVERS = Observers(restore=lambda x: x, history=True)
SEEDS = st.integers(0, 9999)


def valleys(x):
    """Many minima, no sum of its coordinates, and no value in a part of the box."""
    value = float(np.sum(1.0 - np.cos(3.0 * x)) + 0.3 * np.sum((x - x[::-1] ** 2) ** 2))
    return math.nan if value > 60.0 else value


def total(x):
    """A sum of functions of one coordinate, many minima each."""
    return float(np.sum(np.abs(x - 0.3) + np.cos(5.0 * x)))


OBJECTIVES = st.sampled_from([valleys, valleys, total])


def edges(n):
    lower = -2.0 - np.arange(n) / 3.0
    return lower, lower + 5.0


def search(n, seed):
    lower, upper = edges(n)
    return WholeBox(seed=seed).start(np.zeros(n), Box(lower, upper, True))


def budget(n, maxfev):
    return Budget(maxfev, None, None, None, n)


def alone(fun, n, seed, maxfev):
    bounds = list(zip(*edges(n), strict=True))
    return minimize_global(fun, bounds, seed=seed, maxfev=maxfev, history=True, on_failure="worst")


def same(a, b):
    """Whether both searches took the same path."""
    assert a.history.points.tobytes() == b.history.points.tobytes()
    assert a.history.values.tobytes() == b.history.values.tobytes()
    names = ("status", "nfev", "nit", "nshrink", "nrestart", "nfailed")
    assert [getattr(a, name) for name in names] == [getattr(b, name) for name in names]


@HOW
@given(OBJECTIVES, st.integers(1, 4), st.integers(1, 20), SEEDS, st.integers(1, 900))
def test_any_number_of_workers_gives_the_bits_of_one(fun, n, workers, seed, maxfev):
    pool = Workers(fun, workers, seed)
    result = drive_on(pool, search(n, seed), budget(n, maxfev), Policy("worst"), OBSERVERS)
    same(result, alone(fun, n, seed, maxfev))
    assert result.nfev == maxfev


@HOW
@given(OBJECTIVES, st.integers(1, 3), st.sampled_from([1, 3, 9]), SEEDS, st.integers(0, 400))
def test_a_search_that_breaks_off_goes_on_from_its_log(fun, n, workers, seed, room):
    log = Memory(room=room)
    policy = Policy("worst")
    try:
        drive_on(
            Workers(fun, workers, seed), search(n, seed), budget(n, 400), policy, OBSERVERS, log
        )
    except OSError as error:
        assert error.result.nfev <= len(log.rows)
    log.room = math.inf
    pool = Workers(fun, 1, seed)
    result = drive_on(pool, search(n, seed), budget(n, 400), policy, OBSERVERS, log)
    same(result, alone(fun, n, seed, 400))
    if workers == 1:
        assert len(pool.asked) == 400 - room  # nothing recorded is evaluated again


@HOW
@given(OBJECTIVES, st.integers(1, 4), SEEDS, st.integers(1, 600))
def test_every_point_is_inside_and_the_answer_is_the_lowest(fun, n, seed, maxfev):
    result = alone(fun, n, seed, maxfev)
    points, values = result.history
    lower, upper = edges(n)
    assert (points >= lower).all()
    assert (points <= upper).all()
    assert len(values) == result.nfev == maxfev
    if not np.isfinite(values).any():
        assert result.fun == math.inf
        return
    assert result.fun == np.nanmin(values)
    assert (result.x == points[np.nanargmin(values)]).all()
    for minimum in result.minima:
        assert minimum.fun in values
        assert minimum.count == len(minimum.searches) > 0
    assert sum(m.count for m in result.minima) <= result.nlocal - result.nabandoned
    assert result.success == (bool(result.minima) and result.minima[0].fun == result.fun)


@HOW
@given(OBJECTIVES, st.integers(1, 4), SEEDS, st.integers(1, 400), st.randoms())
def test_ask_and_tell_in_any_order_is_the_same_search(fun, n, seed, maxfev, chance):
    asked = AskTell(search(n, seed))
    nfev = 0
    while nfev < maxfev:
        points = list(asked.ask()[: maxfev - nfev])
        chance.shuffle(points)
        nfev += len(points)
        for x in points:
            asked.tell(x, fun(x))
    best = asked._search.best
    result = alone(fun, n, seed, nfev)
    assert best[1] == result.fun
    assert best[0].tobytes() == result.x.tobytes() or math.isinf(best[1])


@HOW
@given(st.integers(1, 5), SEEDS, st.floats(-1.9, 2.9), st.floats(0.1, 9.0))
def test_it_does_not_depend_on_the_units(n, seed, shift, scale):
    """The box twice as wide: the same search, but for what tolerances of x and f see."""

    def fun(x):
        return float(np.sum(np.abs(x - shift)) + np.prod(np.cos(3.0 * x)))

    box = list(zip(*edges(n), strict=True))
    wide = [(4.0 * low, 4.0 * high) for low, high in box]
    one = minimize_global(fun, box, seed=seed, maxfev=60, history=True)
    other = minimize_global(lambda x: fun(0.25 * x), wide, seed=seed, maxfev=60, history=True)
    assert (4.0 * one.history.points == other.history.points).all()
