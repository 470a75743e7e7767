"""Ask and tell."""

import itertools
import math

import numpy as np
import pytest

import nelder
from nelder import NelderMead, Optimizer, Status, Tolerance

INF = math.inf
NAN = math.nan


def rosenbrock(x):
    a = x[1] - x[0] * x[0]
    b = 1.0 - x[0]
    return float(100.0 * a * a + b * b)


def stairs(x):
    return float(np.floor(3.0 * np.abs(x)).sum() + (x[0] > 0.5) * 2.0)


def values_of(fun, points):
    return [fun(x) for x in points]


def complete(optimizer, fun, order=None, limit=20000):
    """Ask and tell to the end, in any order; return all points in the order of asking."""
    asked = []
    while not optimizer.done:
        points = optimizer.ask()
        asked += list(points)
        assert len(asked) < limit
        for piece in (order or (lambda m: [range(m)]))(len(points)):
            piece = list(piece)
            optimizer.tell(points[piece], values_of(fun, points[piece]))
    return asked


def same(left, right):
    np.testing.assert_array_equal(left.x, right.x)
    for name in ("fun", "success", "status", "nfev", "nit", "nshrink", "nrestart", "nfailed"):
        assert left[name] == right[name], name
    np.testing.assert_array_equal(left.final_simplex.vertices, right.final_simplex.vertices)
    np.testing.assert_array_equal(left.final_simplex.values, right.final_simplex.values)


