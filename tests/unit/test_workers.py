"""`nelder.minimize` with workers, as its user sees it."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter, namedtuple
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cfunc, types

import nelder
from nelder import NelderMead, Status
from nelder.drive.loop import Observers
from nelder.drive.schedule import Policy, drive_on
from nelder.evaluate import batch
from nelder.evaluation import Outcome
from nelder.options import Budget
from tests.pools import Threads

INF = math.inf
NAN = math.nan
X0 = np.array([-1.2, 1.0, 0.5])
PATIENCE = 60.0  # seconds after which what should have happened never will


@pytest.fixture
def processes():
    """Skip where processes of our own cannot be had; see that none is left."""
    for package in ("pebble", "cloudpickle", "loky"):
        pytest.importorskip(package, reason=f"{package} is in nelder[parallel]")
    before = children()
    yield
    left = children() - before
    assert not {pid: command(pid) for pid in left}


def children():
    """The processes that this one has started and that run; but for trackers of resources."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state not in "ZX":
                found.add(int(entry.name))
    return {pid for pid in found if "resource_tracker" not in command(pid)}


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


# Objectives are functions within functions: they travel by value, so that workers need no module
# of the tests.


def smooth():
    def rosenbrock(x):
        a, b = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
        return float(100.0 * (a @ a) + b @ b)

    return rosenbrock


def rough():
    """With NaN and infinity where it is high."""

    def fun(x):
        value = float(np.abs(x - 0.3).sum() + (x @ x))
        return float("nan") if value > 9.0 else float("inf") if value > 6.0 else value

    return fun


def holes():
    def fun(x):
        if x[0] < 0.5:
            raise ValueError("too low")
        return float(x @ x)

    return fun


rosenbrock = smooth()


@cfunc(types.float64(types.int64, types.CPointer(types.float64), types.voidptr))
def native(n, x, data):
    total = 0.0
    for i in range(n - 1):
        total += 100.0 * (x[i + 1] - x[i] * x[i]) ** 2 + (1.0 - x[i]) ** 2
    return total


def same(left, right):
    """Assert that two results are the same in every bit, but for time and guesses."""
    assert left.x.tobytes() == right.x.tobytes()
    for name in ("fun", "success", "status", "message", "nfev", "nit", "nshrink", "nrestart"):
        assert left[name] == right[name], name
    assert left.nfailed == right.nfailed
    assert left.final_simplex.vertices.tobytes() == right.final_simplex.vertices.tobytes()
    assert left.final_simplex.values.tobytes() == right.final_simplex.values.tobytes()
    assert (left.history is None) == (right.history is None)
    if left.history is not None:
        assert left.history.points.tobytes() == right.history.points.tobytes()
        assert left.history.values.tobytes() == right.history.values.tobytes()


# The search is that of one worker

