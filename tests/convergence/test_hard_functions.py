"""The functions that must come out right: the right answer, or no success, and never a hang."""

import itertools
import math

import numpy as np
import pytest

import nelder
from benchmarks.problems import HAN_SIMPLEX, MCKINNON_SIMPLEX, han, mckinnon
from nelder import NelderMead, Status, Tolerance

INF = math.inf
NAN = math.nan
METHODS = {"transform": NelderMead(), "clip": NelderMead(bounds_method="clip")}


def search(fun, x0, bounds=None, **settings):
    """Minimise, and assert what holds for every search."""
    points, values = [], []

    def recorded(x):
        points.append(x.copy())
        values.append(float(fun(x)))
        return values[-1]

    result = nelder.minimize(recorded, x0, bounds=bounds, history=True, **settings)
    n = np.size(x0)
    assert result.nfev == len(values) <= settings.get("maxfev", 1000 * (n + 1))  # no hang
    np.testing.assert_array_equal(result.history.points, points)
    np.testing.assert_array_equal(result.history.values, values)
    known = [value for value in values if value == value]
    assert result.fun == min(known, default=INF)  # never worse than the best point evaluated
    if result.fun < INF:
        where = [x for x, value in zip(points, values, strict=True) if value == result.fun]
        assert any(np.array_equal(result.x, x) for x in where)
    assert result.success == (result.status in (Status.CONVERGED, Status.TARGET))
    assert np.all(np.isfinite(points))
    if bounds is not None:
        low = np.array([-INF if pair[0] is None else pair[0] for pair in bounds])
        high = np.array([INF if pair[1] is None else pair[1] for pair in bounds])
        assert np.all((points >= low) & (points <= high))  # exactly
    return result


# McKinnon's functions, from their published simplex

MCKINNON = [(1, 15, 10), (2, 6, 60), (3, 6, 400)]


@pytest.mark.parametrize("constants", MCKINNON)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_mckinnon_reaches_the_minimum(constants, order):
    problem = mckinnon(*constants)
    method = NelderMead(initial_simplex=MCKINNON_SIMPLEX[list(order)])
    result = search(problem.fun, problem.x0, method=method)
    assert result.success
    assert result.fun == pytest.approx(-0.25, abs=1e-7)
    np.testing.assert_allclose(result.x, [0.0, -0.5], atol=1e-3)
    assert result.nrestart > 0


@pytest.mark.parametrize("constants", MCKINNON)
def test_mckinnon_fools_a_search_without_the_probe(constants):
    problem = mckinnon(*constants)
    method = NelderMead(initial_simplex=MCKINNON_SIMPLEX, probe=False)
    result = search(problem.fun, problem.x0, method=method)
    assert result.success
    assert result.fun > -1e-3
    np.testing.assert_allclose(result.x, [0.0, 0.0], atol=1e-3)


def test_han_does_not_end_on_its_segment():
    problem = han()
    result = search(problem.fun, problem.x0, method=NelderMead(initial_simplex=HAN_SIMPLEX))
    assert result.success
    x, y = result.x
    gradient = [2.0 * x, 4.0 * y**3 - 1.5 * y**2 - 8.0 * y + 2.0]
    np.testing.assert_allclose(gradient, 0.0, atol=1e-2)
    assert result.fun < -1.0


# All values equal, plateaus, steps


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e300, -1e300, 5e-324])
@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_all_values_equal(value, n):
    result = search(lambda x: value, np.linspace(-1.0, 2.0, n))
    assert result.status is Status.CONVERGED
    assert result.fun == value


@pytest.mark.parametrize("bounds", [[(0, 1), (0, 1)], [(0, None), (None, 1)], [(0, 1), (1, 1)]])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_all_values_equal_in_bounds(bounds, method):
    assert search(lambda x: 2.0, [0.5, 0.5], bounds, method=method).status is Status.CONVERGED


def plateau_with_a_hole(centre, radius):
    def fun(x):
        distance = float(((x - centre) ** 2).sum())
        return -1.0 + distance / radius**2 if distance < radius**2 else 0.0

    return fun


