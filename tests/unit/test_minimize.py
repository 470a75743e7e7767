"""The public surface of `nelder.minimize`, sentence by sentence."""

import collections
import ctypes
import functools
import importlib.metadata
import itertools
import math
import re
import sys
import time
from collections import OrderedDict, namedtuple
from dataclasses import FrozenInstanceError

import numba
import numpy as np
import pytest
from numba import carray, cfunc, types
from scipy import LowLevelCallable
from scipy.optimize import Bounds

import nelder
from nelder import NelderMead, Status, Tolerance

INF = math.inf
NAN = math.nan


def rosenbrock(x):
    a = x[1] - x[0] * x[0]
    b = 1.0 - x[0]
    return 100.0 * a * a + b * b


def bowl(x):
    return float((x[0] - 1.0) ** 2 + 10.0 * (x[1] + 2.0) ** 2)


class Recorded:
    """An objective that remembers every call."""

    def __init__(self, fun):
        self.fun = fun
        self.points = []
        self.values = []

    def __call__(self, x, *args):
        self.points.append(np.array(x))
        self.values.append(self.fun(x, *args))
        return self.values[-1]


def same(left, right):
    """Assert that two results are the same, but for the time they took."""
    np.testing.assert_array_equal(left.x, right.x)
    for name in ("fun", "success", "status", "nfev", "nit", "nshrink", "nrestart", "nfailed"):
        assert left[name] == right[name], name
    np.testing.assert_array_equal(left.final_simplex.vertices, right.final_simplex.vertices)
    np.testing.assert_array_equal(left.final_simplex.values, right.final_simplex.values)


# x0 of any structure: the objective and result.x have the same


def test_flat_x0_may_be_any_array_like():
    reference = nelder.minimize(bowl, np.array([3.0, 4.0]))
    for x0 in (
        [3, 4],
        (3.0, 4.0),
        np.array([3, 4]),
        np.array([3.0, 4.0], dtype=np.float32),
        [3, 4.0],
    ):
        seen = []
        result = nelder.minimize(lambda x, seen=seen: seen.append(x) or bowl(x), x0)
        same(result, reference)
        assert type(result.x) is np.ndarray
        assert all(type(x) is np.ndarray and x.dtype == np.float64 for x in seen)
        assert {x.shape for x in seen} == {(2,)}


def test_x0_is_left_alone():
    x0 = np.array([3.0, 4.0])
    result = nelder.minimize(bowl, x0)
    assert x0.tolist() == [3.0, 4.0]
    assert not np.shares_memory(result.x, x0)


def test_scalar_x0_counts_as_one_coordinate():
    for x0 in (3.0, 3, np.float64(3.0), np.array(3.0), [3.0]):
        points = []

        def fun(x, points=points):
            points.append(x)
            return (x[0] - 1.5) ** 2

        result = nelder.minimize(fun, x0, bounds=[(0, 5)])
        assert result.success
        assert result.x.shape == (1,)
        assert {x.shape for x in points} == {(1,)}
        np.testing.assert_allclose(points[0], [3.0], rtol=1e-15)
        np.testing.assert_allclose(result.x, [1.5], atol=1e-6)


def test_dict_x0_gives_dicts_of_floats_and_arrays():
    x0 = {"rate": 3.0, "knots": np.array([4.0, 5.0]), "matrix": np.ones((2, 2))}
    seen = []

    def fun(p):
        seen.append(p)
        return (
            (p["rate"] - 1.0) ** 2
            + ((p["knots"] - [2.0, 3.0]) ** 2).sum()
            + ((p["matrix"] - np.eye(2)) ** 2).sum()
        )

    result = nelder.minimize(fun, x0)
    assert result.success
    for p in [*seen, result.x]:
        assert type(p) is dict
        assert list(p) == list(x0)
        assert type(p["rate"]) is float
        assert type(p["knots"]) is np.ndarray
        assert p["knots"].shape == (2,)
        assert p["matrix"].shape == (2, 2)
    assert seen[0]["rate"] == 3.0
    np.testing.assert_array_equal(seen[0]["knots"], [4.0, 5.0])
    np.testing.assert_array_equal(seen[0]["matrix"], np.ones((2, 2)))
    assert result.x["rate"] == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(result.x["knots"], [2.0, 3.0], atol=1e-5)
    np.testing.assert_allclose(result.x["matrix"], np.eye(2), atol=1e-5)
    assert len(result.names) == 7
    assert {"rate", "knots[0]", "knots[1]", "matrix[0][1]"} <= set(result.names)


Decay = namedtuple("Decay", ["rate", "offsets"])


@pytest.mark.parametrize(
    ("x0", "read"),
    [
        ({"a": {"b": 1.0, "c": [2.0, 3.0]}, "d": (4.0,)},
         lambda p: [p["a"]["b"], *p["a"]["c"], *p["d"]]),
        ([1.0, np.array([2.0, 3.0]), 4.0], lambda p: [p[0], *p[1], p[2]]),
        ((np.array([1.0, 2.0]), 3.0, {"d": 4.0}), lambda p: [*p[0], p[1], p[2]["d"]]),
        (Decay(1.0, np.array([2.0, 3.0, 4.0])), lambda p: [p.rate, *p.offsets]),
        (OrderedDict(b=1.0, a=np.array([2.0, 3.0, 4.0])), lambda p: [p["b"], *p["a"]]),
        ([[1.0, 2.0], [3.0, 4.0]], lambda p: [*p[0], *p[1]]),
        ({"z": 1.0, "b": 2.0, "y": 3.0, "a": 4.0}, lambda p: [p["z"], p["b"], p["y"], p["a"]]),
        ({"a": 1, "b": np.float32(2.0), "c": np.array(3.0), "d": np.array([4])},
         lambda p: [p["a"], p["b"], p["c"], *p["d"]]),
    ],
    ids=["nested", "list", "tuple", "namedtuple", "ordered", "lists", "order of names", "kinds"],
)  # fmt: skip
def test_any_structure_of_x0_comes_back(x0, read):
    goal = np.array([0.5, -1.0, 2.0, 1.0])
    seen = []

    def fun(p):
        seen.append(p)
        return float(((np.array(read(p)) - goal) ** 2).sum())

    def shape_of(p):
        if isinstance(p, dict):
            return type(p), {key: shape_of(part) for key, part in p.items()}, list(p)
        if isinstance(p, (list, tuple)):
            return type(p), [shape_of(part) for part in p]
        return np.shape(p), type(p)

    result = nelder.minimize(fun, x0)
    assert result.success
    assert read(seen[0]) == [1.0, 2.0, 3.0, 4.0]
    np.testing.assert_allclose(read(result.x), goal, atol=1e-5)
    first = shape_of(seen[0])
    assert all(shape_of(p) == first for p in seen)
    assert shape_of(result.x) == first
    assert len(result.names) == len(set(result.names)) == 4
    assert type(seen[0]) is type(x0)


