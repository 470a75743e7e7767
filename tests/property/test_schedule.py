"""Whatever workers do and when, a search takes the same path."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder
from nelder.drive.known import Known
from nelder.drive.loop import Observers
from nelder.drive.schedule import Policy, drive_on
from nelder.evaluation import Failure, Outcome, Recorded
from nelder.options import Budget

HOW = settings(max_examples=60, deadline=None)
OBSERVERS = Observers(restore=lambda x: x, history=True)


class Workers:
    """Workers that finish in an order drawn by chance, some of their tasks failing."""

    def __init__(self, fun, workers, seed, fails=0.0, seconds=0.01):
        self.fun, self.workers = fun, workers
        self.chance = random.Random(seed)
        self.fails, self.seconds = fails, seconds
        self.running = {}
        self.asked = []
        self.most = 0

    def submit(self, task, x):
        assert task not in self.running
        self.running[task] = x.copy()
        self.asked.append(x.tobytes())
        self.most = max(self.most, len(self.running))
        assert len(self.running) <= self.workers

    def wait(self, timeout):
        assert self.running, "nobody would ever answer"
        number = self.chance.randint(1, len(self.running))
        return [
            (task, self._outcome(self.running.pop(task)))
            for task in self.chance.sample(sorted(self.running), number)
        ]

    def _outcome(self, x):
        if self.chance.random() < self.fails:
            failure = Failure("died", "the worker died")
            return Outcome(math.nan, failure, 0.0, self.seconds, "w")
        return Outcome(self.fun(x), None, 0.0, self.seconds, "w")

    def cancel(self, task):
        if self.chance.random() < 0.5:
            return False
        del self.running[task]
        return True


class Memory:
    """A log in memory, bounded where it is to break."""

    def __init__(self, rows=(), room=math.inf):
        self.rows = list(rows)
        self.room = room

    def recorded(self):
        following, kept = {}, []
        for row in reversed(self.rows):
            if following.get((row.search, row.x)) != row.attempt + 1:
                kept.append(row)
            following[row.search, row.x] = row.attempt
        return kept[::-1]

    def append(self, evaluations):
        for e in evaluations:
            if len(self.rows) >= self.room:
                raise OSError("full")
            outcome = e.outcome
            self.rows.append(
                Recorded(
                    e.search, e.x.tobytes(), outcome.value, outcome.failure, e.attempt, e.final
                )
            )


def rough(x):
    value = float(np.sum((x - 0.3) ** 2 * np.arange(1, len(x) + 1)) + np.abs(x).sum())
    return math.nan if value > 40.0 else value


def search(n, method=None, box=None):
    return (method or nelder.NelderMead()).start(np.linspace(-2.0, 2.0, n), box)


def budget(n, maxfev=400, **more):
    given = {"maxiter": None, "maxtime": None, "target": None, **more}
    return Budget(maxfev, n=n, **given)


def same(a, b):
    assert a.history.points.tobytes() == b.history.points.tobytes()
    assert a.history.values.tobytes() == b.history.values.tobytes()
    assert a.final_simplex.vertices.tobytes() == b.final_simplex.vertices.tobytes()
    assert (a.status, a.nfev, a.nit, a.nshrink, a.nfailed) == (
        b.status,
        b.nfev,
        b.nit,
        b.nshrink,
        b.nfailed,
    )


def alone(n, fun=rough, maxfev=400, **more):
    return nelder.minimize(
        fun, np.linspace(-2.0, 2.0, n), maxfev=maxfev, history=True, on_failure="worst", **more
    )


@HOW
@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 9999), st.sampled_from([0.01, 100.0]))
def test_any_number_of_workers_gives_the_bits_of_one(n, workers, seed, seconds):
    pool = Workers(rough, workers, seed, seconds=seconds)
    result = drive_on(pool, search(n), budget(n), Policy("worst"), OBSERVERS)
    same(result, alone(n))
    assert result.nahead <= len(pool.asked) - result.nfev


@HOW
@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 9999), st.integers(1, 60))
def test_budgets_are_exact(n, workers, seed, maxfev):
    pool = Workers(rough, workers, seed)
    result = drive_on(pool, search(n), budget(n, maxfev), Policy("worst"), OBSERVERS)
    same(result, alone(n, maxfev=maxfev))
    assert result.nfev <= maxfev


@HOW
@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 9999))
def test_failures_that_a_retry_mends_leave_no_trace(n, workers, seed):
    pool = Workers(rough, workers, seed, fails=0.2)
    result = drive_on(pool, search(n), budget(n), Policy("raise", retries=50), OBSERVERS)
    same(result, alone(n))


@HOW
@given(
    st.integers(1, 5),
    st.integers(1, 12),
    st.sampled_from([1, 1, 2, 12]),
    st.integers(0, 9999),
    st.integers(0, 300),
    st.sampled_from([0.0, 0.1]),
)
def test_a_search_that_breaks_off_goes_on_from_its_log(n, before, after, seed, room, fails):
    log = Memory(room=room)
    policy = Policy("raise", retries=50)
    broken = False
    try:
        drive_on(Workers(rough, before, seed, fails), search(n), budget(n), policy, OBSERVERS, log)
    except OSError as error:
        broken = True
        assert error.result.nfev <= len(log.rows)
    log.room = math.inf
    pool = Workers(rough, after, seed + 1)
    result = drive_on(pool, search(n), budget(n), policy, OBSERVERS, log)
    same(result, alone(n))
    have = {row.x for row in log.rows[:room] if row.failure is None}
    visits = Counter(x.tobytes() for x in result.history.points)
    if after == 1:  # else a guess may be a point that was visited before
        asked = {x for x in pool.asked if visits[x] < 2}
        assert not have & asked, "a recorded value was asked for again"
    assert broken or not pool.asked


@HOW
@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 9999))
def test_failures_for_good_are_replayed_as_such(n, workers, seed):
    log = Memory()
    policy = Policy("worst", retries=1)
    first = drive_on(
        Workers(rough, workers, seed, fails=0.4), search(n), budget(n), policy, OBSERVERS, log
    )
    again = drive_on(Workers(rough, 1, 0), search(n), budget(n), policy, OBSERVERS, log)
    same(again, first)
    assert first.nfailed >= sum(1 for v in first.history.values if math.isnan(v))


@pytest.mark.parametrize("workers", [1, 4])
def test_a_failure_that_was_raised_is_asked_for_again(workers):
    log = Memory()
    with pytest.raises(nelder.EvaluationError, match="the worker died at x=") as error:
        drive_on(
            Workers(rough, workers, 0, fails=1.0), search(2), budget(2), Policy("raise", 1),
            OBSERVERS, log,
        )  # fmt: skip
    assert error.value.result.nfev == 1
    x = log.rows[0].x
    assert [row.attempt for row in log.rows if row.x == x] == [1, 2]
    result = drive_on(
        Workers(rough, workers, 0), search(2), budget(2), Policy("raise"), OBSERVERS, log
    )
    same(result, alone(2))
    assert [row.attempt for row in log.rows if row.x == x] == [1, 2, 3]
    again = drive_on(
        Workers(rough, workers, 0), search(2), budget(2), Policy("worst"), OBSERVERS, log
    )
    same(again, result)


def test_stop_ends_at_the_first_failure():
    pool = Workers(rough, 3, 0, fails=1.0)
    result = drive_on(pool, search(2), budget(2), Policy("stop"), OBSERVERS)
    assert result.status is nelder.Status.OBJECTIVE_FAILED
    assert result.nfev == 1


def test_useless_long_evaluations_are_ended(monkeypatch):
    monkeypatch.setattr("nelder.drive.schedule.MOMENT", 0.0)
    ended = []

    class Long(Workers):
        def cancel(self, task):
            ended.append(task)
            del self.running[task]
            return True

    pool = Long(rough, 6, 3, seconds=3600.0)
    same(drive_on(pool, search(3), budget(3), Policy("worst"), OBSERVERS), alone(3))
    assert ended


def test_what_very_many_workers_bring_at_once_is_kept(monkeypatch):
    monkeypatch.setattr("nelder.drive.schedule.LEAST_ROOM", 1)
    pool = Workers(rough, 3000, 0)
    pool.wait = lambda timeout: [(t, pool._outcome(pool.running.pop(t))) for t in [*pool.running]]
    same(
        drive_on(pool, search(2), budget(2, 150), Policy("worst"), OBSERVERS), alone(2, maxfev=150)
    )


def test_guesses_that_came_to_nothing_are_forgotten(monkeypatch):
    monkeypatch.setattr("nelder.drive.schedule.LEAST_ROOM", 1)
    pool = Workers(rough, 4, 0)
    known = []
    original = Known.put

    def put(self, index, *value):
        original(self, index, *value)
        known.append(len(self.of(index)))

    monkeypatch.setattr(Known, "put", put)
    same(drive_on(pool, search(3), budget(3), Policy("worst"), OBSERVERS), alone(3))
    assert max(known) <= 1 + 10 * 4 + 3 * 8