@pytest.mark.parametrize("centre", [[1.0, 1.0], [1.5, 1.0], [1.25, 1.25], [0.75, 0.75], [1.0, 1.7]])
def test_plateau_with_a_hole_in_reach(centre):
    fun = plateau_with_a_hole(np.array(centre), 0.4)
    result = search(fun, [1.0, 1.0])
    assert result.success
    assert result.fun == pytest.approx(-1.0, abs=1e-6)
    np.testing.assert_allclose(result.x, centre, atol=1e-3)


def test_plateau_with_a_hole_out_of_reach():
    result = search(plateau_with_a_hole(np.array([1e6, 1e6]), 1.0), [1.0, 1.0])
    assert result.status is Status.CONVERGED
    assert result.fun == 0.0


def test_hole_whose_rim_is_higher_than_the_plateau():
    def fun(x):
        distance = float((x**2).sum())
        return distance - 1.0 if distance < 1.0 else 3.0 if distance < 1.2 else 0.5

    result = search(fun, [1.5, 0.1])
    assert result.fun <= 0.5
    if result.fun < 0.0:
        assert result.success
        assert result.fun == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize("x0", [[3.3, -4.4], [2.0, 2.0], [10.0, 0.1], [-7.0, 8.0], [0.4, 0.4]])
def test_step_function(x0):
    result = search(lambda x: float(np.floor(np.abs(x)).sum()), x0)
    assert result.success
    assert result.fun == 0.0


def test_stairs_down_to_a_minimum():
    result = search(lambda x: math.ceil(100.0 * float((x**2).sum())) / 100.0, [3.0, 4.0])
    assert result.success
    assert result.fun <= 0.01


# No finite value, unbounded below


@pytest.mark.parametrize("value", [INF, NAN])
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("bounds", [None, (0.0, 4.0), (0.0, None)])
def test_no_finite_value(value, n, bounds):
    result = search(lambda x: value, np.full(n, 3.0), None if bounds is None else [bounds] * n)
    assert result.status is Status.NO_FINITE_VALUE
    assert not result.success
    assert result.fun == INF
    assert result.nfailed == result.nfev


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize(
    "fun",
    [
        lambda x: sum(x.tolist()),
        lambda x: -float(x[0]) + sum(abs(v) for v in x[1:].tolist()),
        lambda x: -sum(v * v for v in x.tolist()),
        lambda x: -sum(v * v * v for v in x.tolist()),
        lambda x: -sum(abs(v) ** 0.5 for v in x.tolist()),
    ],
    ids=["linear", "ridge", "quadratic", "cubic", "root"],
)
@pytest.mark.parametrize("start", [0.0, 1.0, -300.0])
def test_unbounded_below_is_no_success(fun, n, start):
    result = search(fun, np.full(n, start))
    assert not result.success
    assert result.status in (Status.UNBOUNDED, Status.MAXFEV)
    assert result.fun < -1e50
    result = search(fun, np.full(n, start), maxfev=100_000)
    assert result.status is Status.UNBOUNDED
    assert result.fun < -1e50


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_unbounded_below_but_for_the_bounds(method):
    result = search(lambda x: float(x.sum()), [1.0, 1.0], [(-3, None), (-4, 9)], method=method)
    assert result.success
    np.testing.assert_allclose(result.x, [-3.0, -4.0], atol=1e-6)


def test_unbounded_below_beyond_one_bound():
    result = search(lambda x: -float(x.sum()), [1.0, 1.0], [(-3, None), (-4, 9)])
    assert not result.success
    assert result.fun < -1e70


# Discontinuities

