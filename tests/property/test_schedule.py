"""Whatever workers do and when, a search takes the same path."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
import time
import weakref
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder
from nelder.drive.known import Known
from nelder.drive.loop import Observers, Watch
from nelder.drive.schedule import SPARED, Policy, Run, drive_on, schedule
from nelder.evaluation import Failure, Outcome, Recorded
from nelder.options import Budget
from nelder.search.ahead import plan

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


def search(n, method=None, box=None, maxfev=400):
    return (method or nelder.NelderMead()).start(np.linspace(-2.0, 2.0, n), box, maxfev)


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


METHODS = st.sampled_from(
    [
        nelder.NelderMead(),
        nelder.NelderMead(),
        nelder.NelderMead(model=True),
        nelder.NelderMead(noise=True),
        nelder.Subspaces(),
    ]
)


@HOW
@given(
    METHODS,
    st.integers(1, 6),
    st.integers(1, 30),
    st.integers(0, 9999),
    st.sampled_from([0.01, 100.0]),
)
def test_any_number_of_workers_gives_the_bits_of_one(method, n, workers, seed, seconds):
    pool = Workers(rough, workers, seed, seconds=seconds)
    result = drive_on(pool, search(n, method), budget(n), Policy("worst"), OBSERVERS)
    same(result, alone(n, method=method))
    assert result.nahead <= len(pool.asked) - result.nfev


@HOW
@given(METHODS, st.integers(1, 5), st.integers(1, 12), st.integers(0, 9999), st.integers(1, 60))
def test_budgets_are_exact(method, n, workers, seed, maxfev):
    pool = Workers(rough, workers, seed)
    result = drive_on(
        pool, search(n, method, maxfev=maxfev), budget(n, maxfev), Policy("worst"), OBSERVERS
    )
    same(result, alone(n, method=method, maxfev=maxfev))
    assert result.nfev <= maxfev


@HOW
@given(METHODS, st.integers(1, 5), st.integers(1, 12), st.integers(0, 9999))
def test_failures_that_a_retry_mends_leave_no_trace(method, n, workers, seed):
    pool = Workers(rough, workers, seed, fails=0.2)
    result = drive_on(pool, search(n, method), budget(n), Policy("raise", retries=50), OBSERVERS)
    same(result, alone(n, method=method))


@HOW
@given(
    METHODS,
    st.integers(1, 5),
    st.integers(1, 12),
    st.sampled_from([1, 1, 2, 12]),
    st.integers(0, 9999),
    st.integers(0, 300),
    st.sampled_from([0.0, 0.1]),
)
def test_a_search_that_breaks_off_goes_on_from_its_log(method, n, before, after, seed, room, fails):
    log = Memory(room=room)
    policy = Policy("raise", retries=50)
    broken = False
    try:
        drive_on(
            Workers(rough, before, seed, fails),
            search(n, method),
            budget(n),
            policy,
            OBSERVERS,
            log,
        )
    except OSError as error:
        broken = True
        assert error.result.nfev <= len(log.rows)
    log.room = math.inf
    pool = Workers(rough, after, seed + 1)
    result = drive_on(pool, search(n, method), budget(n), policy, OBSERVERS, log)
    same(result, alone(n, method=method))
    have = {row.x for row in log.rows[:room] if row.failure is None}
    visits = Counter(x.tobytes() for x in result.history.points)
    if after == 1:  # else a guess may be a point that was visited before
        asked = {x for x in pool.asked if visits[x] < 2}
        assert not have & asked, "a recorded value was asked for again"
    assert broken or not pool.asked


@HOW
@given(METHODS, st.integers(1, 4), st.integers(1, 9), st.integers(0, 9999))
def test_failures_for_good_are_replayed_as_such(method, n, workers, seed):
    log = Memory()
    policy = Policy("worst", retries=1)
    first = drive_on(
        Workers(rough, workers, seed, fails=0.4),
        search(n, method),
        budget(n),
        policy,
        OBSERVERS,
        log,
    )
    again = drive_on(Workers(rough, 1, 0), search(n, method), budget(n), policy, OBSERVERS, log)
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


class Long(Workers):
    """Workers at evaluations of an hour, which may be ended; they take some time to start."""

    def __init__(self, workers, start, seed=3):
        super().__init__(rough, workers, seed, seconds=3600.0)
        self.start = start
        self.ended = []

    def _outcome(self, x):
        return dataclasses.replace(super()._outcome(x), began=time.time() + self.start)

    def cancel(self, task):
        self.ended.append(self.running.pop(task))
        return True


@pytest.mark.parametrize(("start", "worth"), [(0.0, True), (600.0, True), (1200.0, False)])
def test_useless_evaluations_are_ended_where_they_are_long_beside_a_start(
    monkeypatch, start, worth
):
    monkeypatch.setattr("nelder.drive.schedule.MOMENT", 0.0)
    pool = Long(6, start)
    result = drive_on(pool, search(3), budget(3), Policy("worst"), OBSERVERS)
    same(result, alone(3))
    under_way_at_the_end = len(pool.asked) - result.nfev - result.nahead
    assert (len(pool.ended) > 6) == worth
    assert worth or len(pool.ended) == under_way_at_the_end <= 6


@pytest.mark.parametrize("seed", range(4))
def test_what_may_be_needed_a_little_later_is_spared(monkeypatch, seed):
    monkeypatch.setattr("nelder.drive.schedule.MOMENT", 0.0)
    searched, workers, made = search(4), 8, []

    class Noted(Known):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(self)

    class Sparing(Long):
        def cancel(self, task):
            likely = plan(searched, made[0].of(0), SPARED * workers, 400 - searched.nfev)
            assert self.running[task].tobytes() not in likely
            return super().cancel(task)

    monkeypatch.setattr("nelder.drive.schedule.Known", Noted)
    pool = Sparing(workers, 0.0, seed)
    same(drive_on(pool, searched, budget(4), Policy("worst"), OBSERVERS), alone(4))
    assert len(pool.ended) > workers


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


# Many searches, gone on with


def several(pool, log, starts, maxfev):
    """Run searches from `starts` on one pool; return the results in their order."""
    n = len(starts[0])
    method, limits = nelder.NelderMead(), budget(n, maxfev)
    searches = [method.start(x0, None) for x0 in starts]
    runs = [
        Run(i, one, limits, Watch.begin(one, limits, OBSERVERS)) for i, one in enumerate(searches)
    ]
    ended = list(schedule(pool, iter(runs), Policy("raise"), log))
    assert sorted(run.index for run in ended) == list(range(len(runs)))
    return [run.watch.result(run.search, run.status) for run in runs]


@HOW
@given(
    st.integers(1, 3), st.integers(2, 5), st.integers(1, 8), st.integers(0, 9999),
    st.integers(0, 900),
)  # fmt: skip
def test_nothing_that_is_recorded_of_many_searches_is_asked_for_again(n, many, workers, seed, room):
    starts = np.random.default_rng(seed).uniform(-2.0, 2.0, (many, n))
    log = Memory(room=room)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nelder.drive.schedule.LEAST_ROOM", 1)
        patch.setattr("nelder.drive.schedule.ROOM", 2)
        with contextlib.suppress(OSError):
            several(Workers(rough, workers, seed), log, starts, 150)
        log.room = math.inf
        recorded = {row.x for row in log.rows}
        pool = Workers(rough, 1, seed)
        results = several(pool, log, starts, 150)
    for result, x0 in zip(results, starts, strict=True):
        same(result, nelder.minimize(rough, x0, maxfev=150, history=True))
    visits = Counter(x.tobytes() for result in results for x in result.history.points)
    assert not {x for x in recorded & {*pool.asked} if visits[x] < 2}
    pool = Workers(rough, workers, seed)
    for again, result in zip(several(pool, log, starts, 150), results, strict=True):
        same(again, result)
    assert not pool.asked


# What is finished when a search ends is recorded


class AtOnce(ThreadPoolExecutor):
    """Threads that have always just finished what they were given."""

    def submit(self, function, *args):
        future = Future()
        future.set_result(function(*args))
        return future


class Ahead(Workers):
    """Workers that are quicker than the driver: all is finished when one is waited for."""

    def __init__(self, workers, fails=math.inf):
        super().__init__(rough, workers, 0)
        self.fails_from = fails

    def wait(self, timeout):
        if len(self.asked) > self.fails_from and timeout != 0.0:
            raise nelder.ExecutorError("it broke")
        task = next(iter(self.running))
        return [(task, self._outcome(self.running.pop(task)))]

    def cancel(self, task):
        return False


class Stop(Exception):
    """Something goes wrong."""


@pytest.mark.parametrize("how", [StopIteration, KeyboardInterrupt, Stop, "broken", "maxfev"])
def test_what_is_finished_when_a_search_ends_is_recorded(monkeypatch, how):
    monkeypatch.setattr("nelder.drive.schedule.MOMENT", 0.0)
    finished_before = []

    def callback(intermediate_result):
        if isinstance(how, type) and intermediate_result.nit == 3:
            finished_before.append(len(pool.running))
            raise how

    pool, log = Ahead(8, fails=30 if how == "broken" else math.inf), Memory()
    observers = dataclasses.replace(OBSERVERS, callback=callback)
    try:
        result = drive_on(pool, search(5), budget(5, 20), Policy("raise"), observers, log)
    except (KeyboardInterrupt, Stop, nelder.ExecutorError) as error:
        result = error.result
    assert not pool.running
    assert [row.x for row in log.rows] == pool.asked
    assert result.nfev + result.nahead == len(pool.asked)
    assert finished_before in ([], [7])


def test_a_failure_that_is_raised_leaves_nothing_unrecorded():
    class Failing(Ahead):
        def _outcome(self, x):
            self.fails = float(x.tobytes() == self.asked[3])
            return super()._outcome(x)

    pool, log = Failing(8), Memory()
    with pytest.raises(nelder.EvaluationError):
        drive_on(pool, search(5), budget(5), Policy("raise"), OBSERVERS, log)
    assert [row.x for row in log.rows] == pool.asked
    assert len(log.rows) == 6, "the first simplex, of which the fourth failed"


@pytest.mark.parametrize("vectorized", [False, True])
def test_ctrl_c_in_the_calling_thread_is_the_end_of_evaluations(tmp_path, vectorized):
    calls = []

    def objective(x):
        calls.append(x.copy())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return np.sum(x**2, axis=-1)

    with pytest.raises(KeyboardInterrupt):
        nelder.minimize(objective, [1.0, 2.0], journal=tmp_path / "fit.db", vectorized=vectorized)
    assert len(calls) == 3


def test_what_could_not_be_recorded_at_the_end_is_told_too(monkeypatch):
    monkeypatch.setattr("nelder.drive.schedule.MOMENT", 0.0)

    class Full(Memory):
        def append(self, evaluations):
            if len(self.rows) >= self.room:
                raise OSError(f"no room for {len(evaluations)}")
            super().append(evaluations)

    class Others(Workers):
        def wait(self, timeout):  # one; two at the end
            tasks = list(self.running)[: 2 if timeout == 0.0 else 1]
            return [(task, self._outcome(self.running.pop(task))) for task in tasks]

        def cancel(self, task):
            return False

    pool = Others(rough, 4, 0)
    with pytest.raises(OSError, match="no room for 1") as caught:
        drive_on(pool, search(3), budget(3), Policy("raise"), OBSERVERS, Full(room=5))
    assert caught.value.__notes__ == ["and then: no room for 2"]


# The memory of failures


class Large:
    """Something of the objective's own."""