CASES = {
    "default": (rosenbrock, [-1.2, 1.0], None, NelderMead()),
    "shrinks": (stairs, [1.9, 2.3], None, NelderMead(convergence=Tolerance(1e-3, 0.0))),
    "restarts": (rosenbrock, [-1.2, 1.0], None, NelderMead(convergence=Tolerance(1e-2, 1e-2))),
    "bounds": (rosenbrock, [-1.2, 1.0], [(-2.0, 0.5), (None, 3.0)], NelderMead()),
    "clip": (rosenbrock, [-1.2, 1.0], [(-2.0, 0.5), None], NelderMead(bounds_method="clip")),
    "fixed": (lambda x: rosenbrock(x[1:]), [5.0, -1.2, 1.0], [(2, 2), None, None], NelderMead()),
    "all fixed": (rosenbrock, [5.0, 5.0], [(2, 2), (3, 3)], NelderMead()),
    "n = 1": (lambda x: abs(float(x[0]) - 0.3), [5.0], None, NelderMead()),
    "n = 7": (lambda x: float(((x - 1.0) ** 2).sum()), np.arange(7.0), None, NelderMead()),
    "nan": (lambda x: NAN if x[1] > 1.2 else rosenbrock(x), [0.2, 1.0], None, NelderMead()),
    "only nan": (lambda x: NAN, [0.2, 1.0], None, NelderMead()),
    "unbounded": (lambda x: float(x[0]), [1.0, 1.0], None, NelderMead()),
    "minus inf": (
        lambda x: -INF if x[1] > 1.2 else rosenbrock(x), [-1.2, 1.0], None, NelderMead(),
    ),
    "scipy": (rosenbrock, [-1.2, 1.0], None, NelderMead.scipy()),
    "optim": (rosenbrock, [0.0, 0.0], None, NelderMead.optim()),
    "tfp": (rosenbrock, [-1.2, 1.0], None, NelderMead.tfp()),
    "fminsearch": (rosenbrock, [-1.2, 1.0], None, NelderMead.fminsearch()),
    "own rule": (
        rosenbrock, [-1.2, 1.0], None,
        NelderMead(convergence=lambda simplex, values: values[-1] < values[0] + 1e-6),
    ),
    "own rule and restarts": (
        rosenbrock, [-1.2, 1.0], None,
        NelderMead(convergence=lambda simplex, values: values[-1] < values[0] + 1e-4),
    ),
}  # fmt: skip
ORDERS = {
    "all at once": lambda m: [range(m)],
    "one by one": lambda m: [[i] for i in range(m)],
    "backwards": lambda m: [range(m)[::-1]],
    "one by one backwards": lambda m: [[i] for i in reversed(range(m))],
    "halves": lambda m: [range(m // 2, m), range(m // 2)],
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_ask_and_tell_equals_minimize_bit_for_bit(case, order):
    fun, x0, bounds, method = case
    expected = nelder.minimize(fun, x0, bounds=bounds, method=method, history=True)
    optimizer = Optimizer(x0, bounds=bounds, method=method)
    asked = complete(optimizer, fun, order)
    result = optimizer.result()
    same(result, expected)
    if expected.status is not Status.UNBOUNDED:
        np.testing.assert_array_equal(asked, expected.history.points)
    assert result.fun == fun(result.x) or np.isnan(fun(result.x))


def test_every_order_of_the_first_simplex():
    expected = nelder.minimize(rosenbrock, [-1.2, 1.0])
    for order in itertools.permutations(range(3)):
        for pieces in ([order], [order[:1], order[1:]], [[i] for i in order]):
            optimizer = Optimizer([-1.2, 1.0])
            points = optimizer.ask()
            for piece in pieces:
                optimizer.tell(points[list(piece)], values_of(rosenbrock, points[list(piece)]))
            complete(optimizer, rosenbrock)
            same(optimizer.result(), expected)


def test_asks_for_the_first_simplex_then_one_then_all_of_a_shrink():
    optimizer = Optimizer([1.9, 2.3], method=CASES["shrinks"][3])
    sizes = []
    while not optimizer.done:
        points = optimizer.ask()
        sizes.append(len(points))
        optimizer.tell(points, values_of(stairs, points))
    assert sizes[0] == 3
    assert sizes.count(2) == optimizer.result().nshrink > 0
    assert set(sizes) == {1, 2, 3}


def test_asking_again_gives_the_same():
    optimizer = Optimizer([1.9, 2.3])
    for _ in range(60):
        points = optimizer.ask()
        np.testing.assert_array_equal(optimizer.ask(), points)
        np.testing.assert_array_equal(optimizer.ask(1), points[:1])
        np.testing.assert_array_equal(optimizer.ask(100), points)
        before = points.copy()
        optimizer.tell(points, values_of(stairs, points))
        np.testing.assert_array_equal(points, before)  # what was asked stays what it was


def test_asking_for_fewer_points():
    optimizer = Optimizer(np.ones(4))
    everything = optimizer.ask()
    assert everything.shape == (5, 4)
    for m in range(1, 7):
        np.testing.assert_array_equal(optimizer.ask(m), everything[:m])
    np.testing.assert_array_equal(optimizer.ask(np.int64(2)), everything[:2])


def test_partial_tells_leave_the_others_asked_for():
    optimizer = Optimizer(np.ones(4))
    everything = optimizer.ask()
    optimizer.tell(everything[[3, 1]], [3.0, 1.0])
    np.testing.assert_array_equal(optimizer.ask(), everything[[0, 2, 4]])
    np.testing.assert_array_equal(optimizer.ask(2), everything[[0, 2]])
    optimizer.tell(everything[0], 0.5)  # one point, one number
    np.testing.assert_array_equal(optimizer.ask(), everything[[2, 4]])
    optimizer.tell(everything[4:], np.array([4.0]))
    optimizer.tell(everything[2:3], [2.0])
    assert len(optimizer.ask()) == 1
    result = optimizer.result()
    assert (result.nfev, result.fun) == (5, 0.5)
    np.testing.assert_array_equal(result.final_simplex.values, [0.5, 1.0, 2.0, 3.0, 4.0])


def test_points_may_be_told_as_lists_or_copies():
    expected = nelder.minimize(rosenbrock, [-1.2, 1.0])
    for kind in (np.array, np.ndarray.tolist, lambda X: tuple(map(tuple, X)), np.asfortranarray):
        optimizer = Optimizer([-1.2, 1.0])
        while not optimizer.done:
            X = optimizer.ask()  # noqa: N806
            optimizer.tell(kind(X), values_of(rosenbrock, X))
        same(optimizer.result(), expected)


@pytest.mark.parametrize(
    "kind",
    [np.array, tuple, lambda v: np.array(v)[:, None], lambda v: [np.array([f]) for f in v],
     lambda v: np.array(v, dtype=object)],
    ids=["array", "tuple", "column", "arrays", "objects"],
)  # fmt: skip
def test_values_of_any_real_kind(kind):
    optimizer = Optimizer([-1.2, 1.0])
    while not optimizer.done:
        points = optimizer.ask()
        optimizer.tell(points, kind(values_of(rosenbrock, points)))
    same(optimizer.result(), nelder.minimize(rosenbrock, [-1.2, 1.0]))


def test_points_may_be_changed_without_harm():
    optimizer = Optimizer([1.9, 2.3])
    for _ in range(40):
        points = optimizer.ask()
        before = points.copy()
        if points.flags.writeable:
            points[:] = NAN
        np.testing.assert_array_equal(optimizer.ask(), before)
        np.testing.assert_array_equal(optimizer.ask(1), before[:1])
        optimizer.tell(before, values_of(stairs, before))
    complete(optimizer, stairs)
    same(optimizer.result(), nelder.minimize(stairs, [1.9, 2.3]))


@pytest.mark.parametrize("value", [NAN, INF])
def test_nan_and_inf_rank_worst(value):
    optimizer = Optimizer([-1.2, 1.0])
    points = optimizer.ask()
    optimizer.tell(points, [value, 2.0, 3.0])
    result = optimizer.result()
    assert result.fun == 2.0
    assert result.nfailed == 1
    np.testing.assert_array_equal(result.x, points[1])
    assert result.final_simplex.values.tolist() == [2.0, 3.0, INF]


def test_minus_inf_ends_the_search():
    optimizer = Optimizer([-1.2, 1.0])
    points = optimizer.ask()
    optimizer.tell(points[2:], -INF)  # waits for its turn
    assert not optimizer.done
    optimizer.tell(points[:2], [1.0, 2.0])
    assert optimizer.done
    result = optimizer.result()
    assert (result.status, result.fun, result.success) == (Status.UNBOUNDED, -INF, False)
    np.testing.assert_array_equal(result.x, points[2])


# Misuse


def unchanged(optimizer, points, before):
    """Assert that nothing was taken."""
    np.testing.assert_array_equal(optimizer.ask(), points)
    assert optimizer.result().nfev == before.nfev


MISUSE = {
    "another point": (lambda X: X + 1e-9, lambda v: v, "asked for"),
    "one of them another": (lambda X: [*X[:-1], [0.1, 0.2]], lambda v: v, "asked for"),
    "an old point": (lambda X: np.array([[-1.2, 1.0]] * len(X)), lambda v: v, "asked for"),
    "too wide": (lambda X: np.ones((len(X), 3)), lambda v: v, r"expected \(m, 2\)"),
    "cube": (lambda X: X[None], lambda v: v, r"expected \(m, 2\)"),
    "a number": (lambda X: 3.0, lambda v: v, r"expected \(m, 2\)"),
    "text": (lambda X: "point", lambda v: v, "X"),
    "None": (lambda X: None, lambda v: v, "X"),
    "ragged": (lambda X: [[1.0, 2.0], [3.0]], lambda v: v, "X"),
    "nan": (lambda X: X * NAN, lambda v: v, "asked for"),
    "too many values": (lambda X: X, lambda v: [*v, 1.0], "values has"),
    "too few values": (lambda X: X, lambda v: v[1:], "values has"),
    "twice": (lambda X: np.concatenate([X, X[:1]]), lambda v: [*v, v[0]], "asked for"),
}


@pytest.mark.parametrize(("points", "values", "message"), MISUSE.values(), ids=MISUSE)
@pytest.mark.parametrize("after", [0, 7])
def test_misuse_is_refused_and_nothing_is_taken(points, values, message, after):
    optimizer = Optimizer([-1.2, 1.0])
    for _ in range(after):
        asked = optimizer.ask()
        optimizer.tell(asked, values_of(rosenbrock, asked))
    asked = optimizer.ask()
    before = optimizer.result()
    with pytest.raises(nelder.InvalidArgumentError, match=message):
        optimizer.tell(points(asked), values(values_of(rosenbrock, asked)))
    unchanged(optimizer, asked, before)
    complete(optimizer, rosenbrock)
    same(optimizer.result(), nelder.minimize(rosenbrock, [-1.2, 1.0]))


@pytest.mark.parametrize("bad", [None, "1.0", 1j, [1.0, 2.0], np.ones(2), object()])
@pytest.mark.parametrize("after", [0, 7])
def test_values_that_are_no_real_scalars_are_refused_and_nothing_is_taken(bad, after):
    optimizer = Optimizer([-1.2, 1.0])
    for _ in range(after):
        asked = optimizer.ask()
        optimizer.tell(asked, values_of(rosenbrock, asked))
    asked = optimizer.ask()
    before = optimizer.result()
    values = [*values_of(rosenbrock, asked[1:]), bad]
    with pytest.raises(nelder.ReturnValueError, match="real scalar"):
        optimizer.tell(asked, values)
    unchanged(optimizer, asked, before)
    complete(optimizer, rosenbrock)
    same(optimizer.result(), nelder.minimize(rosenbrock, [-1.2, 1.0]))


def test_telling_a_point_twice_is_refused():
    optimizer = Optimizer([-1.2, 1.0])
    points = optimizer.ask()
    optimizer.tell(points[1:2], [1.0])
    with pytest.raises(nelder.InvalidArgumentError, match="not yet told"):
        optimizer.tell(points[1:2], [1.0])
    optimizer.tell(points[[0, 2]], [2.0, 3.0])
    with pytest.raises(nelder.InvalidArgumentError, match="not yet told"):
        optimizer.tell(points, [2.0, 1.0, 3.0])
    single = optimizer.ask()
    optimizer.tell(single, [0.5])
    with pytest.raises(nelder.InvalidArgumentError, match="not yet told"):
        optimizer.tell(single, [0.5])


def test_points_that_coincide_are_told_apart_by_order():
    simplex = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1e-17]])
    bounded = Optimizer(
        [0.0, 0.0], bounds=[(0, 1), (-1, 1)], method=NelderMead(initial_simplex=simplex)
    )
    points = bounded.ask()
    bounded.tell(points, [1.0, 2.0, 3.0])
    assert bounded.result().nfev == 3