SETTINGS = [
    {},
    {"bounds": [(-1.0, 0.5), (None, 3.0), (0.25, 0.25)]},
    {"bounds": [(-1.0, 0.5)] * 3, "method": NelderMead(bounds_method="clip")},
    {"maxfev": 33},
    {"maxfev": 2},
    {"maxiter": 12},
    {"maxiter": 0},
    {"target": 1e-3},
    {"target": INF},
    {"method": NelderMead.tfp()},
    {"method": NelderMead.optim()},
    {"method": nelder.KWorst(1)},
    {"method": NelderMead(convergence=lambda simplex, values: values[-1] < 1e-3)},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_way_to_evaluate_gives_the_bits_of_one(settings):
    settings = {"maxfev": 250, "history": True, **settings}
    for fun, n in ((rosenbrock, 3), (rough(), 3)):
        expected = nelder.minimize(fun, X0[:n], on_failure="worst", **settings)

        def rows(x, fun=fun):
            return np.array([fun(row) for row in x])

        with Threads(3) as threads:
            for given, how in [
                (fun, {"workers": threads}),
                (fun, {"workers": (threads, 2)}),
                (fun, {"workers": (threads, 9)}),
                (fun, {"retries": 1}),
                (rows, {"vectorized": True}),
                (rows, {"vectorized": True, "workers": 1}),
                (rows, {"vectorized": True, "workers": 5}),
            ]:
                found = nelder.minimize(given, X0[:n], on_failure="worst", **settings, **how)
                same(found, expected)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_give_the_bits_of_one(processes, workers):
    for settings in ({"maxfev": 120}, {"bounds": [(-1.0, 0.5)] * 3, "timeout": PATIENCE}):
        given = {"history": True, "maxfev": 200, **settings}
        expected = nelder.minimize(rough(), X0, **{**given, "timeout": None})
        found = nelder.minimize(rough(), X0, workers=workers, **given)
        same(found, expected)
        assert found.nahead == 0 or workers > 1


def test_a_process_pool_executor_gives_the_bits_of_one(processes):
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        for fun in (rosenbrock, rough()):
            expected = nelder.minimize(fun, X0, maxfev=60)
            same(nelder.minimize(fun, X0, maxfev=60, workers=executor), expected)
        assert executor.submit(abs, -7).result(PATIENCE) == 7  # it stays the caller's


@pytest.mark.parametrize("how", [{"workers": 1}, {"workers": 3}])
def test_native_objectives_run_in_threads(how):
    before = children()
    expected = nelder.minimize(native, X0, maxfev=200, history=True)
    same(nelder.minimize(native, X0, maxfev=200, history=True, **how), expected)
    assert children() == before
    with Threads(2) as threads:
        found = nelder.minimize(native, X0, maxfev=200, history=True, workers=threads)
    same(found, expected)


def test_k_worst_is_that_of_so_many_workers_whoever_they_are():
    x0 = np.linspace(-1.0, 1.0, 12)
    given = {"method": nelder.KWorst(), "maxfev": 150, "history": True}
    with Threads(8) as threads:
        found = nelder.minimize(rosenbrock, x0, workers=threads, **given)
    expected = nelder.minimize(
        rosenbrock, x0, **{**given, "method": nelder.KWorst(nelder.KWorst.rule_of_thumb(12, 8))}
    )
    same(found, expected)
    assert found.nit != nelder.minimize(rosenbrock, x0, **given).nit


def test_workers_get_no_more_than_they_can_run_and_evaluations_add_up():
    with Threads(4) as threads:
        found = nelder.minimize(rosenbrock, X0, workers=threads, maxfev=200)
    assert threads.most <= 4
    assert found.nahead > 0
    assert found.nfev + found.nahead <= threads.tasks <= found.nfev + found.nahead + 3


def test_one_worker_makes_no_guesses():
    with Threads(1) as threads:
        found = nelder.minimize(rosenbrock, X0, workers=threads, maxfev=200)
    assert threads.tasks == found.nfev
    assert found.nahead == 0


def test_a_guess_that_fails_is_never_seen():
    """Points that the search does not need may raise: it does not get there."""
    visited = {
        x.tobytes()
        for x in nelder.minimize(rosenbrock, X0, maxfev=200, history=True).history.points
    }
    guesses = []

    def fun(x):
        if x.tobytes() not in visited:
            guesses.append(x)
            raise ValueError("nobody should have come here")
        return rosenbrock(x)

    with Threads(4) as threads:
        found = nelder.minimize(fun, X0, maxfev=200, workers=threads)
    same(found, nelder.minimize(rosenbrock, X0, maxfev=200))
    assert guesses
    assert found.nfailed == 0


def test_the_first_simplex_is_evaluated_at_the_same_time():
    all_there = threading.Barrier(4, timeout=PATIENCE)

    def fun(x):
        with first:
            meet = len(seen) < 4
            seen.append(x)
        if meet:
            all_there.wait()
        return rosenbrock(x)

    first, seen = threading.Lock(), []
    with Threads(4) as threads:
        nelder.minimize(fun, X0, maxfev=4, workers=threads)
    assert len(seen) == 4


# What the caller gave


Line = namedtuple("Line", ["slope", "offset"])


@pytest.mark.parametrize("how", ["processes", "threads", "here"])
def test_named_parameters_and_args(request, how):
    if how == "processes":
        request.getfixturevalue("processes")

    def of_dict(p, weight):
        return (p["a"] - 1.0) ** 2 + weight * float(((p["k"] - np.array([2.0, 3.0])) ** 2).sum())

    def of_tuple(line, weight):
        return (line.slope - 1.0) ** 2 + weight * (line.offset + 2.0) ** 2

    with Threads(2) as threads:
        given = {"processes": {"workers": 2}, "threads": {"workers": threads}, "here": {}}[how]
        for fun, x0, bounds in [
            (of_dict, {"k": np.zeros(2), "a": 5.0}, {"k": (0.0, [2.5, 9.0]), "a": (0, None)}),
            (of_tuple, Line(3.0, 3.0), {"slope": (0.0, 4.0)}),
        ]:
            expected = nelder.minimize(fun, x0, (0.5,), bounds=bounds, maxfev=150)
            found = nelder.minimize(fun, x0, (0.5,), bounds=bounds, maxfev=150, retries=1, **given)
            np.testing.assert_equal(found.x, expected.x)
            assert type(found.x) is type(x0)
            assert (found.nfev, found.names) == (expected.nfev, expected.names)


def test_a_point_in_an_error_has_the_structure_of_x0(processes):
    def fun(p):
        raise ValueError(f"a is {p['a']}")

    for how in ({"workers": 1}, {"retries": 1}, {}):
        with pytest.raises(nelder.EvaluationError, match=r"ValueError\('a is 2.0'\)") as caught:
            nelder.minimize(fun, {"a": 2.0}, **how)
        assert caught.value.x == {"a": 2.0}
        assert "at x={'a': 2.0}" in str(caught.value)


def test_lambdas_closures_and_methods_travel(processes):
    class Model:
        def __init__(self, goal):
            self.goal = np.array(goal)

        def misfit(self, x):
            return float(((x - self.goal) ** 2).sum())

    goal = 0.25
    for fun in (lambda x: (x[0] - goal) ** 2, Model([0.25]).misfit):
        expected = nelder.minimize(fun, [1.0], maxfev=30)
        same(nelder.minimize(fun, [1.0], maxfev=30, workers=1), expected)


def test_an_objective_that_cannot_be_pickled_is_refused(processes):
    lock = threading.Lock()
    calls = []

    def fun(x):
        with lock:
            calls.append(x)
        return 0.0

    for how in ({"workers": 2}, {"timeout": 1.0}):
        with pytest.raises(nelder.InvalidArgumentError, match=r"fun=.*can be pickled.*lock"):
            nelder.minimize(fun, X0, **how)
    assert not calls


def test_callbacks_and_rules_see_what_they_see_with_one_worker():
    def watched(**how):
        seen, asked = [], []

        def callback(intermediate_result):
            now = intermediate_result
            seen.append((now.nit, now.nfev, now.fun, now.x.tobytes(), now.simplex.tobytes()))

        def rule(simplex, values):
            asked.append((simplex.tobytes(), values.tobytes()))
            return values[-1] - values[0] < 1e-3

        result = nelder.minimize(
            rosenbrock, X0, callback=callback, method=NelderMead(convergence=rule), **how
        )
        return result, seen, asked

    expected, seen, asked = watched()
    assert len(seen) == expected.nit > 20
    with Threads(4) as threads:
        for how in ({"workers": threads}, {"retries": 1}):
            found = watched(**how)
            same(found[0], expected)
            assert found[1] == seen
            assert found[2] == asked


def test_a_callback_ends_the_search_with_its_result():
    def callback(intermediate_result):
        if intermediate_result.nit == 7:
            raise StopIteration

    with Threads(3) as threads:
        found = nelder.minimize(rosenbrock, X0, callback=callback, workers=threads)
    assert found.status is Status.CALLBACK
    assert found.nit == 7
    same(found, nelder.minimize(rosenbrock, X0, callback=callback))


def test_an_error_in_a_callback_keeps_the_result(processes):
    def callback(xk):
        raise ZeroDivisionError("in the callback")

    with pytest.raises(ZeroDivisionError, match="in the callback") as caught:
        nelder.minimize(smooth(), X0, callback=callback, workers=1)
    assert caught.value.result.nit == 1


@pytest.mark.parametrize("how", ["threads", "here"])
def test_progress_is_told_to_a_callable(how):
    shown = []
    with Threads(3) as threads:
        given = {"threads": {"workers": threads}, "here": {"retries": 1}}[how]
        found = nelder.minimize(rosenbrock, X0, progress=shown.append, maxfev=300, **given)
    last = shown[-1]
    assert [now.status for now in shown[:-1]] == [Status.RUNNING] * (len(shown) - 1)
    assert (last.status, last.nfev, last.nit, last.fun) == (
        found.status,
        found.nfev,
        found.nit,
        found.fun,
    )
    assert last.nahead == found.nahead
    assert last.nfailed == 0
    for before, now in itertools.pairwise(shown):
        assert before.nfev <= now.nfev
        assert before.fun >= now.fun
        assert 0 <= now.running <= 3


def test_a_progress_line_shows_what_runs(capsys, processes):
    pytest.importorskip("rich")
    nelder.minimize(smooth(), X0, progress=True, maxfev=40, workers=1)
    assert "40 evaluations" in capsys.readouterr().out


# Vectorised


def vectorized(sizes):
    def fun(x):
        sizes.append(x.shape)
        a, b = x[:, 1:] - x[:, :-1] ** 2, 1.0 - x[:, :-1]
        return 100.0 * (a * a).sum(axis=1) + (b * b).sum(axis=1)

    return fun


def test_a_vectorized_objective_gets_all_that_is_needed_and_no_guesses():
    sizes = []
    found = nelder.minimize(vectorized(sizes), X0, vectorized=True, maxfev=200)
    assert sizes[0] == (4, 3)
    assert all(columns == 3 for _, columns in sizes)
    assert sum(rows for rows, _ in sizes) == found.nfev == 200
    assert found.nahead == 0


def test_a_shrink_is_evaluated_in_one_call():
    sizes = []

    def steps(x):
        sizes.append(len(x))
        return np.abs(np.round(4.0 * x)).sum(axis=1) + (np.abs(x) > 0.01).sum(axis=1)

    method = NelderMead(equal_outside=False)
    found = nelder.minimize(steps, X0, vectorized=True, method=method, maxfev=300)
    assert found.nshrink > 0
    assert sizes.count(3) >= found.nshrink


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["quick", "slow"])
@pytest.mark.parametrize("points", [4, 12])
def test_calls_of_a_vectorized_objective_are_filled_with_guesses(monkeypatch, points, seconds):
    """However long a call takes: what waits for it costs nothing."""
    clock = SimpleNamespace(now=0.0)

    def tick():
        clock.now += seconds
        return clock.now

    fake = SimpleNamespace(time=time.time, perf_counter=tick)
    monkeypatch.setattr(batch, "time", fake)
    sizes = []
    found = nelder.minimize(vectorized(sizes), X0, vectorized=True, workers=points, maxfev=200)
    assert max(rows for rows, _ in sizes) <= points
    assert found.nahead > 0
    assert len(sizes) < 0.7 * found.nfev


