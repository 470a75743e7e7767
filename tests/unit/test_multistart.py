"""The public surface of `nelder.multistart`, sentence by sentence."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import math
import pickle
import re
import sys
import threading
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cfunc, types

import nelder
from nelder import NelderMead, Status
from nelder.minima import distinct_minima
from tests.pools import Threads

INF = math.inf
NAN = math.nan

STARTS = np.array([[-1.2, 1.0], [2.0, -3.0], [0.1, 0.2], [3.0, 3.0], [-0.5, 0.0], [1.0, 1.0]])


def rosenbrock(x):
    a = x[1] - x[0] * x[0]
    b = 1.0 - x[0]
    return 100.0 * a * a + b * b


@cfunc(types.float64(types.int64, types.CPointer(types.float64), types.voidptr))
def native_rosenbrock(n, x, data):
    a = x[1] - x[0] * x[0]
    b = 1.0 - x[0]
    return 100.0 * a * a + b * b


@cfunc(types.float64(types.int64, types.CPointer(types.float64), types.voidptr))
def two_wells(n, x, data):
    a = x[0] * x[0] - 1.0
    return a * a + 0.1 * x[0] + x[1] * x[1]


def wells(x):
    """Four minima, at (±1, ±1) or so; the lowest is at (-1, -1)."""
    return float(np.sum((x * x - 1.0) ** 2 + 0.1 * x * np.arange(1, len(x) + 1)))


LOCAL = NelderMead(initial_simplex=nelder.StepSimplex(0.05))  # to the next minimum


SIGNATURE = (ctypes.c_double, ctypes.c_int64, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p)


def native(fun):
    """A C function that calls one of Python's, of two coordinates."""

    @ctypes.CFUNCTYPE(*SIGNATURE)
    def called(n, x, data):
        return fun(x)

    return nelder.NativeObjective(called)


class Counted:
    """An objective that remembers every call."""

    def __init__(self, fun=rosenbrock):
        self.fun = fun
        self.points = []

    def __call__(self, x):
        self.points.append(np.array(x))
        return self.fun(x)