def test_what_guesses_that_raised_had_in_hand_is_freed():
    large, most, raised = weakref.WeakSet(), [], []

    def objective(x):
        own = Large()
        large.add(own)
        if x.tobytes()[0] % 3 == 0:
            raised.append(x)
            try:
                raise Stop
            except Stop as error:
                raise ValueError("no value here") from error
        return rough(x)

    def callback(intermediate_result):
        most.append(len(large))

    with AtOnce(8) as executor:
        result = nelder.minimize(
            objective, np.linspace(-2.0, 2.0, 5), workers=executor, on_failure="worst",
            callback=callback, maxfev=400,
        )  # fmt: skip
    assert len(raised) - result.nfailed > 20, "guesses have failed"
    assert max(most) <= 8, "what has finished, but has not come in"


def test_a_failure_that_is_raised_keeps_what_it_had_in_hand():
    def objective(x):
        own = Large()
        raise ValueError(f"{own} is of no use")

    with AtOnce(4) as executor, pytest.raises(nelder.EvaluationError) as caught:
        nelder.minimize(objective, [1.0, 2.0], workers=executor)
    trace = caught.value.__cause__.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    assert isinstance(trace.tb_frame.f_locals["own"], Large)


def test_an_error_that_is_its_own_cause_is_no_trap():
    def objective(x):
        one, two = ValueError("one"), ValueError("two")
        one.__cause__, two.__cause__ = two, one
        raise one

    result = nelder.minimize(objective, [1.0, 2.0], on_failure="worst", retries=1, maxfev=5)
    assert result.nfailed == 5