@pytest.mark.parametrize(
    ("returned", "named"),
    [
        (lambda x: None, "None"),
        (lambda x: 1.0, r"shape \(\)"),
        (lambda x: x, r"shape \(4, 3\)"),
        (lambda x: x.sum(axis=1)[:-1], r"shape \(3,\)"),
        (lambda x: x.sum(axis=1) + 1j, "dtype complex128"),
        (lambda x: ["a"] * len(x), "dtype <U1"),
    ],
)
def test_what_a_vectorized_objective_must_return_is_named(returned, named):
    message = rf"the objective returned .*{named}: expected real numbers of shape \(4,\)"
    with pytest.raises(nelder.ReturnValueError, match=message) as caught:
        nelder.minimize(returned, X0, vectorized=True, on_failure="worst")
    assert caught.value.x.tolist() == X0.tolist()


def test_a_vectorized_objective_may_fail():
    def fun(x):
        if np.any(x[:, 1] > 1.2):
            raise ValueError("too high")
        return (x * x).sum(axis=1)

    with pytest.raises(nelder.EvaluationError, match="too high") as caught:
        nelder.minimize(fun, X0, vectorized=True)
    assert isinstance(caught.value.__cause__, ValueError)
    assert nelder.minimize(fun, X0, vectorized=True, on_failure="worst").nfailed > 0