def test_after_the_end_nothing_is_asked_and_nothing_taken():
    optimizer = Optimizer([-1.2, 1.0])
    asked = complete(optimizer, rosenbrock)
    assert optimizer.done
    assert optimizer.ask().shape == (0, 2)
    assert optimizer.ask(3).shape == (0, 2)
    before = optimizer.result()
    with pytest.raises(nelder.InvalidArgumentError, match="asked for"):
        optimizer.tell(asked[-1], 0.0)
    optimizer.tell(np.empty((0, 2)), [])  # nothing is nothing
    same(optimizer.result(), before)


# Result


def test_result_while_it_runs():
    optimizer = Optimizer([-1.2, 1.0])
    result = optimizer.result()
    assert (result.status, result.success, result.nfev, result.fun) == (
        Status.RUNNING,
        False,
        0,
        INF,
    )
    assert result.status.kind == "running"
    assert result.x.tolist() == [-1.2, 1.0]
    assert np.isnan(result.final_simplex.values).all()
    seen = []
    for _ in range(50):
        points = optimizer.ask()
        seen += values_of(rosenbrock, points)
        optimizer.tell(points, seen[-len(points) :])
        result = optimizer.result()
        assert result.nfev == len(seen)
        assert result.fun == min(seen) == rosenbrock(result.x)
        assert not result.success
    assert repr(result)
    result.x[:] = NAN
    result.final_simplex.vertices[:] = NAN
    result.final_simplex.values[:] = NAN
    complete(optimizer, rosenbrock)
    same(optimizer.result(), nelder.minimize(rosenbrock, [-1.2, 1.0]))
    assert optimizer.result().history is None


