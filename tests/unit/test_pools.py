"""Pools: what becomes of a point, here, in threads and in processes."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import hashlib
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import numpy as np
import pytest

import nelder
from nelder.errors import ExecutorError, InvalidArgumentError, MissingExtraError
from nelder.evaluate import remote
from nelder.evaluate.attempt import LONGEST_DETAILS, LONGEST_MESSAGE, attempt
from nelder.evaluate.batch import BatchPool
from nelder.evaluate.executors import SMALL, ExecutorPool, read_executor
from nelder.evaluate.inline import InlinePool
from nelder.evaluate.pool import UNLIMITED, make_pool
from nelder.evaluate.python import PythonObjective
from tests.pools import CONTRACT, PATIENCE, WORKERS_CONTRACT, evaluate, one, patiently, square

INF = math.inf


@pytest.fixture
def closing():
    """Close pools, and shut down executors, at the end."""
    pools = []

    def remember(pool):
        pools.append(pool)
        return pool

    yield remember
    for pool in pools:
        pool.close() if hasattr(pool, "close") else pool.shutdown()


@pytest.fixture
def processes(closing):
    """Make a pool of processes."""
    for package in ("pebble", "cloudpickle", "loky"):
        pytest.importorskip(package)
    from nelder.evaluate.processes import ProcessPool

    return lambda fun, workers=1, timeout=None: closing(ProcessPool(fun, workers, timeout))


@pytest.fixture
def threads(closing):
    """Make a pool of threads."""

    def make(fun, workers=2, timeout=None):
        executor = closing(ThreadPoolExecutor(workers))
        return closing(ExecutorPool(executor, fun, workers, timeout))

    return make


# One attempt


def test_a_point_that_is_given_may_be_kept():
    kept = []
    attempt(lambda x: kept.append(x) or 1.0, np.ones(2))
    assert kept[0].tolist() == [1.0, 1.0]


def test_ctrl_c_is_no_failure():
    def fun(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(fun, np.ones(1))


def test_messages_are_one_line_and_bounded():
    def fun(x):
        raise ValueError("a\nb" * 100_000)

    failure = attempt(fun, np.ones(1)).failure
    assert "\n" not in failure.message
    assert len(failure.message) <= LONGEST_MESSAGE + 10
    assert len(failure.details) <= LONGEST_DETAILS + 10
    assert failure.details.startswith("Traceback")


def test_an_exception_that_cannot_be_shown_is_a_failure():
    class Opaque(Exception):
        def __repr__(self):
            raise RuntimeError("no repr")

        __str__ = __repr__

    def fun(x):
        raise Opaque

    failure = attempt(fun, np.ones(1)).failure
    assert failure.kind == "exception"
    assert "Opaque" in failure.message
    assert "in fun" in failure.details


class Hostile(Exception):
    """Raises wherever it is asked."""

    @property
    def kind(self):
        raise RuntimeError("no kind")


class HostileDetails(Hostile):
    kind = "timeout"

    @property
    def details(self):
        raise RuntimeError("no details")


class HostileText(Hostile):
    kind, details = "timeout", "some"

    def __str__(self):
        raise RuntimeError("no text")


class HostileWord(Hostile):
    class Word(str):
        __slots__ = ()

        def __eq__(self, other):
            raise RuntimeError("no equality")

        __hash__ = None

    kind, details = Word("timeout"), "some"


class HostileAll(HostileText):
    def __repr__(self):
        raise RuntimeError("no repr")

    def with_traceback(self, frames):
        raise RuntimeError("no traceback")


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    pass


HOSTILE = [Hostile, HostileDetails, HostileText, HostileWord, HostileAll, Frozen]


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("where", ["here", "processes"])
def test_an_exception_that_raises_where_it_is_asked_is_a_failure(processes, where, kind):
    def fun(x):
        raise kind

    pool = InlinePool(fun) if where == "here" else processes(fun)
    failure = one(pool, 1.0).failure
    assert failure.kind == "exception"
    assert kind.__name__ in failure.message
    assert "in fun" in failure.details
    result = nelder.minimize(fun, [1.0], on_failure="worst", maxfev=3, retries=1)
    assert result.nfailed == 3


def test_a_value_that_raises_as_it_becomes_a_number_is_a_failure():
    class Lazy:
        def __float__(self):
            raise ArithmeticError("computed only now")

    failure = attempt(lambda x: Lazy(), np.ones(1)).failure
    assert failure.kind == "exception"
    assert failure.message == "ArithmeticError('computed only now')"


def test_code_that_says_not_where_it_stands_may_raise():
    fun = eval("lambda x: 1 / 0", {"__name__": None})
    assert "ZeroDivisionError" in attempt(fun, np.ones(1)).failure.message


@pytest.mark.parametrize("kind", ["no such kind", 3, np.zeros(2), None])
def test_an_exception_with_a_kind_of_its_own_is_an_exception(kind):
    def fun(x):
        error = OSError("broken")
        error.kind, error.details = kind, "text"
        raise error

    assert attempt(fun, np.ones(1)).failure.message == "OSError('broken')"


def test_an_inner_search_that_fails_is_an_exception():
    def fun(x):
        return nelder.minimize(lambda y: None, [1.0]).fun

    failure = attempt(fun, np.ones(1)).failure
    assert failure.kind == "exception"
    assert isinstance(failure.error, nelder.ReturnValueError)


def test_a_worker_is_named_by_its_thread_unless_that_is_the_main_one():
    assert attempt(square, np.ones(1)).worker.endswith(f":{os.getpid()}")
    outcomes = []
    thread = threading.Thread(
        target=lambda: outcomes.append(attempt(square, np.ones(1))), name="other"
    )
    thread.start()
    thread.join()
    assert outcomes[0].worker.endswith(f":{os.getpid()}/other")


# What all pools promise; those of other packages: tests/faults/test_executors.py


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_here(check, closing):
    check(lambda fun: closing(InlinePool(fun)))


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("kind", [InlinePool, lambda fun: BatchPool(fun, 2)], ids=["one", "many"])
def test_what_is_no_exception_leaves_the_calling_thread(kind, error):
    def fun(x):
        raise error

    pool = kind(fun)
    pool.submit(0, np.ones(2))
    with pytest.raises(type(error)) as caught:
        pool.wait(None)
    assert caught.value is error


def test_no_way_to_evaluate_is_no_failure_of_a_batch():
    def fun(points):
        raise ExecutorError("no space left")

    with pytest.raises(ExecutorError, match="no space left"):
        together(fun, [1.0, 2.0])


@pytest.mark.parametrize("check", WORKERS_CONTRACT, ids=lambda check: check.__name__)
def test_threads(check, threads):
    check(threads)


@pytest.mark.parametrize("check", WORKERS_CONTRACT, ids=lambda check: check.__name__)
def test_processes(check, processes):
    check(functools.partial(processes, workers=2))


def test_a_task_that_waits_here_can_be_cancelled():
    pool = InlinePool(square)
    pool.submit(3, np.ones(2))
    assert pool.cancel(3)
    assert not pool.cancel(3)
    assert pool.wait(None) == []


# Batches


def test_all_points_go_into_one_call():
    calls = []

    def fun(points):
        calls.append(points)
        return points.sum(axis=1)

    pool = BatchPool(fun, 4)
    x = np.array([1.0, 2.0])
    for task in range(4):
        pool.submit(task, x)
        x += 1.0
    assert pool.cancel(1)
    done = pool.wait(None)
    assert [(task, outcome.value) for task, outcome in done] == [(0, 3.0), (2, 7.0), (3, 9.0)]
    assert [call.tolist() for call in calls] == [[[1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]]
    assert calls[0].flags.owndata
    assert pool.wait(None) == []
    assert len(calls) == 1


def test_a_batch_may_be_changed_and_its_values_may_be_of_any_real_kind():
    def fun(points):
        points *= 2.0
        return [int(point[0]) for point in points]

    pool = BatchPool(fun, 2)
    pool.submit(0, np.array([1.0]))
    pool.submit(1, np.array([2.0]))
    values = [outcome.value for _, outcome in pool.wait(None)]
    assert values == [2.0, 4.0]
    assert all(type(value) is float for value in values)


@pytest.mark.parametrize(
    ("returned", "named"),
    [
        (None, "None"),
        (1.0, "shape ()"),
        (np.zeros(3), "shape (3,)"),
        (np.zeros((2, 1)), "shape (2, 1)"),
        (np.zeros(2, dtype=complex), "complex128"),
        (["a", "b"], "<U1"),
        ([None, 1.0], "object"),
        ([[1.0], [1.0, 2.0]], "a list"),
    ],
    ids=str,
)
def test_a_batch_of_wrong_values_fails_as_a_whole(returned, named):
    pool = BatchPool(lambda points: returned, 5)
    pool.submit(4, np.zeros(2))
    pool.submit(7, np.ones(2))
    done = pool.wait(None)
    assert [task for task, _ in done] == [4, 7]
    for _, outcome in done:
        assert outcome.failure.kind == "return value"
        assert named in outcome.failure.message
        assert "expected real numbers of shape (2,)" in outcome.failure.message
        assert math.isnan(outcome.value)


def test_an_exception_of_a_batch_is_a_failure_of_all_its_points():
    def fun(points):
        raise OSError("no device")

    pool = BatchPool(fun, 5)
    pool.submit(0, np.zeros(2))
    pool.submit(1, np.zeros(2))
    failures = [outcome.failure for _, outcome in pool.wait(None)]
    assert [failure.message for failure in failures] == ["OSError('no device')"] * 2
    assert "in fun" in failures[0].details


def domain(points):
    """Raise where a row is below 0, wherever in the call."""
    if (points[:, 0] < 0.0).any():
        raise ArithmeticError("outside")
    return points[:, 0] ** 2


def together(fun, values):
    """Return what becomes of rows [value] in one call."""
    pool = BatchPool(fun, len(values))
    for task, value in enumerate(values):
        pool.submit(task, np.array([value]))
    return [outcome for _, outcome in pool.wait(None)]


def test_a_point_that_raises_fails_alone():
    calls = []

    def fun(points):
        calls.append(points[:, 0].tolist())
        points[:] = np.where(points < 0.0, points, np.nan) if len(points) > 1 else points
        return domain(np.array(calls[-1])[:, None])

    outcomes = together(fun, [1.0, 2.0, 3.0, -4.0, 5.0, 6.0, 7.0])
    values = [outcome.value for outcome in outcomes]
    np.testing.assert_array_equal(values, [1.0, 4.0, 9.0, math.nan, 25.0, 36.0, 49.0])
    assert outcomes[3].failure.message == "ArithmeticError('outside')"
    assert sum(outcome.failure is None for outcome in outcomes) == 6
    assert calls == [
        [1.0, 2.0, 3.0, -4.0, 5.0, 6.0, 7.0],
        [1.0, 2.0, 3.0],
        [-4.0, 5.0, 6.0, 7.0],
        [-4.0, 5.0],
        [-4.0],
        [5.0],
        [6.0, 7.0],
    ]


def test_a_call_that_is_too_large_is_made_in_parts():
    def fun(points):
        if len(points) > 3:
            raise MemoryError
        return points[:, 0]

    values = [float(i) for i in range(11)]
    assert [outcome.value for outcome in together(fun, values)] == values


@pytest.mark.parametrize(
    "fun",
    [
        lambda points: [None if x < 0.0 else x for x in points[:, 0]],
        lambda points: points[points[:, 0] >= 0.0, 0],
        lambda points: np.emath.sqrt(points[:, 0]) ** 2,
    ],
    ids=["None", "left out", "complex"],
)
def test_a_point_without_a_real_value_fails_alone(fun):
    outcomes = together(fun, [1.0, 4.0, -9.0, 16.0])
    assert [outcome.failure is None for outcome in outcomes] == [True, True, False, True]
    assert outcomes[3].value == 16.0
    assert outcomes[2].failure.kind == "return value"


def test_an_objective_that_takes_one_point_is_not_taken_for_a_vectorised_one():
    for outcome in together(lambda points: points[0], [1.0, 2.0, 3.0]):  # (1,) for a single point
        assert outcome.failure.kind == "return value"
        assert "expected real numbers of shape" in outcome.failure.message


@pytest.mark.parametrize("policy", ["worst", "raise"])
def test_a_guess_that_raises_does_not_show_in_a_vectorised_search(policy):
    """The points of one worker fail where x < `low` ("worst"), or never ("raise")."""

    def fun(points):
        if (points[:, 0] < low).any():
            raise ArithmeticError("outside")
        return (points[:, 0] - 0.3) ** 2 + 100.0 * (points[:, 1] - points[:, 0] ** 2) ** 2

    def alone(x):
        return float(fun(x[None])[0])

    low = -math.inf
    free = nelder.minimize(alone, [1.0, 1.0], history=True).history.points[:, 0]
    low = 0.295 if policy == "worst" else free.min()
    settings = {"on_failure": policy, "history": True}
    expected = nelder.minimize(alone, [1.0, 1.0], **settings)
    assert (expected.nfailed > 0) == (policy == "worst")
    for workers in (1, 2, 4, 8, 16, None):
        result = nelder.minimize(fun, [1.0, 1.0], vectorized=True, workers=workers, **settings)
        np.testing.assert_array_equal(result.history.points, expected.history.points)
        np.testing.assert_array_equal(result.history.values, expected.history.values)
        assert result.nfailed == expected.nfailed


# Processes


def test_processes_are_started_when_they_are_needed(processes):
    pool = processes(lambda x: float(os.getpid()), workers=4)
    pids = {one(pool, i).value for i in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")
def test_the_guardian_knows_which_processes_there_are(processes, monkeypatch):
    from nelder.evaluate import processes as module

    class Watched(module.Groups):
        def begun(self, number, mark=""):
            told.append(f"+{number}")
            super().begun(number, mark)

        def gone(self, number):
            told.append(f"-{number}")
            super().gone(number)

    told = []
    monkeypatch.setattr(module, "Groups", Watched)
    pool = processes(lambda x: os._exit(1) if x[0] else float(os.getpid()))
    pid = int(one(pool, 0.0).value)
    assert told == [f"+{pid}"]
    assert one(pool, 1.0).failure.kind == "died"
    assert told[:2] == [f"+{pid}", f"-{pid}"]
    one(pool, 0.0)
    guardian = pool._groups._guardian
    pool.close()
    assert guardian.returncode == 0
    begun = {line[1:] for line in told if line[0] == "+"}
    assert {line[1:] for line in told if line[0] == "-"} == begun


def test_processes_work_at_the_same_time(processes, tmp_path):
    def meet(x):
        (folder / str(int(x[0]))).touch()
        until = time.monotonic() + 30.0
        while len(list(folder.iterdir())) < 2:
            assert time.monotonic() < until
            time.sleep(0.01)
        return 1.0

    folder = tmp_path
    first, second = evaluate(processes(meet, workers=2), [0, 1])
    assert (first.failure, second.failure) == (None, None)
    assert first.worker != second.worker


def test_the_objective_is_unpickled_once_per_process(processes, tmp_path):
    class Counted:
        def __init__(self, log):
            self.log = log

        def __setstate__(self, state):
            self.__dict__ = state
            with open(self.log, "a") as file:
                file.write(f"{os.getpid()}\n")

        def __call__(self, x):
            return x[0]

    log = tmp_path / "log"
    outcomes = evaluate(processes(Counted(log), workers=2), range(20))
    assert [outcome.value for outcome in outcomes] == list(range(20))
    pids = log.read_text().split()
    assert len(pids) == len(set(pids)) <= 2


def test_processes_do_not_import_the_callers_main():
    script = (
        "print('main')\n"
        "from nelder.evaluate.processes import ProcessPool\n"
        "import numpy as np\n"
        "def fun(x): return 3.0 * x[0]\n"
        "pool = ProcessPool(fun, 1, None)\n"  # without a guard
        "pool.submit(0, np.ones(1)); print(pool.wait(None)[0][1].value); pool.close()\n"
    )
    pytest.importorskip("pebble")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("main\n3.0\n", "")


@pytest.mark.parametrize(("workers", "share"), [(1, os.cpu_count()), (64, 1)])
def test_processes_share_the_cores(processes, workers, share):
    pytest.importorskip("threadpoolctl")

    def threads(x):
        import numpy as np
        import threadpoolctl

        np.ones((2, 2)) @ np.ones((2, 2))
        found = [library["num_threads"] for library in threadpoolctl.threadpool_info()]
        return float(max(found, default=0))

    assert 0.0 < one(processes(threads, workers=workers), 0.0).value <= share


def test_what_the_caller_allows_is_not_exceeded(processes, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "1000000")
    monkeypatch.setattr("nelder.evaluate.processes.cpu_count", lambda: 12)

    def fun(x):
        return float(os.environ[["OMP_NUM_THREADS", "MKL_NUM_THREADS"][int(x[0])]])

    outcomes = evaluate(processes(fun, workers=2), [0, 1])
    assert [outcome.value for outcome in outcomes] == [1.0, 6.0]


@pytest.mark.parametrize(
    "objective", [threading.Lock(), functools.partial(min, threading.Lock()), sys.stdout]
)
def test_an_objective_that_cannot_be_pickled_is_refused(processes, objective):
    with pytest.raises(InvalidArgumentError, match=r"fun=.* expected .*pickled"):
        processes(objective)


def test_a_native_objective_is_no_use_to_another_process(processes):
    with pytest.raises(InvalidArgumentError, match="NativeObjective is an address"):
        processes(nelder.NativeObjective(1))


class FailsToUnpickle:
    """Does in the worker what `how` says."""

    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        return self.how, ()

    def __call__(self, x):
        return 0.0


def test_an_objective_that_cannot_be_unpickled_is_a_clear_error(processes):
    def leave():
        raise SystemExit(3)

    def missing():
        import no_such_module  # noqa: F401

    for how, message in [(missing, "no_such_module"), (leave, "SystemExit")]:
        pool = processes(FailsToUnpickle(how))
        pool.submit(0, np.ones(1))
        with pytest.raises(InvalidArgumentError, match=rf"fun=.*(?s:.*){message}"):
            patiently(pool)


def test_an_exception_comes_back_as_it_was(processes):
    class SolverError(ArithmeticError):
        def __init__(self, residual):
            super().__init__(f"residual {residual}")
            self.residual = residual

        def __reduce__(self):
            return type(self), (self.residual,)

    def fun(x):
        raise SolverError(0.25)

    outcome = one(processes(fun), 1.0)
    error = outcome.failure.error
    assert type(error) is SolverError
    assert error.residual == 0.25
    assert outcome.worker in error.__notes__[0]
    assert outcome.failure.details in error.__notes__[0]


class Unpicklable(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} {second}")  # which loses how to build it again


def unpicklable():
    raise Unpicklable("one", "two")


def lock():
    raise ValueError(threading.Lock())


def large():
    raise ValueError("x" * 1_000_000)


def imposter():
    class Imposter(Exception):
        def __reduce__(self):
            return int, ()

    raise Imposter


@pytest.mark.parametrize("how", [unpicklable, lock, large, imposter])
def test_an_exception_that_does_not_survive_pickling_is_told(processes, how):
    def fun(x):
        how()

    pool = processes(fun)
    failure = one(pool, 1.0).failure
    assert failure.kind == "exception"
    assert failure.error is None
    assert f"in {how.__name__}" in failure.details
    assert one(pool, 1.0).failure.kind == "exception"


def test_ctrl_c_raised_in_a_worker_is_ctrl_c(processes):
    def fun(x):
        raise KeyboardInterrupt

    pool = processes(fun)
    pool.submit(0, np.ones(1))
    with pytest.raises(KeyboardInterrupt):
        patiently(pool)


def test_workers_do_not_hear_ctrl_c(processes):
    def fun(x):
        signal.raise_signal(signal.SIGINT)
        return 1.0

    assert one(processes(fun), 0.0).value == 1.0


def sleep(x):
    time.sleep(x[0])
    return float(x[0])


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_ctrl_c_ends_a_wait_at_once(processes, threads, kind):
    pause = threading.Event()

    def fun(x):
        time.sleep(x[0])
        return 0.0

    def held(x):
        pause.wait()
        return 0.0

    pool = processes(fun) if kind == "processes" else threads(held)
    pool.submit(0, np.array([3600.0]))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            pool.wait(None)
    finally:
        signal.signal(signal.SIGINT, before)
        timer.join()
        pause.set()


def test_a_wait_ends_when_its_time_is_over(processes):
    pool = processes(sleep)
    pool.submit(0, np.array([3600.0]))
    assert pool.wait(0.05) == []
    assert pool.wait(0.0) == []


def test_a_task_that_is_cancelled_is_never_reported(processes):
    pool = processes(sleep, workers=2)
    pool.submit(0, np.array([3600.0]))
    pool.submit(1, np.array([0.0]))
    [(task, _)] = patiently(pool)
    assert task == 1
    assert pool.cancel(0)
    assert not pool.cancel(0)
    assert pool.wait(0.0) == []
    pool.submit(0, np.array([0.0]))  # the number may be used again
    pool.submit(2, np.array([0.0]))
    done = patiently(pool)
    done += patiently(pool) if len(done) == 1 else []
    assert sorted(task for task, _ in done) == [0, 2]


def test_what_is_finished_cannot_be_cancelled(processes, tmp_path):
    def fun(x):
        (folder / "done").touch()
        return 5.0

    folder = tmp_path
    pool = processes(fun)
    pool.submit(0, np.zeros(1))
    until = time.monotonic() + 30.0
    while not pool._busy[0].future.done() and time.monotonic() < until:
        time.sleep(0.01)
    assert not pool.cancel(0)
    [(task, outcome)] = patiently(pool)
    assert (task, outcome.value) == (0, 5.0)


def test_no_memory_is_kept_per_evaluation(processes):
    pool = processes(lambda x: 0.0)
    evaluate(pool, np.zeros((300, 3)))
    tracemalloc.start()
    try:
        for i in range(300):
            one(pool, i)
        before = tracemalloc.get_traced_memory()[0]
        for i in range(1500):
            one(pool, i)
        assert tracemalloc.get_traced_memory()[0] - before < 20 * 1500
    finally:
        tracemalloc.stop()


# Executors: which, and how many workers


class Foreign(concurrent.futures.Executor):
    """Runs a task as it is submitted, after a journey through pickle as to another process.

    With `forgets`, every task finds a new process.
    """

    def __init__(self, forgets=False):
        self.forgets = forgets
        self.sent = []
        self.broken = None

    def submit(self, fn, /, *args):
        if self.broken is not None:
            raise self.broken
        message = pickle.dumps((fn, args))
        self.sent.append(len(message))
        if self.forgets:
            remote._objectives.clear()
        future = Future()
        fn, args = pickle.loads(message)
        future.set_result(fn(*args))
        return future


def test_the_number_of_workers_is_asked_for():
    with ThreadPoolExecutor(3) as executor:
        assert read_executor(executor) == (executor, 3)
        assert read_executor((executor, 2)) == (executor, 2)
    with ProcessPoolExecutor(5) as executor:
        assert read_executor(executor) == (executor, 5)
    for name in ("_max_workers", "max_workers", "num_workers"):
        executor = SimpleNamespace(submit=print, **{name: 7})
        assert read_executor(executor) == (executor, 7)
    client = SimpleNamespace(nthreads=lambda: {"one": 2, "other": 3})
    assert read_executor(SimpleNamespace(submit=print, _client=client))[1] == 5


@pytest.mark.parametrize(
    "workers",
    [
        "4",
        2.0,
        True,
        object(),
        Foreign(),
        SimpleNamespace(submit=print, num_workers=0),
        SimpleNamespace(submit=print, max_workers=None),
        (Foreign(), 0),
        (Foreign(), 2.0),
        (Foreign(),),
        (2, 2),
    ],
    ids=str,
)
def test_what_is_no_executor_is_refused(workers):
    with pytest.raises(InvalidArgumentError, match=r"^workers="):
        read_executor(workers)


# Executors: what is sent


@pytest.fixture
def forgotten():
    """Workers that know no objective."""
    before = dict(remote._objectives)
    remote._objectives.clear()
    yield
    remote._objectives.clear()
    remote._objectives.update(before)


def burdened(size):
    data = np.random.default_rng(0).bytes(size)
    return lambda x: float(x[0] + len(data))


@pytest.mark.usefixtures("forgotten")
def test_a_large_objective_is_not_sent_with_every_point():
    executor = Foreign()
    pool = ExecutorPool(executor, burdened(50_000), 4, None)
    outcomes = evaluate(pool, range(40))
    assert [outcome.value for outcome in outcomes] == [50_000.0 + i for i in range(40)]
    assert sum(size > 50_000 for size in executor.sent) == 4
    assert all(size < 1000 for size in executor.sent[4:])


@pytest.mark.usefixtures("forgotten")
def test_a_worker_that_lacks_the_objective_is_sent_it():
    executor = Foreign()
    pool = ExecutorPool(executor, burdened(50_000), 1, None)
    evaluate(pool, range(5))
    remote._objectives.clear()  # the worker has been replaced
    assert [outcome.value for outcome in evaluate(pool, [1, 2])] == [50_001.0, 50_002.0]
    assert sum(size > 50_000 for size in executor.sent) == 2


@pytest.mark.usefixtures("forgotten")
def test_workers_that_always_lack_the_objective_soon_get_it_with_every_point():
    executor = Foreign(forgets=True)
    pool = ExecutorPool(executor, burdened(50_000), 2, None)
    outcomes = evaluate(pool, range(200))
    assert [outcome.value for outcome in outcomes] == [50_000.0 + i for i in range(200)]
    assert len(executor.sent) <= 200 + 8


@pytest.mark.usefixtures("forgotten")
def test_a_small_objective_is_sent_with_every_point():
    executor = Foreign(forgets=True)
    pool = ExecutorPool(executor, lambda x: float(x[0]), 2, None)
    assert [outcome.value for outcome in evaluate(pool, range(20))] == list(range(20))
    assert len(executor.sent) == 20
    assert max(executor.sent) < SMALL + 500


@pytest.mark.usefixtures("forgotten")
def test_a_worker_remembers_a_few_objectives():
    for i in range(3 * remote.REMEMBERED):
        pool = ExecutorPool(Foreign(), functools.partial(lambda i, x: float(i), i), 1, None)
        assert one(pool, 0.0).value == i
    assert len(remote._objectives) == remote.REMEMBERED


@pytest.mark.usefixtures("forgotten")
def test_equal_points_are_different_calls():
    class Caching(Foreign):
        calls = frozenset()

        def submit(self, fn, /, *args):
            call = hashlib.sha256(pickle.dumps((fn, args))).digest()
            assert call not in self.calls
            self.calls |= {call}
            return super().submit(fn, *args)

    evaluate(ExecutorPool(Caching(), square, 1, None), [1.0, 1.0, 1.0])


def test_threads_call_the_objective_itself(threads):
    calls = []
    evaluate(threads(lambda x: calls.append(x) or 0.0), range(5))
    assert len(calls) == 5


def test_an_objective_that_cannot_be_pickled_is_refused_elsewhere():
    lock = threading.Lock()
    with pytest.raises(InvalidArgumentError, match=r"fun=.* expected .*pickled"):
        ExecutorPool(Foreign(), lambda x: lock, 1, None)


@pytest.mark.usefixtures("forgotten")
def test_an_objective_that_cannot_be_unpickled_elsewhere_is_a_clear_error():
    def missing():
        import no_such_module  # noqa: F401

    pool = ExecutorPool(Foreign(), FailsToUnpickle(missing), 1, None)
    pool.submit(0, np.ones(1))
    with pytest.raises(InvalidArgumentError, match="no_such_module"):
        patiently(pool)


# Executors that break


class Manual(concurrent.futures.Executor):
    """Gives out futures that the test ends."""

    def __init__(self):
        self.futures = []

    def submit(self, fn, /, *args):
        self.futures.append(Future())
        return self.futures[-1]

    def finish(self, index, value=1.0):
        packed = remote.Packed(value, None, 0.0, 0.0, "w:1")
        self.futures[index].set_result(packed)


class CommClosedError(OSError):
    pass


@pytest.mark.parametrize(
    "error", [BrokenProcessPool("dead"), CommClosedError("gone"), SystemExit(1)], ids=repr
)
def test_what_the_executor_raises_is_an_executor_error(error):
    executor = Manual()
    pool = ExecutorPool(executor, square, 2, None)
    pool.submit(0, np.zeros(1))
    executor.futures[0].set_exception(error)
    with pytest.raises(ExecutorError, match=rf"Manual.*{type(error).__name__}") as caught:
        patiently(pool)
    assert caught.value.__cause__ is error
    with pytest.raises(ExecutorError):
        pool.wait(None)


def test_a_task_that_others_cancel_is_an_executor_error():
    executor = Manual()
    pool = ExecutorPool(executor, square, 2, None)
    pool.submit(0, np.zeros(1))
    executor.futures[0].cancel()
    with pytest.raises(ExecutorError, match="Cancelled"):
        patiently(pool)


def test_what_is_finished_is_returned_before_an_executor_error():
    executor = Manual()
    pool = ExecutorPool(executor, square, 3, None)
    for task in range(3):
        pool.submit(task, np.zeros(1))
    executor.finish(2, 5.0)
    executor.futures[0].set_exception(BrokenProcessPool("dead"))
    executor.finish(1, 6.0)
    assert sorted((task, outcome.value) for task, outcome in pool.wait(None)) == [
        (1, 6.0),
        (2, 5.0),
    ]
    with pytest.raises(ExecutorError):
        pool.wait(None)


def test_an_executor_that_takes_no_tasks_is_an_executor_error_after_what_is_finished():
    executor = ThreadPoolExecutor(2)
    pool = ExecutorPool(executor, square, 2, None)
    pool.submit(0, np.ones(3))
    executor.shutdown(wait=True)
    pool.submit(1, np.ones(3))
    assert [(task, outcome.value) for task, outcome in pool.wait(None)] == [(0, 3.0)]
    with pytest.raises(ExecutorError, match=r"ThreadPoolExecutor.*shutdown"):
        pool.wait(None)


def test_a_task_whose_worker_died_is_a_failure_where_the_executor_goes_on():
    class KilledWorker(Exception):
        pass

    KilledWorker.__module__ = "distributed.scheduler"
    executor = Manual()
    pool = ExecutorPool(executor, square, 2, None)
    pool.submit(0, np.zeros(1))
    executor.futures[0].set_exception(KilledWorker("on 4 workers"))
    [(_, outcome)] = patiently(pool)
    assert outcome.failure.kind == "died"
    assert "on 4 workers" in outcome.failure.message
    pool.submit(1, np.zeros(1))
    executor.finish(1)
    assert patiently(pool)[0][1].value == 1.0


def test_ctrl_c_in_a_worker_of_an_executor_is_ctrl_c():
    executor = Manual()
    pool = ExecutorPool(executor, square, 2, None)
    pool.submit(0, np.zeros(1))
    executor.futures[0].set_exception(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        patiently(pool)


# Executors: tasks that take too long


def test_a_task_that_takes_too_long_keeps_its_worker():
    executor = Manual()
    pool = ExecutorPool(executor, square, 2, 0.05)
    pool.submit(0, np.zeros(1))
    [(task, outcome)] = patiently(pool)
    assert (task, outcome.failure.kind) == (0, "timeout")
    assert outcome.failure.message == "no answer within 0.05 s"
    pool.submit(1, np.zeros(1))
    pool.submit(2, np.zeros(1))  # which has to wait
    assert len(executor.futures) == 2
    executor.finish(1, 6.0)
    [(task, outcome)] = patiently(pool)
    assert (task, outcome.value) == (1, 6.0)
    assert len(executor.futures) == 3
    executor.finish(0)  # too late
    executor.finish(2, 7.0)
    [(task, outcome)] = patiently(pool)
    assert (task, outcome.value) == (2, 7.0)
    assert pool.wait(None) == []


def test_a_worker_that_is_late_is_used_again():
    executor = Manual()
    pool = ExecutorPool(executor, square, 1, 0.05)
    pool.submit(0, np.zeros(1))
    assert patiently(pool)[0][1].failure.kind == "timeout"
    pool.submit(1, np.zeros(1))
    assert len(executor.futures) == 1
    executor.finish(0)
    assert pool.wait(0.0) == []
    assert len(executor.futures) == 2
    executor.finish(1, 6.0)
    [(task, outcome)] = patiently(pool)
    assert (task, outcome.value) == (1, 6.0)


def test_a_task_that_waits_for_a_late_worker_can_be_cancelled():
    executor = Manual()
    pool = ExecutorPool(executor, square, 1, 0.05)
    pool.submit(0, np.zeros(1))
    assert patiently(pool)[0][1].failure.kind == "timeout"
    pool.submit(1, np.zeros(1))
    assert pool.cancel(1)
    assert not pool.cancel(1)
    assert pool.wait(None) == []


def test_workers_that_are_all_late_for_ever_are_an_executor_error():
    pool = ExecutorPool(Manual(), square, 2, 0.05)
    pool.submit(0, np.zeros(1))
    pool.submit(1, np.zeros(1))
    late = patiently(pool)
    late += patiently(pool) if len(late) == 1 else []
    assert [outcome.failure.kind for _, outcome in late] == ["timeout"] * 2
    pool.submit(2, np.zeros(1))
    with pytest.raises(ExecutorError, match="all 2 workers are still busy"):
        pool.wait(None)


def test_what_runs_on_an_executor_cannot_be_cancelled():
    executor = Manual()
    pool = ExecutorPool(executor, square, 2, None)
    pool.submit(0, np.zeros(1))
    assert not pool.cancel(0)
    executor.finish(0, 4.0)
    assert patiently(pool)[0][1].value == 4.0


def test_closing_does_not_shut_down_the_callers_executor():
    with ThreadPoolExecutor(1) as executor:
        pool = ExecutorPool(executor, square, 1, None)
        one(pool, 1.0)
        pool.close()
        assert executor.submit(lambda: 5).result() == 5


def test_closing_cancels_what_has_not_begun():
    def fun(x):
        calls.append(x[0])
        assert release.wait(timeout=60.0)
        return 0.0

    class Own(ThreadPoolExecutor):
        pass

    calls, release = [], threading.Event()
    with Own(1) as executor:
        pool = ExecutorPool(executor, fun, 2, None)
        pool.submit(0, np.array([0.0]))
        pool.submit(1, np.array([1.0]))
        pool.close()
        release.set()
    assert 1.0 not in calls


def test_closing_leaves_alone_what_does_not_like_to_be_cancelled():
    executor = Manual()
    pool = ExecutorPool(executor, square, 2, None)
    pool.submit(0, np.zeros(1))
    pool.close()
    assert not executor.futures[0].cancelled()


# Which pool


class Command:
    """An objective that runs in threads and can be stopped, there where it has `begun`."""

    runs_in_threads = True

    def __init__(self):
        self.changed = threading.Condition()
        self.begun = []
        self.stopped = []

    def __call__(self, x):
        x = float(x[0])
        if x < 0.0:
            with self.changed:
                self.begun.append(x)
                assert self.changed.wait_for(lambda: x in self.stopped, timeout=60.0)
        return 2.0 * x

    def stop(self, x=None):
        with self.changed:
            self.stopped += self.begun if x is None else [float(x[0])]
            self.changed.notify_all()


@pytest.mark.parametrize(
    ("settings", "kind", "workers"),
    [
        ({}, "InlinePool", 1),
        ({"timeout": 5.0}, "ProcessPool", 1),
        ({"workers": 1}, "ProcessPool", 1),
        ({"workers": np.int64(3)}, "ProcessPool", 3),
        ({"workers": (Foreign(), 6)}, "ExecutorPool", 6),
        ({"vectorized": True}, "BatchPool", UNLIMITED),
        ({"vectorized": True, "workers": 5}, "BatchPool", 5),
        ({"fun": PythonObjective(Command()), "workers": 3}, "ThreadPool", 3),
        ({"fun": PythonObjective(Command()), "timeout": 3.0}, "ThreadPool", 1),
        ({"fun": PythonObjective(Command())}, "InlinePool", 1),
    ],
    ids=str,
)
def test_the_pool_follows_from_the_arguments(closing, settings, kind, workers):
    if kind == "ProcessPool":
        pytest.importorskip("pebble")
    objective = PythonObjective(square)
    values = {"fun": objective, "workers": None, "vectorized": False, "timeout": None} | settings
    pool = closing(make_pool(**values))
    assert (type(pool).__name__, pool.workers) == (kind, workers)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"workers": 0}, "workers=0"),
        ({"workers": -2}, "workers=-2"),
        ({"workers": 2.0}, r"workers=2\.0"),
        ({"workers": True}, "workers=True"),
        ({"workers": "4"}, "workers='4'"),
        ({"vectorized": True, "workers": 0}, "workers=0"),
        ({"vectorized": True, "workers": Foreign()}, "workers=<.*Foreign"),
        ({"vectorized": True, "timeout": 1.0}, r"timeout=1\.0"),
        ({"vectorized": True, "fun": nelder.NativeObjective(1)}, "vectorized=True"),
        (
            {"fun": nelder.NativeObjective(1), "workers": 2, "timeout": 1.0},
            r"timeout=1\.0: .*stopped",
        ),
        (
            {"fun": nelder.NativeObjective(1), "timeout": 1.0},
            r"timeout=1\.0: expected none with fun",
        ),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_together_are_refused(settings, named):
    values = {"fun": square, "workers": None, "vectorized": False, "timeout": None} | settings
    with pytest.raises(InvalidArgumentError, match=named):
        make_pool(**values)


@pytest.mark.parametrize("package", ["pebble", "loky", "cloudpickle"])
@pytest.mark.parametrize(
    ("workers", "timeout", "named"), [(2, None, "workers=2"), (None, 3.0, r"timeout=3\.0")]
)
def test_a_package_that_is_missing_is_named(monkeypatch, package, workers, timeout, named):
    monkeypatch.delitem(sys.modules, "nelder.evaluate.processes", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{named}.*nelder\[parallel\]"):
        make_pool(square, workers, False, timeout)


@pytest.fixture
def stoppable(closing):
    """Make a pool of our own threads, and its objective."""

    def make(workers=1, timeout=None, command=None, restore=None):
        command = command or Command()
        pool = make_pool(PythonObjective(command, (), restore), workers, False, timeout)
        return closing(pool), command

    return make


def until_begun(pool, command, x):
    until = time.monotonic() + PATIENCE
    while x not in command.begun:
        assert time.monotonic() < until
        assert pool.wait(0.01) == []


def test_threads_of_our_own_are_stopped_with_their_objective(stoppable):
    pool, command = stoppable(workers=2)
    assert one(pool, 3.0).value == 6.0
    pool.submit(1, np.array([-1.0]))
    until_begun(pool, command, -1.0)
    pool.close()
    assert command.stopped == [-1.0]


def test_a_task_that_takes_too_long_is_stopped_and_its_thread_goes_on(stoppable):
    pool, command = stoppable(timeout=0.2)
    late, fine = evaluate(pool, [-1.0, 3.0])
    assert (late.failure.kind, late.failure.message) == ("timeout", "no answer within 0.2 s")
    assert fine.value == 6.0
    assert set(command.stopped) == {-1.0}


def test_a_task_that_is_cancelled_is_stopped_and_never_reported(stoppable):
    pool, command = stoppable()
    pool.submit(0, np.array([-1.0]))
    assert pool.cancel(0)
    assert not pool.cancel(0)
    assert one(pool, 3.0).value == 6.0
    assert set(command.stopped) == {-1.0}
    assert pool.wait(None) == []


def test_what_has_only_just_begun_is_told_to_stop_again(stoppable):
    class Late(Command):
        """One that does not know of its calls at first."""

        def stop(self, x=None):
            if x is None or asked.count(-1.0) == 2:
                super().stop(x)
            else:
                asked.append(float(x[0]))

    asked = []
    pool, _ = stoppable(timeout=0.1, command=Late())
    assert [outcome.failure is None for outcome in evaluate(pool, [-1.0, 3.0])] == [False, True]
    assert asked == [-1.0, -1.0]


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_point_that_another_task_needs_is_not_stopped(stoppable, zero):
    pool, command = stoppable(workers=3)
    for task, y in enumerate([0.0, zero]):  # two searches, one point
        pool.submit(task, np.array([-1.0, y]))
    assert pool.cancel(0)
    assert pool.wait(0.3) == []
    assert command.stopped == []
    assert pool.cancel(1)
    pool.submit(2, np.array([-1.0, 1.0]))
    [(task, outcome)] = patiently(pool)
    assert (task, outcome.value) == (2, -2.0)


def test_an_objective_is_told_to_stop_at_the_point_as_it_got_it(stoppable):
    class Named(Command):
        def __call__(self, x):
            return super().__call__([x["k"]])

        def stop(self, x=None):
            super().stop(None if x is None else [x["k"]])

    pool, command = stoppable(command=Named(), restore=lambda x: {"k": float(x[0])})
    pool.submit(0, np.array([-1.0]))
    until_begun(pool, command, -1.0)
    assert pool.cancel(0)
    assert command.stopped == [-1.0]
    pool.submit(1, np.array([-2.0]))
    until_begun(pool, command, -2.0)
    pool.close()
    assert command.stopped == [-1.0, -1.0, -2.0]


def test_threads_of_our_own_that_do_not_stop_are_an_error_in_the_end(stoppable, monkeypatch):
    class Deaf(Command):
        def stop(self, x=None):
            if x is None:
                super().stop()

    monkeypatch.setattr("nelder.evaluate.threads.ENDING", 0.3)
    pool, _ = stoppable(timeout=0.05, command=Deaf())
    assert one(pool, -1.0).failure.kind == "timeout"
    pool.submit(1, np.array([1.0]))
    with pytest.raises(ExecutorError, match=r"^workers=1: all 1 workers .* does not stop$"):
        patiently(pool)


def test_a_task_that_is_done_is_not_cancelled(stoppable):
    pool, _ = stoppable()
    pool.submit(0, np.array([1.0]))
    while not pool._running[0].future.done():
        time.sleep(0.001)
    assert not pool.cancel(0)
    assert [(task, outcome.value) for task, outcome in pool.wait(None)] == [(0, 2.0)]


def test_what_runs_in_threads_and_cannot_be_stopped_has_no_timeout():
    class Free:
        runs_in_threads = True

        def __call__(self, x):
            return 0.0

    with pytest.raises(InvalidArgumentError, match=r"timeout=2\.0: expected none .*stopped"):
        make_pool(PythonObjective(Free()), 2, False, 2.0)


def test_the_callers_objective_is_not_stopped_unless_it_runs_in_threads():
    class Stoppable:
        def __call__(self, x):
            return 0.0

        def stop(self, x=None):
            raise AssertionError

    assert PythonObjective(Stoppable()).stop is None


def test_native_objectives_run_in_threads():
    numba = pytest.importorskip("numba")

    @numba.cfunc("float64(int64, CPointer(float64), voidptr)")
    def native(n, x, data):
        return 10.0 * n + x[0]

    pool = make_pool(nelder.NativeObjective(native.address), 2, False, None)
    outcomes = evaluate(pool, [[0.5, 1.0], [2.0, 1.0]])
    pool.close()
    assert [outcome.value for outcome in outcomes] == [20.5, 22.0]
    assert "/nelder" in outcomes[0].worker