DISCONTINUOUS = {
    "jump at the minimum": (lambda x: float(np.abs(x).sum()) + 1.0 * (x[0] < 0.0), 0.0, [0.0, 0.0]),
    "cliff": (lambda x: float(((x - 1.0) ** 2).sum()) + 10.0 * (x[0] > 2.0), 0.0, [1.0, 1.0]),
    "wall of nan": (
        lambda x: float(((x - 1.0) ** 2).sum()) if x[0] < 2.0 else NAN, 0.0, [1.0, 1.0],
    ),
    "wall of inf": (
        lambda x: float(((x - 1.0) ** 2).sum()) if x[1] > 0.5 else INF, 0.0, [1.0, 1.0],
    ),
    "broken slope": (
        lambda x: float(np.abs(x - 1.0).sum() + np.floor(np.abs(x - 1.0)).sum()), 0.0, [1.0, 1.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fun", "least", "where"), DISCONTINUOUS.values(), ids=DISCONTINUOUS)
@pytest.mark.parametrize("x0", [[1.9, 3.0], [0.5, 0.75], [1.5, 1.25]])
def test_discontinuities(fun, least, where, x0):
    result = search(fun, x0)
    assert result.success
    assert result.fun == pytest.approx(least, abs=1e-6)
    np.testing.assert_allclose(result.x, where, atol=1e-3)


def test_half_open_minimum():
    result = search(lambda x: float(x[0]) if x[0] > 0.0 else 1.0, [3.0])
    assert result.success
    assert 0.0 < result.fun < 1e-6


# Scales of f and of x


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-30, 1e30, 1e200, 1e300])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_scales_of_f(scale, n):
    goal = np.linspace(1.0, 2.0, n)
    result = search(lambda x: scale * float(((x - goal) ** 2).sum()), np.full(n, 3.0))
    assert result.success
    np.testing.assert_allclose(result.x, goal, atol=1e-5)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("offset", [1e10, 1e300])
def test_large_offsets_of_f(sign, offset):
    result = search(lambda x: sign * offset + offset * float(((x - 1.0) ** 2).sum()), [3.0, 4.0])
    assert result.success
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-5)


@pytest.mark.parametrize("offset", [1e10, -1e10])
def test_success_means_the_minimum_as_far_as_rounding_shows_it(offset):
    result = search(lambda x: offset + float(((x - 1.0) ** 2).sum()), [3.0, 4.0])
    assert result.success
    assert result.fun - offset <= 4 * np.spacing(abs(offset))


SCALED = [
    [1e-20, 1.0],
    [1.0, 1e-20],
    [1e20, 1e-20],
    [1e-20, 1e20],
    [-1e20, 1e-20],
    [1e150, 1e-150],
    [1e-300, 1e300],
    [1e-8, 1e8],
    [1e10, 1e-10],
]


@pytest.mark.parametrize("x0", SCALED)
def test_huge_and_tiny_entries_with_a_minimum_of_their_scale(x0):
    unit = np.array(x0)
    result = search(lambda x: float(((x / unit - [2.0, 3.0]) ** 2).sum()), x0)
    assert result.success
    np.testing.assert_allclose(result.x / unit, [2.0, 3.0], atol=1e-3)


@pytest.mark.parametrize("x0", [[1e-20, 1.0], [1.0, 1e-20], [1e-12, 1e-12], [1e-3, 1e3]])
@pytest.mark.parametrize("goal", [[1.0, 1.0], [-1.0, 2.0], [0.0, 1.0]])
def test_huge_and_tiny_entries_with_a_minimum_of_another_scale(x0, goal):
    result = search(lambda x: float(((x - goal) ** 2).sum()), x0)
    np.testing.assert_allclose(result.x, goal, atol=1e-3)
    assert result.success


@pytest.mark.parametrize(
    "x0", [*SCALED, [1e10, 1e-10], [1e-14, 1e14], [1e-16, 1e-13], [1e-12, 1e-12]]
)
@pytest.mark.parametrize("goal", [[1.0, 1.0], [-1.0, 2.0], [0.0, 1.0]])
def test_huge_and_tiny_entries_give_no_false_success(x0, goal):
    def fun(x):
        return sum((v - g) * (v - g) for v, g in zip(x.tolist(), goal, strict=True))

    result = search(fun, x0)
    if result.success:
        np.testing.assert_allclose(result.x, goal, atol=1e-3)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    "x0",
    [0.0, 5e-324, 1e-300, 1e-20, 1e-16, 1e-14, 1e-12, 1e-10, 1e-9, 1e-8, 1e-6, 1e-3, 1e20, 1e150],
)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_huge_or_tiny_entries_only(x0, sign, n):
    result = search(
        lambda x: sum((v - 3.0) * (v - 3.0) for v in x.tolist()),
        np.full(n, sign * x0),
        maxfev=20_000,
    )
    assert result.success
    np.testing.assert_allclose(result.x, 3.0, atol=1e-4)