def test_a_vectorized_objective_of_named_parameters_is_refused():
    calls = []
    with pytest.raises(nelder.InvalidArgumentError, match="vectorized=True"):
        nelder.minimize(calls.append, {"a": 1.0, "b": 2.0}, vectorized=True)
    assert not calls


# Failures


@pytest.mark.parametrize("how", ["processes", "threads", "here"])
def test_raise_tells_where_and_why(request, how):
    with Threads(2) as threads:
        given = {"processes": {"workers": 2}, "threads": {"workers": threads}, "here": {}}[how]
        if how == "processes":
            request.getfixturevalue("processes")
        else:
            given["retries"] = 1
        with pytest.raises(nelder.EvaluationError) as caught:
            nelder.minimize(holes(), [1.0, 1.0], **given)
    error, alone = caught.value, None
    with pytest.raises(nelder.EvaluationError) as caught:
        nelder.minimize(holes(), [1.0, 1.0])
    alone = caught.value
    assert str(error) == str(alone)
    assert "the objective raised ValueError('too low') at x=array([" in str(error)
    assert error.x.tobytes() == alone.x.tobytes()
    same(error.result, alone.result)
    assert error.result.status is Status.OBJECTIVE_FAILED
    assert isinstance(error.__cause__, ValueError)
    notes = "".join(getattr(error.__cause__, "__notes__", ()))
    assert ("In worker" in notes and "in fun" in notes) == (how == "processes")


