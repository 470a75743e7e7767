"""What every pool promises, and how to use one in a test.

`CONTRACT` lists checks that take ``make(fun) -> pool``. Objectives are functions within functions,
so that they travel by value and workers need no module of the tests.
"""

import math
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nelder.errors import ExecutorError

PATIENCE = 60.0  # seconds after which a pool that should have answered never will


def evaluate(pool, points):
    """Return the outcomes of `points`, no more submitted at a time than the pool has workers."""
    waiting = list(enumerate(points))[::-1]
    outcomes = {}
    running = 0
    while waiting or running:
        while waiting and running < pool.workers:
            task, x = waiting.pop()
            pool.submit(task, np.atleast_1d(np.asarray(x, dtype=float)))
            running += 1
        for task, outcome in patiently(pool):
            assert task not in outcomes
            outcomes[task] = outcome
            running -= 1
    return [outcomes[task] for task in range(len(points))]


def patiently(pool):
    """Wait for something to be finished."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        done = pool.wait(until - time.monotonic())
        if done:
            return done
    raise AssertionError("the pool gives no answer")


def one(pool, *x):
    """Return the outcome of one point."""
    return evaluate(pool, [x])[0]


def square(x):
    return float(x @ x)


def check_every_point_is_answered_once(make):
    points = [[0.5 * i, -i] for i in range(17)]
    outcomes = evaluate(make(lambda x: float(x[0] - x[1])), points)
    assert [outcome.value for outcome in outcomes] == [1.5 * i for i in range(17)]
    assert all(outcome.failure is None for outcome in outcomes)


def check_time_and_worker_are_noted(make):
    def slow(x):
        time.sleep(0.05)
        return 1.0

    before = time.time()
    outcome = one(make(slow), 1.0)
    assert before - 0.01 <= outcome.began <= time.time()
    assert 0.05 <= outcome.seconds <= time.time() - before + 0.01
    host, _, pid = outcome.worker.partition("/")[0].rpartition(":")
    assert host
    assert int(pid) > 0


def check_the_point_may_be_changed_after_submit(make):
    pool = make(lambda x: float(x.sum()))
    x = np.array([1.0, 2.0])
    pool.submit(0, x)
    x[:] = math.nan
    [(task, outcome)] = patiently(pool)
    assert (task, outcome.value) == (0, 3.0)


def check_the_objective_may_change_its_point(make):
    def fun(x):
        assert x.shape == (2,)
        assert x.dtype == float
        x += 1.0
        return float(x.sum())

    x = np.array([1.0, 2.0])
    assert one(make(fun), *x).value == 5.0
    assert x.tolist() == [1.0, 2.0]


def check_special_values_are_values(make):
    def fun(x):
        return [math.nan, math.inf, -math.inf, 7, np.float32(0.5), np.array([2.0])][int(x[0])]

    outcomes = evaluate(make(fun), range(6))
    assert all(outcome.failure is None for outcome in outcomes)
    values = [outcome.value for outcome in outcomes]
    np.testing.assert_array_equal(values, [math.nan, math.inf, -math.inf, 7.0, 0.5, 2.0])
    assert all(type(value) is float for value in values)


def check_exceptions_are_failures(make):
    def fun(x):
        if x[0] == 1.0:
            raise ValueError(f"no value at {x[0]}")
        return 0.0

    fine, raised, again = evaluate(make(fun), [0, 1, 2])
    assert fine.failure is None
    assert again.value == 0.0
    assert math.isnan(raised.value)
    assert (raised.failure.kind, raised.failure.message) == (
        "exception",
        "ValueError('no value at 1.0')",
    )
    assert "in fun" in raised.failure.details
    assert "nelder" not in raised.failure.details.replace(os.path.dirname(__file__), "")
    assert isinstance(raised.failure.error, ValueError)


def check_a_value_that_is_no_real_scalar_is_a_failure(make):
    failure = one(make(lambda x: "seven"), 1.0).failure
    assert failure.kind == "return value"
    assert failure.message == "the objective returned 'seven': expected a real scalar"


def check_an_exception_may_say_what_failed(make):
    class ProgramError(Exception):
        def __init__(self, kind, message, details):
            super().__init__(message)
            self.kind = kind
            self.details = details

    def fun(x):
        raise ProgramError("exit code", "exit code 3", "segmentation violation")

    failure = one(make(fun), 1.0).failure
    assert (failure.kind, failure.message) == ("exit code", "exit code 3")
    assert failure.details == "segmentation violation"


def check_no_way_to_evaluate_is_no_failure(make):
    def fun(x):
        raise ExecutorError("no space left on device")

    pool = make(fun)
    pool.submit(0, np.zeros(1))
    with pytest.raises(ExecutorError, match="no space left on device"):
        patiently(pool)


def check_nothing_to_wait_for_is_no_wait(make):
    assert make(lambda x: 0.0).wait(None) == []


def check_it_may_be_closed_twice(make):
    pool = make(lambda x: 0.0)
    assert one(pool, 1.0).value == 0.0
    pool.submit(1, np.zeros(1))
    pool.close()
    pool.close()


CONTRACT = [value for name, value in list(globals().items()) if name.startswith("check_")]


def leaving_ends_one_attempt(make):
    def fun(x):
        if x[0] == 1.0:
            raise SystemExit(3)
        return 0.0

    fine, left, again = evaluate(make(fun), [0, 1, 2])
    assert fine.value == again.value == 0.0
    assert (left.failure.kind, left.failure.message) == ("exception", "SystemExit(3)")
    assert left.failure.error is None


# Of pools whose workers are not the calling thread.
WORKERS_CONTRACT = [*CONTRACT, leaving_ends_one_attempt]


class Threads(ThreadPoolExecutor):
    """Threads that count what is given to them and not yet done."""

    def __init__(self, workers):
        super().__init__(workers)
        self.lock = threading.Lock()
        self.running = self.most = self.tasks = 0

    def submit(self, *args):
        with self.lock:
            self.running += 1
            self.tasks += 1
            self.most = max(self.most, self.running)
        future = super().submit(*args)
        future.add_done_callback(self._done)
        return future

    def _done(self, _):
        with self.lock:
            self.running -= 1