def test_a_restart_with_steps_below_the_rounding_of_x():
    method = NelderMead(convergence=lambda simplex, values: values[-1] <= values[0] + 0.01)
    bounds = [(-0.5, None), (None, None), (None, None), (None, None)]

    def fun(x):
        goal = (0.0, 0.0, 0.0, 1.0)
        return sum((i + 1.0) * (v - g) ** 2 for i, (v, g) in enumerate(zip(x, goal, strict=True)))

    result = search(fun, [1e-179, 0.0, 0.0, 0.0], bounds, method=method)
    assert result.nrestart > 0
    assert result.status is not Status.UNBOUNDED
    assert result.fun < 0.01


def test_a_step_below_the_rounding_of_x_stays_finite():
    method = NelderMead(initial_simplex=nelder.StepSimplex(1e-30))
    for bounds in ([(-0.5, None)], [(None, 3.0)]):
        try:
            search(lambda x: float(x[0]) ** 2, [1.0], bounds, method=method)
        except nelder.InvalidArgumentError as error:
            assert "degenerate" in str(error)


def test_units_of_x_do_not_matter():
    reference = search(lambda x: float(((x - 1.0) ** 2).sum()), [2.0, 3.0], method=RELATIVE)
    for unit in (2.0**-60, 2.0**60):
        result = search(
            lambda x, unit=unit: float(((x / unit - 1.0) ** 2).sum()),
            [2.0 * unit, 3.0 * unit],
            method=RELATIVE,
        )
        np.testing.assert_array_equal(result.history.points / unit, reference.history.points)


RELATIVE = NelderMead(convergence=Tolerance(0.0, 0.0), probe=False)


# x0 on, at and beyond each bound

INTERVALS = [
    (-4.0, 0.0),
    (0.0, 4.0),
    (-4.0, None),
    (None, 0.0),
    (0.0, None),
    (-9.0, -2.0),
    (2.0, 9.0),
]
STARTS = [
    -1e3,
    -9.0,
    -6.0,
    -4.0,
    -3.9999999,
    -2.0,
    -1e-9,
    0.0,
    1e-9,
    2.0,
    3.9999999,
    4.0,
    7.0,
    9.0,
    1e3,
]


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("goal", [-1.0, 1.0, -4.0, 0.0, -20.0, 20.0])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_start_on_at_and_beyond_each_bound(interval, goal, method):
    low, high = (-INF if interval[0] is None else interval[0]), interval[1]
    best = min(max(goal, low), INF if high is None else high)
    for x0 in STARTS:
        result = search(lambda x: (float(x[0]) - goal) ** 2, [x0], [interval], method=method)
        assert result.success
        assert result.x[0] == pytest.approx(best, abs=1e-5), x0


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_what_scipy_freezes(method):
    result = search(lambda x: (float(x[0]) + 1.0) ** 2, [-4.0], [(-4.0, 0.0)], method=method)
    assert result.success
    assert result.x[0] == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("corner", list(itertools.product([-4.0, 0.0], repeat=3)))
@pytest.mark.parametrize("goal", [[-1.0, -2.0, -3.0], [-1.0, 5.0, -7.0], [-4.0, 0.0, 0.0]])
def test_a_start_in_each_corner(method, corner, goal):
    bounds = [(-4.0, 0.0), (-4.0, 0.0), (-4.0, 0.0)]
    goal = np.array(goal)
    result = search(lambda x: float(((x - goal) ** 2).sum()), corner, bounds, method=method)
    assert result.success
    np.testing.assert_allclose(result.x, np.clip(goal, -4.0, 0.0), atol=1e-4)


