"""Bad objectives: what they give back, raise, keep, change and call."""

import ctypes
import decimal
import functools
import itertools
import math
import signal
import sys
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numba
import numpy as np
import pytest

import nelder
from nelder import NelderMead, Status

INF = math.inf
NAN = math.nan

SETTINGS = ("success", "status", "fun", "nfev", "nit", "nshrink", "nrestart", "nfailed")


def rosenbrock(x):
    a = x[1] - x[0] * x[0]
    b = 1.0 - x[0]
    return float(100.0 * a * a + b * b)


def same(left, right):
    np.testing.assert_array_equal(left.x, right.x)
    assert [left[name] for name in SETTINGS] == [right[name] for name in SETTINGS]


def bad_at(bad, calls, fun=rosenbrock):
    """`fun`, but what `bad` does at the calls of these numbers (from 1)."""
    count = itertools.count(1)
    return lambda x: bad(x) if next(count) in calls else fun(x)


def raises(x):
    raise ValueError("too hot")


# NaN, +inf, -inf


@pytest.mark.parametrize("value", [NAN, INF, np.float64("nan"), np.float32("inf"), -NAN])
def test_nan_and_inf_rank_worst_and_are_counted(value):
    def fun(x):
        return value if x[1] > 1.2 else rosenbrock(x)

    result = nelder.minimize(fun, [0.2, 1.0], history=True)
    failed = ~(result.history.values < INF)
    assert result.nfailed == failed.sum() > 0
    assert result.success
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-5)
    assert result.fun == np.nanmin(result.history.values)
    expected = nelder.minimize(lambda x: 1e300 if x[1] > 1.2 else rosenbrock(x), [0.2, 1.0])
    np.testing.assert_array_equal(result.x, expected.x)  # as any value above all others
    assert result.nfev == expected.nfev


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("calls", [{1}, {2}, {1, 2}, {3}, {4}, {5, 6, 7}, set(range(20, 60))])
def test_nan_and_inf_at_any_call(value, calls):
    result = nelder.minimize(bad_at(lambda x: value, calls), [-1.2, 1.0], history=True)
    assert result.nfailed == len(calls)
    assert result.fun == np.nanmin(result.history.values)
    assert result.fun == rosenbrock(result.x)
    assert np.isfinite(result.x).all()


def test_nothing_but_nan_is_no_success():
    for value in (NAN, INF):
        result = nelder.minimize(lambda x, value=value: value, [3.0, 4.0])
        assert not result.success
        assert result.status is Status.NO_FINITE_VALUE
        assert result.status.kind == "failed"
        assert result.fun == INF
        assert result.nfailed == result.nfev < 3000
        assert np.isfinite(result.x).all()


@pytest.mark.parametrize("call", range(1, 30))
def test_minus_inf_ends_the_search_as_unbounded_below(call):
    result = nelder.minimize(bad_at(lambda x: -INF, {call}), [-1.2, 1.0], history=True)
    assert result.status is Status.UNBOUNDED
    assert result.status.kind == "failed"
    assert not result.success
    assert result.nfev == call
    assert result.fun == -INF
    np.testing.assert_array_equal(result.x, result.history.points[-1])
    assert result.nfailed == 0


@pytest.mark.parametrize("before_the_end", range(5))
def test_minus_inf_beside_the_minimum_is_seen_too(before_the_end):
    call = nelder.minimize(rosenbrock, [-1.2, 1.0]).nfev - before_the_end
    result = nelder.minimize(bad_at(lambda x: -INF, {call}), [-1.2, 1.0])
    assert (result.status, result.nfev, result.fun) == (Status.UNBOUNDED, call, -INF)