def test_structured_and_flat_search_are_the_same():
    flat = nelder.minimize(rosenbrock, [-1.2, 1.0], history=True)
    named = nelder.minimize(
        lambda p: rosenbrock([p["x"], p["y"]]), {"x": -1.2, "y": 1.0}, history=True
    )
    assert (named.x["x"], named.x["y"]) == tuple(flat.x)
    assert (named.fun, named.nfev, named.nit) == (flat.fun, flat.nfev, flat.nit)
    np.testing.assert_array_equal(named.history.points, flat.history.points)
    np.testing.assert_array_equal(named.final_simplex.vertices, flat.final_simplex.vertices)


def test_the_objective_may_change_its_structure():
    def fun(p):
        value = p["a"] ** 2 + float((p["b"] ** 2).sum())
        p["b"][:] = 99.0
        p.clear()
        return value

    result = nelder.minimize(fun, {"a": 1.0, "b": np.array([2.0, 3.0])})
    assert result.success
    assert result.fun < 1e-12


# Bounds


BOUNDS = [
    [(0.0, 2.0), (-1.0, 5.0)],
    ((0, 2), (-1, 5)),
    np.array([[0.0, 2.0], [-1.0, 5.0]]),
    Bounds([0.0, -1.0], [2.0, 5.0]),
    [Bounds(0.0, 2.0), (-1.0, 5.0)],
]