ODD_BOUNDS = {
    "narrow": [(0.1, 0.1 + 1e-12), (0.0, 1.0)],
    "neighbours": [(1.0, math.nextafter(1.0, 2.0)), (0.0, 1.0)],
    "wide": [(-1e8, 1e8), (0.0, 1.0)],
    "thirds": [(0.1, 0.3), (1.0 / 3.0, 2.0 / 3.0)],
    "tiny": [(-1e-300, 1e-300), (0.0, 1e-300)],
    "largest": [(1e300, 1.1e300), (-1.7e308, 1.7e308)],
    "one-sided far": [(1e300, None), (None, -1e300)],
    "signed zeros": [(-0.0, 0.0), (-1.0, -0.0)],
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("bounds", ODD_BOUNDS.values(), ids=ODD_BOUNDS)
def test_bounds_that_are_far_narrow_or_odd(method, bounds):
    search(lambda x: float(np.abs(x / 2.0 - 0.1).max()), [0.5, 0.5], bounds, method=method)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_narrow_range(method):
    low, high = 0.1, 0.1 + 1e-6
    goal = low + 0.3e-6
    result = search(lambda x: 1e12 * (float(x[0]) - goal) ** 2, [0.5], [(low, high)], method=method)
    assert result.success
    assert result.x[0] == pytest.approx(goal, abs=1e-10)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_rosenbrock_in_boxes(method):
    def fun(x):
        return float(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)

    inside = search(fun, [-1.2, 1.0], [(-2, 2), (-2, 2)], method=method)
    np.testing.assert_allclose(inside.x, [1.0, 1.0], atol=1e-5)
    edge = search(fun, [-1.2, 1.0], [(-2, 0.5), (-2, 2)], method=method)
    np.testing.assert_allclose(edge.x, [0.5, 0.25], atol=1e-5)
    assert inside.success
    assert edge.success


# Fixed variables, n = 1, n = 200


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("fixed", [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]])
def test_fixed_variables(method, fixed):
    bounds = [(0.3, 0.3) if i in fixed else (-5.0, None) for i in range(3)]
    result = search(lambda x: float(((x - 1.0) ** 2).sum()), [4.0, 5.0, 6.0], bounds, method=method)
    assert result.success
    expected = [0.3 if i in fixed else 1.0 for i in range(3)]
    np.testing.assert_allclose(result.x, expected, atol=1e-5)
    assert all(result.x[i] == 0.3 for i in fixed)


ONE = {
    "parabola": (lambda x: (x - 2.0) ** 2, 2.0),
    "kink": (lambda x: abs(x - 2.0), 2.0),
    "lopsided": (lambda x: 100.0 * (2.0 - x) if x < 2.0 else x - 2.0, 2.0),
    "quartic": (lambda x: (x - 2.0) ** 4, 2.0),
    "cosine": (lambda x: math.cos(x), math.pi),
}


@pytest.mark.parametrize(("fun", "where"), ONE.values(), ids=ONE)
@pytest.mark.parametrize("x0", [2.5, 4.0, 1.0])
def test_n_1(fun, where, x0):
    result = search(lambda x: fun(float(x[0])), [x0])
    assert result.success
    assert result.x[0] == pytest.approx(where, abs=3e-2 if fun is ONE["quartic"][0] else 1e-5)
    assert result.fun <= fun(where) + 1e-7


def test_n_200():
    def fun(x):
        d = x - 1.0
        return float(d @ d)

    result = nelder.minimize(fun, np.full(200, 2.0), maxfev=600_000)
    assert result.success
    assert result.fun == fun(result.x)
    np.testing.assert_allclose(result.x, 1.0, atol=1e-4)


def test_n_200_keeps_its_promises():
    def fun(x):
        return float((np.arange(1.0, 201.0) * (x - 1.0) ** 2).sum())

    search(fun, np.full(200, 2.0), maxfev=5000)


@pytest.mark.parametrize("n", [3, 10])
def test_a_success_is_a_minimum_for_any_start(n):
    random = np.random.default_rng(1)
    for _ in range(10):
        goal = random.normal(size=n) * 10.0 ** random.uniform(-3, 3)
        weights = 10.0 ** random.uniform(-1, 1, size=n)
        x0 = random.normal(size=n) * 10.0 ** random.uniform(-3, 3)
        result = search(lambda x, w=weights, g=goal: float((w * (x - g) ** 2).sum()), x0)
        if result.success:
            assert result.fun < 1e-6 * max(1.0, float((weights * (x0 - goal) ** 2).sum()))