@pytest.mark.parametrize("policy", ["worst", "stop"])
def test_worst_and_stop_are_those_of_one_worker(policy):
    expected = nelder.minimize(holes(), [1.0, 1.0], on_failure=policy, history=True)
    assert expected.nfailed > 0
    with Threads(3) as threads:
        for how in ({"workers": threads}, {"retries": 2}, {"workers": (threads, 1)}):
            found = nelder.minimize(holes(), [1.0, 1.0], on_failure=policy, history=True, **how)
            same(found, expected)
    assert (expected.status is Status.OBJECTIVE_FAILED) == (policy == "stop")


@pytest.mark.parametrize(
    ("how", "message", "cause"),
    [
        ("exit", r"the worker died \(exit code 3\) at x=array\(\[0\.\]\)", None),
        ("hang", r"no answer within 0\.2 s at x=array\(\[0\.\]\)", None),
        ("unpicklable", r"the objective raised .*OpenError.* at x=array\(\[0\.\]\)", RuntimeError),
        ("leave", r"the objective raised SystemExit\(4\) at x=array\(\[0\.\]\)", RuntimeError),
    ],
)
def test_a_worker_that_fails_is_an_evaluation_that_fails(processes, how, message, cause):
    def fun(x):
        class OpenError(Exception):
            def __init__(self, x, stream):
                super().__init__(x)
                self.stream = stream

        if x[0] < 0.5:
            if how == "exit":
                os._exit(3)
            if how == "hang":
                time.sleep(3600.0)
            if how == "leave":
                raise SystemExit(4)
            raise OpenError(x[0], sys.stderr)
        return float(x[0] ** 2)

    timeout = 0.2 if how == "hang" else None
    with pytest.raises(nelder.EvaluationError, match=message) as caught:
        nelder.minimize(fun, [1.0], workers=1, timeout=timeout)
    error = caught.value
    assert error.result.fun == 0.25
    assert error.result.status is Status.OBJECTIVE_FAILED
    assert type(error.__cause__) is (cause or type(None))
    if cause:
        assert "in fun" in str(error.__cause__)


def test_a_timeout_needs_no_workers(processes):
    def fun(x):
        if x[0] < 0.5:
            time.sleep(3600.0)
        return float(x[0] ** 2)

    found = nelder.minimize(fun, [1.0], timeout=0.2, on_failure="worst", maxfev=6)
    assert found.nfailed > 0
    assert found.fun == 0.25
    stopped = nelder.minimize(fun, [1.0], timeout=0.2, on_failure="stop")
    assert stopped.status is Status.OBJECTIVE_FAILED
    assert stopped.nahead == 0


@pytest.mark.parametrize("how", [{}, {"on_failure": "worst"}, {"on_failure": "stop"}])
def test_a_value_that_is_no_number_is_always_raised(processes, how):
    def fun(x):
        return None if x[0] < 0.5 else float(x[0])

    for workers in ({"workers": 1}, {"retries": 5}):
        with pytest.raises(nelder.ReturnValueError, match=r"returned None.*real scalar") as caught:
            nelder.minimize(fun, [1.0], **how, **workers)
        assert caught.value.x[0] < 0.5
        assert caught.value.result.fun >= 0.5


@pytest.mark.parametrize("how", [{}, {"workers": 4}, {"journal": True}])
def test_retries_mend_what_fails_now_and_then(tmp_path, how):
    tries = Counter()
    lock = threading.Lock()

    def fun(x):
        with lock:
            tries[x.tobytes()] += 1
            if tries[x.tobytes()] <= 2:
                raise ConnectionError("try again")
        return rosenbrock(x)

    with Threads(4) as threads:
        if "workers" in how:
            how = {"workers": threads}
        elif "journal" in how:
            how = {"journal": tmp_path / "fit.db"}
        found = nelder.minimize(fun, X0, retries=2, maxfev=100, **how)
    same(found, nelder.minimize(rosenbrock, X0, maxfev=100))
    assert found.nfailed == 0
    assert found.nahead >= 2 * 100
    if "journal" in how:
        recorded = nelder.load(how["journal"])
        assert len(recorded.failures) == 2 * len(set(tries))
        assert set(recorded.evaluations.attempts.tolist()) == {1, 2, 3}


def test_retries_end():
    calls = []

    def fun(x):
        calls.append(x)
        raise ConnectionError("never")

    with pytest.raises(nelder.EvaluationError, match="never"):
        nelder.minimize(fun, X0, retries=3)
    assert len(calls) == 4


# Budgets of time