@pytest.mark.parametrize("bounds", BOUNDS, ids=["list", "tuple", "array", "Bounds", "mixed"])
def test_bounds_in_every_notation(bounds):
    reference = nelder.minimize(bowl, [0.5, 3.0], bounds=BOUNDS[0], history=True)
    result = nelder.minimize(bowl, [0.5, 3.0], bounds=bounds, history=True)
    same(result, reference)
    assert result.history.points.min(axis=0).tolist() >= [0.0, -1.0]
    np.testing.assert_allclose(result.x, [1.0, -1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("bounds", "low", "high"),
    [
        ([(None, 0.5), (None, None)], [-INF, -INF], [0.5, INF]),
        ([None, (-1.0, None)], [-INF, -1.0], [INF, INF]),
        ([(2.0, INF), (-INF, -3.0)], [2.0, -INF], [INF, -3.0]),
        (Bounds(-INF, [0.5, INF]), [-INF, -INF], [0.5, INF]),
        (Bounds(2.0, 4.0), [2.0, 2.0], [4.0, 4.0]),
    ],
    ids=["high", "low", "infinite", "Bounds", "Bounds of numbers"],
)
def test_none_and_infinity_stand_for_no_bound(bounds, low, high):
    result = nelder.minimize(bowl, [3.0, -4.0], bounds=bounds, history=True)
    assert result.success
    assert np.all((result.history.points >= low) & (result.history.points <= high))
    np.testing.assert_allclose(result.x, np.clip([1.0, -2.0], low, high), atol=1e-5)


def test_bounds_that_bound_nothing_change_nothing():
    free = nelder.minimize(rosenbrock, [-1.2, 1.0])
    for bounds in ([(None, None)] * 2, [None, None], Bounds(), [(-INF, INF)] * 2):
        same(nelder.minimize(rosenbrock, [-1.2, 1.0], bounds=bounds), free)


@pytest.mark.parametrize(
    "bounds",
    [
        {"decay": {"rate": (0.5, 2.0)}, "knots": ([0, -5], 5.0)},
        {"knots": (np.array([0.0, -5.0]), np.array([5.0, 5.0])), "decay": {"rate": (0.5, 2.0)}},
        {"decay": {"rate": Bounds(0.5, 2.0)}, "knots": Bounds([0, -5], [5, 5])},
    ],
    ids=["pairs", "arrays", "Bounds"],
)
def test_bounds_by_name(bounds):
    x0 = {"decay": {"rate": 1.0, "offset": 1.0}, "knots": np.array([1.0, 1.0])}
    seen = []

    def fun(p):
        seen.append(p)
        return (
            p["decay"]["rate"] ** 2
            + (p["decay"]["offset"] + 3.0) ** 2
            + float(((p["knots"] + 1.0) ** 2).sum())
        )

    result = nelder.minimize(fun, x0, bounds=bounds)
    assert result.success
    assert result.x["decay"]["rate"] == pytest.approx(0.5, abs=1e-6)
    assert result.x["decay"]["offset"] == pytest.approx(-3.0, abs=1e-5)  # left out: no bounds
    np.testing.assert_allclose(result.x["knots"], [0.0, -1.0], atol=1e-5)
    assert all(0.5 <= p["decay"]["rate"] <= 2.0 for p in seen)
    assert all(0.0 <= p["knots"][0] <= 5.0 for p in seen)
    assert all(-5.0 <= p["knots"][1] <= 5.0 for p in seen)


def test_bounds_by_name_partly():
    fun = lambda p: (p["a"] - 1.0) ** 2 + (p["b"] - 1.0) ** 2  # noqa: E731
    for bounds in ({}, {"a": None}, {"a": (None, None)}, None):
        result = nelder.minimize(fun, {"a": 3.0, "b": 3.0}, bounds=bounds)
        assert result.x["a"] == pytest.approx(1.0, abs=1e-6)
    result = nelder.minimize(fun, {"a": 3.0, "b": 3.0}, bounds={"b": (2.0, None)})
    assert result.x["a"] == pytest.approx(1.0, abs=1e-6)
    assert result.x["b"] == pytest.approx(2.0, abs=1e-6)


def test_bounds_in_the_structure_of_lists_and_namedtuples():
    def fun(p):
        return (p[0] - 1.0) ** 2 + float(((p[1] - 1.0) ** 2).sum())

    x0 = Decay(3.0, np.array([3.0, 3.0]))
    for bounds in ({"rate": (2.0, 4.0)}, Decay((2.0, 4.0), None), [(2.0, 4.0), None]):
        result = nelder.minimize(fun, x0, bounds=bounds)
        assert result.x.rate == pytest.approx(2.0, abs=1e-6)
        np.testing.assert_allclose(result.x.offsets, 1.0, atol=1e-5)
    result = nelder.minimize(fun, [3.0, np.array([3.0, 3.0])], bounds=[None, (2.0, None)])
    assert result.x[0] == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(result.x[1], 2.0, atol=1e-6)


def test_names_of_a_namedtuple_are_its_fields():
    result = nelder.minimize(lambda p: p.rate**2, Decay(3.0, np.array([3.0, 4.0])), maxfev=9)
    assert result.names == ("rate", "offsets[0]", "offsets[1]")


def test_fixed_variables_stay_exactly_and_are_not_searched():
    low, high = [-5.0, 0.1, -5.0], [5.0, 0.1, 5.0]
    objective = Recorded(lambda x: float((x[0] - 1.0) ** 2 + x[1] + (x[2] + 1.0) ** 2))
    for method in (NelderMead(), NelderMead(bounds_method="clip")):
        result = nelder.minimize(
            objective, [3.0, 7.0, 2.0], bounds=Bounds(low, high), method=method
        )
        assert result.success
        assert {x[1] for x in objective.points} == {0.1}
        np.testing.assert_allclose(result.x, [1.0, 0.1, -1.0], atol=1e-6)
        assert result.final_simplex.vertices.shape == (3, 3)
        assert result.final_simplex.values.shape == (3,)


def test_fixed_variables_leave_the_others_search_alone():
    free = nelder.minimize(rosenbrock, [-1.2, 1.0], method=NelderMead(bounds_method="clip"))
    fixed = nelder.minimize(
        lambda x: rosenbrock([x[0], x[2]]), [-1.2, 8.0, 1.0], bounds=[None, (8.0, 8.0), None]
    )
    assert fixed.x.tolist() == [free.x[0], 8.0, free.x[1]]
    assert (fixed.fun, fixed.nfev, fixed.nit) == (free.fun, free.nfev, free.nit)


def test_all_variables_fixed_takes_one_evaluation():
    objective = Recorded(bowl)
    called = []
    result = nelder.minimize(
        objective, [3.0, 7.0], bounds=[(2, 2), (-1, -1)], callback=called.append, history=True
    )
    assert [x.tolist() for x in objective.points] == [[2.0, -1.0]]
    assert result.x.tolist() == [2.0, -1.0]
    assert result.fun == bowl([2.0, -1.0])
    assert (result.nfev, result.nit, result.status) == (1, 0, Status.CONVERGED)
    assert result.success
    assert result.history.points.tolist() == [[2.0, -1.0]]
    assert called == []
    assert "x" in repr(result)


def test_all_variables_fixed_where_there_is_no_value():
    result = nelder.minimize(lambda x: NAN, [3.0], bounds=[(2, 2)])
    assert (result.nfev, result.nfailed, result.success) == (1, 1, False)
    assert result.status is Status.NO_FINITE_VALUE
    assert result.x.tolist() == [2.0]


# args


def test_args_are_handed_on():
    def fun(x, a, b):
        assert b == "text"
        return (x[0] - a) ** 2

    assert nelder.minimize(fun, [0.0], (2.0, "text")).x[0] == pytest.approx(2.0, abs=1e-6)
    named = nelder.minimize(lambda p, a: (p["x"] - a) ** 2, {"x": 0.0}, (3.0,))
    assert named.x["x"] == pytest.approx(3.0, abs=1e-6)


def test_args_that_are_no_tuple_are_the_only_one():
    assert nelder.minimize(lambda x, a: (x[0] - a) ** 2, [0.0], 2.0).x[0] == pytest.approx(2.0)
    data = np.array([1.0, 2.0, 3.0])
    fit = nelder.minimize(lambda x, d: float(((x[0] - d) ** 2).sum()), [0.0], data)
    assert fit.x[0] == pytest.approx(2.0, abs=1e-6)


# Budgets are exact


def stairs(x):
    """Steps with an edge: contractions are refused, the simplex shrinks."""
    return float(math.floor(3.0 * abs(x[0]) + 3.0 * abs(x[1])) + (x[0] > 0.5) * 2.0)


def offset_bowl(x):
    """Rounded to a few thousand units of rounding near the minimum."""
    return 1e4 + float((x[0] - 1.0) ** 2 + 10.0 * (x[1] + 2.0) ** 2)


LOOSE = NelderMead(convergence=Tolerance(0.3, 0.3))
PROBLEMS = {
    "smooth": (rosenbrock, [-1.2, 1.0], None, NelderMead()),
    "shrinks": (stairs, [1.9, 2.3], None, NelderMead(convergence=Tolerance(1e-3, 0.0))),
    "probe and restart": (bowl, [3.0, 4.0], None, LOOSE),
    "bounds": (bowl, [3.0, 4.0], [(0, 5), (-1, None)], LOOSE),
    "centroid": (bowl, [3.0, 4.0], None, NelderMead.optim(g_abstol=1.0)),
    "rounding": (offset_bowl, [3.0, 4.0], None, NelderMead()),
}


def reference(name, **settings):
    fun, x0, bounds, method = PROBLEMS[name]
    objective = Recorded(fun)
    result = nelder.minimize(objective, x0, bounds=bounds, method=method, **settings)
    assert result.nfev == len(objective.values)
    return objective, result


def test_the_problems_do_what_their_names_say():
    assert reference("shrinks", maxfev=60)[1].nshrink > 2
    assert reference("probe and restart", maxfev=60)[1].nrestart > 0
    assert reference("bounds")[1].nrestart > 0
    objective, result = reference("rounding")
    assert min(np.diff(np.unique(objective.values))) < 1e-11  # values a few units apart
    assert result.success


@pytest.mark.parametrize("name", PROBLEMS)
def test_maxfev_is_exact_at_every_value(name):
    whole, ended = reference(name)
    for maxfev in range(1, 61):
        objective, result = reference(name, maxfev=maxfev)
        spent = min(maxfev, ended.nfev)
        assert result.nfev == len(objective.values) == spent
        np.testing.assert_array_equal(objective.points, whole.points[:spent])
        assert result.fun == min(whole.values[:spent])
        assert result.fun == objective.fun(result.x)
        if maxfev < ended.nfev:
            assert result.status is Status.MAXFEV
            assert not result.success
            assert result.status.kind == "budget"


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_best_point_evaluated_is_returned_wherever_maxfev_ends_the_search(name):
    whole, ended = reference(name)
    for maxfev in range(max(60, ended.nfev - 200), ended.nfev + 1):
        _, result = reference(name, maxfev=maxfev)
        assert result.nfev == maxfev
        assert result.fun == min(whole.values[:maxfev])


@pytest.mark.parametrize("name", ["smooth", "shrinks", "probe and restart"])
def test_maxiter_is_exact(name):
    iterations = []
    whole, ended = reference(name, callback=lambda intermediate_result: iterations.append(
        intermediate_result))  # fmt: skip
    assert ended.nit == len(iterations) > 3
    for maxiter in range(1, min(40, ended.nit)):
        objective, result = reference(name, maxiter=maxiter)
        assert result.nit == maxiter
        assert result.nfev == iterations[maxiter - 1].nfev
        assert result.status is Status.MAXITER
        assert not result.success
        assert result.fun == min(objective.values)
        np.testing.assert_array_equal(objective.points, whole.points[: result.nfev])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_maxiter_0_evaluates_the_first_simplex_only(n):
    objective = Recorded(lambda x: float((x**2).sum()))
    result = nelder.minimize(objective, np.full(n, 3.0), maxiter=0)
    assert (result.nfev, result.nit, result.status) == (n + 1, 0, Status.MAXITER)
    assert result.fun == min(objective.values)
    assert np.isfinite(result.final_simplex.values).all()


@pytest.mark.parametrize(
    ("method", "nfev"),
    [
        (NelderMead(model=True), 4),
        (NelderMead(noise=True), 4),
        (nelder.KWorst(2), 4),
        (nelder.Subspaces(), 1),
    ],
)
@pytest.mark.filterwarnings("ignore:k=2 is above a third")
def test_maxiter_0_evaluates_what_a_method_begins_with(method, nfev):
    objective = Recorded(lambda x: float((x**2).sum()))
    result = nelder.minimize(objective, np.full(3, 3.0), method=method, maxiter=0)
    assert (result.nfev, result.nit, result.status) == (nfev, 0, Status.MAXITER)
    assert result.fun == min(objective.values)


def test_the_smaller_budget_ends_the_search():
    assert nelder.minimize(rosenbrock, [-1.2, 1.0], maxfev=5, maxiter=50).status is Status.MAXFEV
    assert nelder.minimize(rosenbrock, [-1.2, 1.0], maxfev=50, maxiter=5).status is Status.MAXITER


def test_budgets_may_be_numpy_numbers_and_infinite():
    result = nelder.minimize(rosenbrock, [-1.2, 1.0], maxfev=np.int64(7), maxtime=np.float32(1e9))
    assert result.nfev == 7
    result = nelder.minimize(rosenbrock, [-1.2, 1.0], maxfev=INF, maxiter=INF, maxtime=INF)
    assert result.success


def test_maxfev_smaller_than_the_first_simplex():
    result = nelder.minimize(bowl, [3.0, 4.0], maxfev=2, history=True)
    assert result.nfev == 2
    assert result.nit == 0
    vertices, values = result.final_simplex
    assert vertices.shape == (3, 2)
    assert np.isnan(values).tolist() == [False, False, True]
    assert values[0] == result.fun == result.history.values.min()


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_default_maxfev_is_1000_times_n_plus_1(n):
    endless = NelderMead(convergence=lambda simplex, values: False, probe=False)
    result = nelder.minimize(lambda x: float((x**2).sum()), np.ones(n), method=endless)
    assert result.nfev == 1000 * (n + 1)
    assert result.status is Status.MAXFEV


class Clock:
    """A clock that only the objective moves."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)


@pytest.mark.parametrize(("maxtime", "expected"), [(0.5, 1), (1.5, 2), (10.5, 11), (77.25, 78)])
@pytest.mark.parametrize("settings", [{}, {"history": True}, {"callback": lambda xk: None}])
def test_no_evaluation_begins_after_maxtime(monkeypatch, maxtime, expected, settings):
    clock = Clock(monkeypatch)

    def slow(x):
        clock.now += 1.0
        return rosenbrock(x)

    result = nelder.minimize(slow, [-1.2, 1.0], maxtime=maxtime, **settings)
    assert result.nfev == expected
    assert result.status is Status.MAXTIME
    assert result.status.kind == "budget"
    assert not result.success
    assert result.elapsed == expected


def test_the_clock_is_looked_at_between_native_evaluations_too(monkeypatch):
    clock = Clock(monkeypatch)

    @ctypes.CFUNCTYPE(
        ctypes.c_double, ctypes.c_int64, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p
    )
    def slow(n, x, data):
        clock.now += 1.0
        return rosenbrock(x)

    result = nelder.minimize(nelder.NativeObjective(slow), [-1.2, 1.0], maxtime=10.5)
    assert result.nfev == 11
    assert result.status is Status.MAXTIME


def test_maxtime_is_not_reached_by_a_fast_objective(monkeypatch):
    Clock(monkeypatch)
    result = nelder.minimize(rosenbrock, [-1.2, 1.0], maxtime=1e-9)
    assert result.status is Status.CONVERGED
    assert result.elapsed == 0.0
    same(result, nelder.minimize(rosenbrock, [-1.2, 1.0]))


@pytest.mark.parametrize("name", PROBLEMS)
def test_target_ends_at_the_first_value_at_or_below_it(name):
    whole, _ = reference(name)
    lows = [
        i for i in range(len(whole.values)) if whole.values[i] < min(whole.values[:i], default=INF)
    ]
    assert len(lows) > 3
    for i in lows:
        for target in (whole.values[i], math.nextafter(whole.values[i], INF)):
            if i and target >= min(whole.values[:i]):
                continue
            objective, result = reference(name, target=target)
            assert result.nfev == len(objective.values) == i + 1
            assert result.fun == whole.values[i]
            np.testing.assert_array_equal(result.x, whole.points[i])
            assert result.status is Status.TARGET
            assert result.success


def test_target_at_or_above_the_first_value():
    objective = Recorded(bowl)
    result = nelder.minimize(objective, [3.0, 4.0], target=1e9)
    assert (result.nfev, result.nit, result.status) == (1, 0, Status.TARGET)
    assert result.x.tolist() == [3.0, 4.0]


def lower_at(call):
    """1, but one unit of rounding less at one call."""
    count = itertools.count(1)
    return lambda x: math.nextafter(1.0, 0.0) if next(count) == call else 1.0


@pytest.mark.parametrize("before_the_end", range(12))
def test_a_value_lower_by_one_unit_of_rounding_counts_while_the_probe_runs(before_the_end):
    call = nelder.minimize(lambda x: 1.0, [1.0, 2.0]).nfev - before_the_end
    low = math.nextafter(1.0, 0.0)
    for settings in ({}, {"maxfev": call}, {"target": low}):
        result = nelder.minimize(lower_at(call), [1.0, 2.0], history=True, **settings)
        assert result.fun == min(result.history.values) == low
        np.testing.assert_array_equal(result.x, result.history.points[call - 1])
    assert result.nfev == call
    assert result.status is Status.TARGET


def test_target_infinite_needs_a_value_all_the_same():
    objective = Recorded(bowl)
    result = nelder.minimize(objective, [3.0, 4.0], target=INF)
    assert result.nfev == len(objective.values) == 1
    assert result.fun == bowl([3.0, 4.0])


def test_target_is_not_reached_by_nan():
    values = iter([NAN, NAN, 3.0, 1.0, *[5.0] * 100])
    result = nelder.minimize(lambda x: next(values), [3.0, 4.0], target=2.0)
    assert (result.nfev, result.fun, result.nfailed) == (4, 1.0, 2)


def test_target_that_is_never_reached():
    result = nelder.minimize(bowl, [3.0, 4.0], target=-1.0)
    assert result.status is Status.CONVERGED
    same(result, nelder.minimize(bowl, [3.0, 4.0]))


# Callbacks: SciPy's keyword convention, and plain callback(xk)


class Observer:
    def __init__(self):
        self.seen = []

    def __call__(self, intermediate_result):
        self.seen.append(intermediate_result)

    def method(self, intermediate_result):
        self.seen.append(intermediate_result)

    def plain(self, xk):
        self.seen.append(xk)


def watched(callback, **settings):
    return nelder.minimize(rosenbrock, [-1.2, 1.0], callback=callback, **settings)


def test_callback_by_keyword_gets_the_whole():
    observer = Observer()
    free = nelder.minimize(rosenbrock, [-1.2, 1.0])
    for callback in (observer, observer.method):
        observer.seen.clear()
        same(watched(callback), free)
        assert {type(seen) for seen in observer.seen} == {nelder.IntermediateResult}
        assert [seen.nit for seen in observer.seen] == list(range(1, free.nit + 1))

    seen = []

    def keyword_only(*, intermediate_result):
        seen.append(intermediate_result)

    watched(keyword_only)
    watched(functools.partial(lambda more, intermediate_result: seen.append(more), 3))
    assert type(seen[0]) is nelder.IntermediateResult
    assert len(seen) == 2 * free.nit


def test_plain_callback_gets_the_best_point():
    points, keeper = [], Observer()
    result = watched(points.append)  # a builtin
    assert len(points) == result.nit
    assert all(type(x) is np.ndarray and x.shape == (2,) for x in points)
    watched(keeper.plain)
    watched(lambda xk: keeper.seen.append(xk))
    watched(lambda *everything: keeper.seen.append(everything[0]))
    watched(lambda x, more=None: keeper.seen.append(x))
    np.testing.assert_array_equal(keeper.seen, points * 4)
    values = [rosenbrock(x) for x in points]
    assert values == sorted(values, reverse=True)
    assert values[-1] == result.fun
    ends = collections.deque(maxlen=1)
    watched(ends.append)
    np.testing.assert_array_equal(ends[0], points[-1])


def test_callback_gets_x_fun_nit_nfev_simplex_elapsed():
    observer = Observer()
    objective = Recorded(rosenbrock)
    result = nelder.minimize(objective, [-1.2, 1.0], callback=observer)
    elapsed = 0.0
    for seen in observer.seen:
        assert set(seen.keys()) == {"x", "fun", "nit", "nfev", "simplex", "values", "elapsed"}
        assert seen["x"] is seen.x
        assert seen.fun == min(objective.values[: seen.nfev]) == rosenbrock(seen.x)
        assert seen.simplex.shape == (3, 2)
        np.testing.assert_array_equal(seen.simplex[0], seen.x)
        assert seen.values.tolist() == [rosenbrock(x) for x in seen.simplex]
        assert seen.values.tolist() == sorted(seen.values)
        assert seen.elapsed >= elapsed
        elapsed = seen.elapsed
    assert [seen.nfev for seen in observer.seen] == sorted({seen.nfev for seen in observer.seen})
    assert observer.seen[0].nfev > 3
    assert observer.seen[-1].nfev <= result.nfev
    assert result.elapsed >= elapsed


def test_callback_has_the_structure_of_x0():
    seen = []
    nelder.minimize(lambda p: p["a"] ** 2, {"a": 3.0}, callback=seen.append, maxiter=3)
    assert [type(x) for x in seen] == [dict] * 3
    observer = Observer()
    nelder.minimize(lambda p: p["a"] ** 2, {"a": 3.0}, callback=observer, maxiter=3)
    assert [seen.x for seen in observer.seen] == seen


def test_callback_may_change_what_it_gets():
    def vandal(intermediate_result):
        intermediate_result.x[:] = NAN
        intermediate_result.simplex[:] = NAN
        intermediate_result.values[:] = NAN

    same(watched(vandal), nelder.minimize(rosenbrock, [-1.2, 1.0]))


@pytest.mark.parametrize("name", PROBLEMS)
def test_callback_is_called_once_per_iteration(name):
    nits = []
    _, result = reference(name, callback=lambda intermediate_result: nits.append(
        intermediate_result.nit))  # fmt: skip
    assert nits == list(range(1, result.nit + 1))


def test_callback_is_called_once_per_iteration_where_the_objective_raises():
    def fun(x):
        if x[0] > 0.5:
            raise ValueError
        return rosenbrock(x)

    nits = []
    result = nelder.minimize(fun, [-1.2, 1.0], on_failure="worst", callback=lambda
                             intermediate_result: nits.append(intermediate_result.nit))  # fmt: skip
    assert result.nfailed > 3
    assert nits == list(range(1, result.nit + 1))


@pytest.mark.parametrize("when", [1, 2, 17])
def test_stop_iteration_ends_the_search_with_its_result(when):
    nits = []

    def callback(intermediate_result):
        nits.append(intermediate_result)
        if intermediate_result.nit == when:
            raise StopIteration

    result = watched(callback, history=True)
    assert len(nits) == result.nit == when
    assert result.status is Status.CALLBACK
    assert result.status.kind == "user"
    assert not result.success
    assert result.nfev == nits[-1].nfev == len(result.history.values)
    assert result.fun == nits[-1].fun == min(result.history.values)
    np.testing.assert_array_equal(result.x, nits[-1].x)


# Progress


def test_progress_shows_evaluations_best_value_simplex_size_and_rate(capsys):
    result = nelder.minimize(rosenbrock, [-1.2, 1.0], progress=True)
    shown = capsys.readouterr()
    text = " ".join((shown.out + shown.err).split())
    assert f"{result.nfev} evaluations" in text
    assert "best" in text
    assert "simplex" in text
    assert "/s" in text
    same(result, nelder.minimize(rosenbrock, [-1.2, 1.0]))


def test_progress_ends_whatever_ends_the_search(capsys):
    def fails(x):
        raise ValueError

    for _ in range(2):
        with pytest.raises(nelder.EvaluationError):
            nelder.minimize(fails, [1.0], progress=True)
        nelder.minimize(bowl, [3.0, 4.0], maxfev=5, progress=True)
        nelder.minimize(bowl, [3.0, 4.0], target=1e9, progress=True)
        nelder.minimize(lambda x: INF, [3.0, 4.0], progress=True)
        nelder.minimize(lambda x: -INF, [3.0, 4.0], progress=True)
        nelder.minimize(bowl, [3.0, 4.0], bounds=[(1, 1), (2, 2)], progress=True)
        nelder.minimize(bowl, [3.0, 4.0], maxiter=0, progress=True)
        nelder.minimize(bowl, [3.0, 4.0], maxtime=1e9, progress=True)
    capsys.readouterr()


def test_progress_of_a_search_that_runs_away(capsys):
    result = nelder.minimize(lambda x: float(x[0]), [1.0, 1.0], progress=True)
    assert result.status is Status.UNBOUNDED
    capsys.readouterr()


def test_progress_inside_progress(capsys):
    def outer(x):
        inner = nelder.minimize(lambda y: (y[0] - x[0]) ** 2, [0.0], progress=True, maxfev=20)
        return inner.fun + x[0] ** 2

    assert nelder.minimize(outer, [1.0], progress=True, maxfev=10).nfev == 10
    capsys.readouterr()


def install_command(error):
    found = re.search(r"pip install '?nelder\[(\w+)\]'?", str(error.value))
    assert found
    return found.group(1)


def test_a_missing_extra_names_the_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    objective = Recorded(bowl)
    with pytest.raises(nelder.MissingExtraError, match="progress=True") as error:
        nelder.minimize(objective, [3.0, 4.0], progress=True)
    assert isinstance(error.value, ImportError)
    assert objective.points == []
    assert install_command(error) in importlib.metadata.metadata("nelder").get_all("Provides-Extra")


def test_missing_scipy_names_an_install_command_that_exists(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "nelder.scipy", raising=False)
    with pytest.raises(nelder.MissingExtraError, match="scipy_method") as error:
        nelder.scipy_method  # noqa: B018
    assert install_command(error) in importlib.metadata.metadata("nelder").get_all("Provides-Extra")


# History


def test_history_holds_every_point_and_value_in_order():
    objective = Recorded(rosenbrock)
    result = nelder.minimize(objective, [-1.2, 1.0], history=True)
    assert result.nfev > 130  # the record had to grow
    assert result.history.points.shape == (result.nfev, 2)
    assert result.history.values.shape == (result.nfev,)
    np.testing.assert_array_equal(result.history.points, objective.points)
    np.testing.assert_array_equal(result.history.values, objective.values)
    same(result, nelder.minimize(rosenbrock, [-1.2, 1.0]))


def test_history_only_when_asked_for():
    assert nelder.minimize(rosenbrock, [-1.2, 1.0]).history is None


def test_history_keeps_nan_and_infinity_as_they_were():
    values = [5.0, NAN, INF, 4.0, NAN, *[3.0] * 100]
    calls = iter(values)
    result = nelder.minimize(lambda x: next(calls), [3.0, 4.0], maxfev=7, history=True)
    np.testing.assert_array_equal(result.history.values, values[:7])
    assert result.nfailed == 3


def test_history_is_flat_and_named_for_a_structured_x0():
    points = []

    def fun(p):
        points.append(p)
        return p["b"] ** 2 + float((p["a"] ** 2).sum())

    result = nelder.minimize(fun, {"b": 1.0, "a": np.array([2.0, 3.0])}, history=True, maxfev=30)
    assert result.history.points.shape == (30, 3)
    at = {name: i for i, name in enumerate(result.names)}
    assert set(at) == {"b", "a[0]", "a[1]"}
    for row, p in zip(result.history.points, points, strict=True):
        assert row[at["b"]] == p["b"]
        assert row[at["a[0]"]] == p["a"][0]
        assert row[at["a[1]"]] == p["a"][1]


def test_history_of_an_objective_that_changes_its_array():
    def fun(x):
        value = rosenbrock(x)
        x[:] = NAN
        return value

    result = nelder.minimize(fun, [-1.2, 1.0], history=True)
    clean = nelder.minimize(rosenbrock, [-1.2, 1.0], history=True)
    np.testing.assert_array_equal(result.history.points, clean.history.points)


# Result

FIELDS = [
    "x",
    "fun",
    "success",
    "status",
    "message",
    "nfev",
    "nit",
    "nshrink",
    "nrestart",
    "nfailed",
    "elapsed",
    "final_simplex",
    "history",
]


@pytest.fixture(scope="module")
def result():
    return nelder.minimize(rosenbrock, [-1.2, 1.0], history=True)


def test_result_fields(result):
    assert set(FIELDS) <= set(result.keys())
    assert result.fun == rosenbrock(result.x)
    assert type(result.fun) is float
    assert result.success is True
    assert result.status is Status.CONVERGED
    assert result.message
    for name in ("nfev", "nit", "nshrink", "nrestart", "nfailed"):
        assert type(result[name]) is int, name
    assert 0 < result.nit < result.nfev
    assert result.elapsed > 0.0
    assert result.final_simplex.vertices.shape == (3, 2)
    assert result.final_simplex.values.tolist() == sorted(result.final_simplex.values)
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-6)


def test_result_counts_shrinks_restarts_and_failures():
    _, shrunk = reference("shrinks")
    assert shrunk.nshrink > 0
    _, restarted = reference("probe and restart")
    assert restarted.nrestart > 0
    failing = nelder.minimize(lambda x: NAN if x[0] > 2.5 else bowl(x), [3.0, 4.0], history=True)
    assert failing.nfailed == np.isnan(failing.history.values).sum() > 0


def test_result_dict_style_access_with_scipys_names(result):
    for name in FIELDS:
        assert name in result
        assert result[name] is getattr(result, name)
        assert result.get(name) is getattr(result, name)
    assert list(result) == list(result.keys())
    assert len(result) == len(result.keys())
    assert dict(result)["nfev"] == result.nfev
    assert {"x", "fun", "success", "status", "message", "nfev", "nit"} <= set(dict(**result))
    assert "jac" not in result
    assert result.get("jac") is None
    assert result.get("jac", 3) == 3
    with pytest.raises(KeyError, match="jac"):
        result["jac"]
    with pytest.raises(KeyError):
        result["get"]
    with pytest.raises(AttributeError):
        _ = result.jac


def test_result_is_frozen(result):
    with pytest.raises(FrozenInstanceError):
        result.fun = 0.0


def test_result_repr_is_readable(result):
    text = repr(result)
    assert result.message in text
    assert "CONVERGED" in text
    for name in ("x", "fun", "nfev", "nit", "success"):
        assert re.search(rf"^\s*{name}: ", text, re.MULTILINE), name
    assert str(result.nfev) in text
    assert max(map(len, text.splitlines())) <= 120


def test_result_repr_names_the_parameters():
    result = nelder.minimize(
        lambda p: (p["decay"]["rate"] - 1.5) ** 2 + float((p["knots"] ** 2).sum()),
        {"decay": {"rate": 1.0}, "knots": np.array([1.0, 2.0])},
    )
    text = repr(result)
    for name in ("decay.rate", "knots[0]", "knots[1]"):
        assert f"{name}: " in text
    assert f"decay.rate: {result.x['decay']['rate']:.6}"[:14] in text


def test_result_repr_of_many_parameters_is_short():
    many = nelder.minimize(lambda x: float((x**2).sum()), np.ones(100), maxfev=101)
    assert len(repr(many)) < 2000
    named = {f"p{i}": 1.0 for i in range(100)}
    many = nelder.minimize(lambda p: p["p7"] ** 2, named, maxfev=101)
    assert len(repr(many)) < 2000


def test_result_html_repr_escapes_what_the_caller_wrote():
    result = nelder.minimize(lambda p: p["<b>&'\""] ** 2, {"<b>&'\"": 1.0})
    page = result._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;" in page
    assert page.startswith("<table")
    assert page.count("<tr>") == page.count("</tr>") > 5
    assert str(result.nfev) in page


def test_status_tells_converged_budget_user_and_failed_apart():
    def stop(xk):
        raise StopIteration

    def fails(x):
        raise ValueError

    run = functools.partial(nelder.minimize, x0=[3.0, 4.0])
    found = {
        Status.CONVERGED: run(bowl),
        Status.MAXFEV: run(bowl, maxfev=3),
        Status.MAXITER: run(bowl, maxiter=1),
        Status.TARGET: run(bowl, target=1e9),
        Status.UNBOUNDED: run(lambda x: -INF),
        Status.NO_FINITE_VALUE: run(lambda x: INF),
        Status.OBJECTIVE_FAILED: run(fails, on_failure="stop"),
        Status.CALLBACK: run(bowl, callback=stop),
    }
    kinds = {status: result.status.kind for status, result in found.items()}
    assert all(result.status is status for status, result in found.items())
    assert kinds == {
        Status.CONVERGED: "converged",
        Status.MAXFEV: "budget",
        Status.MAXITER: "budget",
        Status.TARGET: "budget",
        Status.UNBOUNDED: "failed",
        Status.NO_FINITE_VALUE: "failed",
        Status.OBJECTIVE_FAILED: "failed",
        Status.CALLBACK: "user",
    }
    assert [status for status, result in found.items() if result.success] == [
        Status.CONVERGED,
        Status.TARGET,
    ]
    assert len({result.message for result in found.values()}) == len(found)
    assert all(status.message for status in Status)
    assert {status.kind for status in Status} == {
        "converged", "budget", "user", "failed", "running"
    }  # fmt: skip
    assert [int(s) for s in (Status.CONVERGED, Status.MAXFEV, Status.MAXITER)] == [0, 1, 2]


# Native objectives


@cfunc(types.float64(types.int64, types.CPointer(types.float64), types.voidptr))
def native_rosenbrock(n, x, data):
    a = x[1] - x[0] * x[0]
    b = 1.0 - x[0]
    return 100.0 * a * a + b * b


@cfunc(types.float64(types.int64, types.CPointer(types.float64)))
def native_without_data(n, x):
    a = x[1] - x[0] * x[0]
    b = 1.0 - x[0]
    return 100.0 * a * a + b * b


@cfunc(types.float64(types.int32, types.CPointer(types.float64), types.voidptr))
def native_of_int32(n, x, data):
    a = x[1] - x[0] * x[0]
    b = 1.0 - x[0]
    return 100.0 * a * a + b * b


@cfunc(types.float64(types.int64, types.CPointer(types.float64), types.CPointer(types.float64)))
def native_with_data(n, x, data):
    goal = carray(data, (n,))
    total = 0.0
    for i in range(n):
        total += (x[i] - goal[i]) * (x[i] - goal[i])
    return total


def python_with_data(x, goal):
    total = 0.0
    for i in range(len(x)):
        total += (x[i] - goal[i]) * (x[i] - goal[i])
    return total


SIGNATURE = (ctypes.c_double, ctypes.c_int64, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p)


@ctypes.CFUNCTYPE(*SIGNATURE)
def ctypes_rosenbrock(n, x, data):
    assert n == 2
    return rosenbrock(x)


@ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p)
def ctypes_with_data(n, x, data):
    goal = ctypes.cast(data, ctypes.POINTER(ctypes.c_double))
    return python_with_data(x[:n], goal[:n])


NATIVES = {
    "cfunc": native_rosenbrock,
    "cfunc without data": native_without_data,
    "cfunc of int32": native_of_int32,
    "address": nelder.NativeObjective(native_rosenbrock.address),
    "ctypes": nelder.NativeObjective(ctypes_rosenbrock),
    "ctypes of Numba's": nelder.NativeObjective(native_rosenbrock.ctypes),
    "LowLevelCallable of Numba": LowLevelCallable(native_rosenbrock.ctypes),
    "LowLevelCallable of ctypes": LowLevelCallable(ctypes_rosenbrock),
}


@pytest.mark.parametrize("native", NATIVES.values(), ids=NATIVES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bounds": [(-2.0, 0.5), (None, 3.0)]},
        {"bounds": [(-2.0, 0.5), (None, 3.0)], "method": NelderMead(bounds_method="clip")},
        {"maxfev": 33},
        {"maxiter": 12},
        {"target": 1e-3},
        {"history": True},
        {"callback": lambda xk: None},
        {"method": NelderMead(convergence=lambda simplex, values: values[2] < 1e-3)},
        {"method": NelderMead.optim()},
    ],
    ids=lambda settings: ", ".join(settings) or "default",
)
def test_native_result_is_pythons_bit_for_bit(native, settings):
    expected = nelder.minimize(rosenbrock, [-1.2, 1.0], **settings)
    found = nelder.minimize(native, [-1.2, 1.0], **settings)
    same(found, expected)
    if settings.get("history"):
        np.testing.assert_array_equal(found.history.points, expected.history.points)
        np.testing.assert_array_equal(found.history.values, expected.history.values)


class Goal(ctypes.Structure):
    _fields_ = (("a", ctypes.c_double), ("b", ctypes.c_double), ("c", ctypes.c_double))


GOAL = [0.5, -1.0, 2.0]


def data_kinds():
    array = np.array(GOAL)
    block = (ctypes.c_double * 3)(*GOAL)
    struct = Goal(*GOAL)
    return {
        "array": array,
        "ctypes array": block,
        "struct": struct,
        "pointer": ctypes.pointer(struct),
        "void pointer": ctypes.cast(block, ctypes.c_void_p),
        "address": array.ctypes.data,
    }, (array, block, struct)


@pytest.mark.parametrize("kind", data_kinds()[0])
@pytest.mark.parametrize("address", [native_with_data.address, ctypes_with_data])
def test_native_objective_with_data(kind, address):
    kinds, _alive = data_kinds()
    native = nelder.NativeObjective(address, data=kinds[kind])
    same(
        nelder.minimize(native, [3.0, 4.0, 5.0]),
        nelder.minimize(python_with_data, [3.0, 4.0, 5.0], (GOAL,)),
    )


def test_native_objective_keeps_its_data_and_function_alive():
    native = nelder.NativeObjective(native_with_data.address, np.array(GOAL))
    garbage = [np.full(3, 1e9) for _ in range(100)]
    result = nelder.minimize(native, [3.0, 4.0, 5.0])
    assert len(garbage) == 100
    np.testing.assert_allclose(result.x, GOAL, atol=1e-5)

    def make():
        function = ctypes.CFUNCTYPE(*SIGNATURE)(lambda n, x, data: rosenbrock(x))
        return nelder.NativeObjective(function), nelder.minimize(
            function_as_native(function), [0, 0]
        )

    def function_as_native(function):
        return nelder.NativeObjective(function)

    native, expected = make()
    same(nelder.minimize(native, [0, 0]), expected)


@pytest.mark.parametrize("function", [ctypes_with_data, native_with_data.ctypes])
def test_low_level_callable_with_user_data(function):
    data = np.array(GOAL)
    pointer = ctypes.cast(data.ctypes.data, ctypes.c_void_p)
    if function is not ctypes_with_data:  # its data is a double *
        function = ctypes.cast(function, ctypes.CFUNCTYPE(*SIGNATURE))
    same(
        nelder.minimize(LowLevelCallable(function, pointer), [3.0, 4.0, 5.0]),
        nelder.minimize(python_with_data, [3.0, 4.0, 5.0], (GOAL,)),
    )


def test_native_objective_of_n():
    @cfunc(types.float64(types.int64, types.CPointer(types.float64), types.voidptr))
    def count(n, x, data):
        return float(n)

    for n in (1, 2, 17):
        assert nelder.minimize(count, np.ones(n), maxfev=1).fun == n


@pytest.mark.parametrize(
    ("value", "status"), [(NAN, Status.NO_FINITE_VALUE), (INF, Status.NO_FINITE_VALUE),
                          (-INF, Status.UNBOUNDED)]
)  # fmt: skip
def test_native_objective_without_finite_value(value, status):
    function = ctypes.CFUNCTYPE(*SIGNATURE)(lambda n, x, data: value)
    result = nelder.minimize(nelder.NativeObjective(function), [1.0, 2.0])
    expected = nelder.minimize(lambda x: value, [1.0, 2.0])
    assert result.status is status
    same(result, expected)


def signature_of(*args):
    return types.float64(*args)


def wrong_natives():
    number, pointer = types.float64, types.CPointer(types.float64)

    @cfunc(number(number))
    def scalar(x):
        return x

    @cfunc(number(types.int64, types.CPointer(types.float32), types.voidptr))
    def single(n, x, data):
        return x[0]

    @cfunc(types.float32(types.int64, pointer, types.voidptr))
    def returns_single(n, x, data):
        return x[0]

    @cfunc(number(pointer, types.int64, types.voidptr))
    def turned(x, n, data):
        return x[0]

    @cfunc(number(types.int64, pointer, types.voidptr, types.int64))
    def longer(n, x, data, more):
        return x[0]

    @cfunc(number(types.int64, pointer, number))
    def number_as_data(n, x, data):
        return x[0]

    kinds = ctypes.c_double, ctypes.c_int, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p
    double, integer, doubles, void = kinds
    ctypes_kinds = [
        ctypes.CFUNCTYPE(double, double),
        ctypes.CFUNCTYPE(double, doubles, integer, void),
        ctypes.CFUNCTYPE(ctypes.c_float, integer, doubles, void),
        ctypes.CFUNCTYPE(double, integer, ctypes.POINTER(ctypes.c_float), void),
        ctypes.CFUNCTYPE(double, integer, double, void),
    ]
    return [
        *(scalar, single, returns_single, turned, longer, number_as_data),
        *(LowLevelCallable(kind(lambda *args: 0.0)) for kind in ctypes_kinds),
    ]


def test_native_objectives_of_another_signature_are_refused():
    for wrong in wrong_natives():
        with pytest.raises(
            nelder.InvalidArgumentError, match=r"fun is a .* of signature .*expected"
        ):
            nelder.minimize(wrong, [1.0, 2.0])


@pytest.mark.parametrize("address", [0, -1, None, "rosenbrock", 1.5, True, bowl])
def test_native_objective_refuses_what_is_no_address(address):
    with pytest.raises(nelder.InvalidArgumentError, match=r"address=.*expected"):
        nelder.NativeObjective(address)


@pytest.mark.parametrize("data", [-1, "text", 1.5, [1.0], True])
def test_native_objective_refuses_what_is_no_data(data):
    with pytest.raises(nelder.InvalidArgumentError, match=r"data=.*expected"):
        nelder.NativeObjective(native_rosenbrock.address, data)


def test_native_objective_shows_its_address():
    native = nelder.NativeObjective(native_rosenbrock.address)
    assert repr(native) == f"NativeObjective({native_rosenbrock.address:#x})"


def test_a_jitted_function_is_an_ordinary_callable():
    jitted = numba.njit(rosenbrock)
    same(nelder.minimize(jitted, [-1.2, 1.0]), nelder.minimize(rosenbrock, [-1.2, 1.0]))


# The method


def test_method_is_validated_on_construction_and_frozen():
    method = NelderMead()
    with pytest.raises(FrozenInstanceError):
        method.probe = False
    with pytest.raises(TypeError):
        NelderMead(True)  # settings go by name


def test_method_can_be_used_again():
    method = NelderMead(initial_simplex=nelder.RegularSimplex(0.7))
    same(
        nelder.minimize(rosenbrock, [-1.2, 1.0], method=method),
        nelder.minimize(rosenbrock, [-1.2, 1.0], method=method),
    )


def test_initial_simplex_array_is_taken_as_it_is():
    given = np.array([[0.0, 0.0], [1.0, 0.5], [0.25, 2.0]])
    objective = Recorded(bowl)
    nelder.minimize(objective, [9.0, 9.0], method=NelderMead(initial_simplex=given.tolist()))
    np.testing.assert_array_equal(objective.points[:3], given)


def test_convergence_may_be_a_callable_of_simplex_and_values():
    seen = []

    def rule(simplex, values):
        seen.append((simplex, values))
        return len(seen) == 7

    method = NelderMead(convergence=rule, probe=False)
    result = nelder.minimize(rosenbrock, [-1.2, 1.0], method=method)
    assert len(seen) == 7
    assert result.nit == 6  # asked after the first simplex and after every iteration
    assert result.status is Status.CONVERGED
    for simplex, values in seen:
        assert simplex.shape == (3, 2)
        assert values.tolist() == sorted(rosenbrock(x) for x in simplex)
    np.testing.assert_array_equal(result.final_simplex.vertices, seen[-1][0])


WATCHERS = {
    "nobody": (False, {}),
    "history": (False, {"history": True}),
    "callback": (False, {"callback": lambda xk: None}),
    "progress": (False, {"progress": True}),
    "clock": (False, {"maxtime": 1e9}),
    "target": (False, {"target": -1.0}),
    "native": (True, {}),
    "native, history": (True, {"history": True}),
    "native, callback": (True, {"callback": lambda xk: None}),
}


@pytest.mark.parametrize(("native", "settings"), WATCHERS.values(), ids=WATCHERS)
def test_a_rule_of_ones_own_is_asked_once_a_simplex_whoever_watches(native, settings, capsys):
    def minimize(fun, **settings):
        seen = []

        def rule(simplex, values):
            seen.append(values.tolist())
            return values[-1] <= values[0] + 5.0

        method = NelderMead(convergence=rule)
        return nelder.minimize(fun, [3.0, 4.0], method=method, **settings), seen

    plain, expected = minimize(bowl)
    assert plain.nrestart > 0
    assert len(expected) == plain.nit + 1 + plain.nrestart
    function = ctypes.CFUNCTYPE(*SIGNATURE)(lambda n, x, data: bowl(x))
    result, seen = minimize(nelder.NativeObjective(function) if native else bowl, **settings)
    same(result, plain)
    assert seen == expected
    capsys.readouterr()


def test_coefficients_may_be_a_callable_of_n():
    asked = []

    def rule(n):
        asked.append(n)
        return nelder.Coefficients(1.0, 1.5, 0.4, 0.6)

    by_rule = nelder.minimize(rosenbrock, [-1.2, 1.0], method=NelderMead(coefficients=rule))
    fixed = NelderMead(coefficients=nelder.Coefficients(1.0, 1.5, 0.4, 0.6))
    same(by_rule, nelder.minimize(rosenbrock, [-1.2, 1.0], method=fixed))
    assert asked == [2]


def test_public_names():
    assert set(nelder.__all__) <= set(dir(nelder))
    assert all(hasattr(nelder, name) for name in nelder.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = nelder.nothing
    assert nelder.__version__ == importlib.metadata.version("nelder")


def test_native_objective_takes_a_cfunc_with_data():
    numba = pytest.importorskip("numba")
    from numba import carray, cfunc, float64, int64, types

    @cfunc(float64(int64, types.CPointer(float64), types.voidptr))
    def away(n, x, data):
        goal = carray(data, (2,), numba.float64)
        return (x[0] - goal[0]) ** 2 + (x[1] - goal[1]) ** 2

    result = nelder.minimize(nelder.NativeObjective(away, np.array([3.0, -2.0])), [0.0, 0.0])
    np.testing.assert_allclose(result.x, [3.0, -2.0], atol=1e-6)