class Clock:
    """A clock that stands still but for what is told it."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        fake = SimpleNamespace(perf_counter=lambda: self.now)
        for module in ("multistart", "drive.loop", "drive.schedule"):
            monkeypatch.setattr(sys.modules[f"nelder.{module}"], "time", fake)


def same(many, fun, x0s, **settings):
    """Assert that every search is that of `minimize` from its start; return the latter."""
    each = [nelder.minimize(fun, x0, **settings) for x0 in x0s]
    flat = np.array([result.flat for result in each])
    assert many.points.tobytes() == flat.tobytes()
    assert many.values.tolist() == [result.fun for result in each]
    assert many.statuses.tolist() == [int(result.status) for result in each]
    assert many.nfevs.tolist() == [result.nfev for result in each]
    assert many.nfev == sum(result.nfev for result in each)
    best = min(each, key=lambda result: result.fun)
    assert (many.fun, many.success, many.message) == (best.fun, best.success, best.message)
    assert many.best.x is many.x
    np.testing.assert_equal(many.x, best.x)
    for name in ("nfev", "nit", "nshrink", "nrestart", "nfailed", "status", "names"):
        assert many.best[name] == best[name], name
    np.testing.assert_array_equal(many.best.final_simplex.vertices, best.final_simplex.vertices)
    return each


# Each search is the one of minimize

SETTINGS = [
    {},
    {"bounds": [(-2.0, 0.5), (None, 3.0)]},
    {"bounds": [(-2.0, 0.5), (None, 3.0)], "method": NelderMead(bounds_method="clip")},
    {"bounds": [(-2.0, 2.0), (0.25, 0.25)]},
    {"bounds": [(0.5, 0.5), (0.25, 0.25)]},
    {"maxfev": 33},
    {"maxfev": 2},
    {"maxiter": 12},
    {"maxiter": 0},
    {"method": NelderMead.tfp()},
    {"method": NelderMead.scipy()},
    {"method": NelderMead.optim()},
    {"method": NelderMead(convergence=lambda simplex, values: values[-1] < 1e-3)},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(
    ("fun", "how"),
    [
        (rosenbrock, {}),
        (rosenbrock, {"retries": 1}),
        (native_rosenbrock, {}),
        (native_rosenbrock, {"workers": 2}),
        (native_rosenbrock, {"retries": 1}),
        (native(rosenbrock), {"workers": 3}),
    ],
    ids=["here", "interleaved", "native", "native in threads", "native interleaved", "ctypes"],
)
def test_each_search_is_the_one_of_minimize(fun, how, settings):
    many = nelder.multistart(fun, STARTS, **settings, **how)
    same(many, rosenbrock, STARTS, **settings)
    assert many.starts.tolist() == STARTS.tolist()


@pytest.mark.parametrize("settings", SETTINGS[:7], ids=str)
def test_each_search_is_the_one_of_minimize_on_an_executor(settings):
    with ThreadPoolExecutor(3) as executor:
        many = nelder.multistart(rosenbrock, STARTS, workers=executor, **settings)
        same(many, rosenbrock, STARTS, **settings)
        few = nelder.multistart(rosenbrock, STARTS[:2], workers=(executor, 7), **settings)
        same(few, rosenbrock, STARTS[:2], **settings)


@pytest.mark.parametrize("points", [None, 1, 4, 100])
def test_each_search_is_the_one_of_minimize_where_all_are_evaluated_at_once(points):
    def all_of_them(x):
        return np.array([rosenbrock(row) for row in x])

    many = nelder.multistart(all_of_them, STARTS, vectorized=True, workers=points, maxfev=150)
    same(many, rosenbrock, STARTS, maxfev=150)


def test_each_search_is_the_one_of_minimize_in_processes():
    pytest.importorskip("pebble")

    def fun(x, offset):
        return float((x[0] - offset) ** 2 + abs(x[1]))

    many = nelder.multistart(fun, STARTS, (0.5,), workers=2, timeout=60.0)
    same(many, fun, STARTS, args=(0.5,))
    assert many.nahead == 0 or many.nahead < many.nfev


def test_many_native_searches_are_those_of_minimize():
    starts = np.random.default_rng(0).normal(size=(700, 2))
    many = nelder.multistart(native_rosenbrock, starts, workers=2)
    same(many, native_rosenbrock, starts)
    assert np.all(many.statuses == Status.CONVERGED)


def test_k_worst_is_that_of_minimize_whatever_runs_it():
    starts = np.random.default_rng(1).normal(size=(3, 12))

    def bowl(x):
        return sum((i + 1) * v * v for i, v in enumerate(x[:12]))

    method = nelder.KWorst()
    settings = {"method": method, "maxfev": 200}
    same(nelder.multistart(bowl, starts, **settings), bowl, starts, **settings)
    many = nelder.multistart(native(bowl), starts, workers=2, **settings)
    same(many, bowl, starts, **settings)
    with ThreadPoolExecutor(8) as executor:
        many = nelder.multistart(bowl, starts, workers=executor, **settings)
        each = same(many, bowl, starts, workers=executor, **settings)
    alone = nelder.minimize(bowl, starts[0], **settings)
    assert each[0].nit != alone.nit  # two vertices at once, as there are workers for them


def test_one_start_is_enough():
    for fun in (rosenbrock, native_rosenbrock):
        for how in ({}, {"retries": 1}):
            same(nelder.multistart(fun, [[-1.2, 1.0]], **how), rosenbrock, [[-1.2, 1.0]])
    same(nelder.multistart(native_rosenbrock, STARTS[:1], workers=2), rosenbrock, STARTS[:1])


def test_more_threads_than_searches():
    same(nelder.multistart(native_rosenbrock, STARTS[:2], workers=5), rosenbrock, STARTS[:2])


def test_sampled_starts_are_searched_from():
    bounds = [(-2.0, 2.0), (-1.0, 3.0)]
    many = nelder.multistart(rosenbrock, bounds=bounds, starts=5, seed=3)
    assert many.starts.shape == (5, 2)
    same(many, rosenbrock, many.starts, bounds=bounds)
    again = nelder.multistart(native_rosenbrock, bounds=bounds, starts=5, seed=3)
    assert again.points.tobytes() == many.points.tobytes()
    other = nelder.multistart(
        rosenbrock, bounds=bounds, starts=5, seed=3, sampler="latin_hypercube"
    )
    assert not np.any(other.starts == many.starts)


Line = namedtuple("Line", ["slope", "offset"])


@pytest.mark.parametrize("how", [{}, {"retries": 1}])
def test_named_parameters(how):
    def fun(p):
        return (p.slope**2 - 1.0) ** 2 + (p.offset - 2.0) ** 2 + 0.1 * p.slope

    x0s = [Line(2.0, 0.0), Line(-2.0, 0.0), Line(-1.0, 3.0)]
    many = nelder.multistart(fun, x0s, bounds={"slope": (-3, 3)}, **how)
    each = same(many, fun, x0s, bounds={"slope": (-3, 3)})
    assert many.names == ("slope", "offset")
    assert type(many.x) is Line
    assert many.points.shape == (3, 2)
    assert [type(minimum.x) for minimum in many.minima] == [Line, Line]
    assert many.minima[0].x == min(each, key=lambda result: result.fun).x


def test_bounds_by_name_are_sampled_in():
    def fun(p):
        return p["a"] ** 2 + float(np.sum((p["k"] - 1.0) ** 2))

    many = nelder.multistart(
        fun, bounds={"k": (np.zeros(2), np.full(2, 3.0)), "a": (-1, 1)}, starts=4
    )
    assert many.names == ("a", "k[0]", "k[1]")
    assert many.starts.shape == (4, 3)
    assert set(many.x) == {"a", "k"}
    np.testing.assert_allclose(many.x["k"], 1.0, atol=1e-6)


# What is found


def test_minima_and_their_counts():
    near = {(-1, -1): 4, (-1, 1): 3, (1, -1): 2, (1, 1): 1}
    rng = np.random.default_rng(0)
    starts = np.array(
        [np.array(well) * rng.uniform(0.8, 1.2, 2) for well, m in near.items() for _ in range(m)]
    )
    order = rng.permutation(len(starts))
    starts = starts[order]
    many = nelder.multistart(wells, starts, bounds=[(-3, 3)] * 2, method=LOCAL)
    assert [minimum.count for minimum in many.minima] == [4, 2, 3, 1]
    for minimum, well in zip(many.minima, [(-1, -1), (1, -1), (-1, 1), (1, 1)], strict=True):
        assert np.sign(minimum.x).tolist() == list(well)
        assert len(minimum.searches) == minimum.count
        values = many.values[minimum.searches]
        assert values[0] == minimum.fun == values.min()
        assert many.points[minimum.searches[0]].tolist() == minimum.x.tolist()
        assert all(np.sign(starts[i]).tolist() == list(well) for i in minimum.searches)
    found = np.concatenate([minimum.searches for minimum in many.minima])
    assert sorted(found.tolist()) == list(range(len(starts)))
    assert many.fun == many.minima[0].fun
    assert many.x.tolist() == many.minima[0].x.tolist()


def test_searches_that_did_not_converge_have_found_no_minimum():
    many = nelder.multistart(wells, [[0.9, 0.9], [-0.9, -0.9]], maxfev=10)
    assert many.statuses.tolist() == [Status.MAXFEV, Status.MAXFEV]
    assert many.minima == ()
    assert not many.success
    assert many.fun == many.values.min()


def test_searches_without_a_value_are_reported_as_such():
    def fun(x):
        return NAN if x[0] > 0.0 else float(x[0] ** 2)

    for how in ({}, {"retries": 1}):
        many = nelder.multistart(fun, [[5.0], [-1.0], [7.0]], bounds=[(-9, 9)], maxfev=50, **how)
        same(many, fun, [[5.0], [-1.0], [7.0]], bounds=[(-9, 9)], maxfev=50)
        none = nelder.multistart(lambda x: NAN, [[5.0], [-1.0]], maxfev=50, **how)
        assert none.fun == INF
        assert not none.success
        assert none.minima == ()


def test_a_minimum_counts_as_one_within_a_thousandth_of_the_range_or_size():
    points = np.array([[1.0, 0.0], [1.0009, 0.0], [1.002, 0.0], [1.0, 0.0011], [5.0, 5.0]])
    values = np.array([1.0, 0.5, 2.0, 3.0, -9.0])
    converged = np.array([True, True, True, True, False])
    groups = distinct_minima(points, values, converged, np.full(2, 1e-3))
    assert [group.tolist() for group in groups] == [[1, 0], [2], [3]]
    none = distinct_minima(points, values, np.zeros(5, dtype=bool), np.ones(2))
    assert none == []


@pytest.mark.parametrize(("bounds", "count"), [(None, 1), ([(999.0, 1001.0)], 2)])
def test_minima_are_told_apart_by_the_scale_of_the_coordinate(bounds, count):
    def two(x):
        return float(min(abs(x[0] - 1000.0), abs(x[0] - 1000.1) + 1e-3))

    many = nelder.multistart(two, [[1000.01], [1000.105]], bounds=bounds)
    assert np.all(many.statuses == Status.CONVERGED)
    assert abs(many.points[0, 0] - many.points[1, 0]) > 0.09
    assert len(many.minima) == count


def test_of_equal_values_the_first_search_is_the_best_whichever_ends_first():
    """A long search and a short one that find the same value at different points."""

    def flat(x):
        return np.maximum(np.sum(np.atleast_2d(x) ** 2, axis=1) - 1.0, 0.0)

    starts = [[30.0, -40.0], [0.5, 0.1], [0.1, 0.5]]
    one = nelder.multistart(lambda x: float(flat(x)[0]), starts)
    assert one.values.tolist() == [0.0, 0.0, 0.0]
    assert one.nfevs[0] > one.nfevs[1]
    assert one.x.tolist() == one.points[0].tolist() != one.points[1].tolist()
    together = nelder.multistart(flat, starts, vectorized=True)
    assert together.x.tolist() == one.x.tolist()
    assert together.best.nfev == one.best.nfev == one.nfevs[0]
    with ThreadPoolExecutor(3) as executor:
        same(nelder.multistart(lambda x: float(flat(x)[0]), starts, workers=executor),
             lambda x: float(flat(x)[0]), starts)  # fmt: skip


# Budgets


@pytest.mark.parametrize("how", [{}, {"retries": 1}])
def test_nothing_is_lower_than_minus_infinity(how):
    def fun(x):
        return -INF if x[0] < -50.0 else float(x[0] ** 2)

    many = nelder.multistart(fun, [[1.0], [-60.0], [3.0]], method=LOCAL, **how)
    assert many.fun == -INF
    assert not many.success
    assert many.statuses.tolist() == [Status.CONVERGED, Status.UNBOUNDED, -1]


@pytest.mark.parametrize("how", [{}, {"retries": 1}])
@pytest.mark.parametrize("fun", [rosenbrock, native_rosenbrock], ids=["python", "native"])
def test_target_ends_all_searches(fun, how):
    each = [nelder.minimize(rosenbrock, x0, target=1e-6) for x0 in STARTS]
    many = nelder.multistart(fun, STARTS, target=1e-6, **how)
    assert many.success
    assert many.fun <= 1e-6
    assert many.best.status is Status.TARGET
    assert many.statuses.tolist() == [Status.TARGET] + [-1] * (len(STARTS) - 1)
    assert np.all(np.isnan(many.values[1:]))
    assert many.nfevs.tolist() == [each[0].nfev] + [0] * (len(STARTS) - 1)
    assert many.points[1:].tolist() == STARTS[1:].tolist()


def test_target_ends_searches_that_are_under_way_in_other_threads():
    """The second search never ends by itself; the third waits for it, then finds the target."""
    under_way = threading.Event()
    numbers = itertools.count()

    def fun(x):
        if x[0] > 100.0:
            under_way.set()
            return 1.0 + 0.1 * (next(numbers) % 7)  # the simplex collapses, the values never
        if x[0] < -100.0:
            assert under_way.wait(60.0)
            return -1e9
        return float(x[0] * x[0] + x[1] * x[1])

    many = nelder.multistart(
        native(fun),
        [[1.0, 1.0], [1e3, 1e3], [-1e3, -1e3], [2.0, 2.0]],
        method=nelder.NelderMead(probe=False, convergence=nelder.Tolerance(ulps=0.0)),
        maxfev=10**9,
        maxiter=10**9,
        target=-1e6,
        workers=2,
    )
    assert many.fun == -1e9
    assert many.best.status is Status.TARGET
    assert many.statuses.tolist() == [
        Status.CONVERGED,
        Status.INTERRUPTED,
        Status.TARGET,
        Status.RUNNING,
    ]
    assert many.nfevs[1] > 0
    assert 1.0 <= many.values[1] <= 1.6


@pytest.mark.parametrize("how", [{}, {"retries": 1}], ids=["here", "interleaved"])
def test_no_evaluation_begins_after_maxtime(monkeypatch, how):
    clock = Clock(monkeypatch)
    calls = []

    def slow(x):
        calls.append(x)
        clock.now += 1.0
        return rosenbrock(x)

    many = nelder.multistart(slow, STARTS, maxtime=4.5, **how)
    assert len(calls) == 5
    assert many.statuses[0] == Status.MAXTIME
    assert many.statuses[1:].tolist() == [-1] * (len(STARTS) - 1)
    assert many.nfev == 5


@pytest.mark.parametrize("how", [{}, {"retries": 1}], ids=["here", "interleaved"])
def test_maxtime_leaves_one_value_at_least(monkeypatch, how):
    clock = Clock(monkeypatch)

    def slow(x):
        clock.now += 1.0
        return rosenbrock(x)

    many = nelder.multistart(slow, STARTS, maxtime=1e-3, **how)
    assert many.nfev == 1
    assert many.x.tolist() == STARTS[0].tolist()


def test_the_best_of_many_is_told_where_time_is_over(monkeypatch):
    """Of searches that were run at once the best has no result yet; time does not take it away."""
    clock = Clock(monkeypatch)
    starts = np.concatenate([[[2.0, 2.0]], np.full((600, 2), -2.0)])
    run = nelder.search.lanes.Lanes.run

    def and_an_hour_passes(self, *args):
        settled = run(self, *args)
        clock.now += 3600.0
        return settled

    monkeypatch.setattr("nelder.search.lanes.Lanes.run", and_an_hour_passes)

    many = nelder.multistart(two_wells, starts, method=LOCAL, maxtime=60.0)
    ended = np.flatnonzero(many.statuses >= 0)
    assert ended.tolist() == list(range(257))
    assert many.fun == np.nanmin(many.values) < 0.0
    assert many.best.fun == many.fun
    assert many.success
    assert many.minima[0].count == 256
    alone = nelder.minimize(two_wells, starts[1], method=LOCAL)
    assert many.points[1].tobytes() == many.x.tobytes() == alone.x.tobytes()
    assert many.nfevs[1] == alone.nfev


# Failures


def holes(x):
    if x[0] > 0.45:
        raise ValueError("too far")
    return float(x[0] ** 2 + x[1] ** 2)


@pytest.mark.parametrize("how", [{}, {"workers": 1}, {"retries": 2}])
def test_an_error_in_one_search_keeps_what_others_found(how):
    if "workers" in how:
        pytest.importorskip("pebble")
    starts = [[-0.4, 0.1], [-0.2, 0.3], [0.4, 0.0], [-0.1, 0.1]]
    with pytest.raises(nelder.EvaluationError, match=r"ValueError\('too far'\) at x=") as caught:
        nelder.multistart(holes, starts, **how)
    error = caught.value
    assert error.x[0] > 0.45
    assert isinstance(error.__cause__, ValueError)
    found = error.result
    assert isinstance(found, nelder.MultistartResult)
    assert found.statuses[:2].tolist() == [Status.CONVERGED] * 2
    assert found.statuses[2] == Status.OBJECTIVE_FAILED
    assert found.statuses[3] == -1
    assert found.success
    assert found.minima[0].count == 2
    alone = nelder.minimize(holes, starts[0])
    assert found.points[0].tobytes() == alone.x.tobytes()


def test_an_error_before_any_value_has_no_result():
    for how in ({}, {"retries": 1}):
        with pytest.raises(nelder.EvaluationError, match="too far") as caught:
            nelder.multistart(holes, [[1.0, 1.0], [0.0, 0.0]], **how)
        assert caught.value.result is None


@pytest.mark.parametrize("how", [{}, {"retries": 1}])
@pytest.mark.parametrize("policy", ["worst", "stop"])
def test_failures_are_dealt_with_in_each_search(policy, how):
    starts = [[-0.4, 0.1], [0.4, 0.0], [-0.1, 0.1]]
    many = nelder.multistart(holes, starts, on_failure=policy, **how)
    same(many, holes, starts, on_failure=policy)
    failed = many.statuses == Status.OBJECTIVE_FAILED
    assert failed.tolist() == [False, policy == "stop", False]


@pytest.mark.parametrize("how", [{}, {"retries": 3}])
def test_a_value_that_is_no_number_names_its_point(how):
    def fun(x):
        return None if x[0] > 0.45 else float(x[0] ** 2)

    with pytest.raises(nelder.ReturnValueError, match="returned None") as caught:
        nelder.multistart(fun, [[-0.2], [0.4]], on_failure="worst", **how)
    assert caught.value.x[0] > 0.45
    assert caught.value.result.statuses.tolist() == [Status.CONVERGED, Status.OBJECTIVE_FAILED]


def test_of_searches_under_way_only_the_one_that_failed_is_said_to_have():
    starts = [[-0.4, 0.1], [-0.2, 0.3], [0.4, 0.0], [-0.1, 0.1]]
    with ThreadPoolExecutor(12) as executor, pytest.raises(nelder.EvaluationError) as caught:
        nelder.multistart(holes, starts, workers=executor)
    failed = caught.value.result.statuses == Status.OBJECTIVE_FAILED
    assert failed.tolist() == [False, False, True, False]


@pytest.mark.parametrize("how", [{}, {"retries": 1}])
def test_ctrl_c_keeps_what_was_found(how):
    fun = Counted()

    def interrupted(x):
        if len(fun.points) == 400:
            raise KeyboardInterrupt
        return fun(x)

    with pytest.raises(KeyboardInterrupt) as caught:
        nelder.multistart(interrupted, STARTS, **how)
    found = caught.value.result
    assert isinstance(found, nelder.MultistartResult)
    assert found.nfev == 400
    assert found.fun == np.nanmin(found.values)
    ended = int(np.sum(found.statuses == Status.CONVERGED))
    assert 1 <= ended < len(STARTS)
    assert found.statuses[ended] == Status.INTERRUPTED
    assert np.all(found.statuses[ended + 1 :] == -1)
    assert f"{ended} of {len(STARTS)} ended" in repr(found)


@pytest.mark.parametrize("workers", [None, 2])
@pytest.mark.parametrize("chunk", [1, 2])
def test_ctrl_c_among_native_searches_leaves_no_value_below_the_best(monkeypatch, workers, chunk):
    """Whether it comes while many are run at once, or when their best is searched for again."""
    starts = np.concatenate([[[2.0, 2.0]], np.full((600, 2), -2.0)])
    run, drive = nelder.search.lanes.Lanes.run, nelder.drive.loop.drive
    chunks, drives = itertools.count(1), itertools.count(1)

    def many(self, *args):
        if next(chunks) == chunk:
            raise KeyboardInterrupt
        return run(self, *args)

    def one(*args):
        if next(drives) == 1 + chunk:
            raise KeyboardInterrupt
        return drive(*args)

    for place, interrupted in (("search.lanes.Lanes.run", many), ("multistart.drive", one)):
        module = sys.modules["nelder.multistart"] if "drive" in place else None
        with monkeypatch.context() as patch:
            if module:
                patch.setattr(module, "drive", interrupted)
            else:
                patch.setattr(f"nelder.{place}", interrupted)
            try:
                found = nelder.multistart(two_wells, starts, method=LOCAL, workers=workers)
            except KeyboardInterrupt as error:
                found = error.result
        assert found.fun == np.nanmin(found.values) == found.best.fun
        begun = found.statuses != -1
        assert np.isnan(found.values[~begun]).all()
        assert found.best.x.tolist() == found.points[np.nanargmin(found.values)].tolist()


def test_a_simplex_that_does_not_fit_keeps_what_was_found():
    method = NelderMead(initial_simplex=lambda x0, low, high: np.array([x0, x0 + (x0 < 5.0)]))
    for how in ({}, {"retries": 1}):
        with pytest.raises(nelder.InvalidArgumentError, match="degenerate") as caught:
            nelder.multistart(lambda x: float(x[0] ** 2), [[1.0], [7.0]], method=method, **how)
        assert caught.value.result.statuses.tolist() == [Status.CONVERGED, -1]


class Breaking(ThreadPoolExecutor):
    """Threads that are gone after so many tasks."""

    def __init__(self, tasks):
        super().__init__(2)
        self.left = tasks

    def submit(self, *args):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("the cluster is gone")
        return super().submit(*args)


def test_an_executor_that_breaks_keeps_what_was_found():
    with (
        Breaking(600) as executor,
        pytest.raises(nelder.ExecutorError, match="the cluster is gone") as caught,
    ):
        nelder.multistart(rosenbrock, STARTS, workers=executor)
    found = caught.value.result
    assert found.success
    assert 0 < found.nfev <= 600


# Workers


def test_workers_get_no_more_than_they_can_run_and_evaluations_add_up():
    with Threads(4) as executor:
        many = nelder.multistart(rosenbrock, STARTS, workers=executor)
    assert executor.most <= 4
    assert many.nfev + many.nahead <= executor.tasks <= many.nfev + many.nahead + 4
    same(many, rosenbrock, STARTS)


def test_all_searches_are_under_way_where_there_are_workers_enough():
    sizes = []

    def all_of_them(x):
        sizes.append(len(x))
        return np.array([rosenbrock(row) for row in x])

    many = nelder.multistart(all_of_them, STARTS, vectorized=True)
    assert sizes[0] == 3 * len(STARTS)  # the first simplex of each
    assert len(sizes) == max(many.nfevs) - 2  # then one each at a time
    assert sum(sizes) == many.nfev
    assert many.nahead == 0


def test_searches_are_begun_one_by_one_where_workers_are_few():
    fun = Counted()
    with ThreadPoolExecutor(1) as executor:
        many = nelder.multistart(fun, STARTS, workers=executor)
    assert many.nahead == 0
    expected = [nelder.minimize(rosenbrock, x0, history=True).history.points for x0 in STARTS]
    assert np.array(fun.points).tobytes() == np.concatenate(expected).tobytes()


def test_the_callers_executor_stays_open():
    with ThreadPoolExecutor(2) as executor:
        nelder.multistart(rosenbrock, STARTS[:2], workers=executor, maxfev=20)
        with contextlib.suppress(nelder.EvaluationError):
            nelder.multistart(holes, [[1.0, 1.0]], workers=executor)
        assert executor.submit(lambda: 7).result() == 7


def test_no_thread_is_left():
    before = set(threading.enumerate())
    nelder.multistart(native_rosenbrock, STARTS, workers=3)
    nelder.multistart(native(rosenbrock), STARTS, workers=2, maxiter=20)
    nelder.multistart(native_rosenbrock, STARTS, workers=2, retries=1)
    for thread in set(threading.enumerate()) - before:
        thread.join(60.0)  # threads of an executor that nobody waits for end when they are idle
        assert not thread.is_alive()


# Progress


def all_of_them(x):
    return np.array([rosenbrock(row) for row in x])


WATCHED = {
    "here": (rosenbrock, {}),
    "interleaved": (rosenbrock, {"retries": 1}),
    "all at once": (all_of_them, {"vectorized": True}),
    "threads": (rosenbrock, {"workers": 3}),
    "native": (native_rosenbrock, {}),
    "native in threads": (native_rosenbrock, {"workers": 2}),
    "slow and native in threads": (native(rosenbrock), {"workers": 2, "maxiter": 10**6}),
}


@pytest.mark.parametrize(("fun", "how"), WATCHED.values(), ids=WATCHED)
def test_progress_is_told_to_a_callable(monkeypatch, fun, how):
    for module in ("overview", "progress"):
        monkeypatch.setattr(f"nelder.drive.{module}.SECONDS", 0.0)
    monkeypatch.setattr(sys.modules["nelder.multistart"], "SECONDS", 1e-3)
    searches = 7 if fun in (rosenbrock, all_of_them) else 600
    starts = np.random.default_rng(0).normal(size=(searches, 2))
    seen, threads = [], set()

    def show(now):
        seen.append(now)
        threads.add(threading.get_ident())

    with contextlib.ExitStack() as stack:
        if how.get("workers") == 3:
            how = {"workers": stack.enter_context(ThreadPoolExecutor(3))}
        many = nelder.multistart(fun, starts, progress=show, **how)
    alone = nelder.multistart(fun, starts, **{**how, "workers": None})
    assert many.points.tobytes() == alone.points.tobytes()
    assert many.nfevs.tolist() == alone.nfevs.tolist()
    assert threads == {threading.get_ident()}
    assert [now.over for now in seen] == [False] * (len(seen) - 1) + [True]
    assert len(seen) > 2
    for earlier, later in itertools.pairwise(seen):
        assert earlier.fun >= later.fun
        assert earlier.ended <= later.ended
        assert earlier.nfev <= later.nfev
        assert earlier.elapsed <= later.elapsed
    for now in seen:
        assert now.total == len(starts)
        if now.fun < INF:
            assert rosenbrock(now.x) == now.fun
    assert any(0 < now.nfev < many.nfev for now in seen)
    last = seen[-1]
    assert (last.fun, last.ended, last.running) == (many.fun, len(starts), 0)
    assert (last.nfev, last.nahead) == (many.nfev, many.nahead)
    assert last.x.tolist() == many.x.tolist()


@pytest.mark.parametrize("kind", [lambda fun: fun, native], ids=["python", "native"])
def test_progress_counts_what_is_running(kind):
    """The objective waits in other threads until it is said to run in two of them."""
    two = threading.Event()

    def fun(x):
        if threading.current_thread() is not threading.main_thread():
            assert two.wait(60.0)
        return rosenbrock(x)

    def show(now):
        running.append(now.running)
        if now.running == 2:
            two.set()

    running = []
    with ThreadPoolExecutor(2) as executor:
        workers = 2 if kind is native else executor
        nelder.multistart(kind(fun), STARTS, workers=workers, maxiter=9, progress=show)
    assert max(running) == 2
    assert running[-1] == 0


def test_progress_has_the_structure_of_the_starts():
    seen = []
    nelder.multistart(lambda p: p["a"] ** 2, [{"a": 1.0}, {"a": 3.0}], progress=seen.append)
    assert abs(seen[-1].x["a"]) < 1e-6


def test_progress_counts_what_was_cut_short_as_not_ended():
    seen = []
    many = nelder.multistart(rosenbrock, STARTS, target=1e-6, retries=1, progress=seen.append)
    assert (seen[-1].over, seen[-1].ended, seen[-1].nfev) == (True, 1, many.nfev)
    with pytest.raises(nelder.EvaluationError) as caught:
        nelder.multistart(holes, [[-0.4, 0.1], [0.4, 0.0], [0.1, 0.1]], progress=seen.append)
    assert seen[-1].over
    assert (seen[-1].ended, seen[-1].nfev) == (2, caught.value.result.nfev)


@pytest.mark.parametrize(("fun", "how"), list(WATCHED.values())[:2], ids=list(WATCHED)[:2])
@pytest.mark.parametrize("at", [1, 3, -1])
def test_a_progress_that_raises_ends_the_searches_and_is_not_called_again(
    monkeypatch, fun, how, at
):
    for module in ("overview", "progress"):
        monkeypatch.setattr(f"nelder.drive.{module}.SECONDS", 0.0)
    seen = []

    def show(now):
        seen.append(now)
        if len(seen) == at or (at == -1 and now.over):
            raise OSError("the window is closed")

    with pytest.raises(OSError, match="window") as caught:
        nelder.multistart(fun, STARTS, progress=show, **how)
    assert len(seen) == at or (at == -1 and seen[-1].over)
    found = caught.value.result
    assert found.nfev >= seen[-1].nfev
    assert found.fun <= seen[-1].fun
    if at == -1:
        same(found, rosenbrock, STARTS)


@pytest.mark.parametrize(("fun", "how"), WATCHED.values(), ids=WATCHED)
def test_a_progress_line_shows_all_searches(capsys, fun, how):
    if how.get("workers") == 3:
        pytest.importorskip("pebble")
    many = nelder.multistart(fun, STARTS, progress=True, **how)
    shown = capsys.readouterr()
    text = " ".join((shown.out + shown.err).split())
    assert f"6 of 6 searches {many.nfev} evaluations best {many.fun:.6g}" in text
    assert "/s" in text
    assert "left" not in text.rpartition("6 of 6")[2]


def test_a_progress_line_needs_its_package_before_anything_is_evaluated(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    fun = Counted()
    with pytest.raises(nelder.MissingExtraError, match="progress=True"):
        nelder.multistart(fun, STARTS, progress=True)
    assert not fun.points


def test_nothing_is_shown_where_no_search_began(tmp_path):
    seen = []
    nelder.minimize(rosenbrock, [1.0, 2.0], journal=tmp_path / "a.db")
    with pytest.raises(nelder.JournalMismatchError):
        nelder.multistart(rosenbrock, STARTS, journal=tmp_path / "a.db", progress=seen.append)
    assert not seen


# Journal


@pytest.mark.parametrize("after", [None, 2, "threads"])
@pytest.mark.parametrize("stop", [1, 20, 150, 500])
def test_a_journal_resumes_all_searches(tmp_path, stop, after):
    path = tmp_path / "many.db"
    fun = Counted()

    def objective(x):
        if len(fun.points) == limit:
            raise KeyboardInterrupt
        return fun(x)

    objective.__journal__ = {}  # the limit is no part of the problem
    limit = stop
    with pytest.raises(KeyboardInterrupt) as caught:
        nelder.multistart(objective, STARTS, maxfev=150, journal=path)
    assert caught.value.result.nfev == stop
    assert len(nelder.load(path).evaluations) == stop
    limit = None
    with ThreadPoolExecutor(3) as executor:
        how = {None: {}, 2: {"workers": (executor, 2)}, "threads": {"workers": executor}}[after]
        many = nelder.multistart(objective, STARTS, maxfev=150, journal=path, **how)
    same(many, rosenbrock, STARTS, maxfev=150)
    if after is None:
        assert len(fun.points) == many.nfev
    evaluations = nelder.load(path).evaluations
    # what threads are still at when the last search ends is not waited for
    assert len(evaluations) <= len(fun.points) <= len(evaluations) + (3 if after else 0)
    assert set(evaluations.search.tolist()) == set(range(len(STARTS)))
    for i, x0 in enumerate(STARTS):
        assert evaluations.X[evaluations.search == i][0].tolist() == x0.tolist()
    fun.points.clear()
    again = nelder.multistart(objective, STARTS, maxfev=150, journal=path)
    same(again, rosenbrock, STARTS, maxfev=150)
    assert not fun.points


def test_a_journal_that_was_begun_with_workers_resumes_without(tmp_path):
    path = tmp_path / "many.db"
    fun = Counted()

    def objective(x):
        if len(fun.points) >= limit:
            raise RuntimeError("the machine is switched off")
        return fun(x)

    objective.__journal__ = {}  # the limit is no part of the problem
    limit = 300
    with ThreadPoolExecutor(4) as executor, pytest.raises(nelder.EvaluationError):
        nelder.multistart(objective, STARTS, maxfev=150, journal=path, workers=executor)
    evaluations = nelder.load(path).evaluations
    have = Counter(
        x.tobytes() for x, kind in zip(evaluations.X, evaluations.failures, strict=True) if not kind
    )
    assert sum(have.values()) >= 300
    limit = INF
    fun.points.clear()
    many = nelder.multistart(objective, STARTS, maxfev=150, journal=path)
    each = same(many, rosenbrock, STARTS, maxfev=150)
    assert len(fun.points) <= sum(result.nfev for result in each) - 200
    visits = Counter()
    for x0 in STARTS:
        points = nelder.minimize(rosenbrock, x0, maxfev=150, history=True).history.points
        visits.update(x.tobytes() for x in points)
    again = Counter(x.tobytes() for x in fun.points)
    assert not [x for x in have if again[x] and visits[x] < 2], "evaluated although recorded"


def test_a_long_journal_of_searches_that_ran_together_is_replayed_whole(tmp_path):
    """While one is replayed, more of the others is read than there is room for guesses."""
    path = tmp_path / "many.db"
    starts = np.random.default_rng(0).uniform(-2.0, 2.0, (3, 8))
    chance = np.random.default_rng(0)
    called = []

    def valley(x):  # in which no value comes twice
        called.append(x)
        value = np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
        return float(value + 1e-9 * chance.normal())

    valley.__journal__ = {}  # chance is no part of the problem
    settings = {"x0s": starts, "journal": path, "maxfev": 1300}
    with ThreadPoolExecutor(3) as executor:
        many = nelder.multistart(valley, workers=executor, **settings)
    assert many.nfevs.tolist() == [1300] * 3
    made = len(nelder.load(path).evaluations)
    called.clear()
    again = nelder.multistart(valley, **settings)
    assert not called
    assert len(nelder.load(path).evaluations) == made
    assert again.points.tobytes() == many.points.tobytes()
    assert again.values.tolist() == many.values.tolist()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"x0s": STARTS[:3]}, "starts"),
        ({"x0s": STARTS + 1.0}, r"starts\[0\]\[0\]"),
        ({"bounds": [(-9, 9)] * 2}, r"lower\[0\]"),
        ({"method": NelderMead(probe=False)}, "method.probe"),
        ({"fun": wells}, "objective"),
    ],
)
def test_a_journal_of_other_searches_is_refused(tmp_path, change, named):
    path = tmp_path / "many.db"
    given = {"fun": rosenbrock, "x0s": STARTS, "journal": path, "maxfev": 10}
    nelder.multistart(**given)
    with pytest.raises(nelder.JournalMismatchError, match=named):
        nelder.multistart(**{**given, **change})
    nelder.multistart(**{**given, "maxfev": 20, "retries": 1})


def test_a_journal_of_minimize_is_refused(tmp_path):
    path = tmp_path / "one.db"
    nelder.minimize(rosenbrock, STARTS[0], journal=path, maxfev=10)
    with pytest.raises(nelder.JournalMismatchError, match="starts"):
        nelder.multistart(rosenbrock, STARTS[:1], journal=path, maxfev=10)
    nelder.multistart(rosenbrock, STARTS[:1], journal=(path, "many"), maxfev=10)
    assert [study.name for study in nelder.load(path).studies] == ["main", "many"]


# What is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fun": 5}, "fun=5: expected a callable"),
        ({"method": "powell"}, "method='powell': expected nelder.NelderMead"),
        ({"maxfev": 0}, "maxfev=0: expected a whole number, 1 or above"),
        ({"maxiter": -1}, "maxiter=-1: expected a whole number, 0 or above"),
        ({"maxtime": 0}, "maxtime=0: expected a number of seconds above 0"),
        ({"target": NAN}, "target=nan: expected a real number"),
        ({"on_failure": "ignore"}, "on_failure='ignore': expected one of"),
        ({"progress": "yes"}, "progress='yes': expected True, False or a callable"),
        ({"retries": -1}, "retries=-1: expected a whole number, 0 or above"),
        ({"timeout": -1.0}, "timeout=-1.0: expected a number of seconds above 0"),
        ({"workers": 0}, "workers=0: expected a whole number, 1 or above"),
        ({"workers": 1.5}, r"workers=1.5: expected a whole number, 1 or above, a concurrent"),
        ({"fun": native_rosenbrock, "workers": 0}, "workers=0: expected a whole number"),
        ({"fun": native_rosenbrock, "workers": True}, "workers=True: expected a whole number"),
        ({"fun": native_rosenbrock, "args": (1,)}, r"args=\(1,\): expected none with a native"),
        ({"fun": native_rosenbrock, "vectorized": True}, "vectorized=True: expected False"),
        ({"vectorized": "yes"}, "vectorized='yes': expected True or False"),
        ({"vectorized": True, "timeout": 1.0}, "timeout=1.0: expected none with vectorized=True"),
        ({"journal": 5}, "journal=5: expected the path of a file"),
        ({"bounds": [(0, 1)]}, "bounds has 1 entries: expected 2"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(settings, message):
    calls = []
    given = {"fun": lambda x: calls.append(x) or 0.0, "x0s": STARTS, **settings}
    with pytest.raises(nelder.InvalidArgumentError, match=message):
        nelder.multistart(**given)
    assert not calls


def test_native_objectives_take_flat_starts():
    with pytest.raises(nelder.InvalidArgumentError, match="x0 is structured"):
        nelder.multistart(native_rosenbrock, [{"a": 1.0, "b": 2.0}])


# What is shown


def test_repr_is_readable():
    many = nelder.multistart(wells, [[0.9, 0.9], [-0.9, -0.9], [-0.8, -1.1]])
    lines = repr(many).splitlines()
    assert lines[0] == f"nelder.MultistartResult: {many.message}"
    shown = dict(re.match(r" *(\w*):? +(.*)", line).groups() for line in lines[1:-1])
    assert shown["success"] == "True"
    assert float(shown["fun"]) == pytest.approx(many.fun)
    assert shown["searches"] == "3 of 3 ended"
    assert shown["nfev"] == str(many.nfev)
    assert shown["minima"] == "2"
    assert lines[-2].split()[1:] == ["found", "by", "2"]
    assert lines[-1].split()[1:] == ["found", "by", "1"]
    columns = {line.index(": ") for line in lines[1:-2]}
    assert len(columns) == 1


def test_repr_names_the_parameters():
    many = nelder.multistart(lambda p: p["a"] ** 2, bounds={"a": (-1.0, 2.0)}, starts=3)
    assert re.search(r"^ +a: \S+$", repr(many), re.MULTILINE)


def test_repr_of_many_coordinates_and_minima_is_short():
    def comb(x):
        return float(np.sum((x - np.round(x)) ** 2) + 1e-3 * x[0])

    starts = np.arange(30.0)[:, None] + np.full(40, 0.1)
    many = nelder.multistart(comb, starts, bounds=[(-1, 40)] * 40, maxfev=3)
    assert len(repr(many).splitlines()) < 20
    many = nelder.multistart(comb, starts[:, :1], bounds=[(-1, 40)], method=LOCAL)
    assert len(many.minima) == 30
    lines = repr(many).splitlines()
    assert lines[-1].strip() == "and 20 more"
    assert len(lines) < 25


def test_repr_of_a_long_point_is_aligned():
    many = nelder.multistart(wells, [np.linspace(0.1, 1.0, 12) ** 0.5], maxfev=20)
    lines = repr(many).splitlines()
    first = next(i for i, line in enumerate(lines) if line.lstrip().startswith("x: ["))
    column = lines[first].index("[")
    assert lines[first + 1].startswith(" " * (column + 1))


def test_a_result_can_be_pickled():
    many = nelder.multistart(rosenbrock, STARTS[:2])
    again = pickle.loads(pickle.dumps(many))
    assert again.points.tobytes() == many.points.tobytes()
    assert repr(again) == repr(many)