class Clock:
    """A clock that stands still but for what is told it."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        fake = SimpleNamespace(perf_counter=lambda: self.now)
        for module in ("drive.loop", "drive.schedule"):
            monkeypatch.setattr(sys.modules[f"nelder.{module}"], "time", fake)


class OneByOne:
    """Workers of which one is done after the other, a second each."""

    def __init__(self, clock, workers):
        self.clock, self.workers = clock, workers
        self.tasks = {}
        self.begun = []

    def submit(self, task, x):
        self.tasks[task] = x
        self.begun.append(self.clock.now - 1000.0)

    def wait(self, timeout):
        task = min(self.tasks)
        self.clock.now += 1.0
        return [(task, Outcome(rosenbrock(self.tasks.pop(task)), None, 0.0, 1e-3, "w"))]

    def cancel(self, task):
        return False


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("maxtime", [0.5, 1.5, 3.5, 8.5, 30.5])
def test_no_evaluation_begins_after_maxtime(monkeypatch, workers, maxtime):
    clock = Clock(monkeypatch)
    pool = OneByOne(clock, workers)
    search = NelderMead().start(X0, None)
    budget = Budget(None, None, maxtime, None, 3)
    observers = Observers(restore=lambda x: x, history=True)
    found = drive_on(pool, search, budget, Policy("raise"), observers)
    assert found.status is Status.MAXTIME
    assert max(pool.begun) < maxtime
    assert 1 <= found.nfev <= len(pool.begun)
    alone = nelder.minimize(rosenbrock, X0, maxfev=found.nfev, history=True)
    assert found.history.points.tobytes() == alone.history.points.tobytes()


@pytest.mark.parametrize("how", [{"retries": 1}, {"journal": True}])
def test_maxtime_is_looked_at_between_evaluations(monkeypatch, tmp_path, how):
    clock = Clock(monkeypatch)

    def fun(x):
        clock.now += 1.0
        return rosenbrock(x)

    if "journal" in how:
        how = {"journal": tmp_path / "fit.db"}
    found = nelder.minimize(fun, X0, maxtime=9.5, **how)
    assert (found.nfev, found.status) == (10, Status.MAXTIME)
    assert nelder.minimize(fun, X0, maxtime=0.5, retries=1).nfev == 1


# Beside and within each other


def test_two_searches_in_two_threads(processes):
    def run(i):
        found[i] = nelder.minimize(smooth(), X0 + i, workers=1, maxfev=60)

    found = {}
    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for i in range(2):
        same(found[i], nelder.minimize(rosenbrock, X0 + i, maxfev=60))


def test_two_searches_share_an_executor():
    with Threads(3) as threads:

        def run(i):
            found[i] = nelder.minimize(rosenbrock, X0 + i, workers=threads, maxfev=100)

        found = {}
        callers = [threading.Thread(target=run, args=(i,)) for i in range(2)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(PATIENCE)
    for i in range(2):
        same(found[i], nelder.minimize(rosenbrock, X0 + i, maxfev=100))


def test_a_search_within_a_worker(processes):
    def outer(x):
        import nelder

        inner = nelder.minimize(lambda y: (y[0] - x[0]) ** 2 + x[0] ** 2, [0.5], maxfev=60)
        return inner.fun

    found = nelder.minimize(outer, [1.0], workers=1, maxfev=20)
    same(found, nelder.minimize(outer, [1.0], maxfev=20))


def test_an_error_within_a_search_within_a_worker(processes):
    def outer(x):
        import nelder

        def inner(y):
            raise ValueError("deep down")

        return nelder.minimize(inner, [0.5]).fun

    with pytest.raises(nelder.EvaluationError, match="deep down") as caught:
        nelder.minimize(outer, [1.0], workers=1)
    assert caught.value.x.tolist() == [1.0]
    assert isinstance(caught.value.__cause__, nelder.EvaluationError)
    assert caught.value.result.nfev == 1


def test_processes_within_a_worker_end_with_it(processes):
    def outer(x):
        import nelder

        return nelder.minimize(lambda y: (y[0] - x[0]) ** 2, [0.5], workers=1, maxfev=4).fun

    found = nelder.minimize(outer, [1.0], workers=1, maxfev=2)
    assert found.nfev == 2


# In programs


def run(script, *args, **settings):
    """Start a program of its own; its module is its ``__main__``."""
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def written(path, code):
    path.write_text(textwrap.dedent(code))
    return path


def test_a_script_needs_no_main_guard(processes, tmp_path):
    script = written(
        tmp_path / "fit.py",
        """
        import os
        from dataclasses import dataclass

        import numpy as np

        import nelder

        print("begins")
        DATA = np.linspace(0.0, 1.0, 11)

        @dataclass
        class Model:
            rate: float

            def at(self, t):
                return np.exp(-self.rate * t)

        def misfit(x):
            return float(((Model(x[0]).at(DATA) - Model(2.0).at(DATA)) ** 2).sum())

        result = nelder.minimize(misfit, [1.0], workers=2, maxfev=80)
        print(result.x.round(3), result.nfev)
        """,
    )
    process = run(script)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert err == ""
    assert out.splitlines()[0] == "begins"
    assert out.count("begins") == 1
    assert out.splitlines()[1].startswith("[2.]")


FIT = """
    import json, os, sys, time

    import numpy as np

    import nelder

    journal, workers, seconds = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])


    def fun(x):
        time.sleep(float(os.environ["SECONDS"]))
        a, b = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
        return float(100.0 * (a @ a) + b @ b)


    def tell(intermediate_result):
        if intermediate_result.nit == 5 and seconds:
            print("running", flush=True)


    os.environ["SECONDS"] = str(seconds)
    try:
        result = nelder.minimize(
            fun, np.linspace(-1.2, 1.0, 5), journal=journal, workers=workers, maxfev=200,
            history=True, callback=tell,
        )
    except KeyboardInterrupt as error:
        result = error.result
        print(json.dumps(["interrupted", result.nfev, result.status.name, result.fun]))
    else:
        print(json.dumps([
            result.x.tobytes().hex(), result.fun, [result.nfev, result.nit, result.status.name],
            result.history.points.tobytes().hex(), result.final_simplex.vertices.tobytes().hex(),
        ]))
