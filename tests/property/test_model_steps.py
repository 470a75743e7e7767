"""What holds for every search with model steps. That replay is exact, that workers, bounds and
budgets change nothing, is held to in `test_search` and its neighbours, where they are a method.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder
from nelder import KWorst, NelderMead, Tolerance
from nelder.core.coefficients import Balanced
from nelder.core.convergence import Test as Comparison
from nelder.core.machine import Machine
from nelder.search.model_steps import (
    LARGEST_RADIUS,
    SMALLEST_RADIUS,
    ModelSteps,
)

MODEL = NelderMead(model=True)
ENDLESS = NelderMead(model=True, convergence=Tolerance(0.0, 0.0, ulps=0.0))
SOME = settings(max_examples=40, deadline=None)

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 5)


def surface(n, seed):
    """A random smooth objective with more than one minimum and a hole."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    wave, hole = rng.normal(size=n), rng.uniform(0.5, 2.0)

    def fun(x):
        y = root @ x - 1.0
        return math.inf if x[0] > 5.0 * hole else float(y @ y + math.sin(3.0 * float(wave @ x)))

    return fun


def recorded(fun, x0, method, **settings):
    points, values = [], []

    def recording(x):
        points.append(x.copy())
        values.append(fun(x))
        return values[-1]

    settings.setdefault("maxfev", 60 * (len(x0) + 1))
    result = nelder.minimize(recording, x0, method=method, on_failure="worst", **settings)
    return result, np.array(points), np.array(values)


@SOME
@given(sizes, seeds)
def test_the_answer_is_the_lowest_of_all_points_and_all_are_counted(n, seed):
    result, points, values = recorded(surface(n, seed), np.zeros(n), MODEL)
    assert result.nfev == len(points)
    assert result.fun == values.min()
    np.testing.assert_array_equal(result.x, points[values.argmin()])
    assert 0 <= result.nmodel_better <= result.nmodel < result.nfev


@SOME
@given(sizes, seeds, st.integers(1, 80))
def test_a_smaller_budget_is_the_beginning_of_a_larger_one(n, seed, maxfev):
    _, points, _ = recorded(surface(n, seed), np.zeros(n), MODEL)
    _, first, _ = recorded(surface(n, seed), np.zeros(n), MODEL, maxfev=maxfev)
    assert len(first) == min(maxfev, len(points))
    np.testing.assert_array_equal(first, points[: len(first)])


@SOME
@given(sizes, seeds, st.lists(st.integers(-20, 20), min_size=5, max_size=5))
def test_units_of_the_coordinates_change_nothing(n, seed, powers):
    """Powers of two, which cost no rounding."""
    fun, units = surface(n, seed), np.ldexp(1.0, powers[:n])
    x0 = np.random.default_rng(seed).uniform(0.5, 1.5, n)
    _, points, values = recorded(fun, x0, ENDLESS)
    _, others, same = recorded(lambda y: fun(y / units), x0 * units, ENDLESS)
    np.testing.assert_array_equal(same, values)
    np.testing.assert_array_equal(others / units, points)


@SOME
@given(sizes, seeds, st.sampled_from([MODEL, KWorst(1, model=True)]))
def test_every_point_lies_in_the_box(n, seed, method):
    rng = np.random.default_rng(seed)
    low, high = -rng.uniform(0.0, 1.0, n), rng.uniform(0.01, 1.0, n)
    bounds = list(zip(low, high, strict=True))
    _, points, _ = recorded(surface(n, seed), np.zeros(n), method, bounds=bounds)
    assert (points >= low).all()
    assert (points <= high).all()


@SOME
@given(sizes, seeds)
def test_no_point_is_asked_for_twice_by_a_model(n, seed):
    """The machine and the steps by hand: what is proposed is new, finite, and near the simplex."""
    fun = surface(n, seed)
    machine = Machine(np.vstack([np.zeros(n), 0.5 * np.eye(n)]), Balanced()(n), Comparison("none"))
    steps = ModelSteps(n)
    machine.keep(steps.rows)
    for _ in range(60):
        while not machine.between:
            machine.tell(fun(machine.x))
        simplex, best = machine.simplex, machine.best[1]
        z = steps.propose(machine, machine.nfev + steps.steps)
        if z is not None:
            assert np.isfinite(z).all()
            reach = steps.radius * np.linalg.norm(simplex - simplex[0], axis=1).max()
            if reach > 1e-9:  # else rounding may make it one that is known
                assert not (machine.past()[0] == z).all(axis=1).any()
            assert (
                np.linalg.norm(z - simplex[0]) <= 1.000001 * reach + 1e-15 * np.abs(simplex).max()
            )
            f = fun(z)
            steps.take(machine, f)
            assert machine.best[1] == min(best, f)
        elif machine.between:
            machine.tell(fun(machine.x))
        assert SMALLEST_RADIUS <= steps.radius <= LARGEST_RADIUS
        assert steps.better <= steps.steps


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_the_number_of_blas_threads_changes_nothing(n):
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="threadpoolctl limits threads")
    found = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            found.append(recorded(surface(n, 7), np.zeros(n), MODEL, maxfev=20 * (n + 1))[1])
    np.testing.assert_array_equal(*found)
