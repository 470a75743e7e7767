"""A noisy search is the same search, whoever evaluates, however often it is broken off."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder
from nelder import NelderMead
from nelder.drive.loop import Observers
from nelder.drive.schedule import Policy, drive_on
from nelder.options import Budget
from tests.property.test_schedule import Memory, Workers

HOW = settings(max_examples=25, deadline=None)
OBSERVERS = Observers(restore=lambda x: x, history=True)


class Repeated:
    """An objective whose k-th value at a point depends on the point and k, and on nothing else."""

    def __init__(self, sigma, fails=0.0):
        self.sigma, self.fails = sigma, fails
        self.calls = Counter()

    def __call__(self, x):
        self.calls[x.tobytes()] += 1
        seed = [self.calls[x.tobytes()], *np.frombuffer(x.tobytes(), np.uint32)]
        chance = np.random.default_rng(seed)
        if chance.random() < self.fails:
            return math.nan
        return float(np.sum((x - 0.3) ** 2)) + self.sigma * chance.standard_normal()


SIGMAS = st.sampled_from([0.0, 1e-10, 1e-3, 0.3, 30.0])
BOUNDS = st.sampled_from([None, (-3.0, 3.0), (0.5, 2.0), (None, 1.0)])
SEEDS = st.integers(0, 9999)


def start(n):
    return np.linspace(-2.0, 2.0, n)


def alone(fun, n, maxfev, **more):
    return nelder.minimize(fun, start(n), maxfev=maxfev, history=True, on_failure="worst", **more)


def begin(n, maxfev, seed):
    return NelderMead(noise=True, seed=seed).start(start(n), None, maxfev)


def budget(n, maxfev):
    return Budget(maxfev, None, None, None, n=n)


def same(a, b):
    assert a.history.points.tobytes() == b.history.points.tobytes()
    assert a.history.values.tobytes() == b.history.values.tobytes()
    for name in ("status", "nfev", "nit", "nrestart", "nfailed", "noise", "nrepeat", "fun_error"):
        assert a[name] == b[name]
    assert a.x.tobytes() == b.x.tobytes()
    assert a.fun == b.fun


@HOW
@given(SIGMAS, st.integers(1, 4), st.integers(1, 150), SEEDS, BOUNDS, st.sampled_from([0.0, 0.2]))
def test_budgets_are_exact_and_bounds_are_kept(sigma, n, maxfev, seed, bounds, fails):
    result = alone(
        Repeated(sigma, fails),
        n,
        maxfev,
        method=NelderMead(noise=True, seed=seed),
        bounds=bounds and [bounds] * n,
    )
    points, values = result.history
    assert len(points) == result.nfev <= maxfev
    assert result.nfev == maxfev or result.status is not nelder.Status.MAXFEV
    low, high = bounds or (None, None)
    assert (points >= (-math.inf if low is None else low)).all()
    assert (points <= (math.inf if high is None else high)).all()
    assert any(x.tobytes() == result.x.tobytes() for x in points) or result.noise
    if result.noise and result.fun < math.inf:
        assert result.fun_error > 0.0
        assert result.fun >= np.nanmin(values)
    if result.noise == 0.0:
        assert result.fun == np.nanmin(values)


@HOW
@given(SIGMAS, st.integers(1, 4), st.integers(1, 12), st.integers(0, 9999), SEEDS)
def test_any_number_of_workers_gives_the_bits_of_one(sigma, n, workers, chance, seed):
    maxfev = 120
    pool = Workers(Repeated(sigma), workers, chance)
    result = drive_on(pool, begin(n, maxfev, seed), budget(n, maxfev), Policy("worst"), OBSERVERS)
    same(result, alone(Repeated(sigma), n, maxfev, method=NelderMead(noise=True, seed=seed)))


@HOW
@given(SIGMAS, st.integers(1, 4), st.integers(1, 9), st.integers(0, 9999), st.integers(0, 120))
def test_a_search_that_breaks_off_goes_on_from_its_log(sigma, n, workers, chance, room):
    maxfev, fun = 120, Repeated(sigma)
    log, policy = Memory(room=room), Policy("worst")
    try:
        drive_on(
            Workers(fun, workers, chance),
            begin(n, maxfev, 0),
            budget(n, maxfev),
            policy,
            OBSERVERS,
            log,
        )
    except OSError:
        fun.calls = Counter(row.x for row in log.rows)  # what was not recorded did not happen
    log.room = math.inf
    result = drive_on(
        Workers(fun, workers, chance + 1),
        begin(n, maxfev, 0),
        budget(n, maxfev),
        policy,
        OBSERVERS,
        log,
    )
    same(result, alone(Repeated(sigma), n, maxfev, method=NelderMead(noise=True)))


@HOW
@given(SIGMAS, st.integers(1, 4), st.integers(0, 9999))
def test_values_may_be_told_in_any_order(sigma, n, chance):
    order, fun = random.Random(chance), Repeated(sigma)
    optimizer = nelder.Optimizer(start(n), method=NelderMead(noise=True))
    maxfev, told = 150, 0
    while told < maxfev and not optimizer.done:
        asked = optimizer.ask()[: maxfev - told]
        values = [fun(x) for x in asked]  # the k-th row of a point is its k-th value
        rows = list(range(len(asked)))
        if len({x.tobytes() for x in asked}) == len(asked):
            order.shuffle(rows)
        told += len(asked)
        while rows:
            some = rows[: order.randint(1, 3)]
            rows = rows[len(some) :]
            optimizer.tell(asked[some], [values[row] for row in some])
    again = nelder.Optimizer(start(n), method=NelderMead(noise=True))
    fun = Repeated(sigma)
    for _ in range(told):
        (x,) = again.ask(max_points=1)
        again.tell([x], [fun(x)])
    one, other = optimizer.result(), again.result()
    assert (one.fun, one.nfev, one.noise, one.nrepeat) == (
        other.fun,
        other.nfev,
        other.noise,
        other.nrepeat,
    )
    assert one.x.tobytes() == other.x.tobytes()


@HOW
@given(st.integers(1, 5), st.integers(1, 300), st.booleans())
def test_without_noise_it_is_the_plain_search_with_one_repeat(n, maxfev, model):
    fun = Repeated(0.0)
    plain = alone(fun, n, maxfev, method=NelderMead(model=model))
    careful = alone(fun, n, maxfev + 1, method=NelderMead(model=model, noise=True))
    if plain.nfev <= n + 1:
        return
    rest = np.delete(careful.history.points, n + 1, axis=0)
    assert rest.tobytes() == plain.history.points.tobytes()
    assert (careful.nfev, careful.fun) == (plain.nfev + 1, plain.fun)
    assert careful.x.tobytes() == plain.x.tobytes()


def test_a_journal_replays_every_repeat(tmp_path):
    """Through the file too: the values of one point come back in their order."""
    path, fun = tmp_path / "noisy.db", Repeated(0.3)

    def objective(x):
        return fun(x)

    given = {"method": NelderMead(noise=True), "maxfev": 90, "journal": path, "history": True}
    first = nelder.minimize(objective, start(2), **given)
    calls = sum(fun.calls.values())
    again = nelder.minimize(objective, start(2), **given)
    assert sum(fun.calls.values()) == calls
    same(first, again)