# Exceptions


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 17, 60])
def test_an_exception_is_raised_as_evaluation_error(call):
    points = []

    def fun(x):
        points.append(np.array(x))
        return rosenbrock(x)

    with pytest.raises(nelder.EvaluationError, match="too hot") as caught:
        nelder.minimize(bad_at(raises, {call}, fun), [-1.2, 1.0], history=True)
    error = caught.value
    assert type(error.__cause__) is ValueError  # from the original
    assert error.__cause__.args == ("too hot",)
    assert isinstance(error, nelder.NelderError)
    clean = nelder.minimize(rosenbrock, [-1.2, 1.0], history=True).history
    np.testing.assert_array_equal(error.x, clean.points[call - 1])
    result = error.result
    assert result.status is Status.OBJECTIVE_FAILED
    assert not result.success
    assert result.nfev == call
    assert result.nfailed == 1
    assert result.fun == min(clean.values[: call - 1], default=INF)
    np.testing.assert_array_equal(result.history.points, clean.points[:call])
    np.testing.assert_array_equal(result.history.values, [*clean.values[: call - 1], NAN])
    assert len(points) == call - 1  # nothing is evaluated after it


def test_an_exception_names_the_point_in_the_structure_of_x0():
    Pair = namedtuple("Pair", ["a", "b"])
    with pytest.raises(nelder.EvaluationError) as caught:
        nelder.minimize(raises, Pair(1.5, np.array([2.5])))
    assert type(caught.value.x) is Pair
    assert caught.value.x.a == 1.5
    assert "1.5" in str(caught.value)
    assert "ValueError('too hot')" in str(caught.value)
    assert type(caught.value.result.x) is Pair


@pytest.mark.parametrize("calls", [{1}, {1, 2, 3}, {2}, {4, 5, 6}, set(range(10, 90, 3))])
def test_on_failure_worst_ranks_the_point_worst_and_goes_on(calls):
    result = nelder.minimize(
        bad_at(raises, calls), [-1.2, 1.0], on_failure="worst", history=True, maxfev=400
    )
    expected = nelder.minimize(bad_at(lambda x: NAN, calls), [-1.2, 1.0], history=True, maxfev=400)
    same(result, expected)
    np.testing.assert_array_equal(result.history.points, expected.history.points)
    np.testing.assert_array_equal(result.history.values, expected.history.values)
    assert result.nfailed == len(calls)


def test_on_failure_worst_where_everything_fails():
    result = nelder.minimize(raises, [3.0, 4.0], on_failure="worst")
    assert result.status is Status.NO_FINITE_VALUE
    assert not result.success
    same(result, nelder.minimize(lambda x: INF, [3.0, 4.0]))


@pytest.mark.parametrize("maxfev", [1, 2, 3, 7, 20])
def test_on_failure_worst_keeps_to_the_budget(maxfev):
    calls = []
    result = nelder.minimize(
        lambda x: calls.append(x) or raises(x), [3.0, 4.0], on_failure="worst", maxfev=maxfev
    )
    assert result.nfev == len(calls) == maxfev


@pytest.mark.parametrize("call", [1, 2, 4, 33])
def test_on_failure_stop_ends_the_search_with_its_result(call):
    result = nelder.minimize(bad_at(raises, {call}), [-1.2, 1.0], on_failure="stop", history=True)
    assert result.status is Status.OBJECTIVE_FAILED
    assert not result.success
    assert (result.nfev, result.nfailed) == (call, 1)
    assert result.fun == min([v for v in result.history.values if v == v], default=INF)


def test_an_exception_of_any_kind():
    class Odd(Exception):
        def __repr__(self):
            return "odd one"

    for kind in (Odd, ZeroDivisionError, StopIteration, MemoryError, StopAsyncIteration):

        def fun(x, kind=kind):
            raise kind

        with pytest.raises(nelder.EvaluationError) as caught:
            nelder.minimize(fun, [1.0])
        assert type(caught.value.__cause__) is kind
        assert nelder.minimize(fun, [1.0], on_failure="stop").nfev == 1


@pytest.mark.parametrize("how", [{}, {"retries": 2}, {"journal": "fit.db"}], ids=str)
@pytest.mark.parametrize("on_failure", ["raise", "worst", "stop"])
def test_what_is_no_exception_leaves_the_search(monkeypatch, tmp_path, on_failure, how):
    """Such as the sys.exit() of a handler of SIGTERM."""
    monkeypatch.chdir(tmp_path)

    def leaves(x):
        sys.exit(3)

    with pytest.raises(SystemExit) as caught:
        nelder.minimize(bad_at(leaves, {5}), [-1.2, 1.0], on_failure=on_failure, **how)
    assert caught.value.code == 3
    assert caught.value.result.nfev == 4
    assert caught.value.result.status is nelder.Status.INTERRUPTED
    if how == {"journal": "fit.db"}:  # it is not known what that point is worth
        assert nelder.load("fit.db").evaluations.values.tolist() == [
            rosenbrock(x) for x in nelder.load("fit.db").evaluations.X
        ]
        assert len(nelder.load("fit.db").evaluations) == 4