"""


def finished(script, *args):
    process = run(script, *args)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert err == ""
    return json.loads(out.splitlines()[-1])


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
@pytest.mark.parametrize(("before", "after"), [(2, None), (None, 2)])
def test_ctrl_c_keeps_the_result_ends_the_workers_and_the_journal_goes_on(
    processes, tmp_path, before, after
):
    script = written(tmp_path / "fit.py", FIT)
    journal = tmp_path / "fit.db"
    process = run(script, journal, json.dumps(before), 0.02)
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert err == ""
    word, nfev, status, fun = json.loads(out.splitlines()[-1])
    assert (word, status) == ("interrupted", "INTERRUPTED")
    recorded = nelder.load(journal).evaluations
    assert 6 <= nfev <= len(recorded) < 200
    assert fun in recorded.values
    workers = {int(name.partition("/")[0].rpartition(":")[2]) for name in recorded.workers}
    assert (process.pid in workers) == (before is None)
    assert not [pid for pid in workers if is_alive(pid)]
    whole = nelder.minimize(rosenbrock, np.linspace(-1.2, 1.0, 5), maxfev=200, history=True)
    assert finished(script, journal, json.dumps(after), 0.0) == [
        whole.x.tobytes().hex(),
        whole.fun,
        [whole.nfev, whole.nit, whole.status.name],
        whole.history.points.tobytes().hex(),
        whole.final_simplex.vertices.tobytes().hex(),
    ]
    again = nelder.load(journal).evaluations
    assert again.X[: len(recorded)].tobytes() == recorded.X.tobytes()
    if after is None:  # guesses that were recorded are not made again
        assert len(again) <= whole.nfev + len(recorded) - nfev


# What is refused

BAD = [
    ({"workers": 0}, r"workers=0: expected a whole number, 1 or above"),
    ({"workers": -2}, r"workers=-2: expected a whole number, 1 or above"),
    ({"workers": True}, r"workers=True: expected a whole number, 1 or above, a concurrent"),
    ({"workers": 2.0}, r"workers=2.0: expected a whole number, 1 or above, a concurrent"),
    ({"workers": "4"}, r"workers='4': expected a whole number, 1 or above, a concurrent"),
    ({"workers": [4]}, r"workers=\[4\]: expected a whole number, 1 or above, a concurrent"),
    ({"workers": (4, 4)}, r"workers=\(4, 4\): expected a whole number, 1 or above, a concurrent"),
    ({"workers": NAN}, r"workers=nan: expected a whole number, 1 or above, a concurrent"),
    ({"timeout": 0}, r"timeout=0: expected a number of seconds above 0"),
    ({"timeout": -1.0}, r"timeout=-1.0: expected a number of seconds above 0"),
    ({"timeout": NAN}, r"timeout=nan: expected a number of seconds above 0"),
    ({"timeout": True}, r"timeout=True: expected a number of seconds above 0"),
    ({"timeout": "10s"}, r"timeout='10s': expected a number of seconds above 0"),
    ({"retries": -1}, r"retries=-1: expected a whole number, 0 or above"),
    ({"retries": 1.0}, r"retries=1.0: expected a whole number, 0 or above"),
    ({"retries": True}, r"retries=True: expected a whole number, 0 or above"),
    ({"retries": None}, r"retries=None: expected a whole number, 0 or above"),
    ({"retries": INF}, r"retries=inf: expected a whole number, 0 or above"),
    ({"on_failure": "ignore"}, r"on_failure='ignore': expected one of \('raise', 'worst', 'stop'"),
    ({"on_failure": None}, r"on_failure=None: expected one of"),
    ({"on_failure": ["raise"]}, r"on_failure=\['raise'\]: expected one of"),
    ({"vectorized": 1}, r"vectorized=1: expected True or False"),
    ({"vectorized": None}, r"vectorized=None: expected True or False"),
    ({"vectorized": "yes"}, r"vectorized='yes': expected True or False"),
    ({"vectorized": True, "timeout": 1}, r"timeout=1.0: expected none with vectorized=True"),
    ({"vectorized": True, "workers": 0}, r"workers=0: expected a whole number, 1 or above"),
    ({"vectorized": True, "workers": 1.5}, r"workers=1.5: expected the number of points per call"),
    ({"fun": native, "vectorized": True}, r"vectorized=True: expected False with a native"),
    ({"journal": 5}, r"journal=5: expected the path of a file"),
    ({"journal": ""}, r"journal='': expected the path of a file"),
    ({"journal": ("a.db",)}, r"journal=\('a.db',\): expected a path, or a path and the name"),
    ({"journal": ("a.db", "b", "c")}, r"journal=\('a.db', 'b', 'c'\): expected a path, or a path"),
    ({"journal": ("a.db", 5)}, r"journal=\('a.db', 5\): expected a path, or a path and the name"),
    ({"journal": ("a.db", "")}, r"journal=\('a.db', ''\): expected a path, or a path and the name"),
    ({"journal": (5, "main")}, r"journal=5: expected the path of a file"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=[str(bad) for bad, _ in BAD])
def test_bad_arguments_are_named(tmp_path, monkeypatch, settings, message):
    monkeypatch.chdir(tmp_path)
    calls = []
    given = {"fun": lambda x: calls.append(x) or 0.0, "x0": X0, **settings}
    with pytest.raises(nelder.InvalidArgumentError, match=message):
        nelder.minimize(**given)
    assert not calls
    assert not list(tmp_path.iterdir())


def test_an_executor_with_a_wrong_number_of_workers_is_refused():
    with Threads(1) as threads:
        for count in (0, -1, 2.0, True, None):
            with pytest.raises(nelder.InvalidArgumentError, match=r"workers=\(.*expected a pair"):
                nelder.minimize(rosenbrock, X0, workers=(threads, count))
        with pytest.raises(nelder.InvalidArgumentError, match=r"expected the number of points"):
            nelder.minimize(vectorized([]), X0, workers=threads, vectorized=True)
    assert threads.tasks == 0


def test_an_executor_that_is_shut_down_is_an_executor_error():
    with Threads(1) as threads:
        pass
    with pytest.raises(nelder.ExecutorError, match="after shutdown") as caught:
        nelder.minimize(rosenbrock, X0, workers=threads)
    assert caught.value.result.nfev == 0
    assert isinstance(caught.value, nelder.NelderError)


def test_a_missing_extra_names_the_install_command(monkeypatch):
    monkeypatch.delitem(sys.modules, "nelder.evaluate.processes", raising=False)
    monkeypatch.setitem(sys.modules, "pebble", None)
    for how, named in (({"workers": 2}, "workers=2"), ({"timeout": 1.5}, r"timeout=1\.5")):
        with pytest.raises(nelder.MissingExtraError, match=rf"{named}.*nelder\[parallel\]"):
            nelder.minimize(rosenbrock, X0, **how)
    assert nelder.minimize(rosenbrock, X0, maxfev=10, retries=1).nfev == 10


# A value that was no number is asked for again


@pytest.mark.parametrize("policy", ["raise", "worst", "stop"])
def test_a_value_that_was_no_number_is_asked_for_again(tmp_path, policy):
    """Whoever has mended the objective goes on."""

    def fun(x):
        return None if broken and x[0] < -1.2 else rosenbrock(x)

    fun.__journal__ = {}  # that it was broken is no part of the problem
    given = {"journal": tmp_path / "fit.db", "on_failure": policy, "maxfev": 60}
    broken = True
    with pytest.raises(nelder.ReturnValueError):
        nelder.minimize(fun, X0, **given)
    broken = False
    found = nelder.minimize(fun, X0, **given)
    same(found, nelder.minimize(rosenbrock, X0, maxfev=60))