def test_structured_x0_with_restore():
    def fun(p):
        return (p["rate"] - 1.0) ** 2 + float(((p["knots"] + 2.0) ** 2).sum())

    x0 = {"rate": 3.0, "knots": np.array([4.0, 5.0])}
    bounds = {"knots": (-1.0, None)}
    optimizer = Optimizer(x0, bounds=bounds)
    first = optimizer.ask()
    assert first.shape == (4, 3)
    p = optimizer.restore(first[0])
    assert type(p["rate"]) is float
    assert p["rate"] == pytest.approx(3.0)
    p["knots"][:] = NAN  # a copy
    complete(optimizer, lambda x: fun(optimizer.restore(x)))
    expected = nelder.minimize(fun, x0, bounds=bounds)
    result = optimizer.result()
    assert result.x["rate"] == expected.x["rate"]
    np.testing.assert_array_equal(result.x["knots"], expected.x["knots"])
    assert (result.fun, result.nfev, result.names) == (expected.fun, expected.nfev, expected.names)


def test_restore_of_a_flat_x0_is_a_copy():
    optimizer = Optimizer([1.0, 2.0])
    point = optimizer.ask()[0]
    x = optimizer.restore(point)
    assert x.tolist() == point.tolist()
    x[0] = 3.0
    assert point[0] == 1.0


def test_two_optimizers_do_not_disturb_each_other():
    one, two = Optimizer([-1.2, 1.0]), Optimizer([3.0, -4.0])
    while not (one.done and two.done):
        for optimizer in (one, two):
            points = optimizer.ask()
            optimizer.tell(points, values_of(rosenbrock, points))
    same(one.result(), nelder.minimize(rosenbrock, [-1.2, 1.0]))
    same(two.result(), nelder.minimize(rosenbrock, [3.0, -4.0]))