# Values that are no real scalars

BAD_VALUES = {
    "None": None,
    "text": "1.0",
    "bytes": b"1.0",
    "complex": 1.0 + 0.0j,
    "numpy complex": np.complex128(1.0),
    "complex array": np.array([1.0 + 0.0j]),
    "two": np.array([1.0, 2.0]),
    "empty": np.empty(0),
    "square": np.ones((2, 2)),
    "list": [1.0],
    "tuple": (1.0, 2.0),
    "dict": {"f": 1.0},
    "texts": np.array(["1.0"]),
    "object": object(),
    "function": rosenbrock,
    "too large": 10**400,
    "time": np.datetime64("2020-01-01"),
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
@pytest.mark.parametrize("call", [1, 3, 4, 20])
@pytest.mark.parametrize("on_failure", ["raise", "worst", "stop"])
def test_a_value_that_is_no_real_scalar_is_a_clear_error(value, call, on_failure):
    with pytest.raises(
        nelder.ReturnValueError, match=r"objective returned .*real scalar"
    ) as caught:
        nelder.minimize(bad_at(lambda x: value, {call}), [-1.2, 1.0], on_failure=on_failure)
    error = caught.value
    assert isinstance(error, TypeError)
    assert isinstance(error, nelder.EvaluationError)
    clean = nelder.minimize(rosenbrock, [-1.2, 1.0], history=True).history
    np.testing.assert_array_equal(error.x, clean.points[call - 1])
    assert error.result.status is Status.OBJECTIVE_FAILED
    assert error.result.fun == min(clean.values[: call - 1], default=INF)


def test_a_forgotten_return_statement_is_named():
    with pytest.raises(nelder.ReturnValueError, match="return statement"):
        nelder.minimize(lambda x: None, [1.0])


class Tensor:
    """What array libraries give back: converts to float, is none."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value


@pytest.mark.parametrize(
    "kind",
    [
        np.float64,
        lambda value: np.array([value]),
        np.array,
        lambda value: np.array([[[value]]]),
        lambda value: Fraction(float(value)),
        lambda value: decimal.Decimal(float(value)),
        Tensor,
        lambda value: np.ma.array([float(value)]),
    ],
    ids=["float64", "(1,)", "0-d", "(1, 1, 1)", "Fraction", "Decimal", "tensor", "masked"],
)
def test_real_scalars_of_any_kind_are_taken(kind):
    same(
        nelder.minimize(lambda x: kind(rosenbrock(x)), [-1.2, 1.0]),
        nelder.minimize(rosenbrock, [-1.2, 1.0]),
    )


@pytest.mark.parametrize(
    "kind", [int, np.int64, np.uint8, np.float32, np.float16, bool, np.bool_, np.longdouble]
)
def test_coarse_real_scalars_are_taken(kind):
    def fun(x):
        return kind(min(abs(3.0 * float(x[0])), 200.0))

    result = nelder.minimize(fun, [10.0], maxfev=200, history=True)
    expected = nelder.minimize(lambda x: float(fun(x)), [10.0], maxfev=200, history=True)
    same(result, expected)
    np.testing.assert_array_equal(result.history.values, expected.history.values)
    assert type(result.fun) is float


# Ctrl-C


def interrupt(x):
    signal.raise_signal(signal.SIGINT)
    return 0.0


@pytest.fixture
def default_interrupt():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("default_interrupt")
@pytest.mark.parametrize("call", [1, 2, 4, 37])
@pytest.mark.parametrize("settings", [{}, {"on_failure": "worst"}, {"callback": lambda xk: None}])
def test_ctrl_c_raises_keyboard_interrupt_that_carries_the_result(call, settings):
    with pytest.raises(KeyboardInterrupt) as caught:
        nelder.minimize(bad_at(interrupt, {call}), [-1.2, 1.0], history=True, **settings)
    result = caught.value.result
    assert result.status is Status.INTERRUPTED
    assert result.status.kind == "user"
    assert not result.success
    assert result.nfev == len(result.history.values) == call - 1
    assert result.fun == min(result.history.values, default=INF)
    clean = nelder.minimize(rosenbrock, [-1.2, 1.0], history=True).history
    np.testing.assert_array_equal(result.history.points, clean.points[: call - 1])


@pytest.mark.usefixtures("default_interrupt")
@pytest.mark.skipif(sys.platform == "win32", reason="no C library without a name")
@pytest.mark.parametrize("history", [False, True])
def test_ctrl_c_during_a_native_objective(history):
    send = ctypes.CDLL(None)["raise"]
    send.argtypes, send.restype = [ctypes.c_int], ctypes.c_int
    sigint, when = int(signal.SIGINT), 1000

    @numba.cfunc(
        numba.types.float64(
            numba.types.int64,
            numba.types.CPointer(numba.types.float64),
            numba.types.CPointer(numba.types.float64),
        )
    )
    def fun(n, x, state):
        """Random values, so that the search has no end; at one call, Ctrl-C."""
        state[0] += 1.0
        if state[0] == when:
            send(sigint)
        state[1] = (state[1] * 1103515245.0 + 12345.0) % 2147483648.0
        return state[1]

    state = np.array([0.0, 1.0])
    endless = NelderMead(convergence=nelder.StandardError(0.0), probe=False)
    with pytest.raises(KeyboardInterrupt) as caught:
        nelder.minimize(
            nelder.NativeObjective(fun.address, state),
            [1.0, 2.0],
            method=endless,
            maxfev=30_000_000 if not history else 1_000_000,
            history=history,
        )
    result = caught.value.result
    assert when - 1 <= result.nfev
    assert state[0] - 1 <= result.nfev <= state[0]  # uncompiled, the last value may be lost
    assert result.status is Status.INTERRUPTED
    assert result.fun < INF
    if history:
        assert result.fun == result.history.values.min()


@pytest.mark.usefixtures("default_interrupt")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_ctrl_c_during_an_objective_without_bytecode():
    values = itertools.cycle([3.0, 1.0, 2.0, 5.0, 4.0, 9.0, 7.0])
    endless = NelderMead(convergence=nelder.StandardError(0.0), probe=False)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            nelder.minimize(
                functools.partial(next, values), [1.0, 2.0], method=endless, maxfev=50_000_000
            )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert caught.value.result.nfev > 0


@pytest.mark.usefixtures("default_interrupt")
def test_ctrl_c_in_a_callback():
    def callback(intermediate_result):
        if intermediate_result.nit == 3:
            interrupt(None)

    with pytest.raises(KeyboardInterrupt) as caught:
        nelder.minimize(rosenbrock, [-1.2, 1.0], callback=callback)
    assert caught.value.result.nit == 3
    assert caught.value.result.status is Status.INTERRUPTED


def test_an_error_of_the_callback_carries_the_result():
    def callback(xk):
        if len(seen) == 4:
            raise OSError("disk full")
        seen.append(xk)

    seen = []
    with pytest.raises(OSError, match="disk full") as caught:
        nelder.minimize(rosenbrock, [-1.2, 1.0], callback=callback, history=True)
    result = caught.value.result
    assert result.nit == 5
    assert result.fun == result.history.values.min()
    assert not result.success


def test_an_error_of_a_rule_carries_the_result():
    def rule(simplex, values):
        if len(seen) == 4:
            raise OSError("disk full")
        seen.append(values)
        return False

    seen = []
    with pytest.raises(OSError, match="disk full") as caught:
        nelder.minimize(rosenbrock, [-1.2, 1.0], method=NelderMead(convergence=rule))
    assert caught.value.result.nit == 4  # the first simplex was asked about too


# The callable may keep, change or reshape the array that it is given


def test_the_callable_may_keep_the_array():
    kept, copies, views = [], [], []

    def fun(x):
        kept.append(x)
        views.append(x[1:])
        copies.append(x.copy())
        return rosenbrock(x)

    result = nelder.minimize(fun, [-1.2, 1.0])
    assert len(kept) == result.nfev
    np.testing.assert_array_equal(kept, copies)
    np.testing.assert_array_equal(views, np.array(copies)[:, 1:])
    same(result, nelder.minimize(rosenbrock, [-1.2, 1.0]))


@pytest.mark.parametrize(
    "keep",
    [
        lambda x: x[:1],
        lambda x: x.T,
        lambda x: memoryview(x),
        lambda x: x.reshape(2, 1),
        lambda x: iter(x),
        lambda x: x.view(np.int64),
        lambda x: {"x": x},
        lambda x: lambda: x,
        lambda x: x.flat,
        lambda x: np.asarray(x),
    ],
    ids=[
        "slice",
        "transposed",
        "memory",
        "column",
        "iterator",
        "bits",
        "dict",
        "closure",
        "flat",
        "same",
    ],
)
def test_the_callable_may_keep_anything_that_leans_on_the_array(keep):
    def read(kept):
        if callable(kept):
            kept = kept()
        if isinstance(kept, dict):
            kept = kept["x"]
        return np.array(list(kept), dtype=object).ravel().tolist()

    kept, points = [], []

    def fun(x):
        kept.append(keep(x))
        points.append(x.copy())
        return rosenbrock(x)

    nelder.minimize(fun, [-1.2, 1.0], maxfev=40)
    assert [read(k) for k in kept] == [read(keep(x)) for x in points]


def test_the_callable_may_keep_some_of_the_arrays():
    kept = {}

    def fun(x):
        if len(kept) < 20 and x[0] < 0.5:
            kept[tuple(x)] = x
        return rosenbrock(x)

    nelder.minimize(fun, [-1.2, 1.0])
    assert [tuple(x) for x in kept.values()] == list(kept)


def overwrite(x):
    x[:] = NAN


def sort(x):
    x.sort()


def reshape(x):
    x.shape = (2, 1)


def freeze(x):
    x.flags.writeable = False


def resize(x):
    x.resize(5, refcheck=False)


def shrink(x):
    x.resize(1, refcheck=False)


def retype(x):
    x.dtype = np.int64


def swap(x):
    x[0], x[1] = x[1], x[0]


def stride(x):
    x.strides = (0,)


@pytest.mark.parametrize(
    "change", [overwrite, sort, reshape, freeze, resize, shrink, retype, swap, stride]
)
@pytest.mark.parametrize("bounds", [None, [(-2, 2), (None, 4)]])
@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")
def test_the_callable_may_change_or_reshape_the_array(change, bounds):
    shapes = set()

    def fun(x):
        shapes.add((x.shape, x.dtype, x.flags.writeable, x.flags.c_contiguous))
        value = rosenbrock(x)
        change(x)
        return value

    result = nelder.minimize(fun, [-1.2, 1.0], bounds=bounds, history=True)
    expected = nelder.minimize(rosenbrock, [-1.2, 1.0], bounds=bounds, history=True)
    same(result, expected)
    np.testing.assert_array_equal(result.history.points, expected.history.points)
    assert shapes == {((2,), np.dtype(float), True, True)}


# The callable may itself search; threads may search at the same time


def test_the_callable_may_itself_call_minimize():
    def inner(y, x):
        return (y[0] - x) ** 2 + (y[1] + 1.0) ** 2

    def outer(x):
        result = nelder.minimize(inner, [0.0, 0.0], (x[0],), history=True)
        assert result.success
        return (result.x[0] - 2.0) ** 2 + result.fun + (x[1] - 3.0) ** 2

    result = nelder.minimize(outer, [0.0, 0.0])
    assert result.success
    np.testing.assert_allclose(result.x, [2.0, 3.0], atol=1e-4)


@pytest.mark.parametrize("inner", [raises, lambda y: None], ids=["exception", "return value"])
def test_an_inner_search_that_fails_is_an_exception_of_the_objective(inner):
    def outer(x):
        if x[0] > 2.0:
            return nelder.minimize(inner, [5.0, 6.0, 7.0]).fun
        return (x[0] - 1.0) ** 2

    with pytest.raises(nelder.EvaluationError) as caught:
        nelder.minimize(outer, [1.9])
    error = caught.value
    assert error.x.tolist() == [1.9 + 0.5 * 1.9]
    assert error.result.nfev == 2  # the outer search's
    assert error.result.x.tolist() == [1.9]
    assert error.result.fun == outer([1.9])
    assert isinstance(error.__cause__, nelder.EvaluationError)
    assert error.__cause__.x.tolist() == [5.0, 6.0, 7.0]
    assert error.__cause__.result.x.shape == (3,)

    result = nelder.minimize(outer, [1.9], on_failure="worst")
    assert result.success
    assert result.nfailed > 0
    assert result.x[0] == pytest.approx(1.0, abs=1e-6)
    assert nelder.minimize(outer, [1.9], on_failure="stop").nfev == 2


def test_an_inner_search_that_fails_in_a_callback_does_not_lose_the_outer_result():
    def callback(intermediate_result):
        if intermediate_result.nit == 3:
            nelder.minimize(raises, [5.0, 6.0, 7.0])

    with pytest.raises(nelder.NelderError) as caught:
        nelder.minimize(rosenbrock, [-1.2, 1.0], callback=callback)
    chain = (caught.value, caught.value.__cause__, caught.value.__context__)
    found = [getattr(error, "result", None) for error in chain]
    assert [result.nit for result in found if result and len(result.x) == 2] == [3]


@pytest.mark.usefixtures("default_interrupt")
def test_ctrl_c_in_an_inner_search_carries_the_outer_result():
    def outer(x):
        return nelder.minimize(bad_at(interrupt, {7}), [5.0, 6.0]).fun + x[0] ** 2

    with pytest.raises(KeyboardInterrupt) as caught:
        nelder.minimize(outer, [1.0, 2.0, 3.0])
    assert caught.value.result.x.shape == (3,)
    assert caught.value.result.nfev == 0


STARTS = [[-1.2 + 0.3 * i, 1.0 - 0.2 * i] for i in range(12)]


def test_threads_search_at_the_same_time_with_the_same_answers():
    barrier = threading.Barrier(4)

    def search(x0):
        if len(seen) < 4:
            seen.append(x0)
            barrier.wait(timeout=30)
        return [nelder.minimize(rosenbrock, x0, history=True) for _ in range(5)]

    seen = []
    alone = [nelder.minimize(rosenbrock, x0, history=True) for x0 in STARTS]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(search, STARTS))
    finally:
        sys.setswitchinterval(interval)
    for results, expected in zip(together, alone, strict=True):
        for result in results:
            same(result, expected)
            np.testing.assert_array_equal(result.history.points, expected.history.points)


def test_threads_search_native_objectives_at_the_same_time():
    @numba.cfunc(
        numba.types.float64(
            numba.types.int64, numba.types.CPointer(numba.types.float64), numba.types.voidptr
        )
    )
    def native(n, x, data):
        a = x[1] - x[0] * x[0]
        b = 1.0 - x[0]
        return 100.0 * a * a + b * b

    alone = [nelder.minimize(rosenbrock, x0) for x0 in STARTS]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda x0: nelder.minimize(native, x0), STARTS))
    for result, expected in zip(together, alone, strict=True):
        same(result, expected)


def test_threads_share_a_method_and_progress(capsys):
    method = NelderMead(initial_simplex=nelder.RegularSimplex(0.7))
    alone = nelder.minimize(rosenbrock, [-1.2, 1.0], method=method)
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(
            lambda x0: nelder.minimize(rosenbrock, x0, method=method, progress=True),
            [[-1.2, 1.0]] * 8,
        )
        for result in together:
            same(result, alone)
    capsys.readouterr()


@pytest.mark.parametrize("on_failure", ["raise", "worst", "stop"])
def test_that_there_is_no_way_to_evaluate_is_no_failure_of_a_point(on_failure):
    """As where a program cannot be run: the search ends, and what it found is kept."""
    count = itertools.count(1)

    def objective(x):
        if next(count) > 9:
            raise nelder.ExecutorError("the disk is full")
        return rosenbrock(x)

    with pytest.raises(nelder.ExecutorError, match=r"^the disk is full$") as error:
        nelder.minimize(objective, [-1.2, 1.0], on_failure=on_failure)
    assert error.value.result.nfev == 9
    assert error.value.result.nfailed == 0
