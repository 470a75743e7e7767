"""Subspaces: its rules by hand-computed numbers, the points it asks for, how it ends."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import nelder
from nelder import Status, Subspaces
from nelder.errors import InvalidArgumentError
from nelder.search.subspace_directions import (
    combined,
    first_directions,
    shorter,
    simplex_gradient,
    updated,
)
from nelder.search.subspace_lines import (
    independent,
    next_signs,
    next_steps,
    parabola,
    quadratic_step,
)

INF = math.inf
NAN = math.nan


def search(fun, x0, **settings):
    return nelder.minimize(fun, x0, method=Subspaces(), **settings)


def sphere(x):
    return float(x @ x)


class Seen:
    """An objective that remembers where it was asked."""

    def __init__(self, fun):
        self.fun = fun
        self.points = []

    def __call__(self, x):
        self.points.append(x.copy())
        return self.fun(x)


# Lines


@pytest.mark.parametrize(
    ("offsets", "values", "step", "curvature"),
    [
        ((2, 1, 0), (1, 4, 9), 1, 2),  # (t - 3)²
        ((0, 1, -1), (0, 1, 1), 0, 2),  # t²: it is there
        ((2, 1, 0), (9604, 9801, 10000), 4, 2),  # (t - 100)²: twice as far as the farthest
        ((2, 1, 0), (0, 1, 2), 4, 0),  # falls for ever
        ((2, 1, 0), (5, 8, 9), 4, -2),  # falls ever faster
        ((0, 1, 2), (0, 1, 2), -4, 0),
        ((0, 1, -1), (7, 7, 7), 0, 0),
        ((0, 1, 3), (1, 2, INF), 0, NAN),
        ((0, 1, -1), (INF, INF, INF), 0, NAN),
        ((0, 0, 1), (1, 1, 2), 0, NAN),  # at a bound two points are one
        ((0, 1, 1), (1, 2, 2), 0, NAN),
    ],
)
def test_a_parabola_is_lowest_within_reach(offsets, values, step, curvature):
    found = parabola(list(map(float, offsets)), list(map(float, values)))
    assert_allclose(found.step, step, rtol=1e-14)
    assert_allclose(found.curvature, curvature, rtol=1e-14)


def test_a_parabola_that_promises_only_rounding_is_not_followed():
    assert parabola([0.0, 1.0, -1.0], [1e15, 1e15 + 2.0, 1e15 + 1.0]).step == 0.0
    assert parabola([0.0, 1.0, -1.0], [1.0, 3.0, 2.0]).step != 0.0


def test_steps_follow_moves():
    steps, unit = np.ones(4), np.ones(4)
    assert_allclose(next_steps(steps, np.array([0, 0.5, 20, -3]), unit), [0.1, 0.5, 10, 3])


def test_an_axis_that_waits_keeps_a_hundredth_of_the_mean_step():
    found = next_steps(np.array([1e-6, 1.0]), np.array([0.0, 1.0]), np.array([2.0, 1.0]))
    assert_allclose(found, [0.01, 1.0])


def test_signs_follow_moves_and_turn_where_there_was_none():
    assert_array_equal(next_signs(np.array([1.0, -1, 1]), np.array([0.0, 2, -1])), [-1, 1, -1])


def test_moves_in_the_span_of_those_before_are_left_out():
    moves = [np.array([1.0, 0, 0]), np.array([-2.0, 1e-5, 0]), np.array([1.0, 1, 0])]
    found = independent([*moves, np.array([0.0, 5, 0]), np.array([0, 0, 1e-9])], np.ones(3))
    assert_array_equal(found, [[1, 0, 0], [1, 1, 0], [0, 0, 1e-9]])
    assert len(independent(moves, np.array([1.0, 1e-7, 1.0]))) == 2


# The quadratic of a pattern


def test_a_quadratic_in_one_dimension_is_a_parabola():
    points, values = np.array([[0.0], [1.0], [2.0]]), np.array([9.0, 4.0, 1.0])
    assert_allclose(quadratic_step(points, values, points[2], 1.0), [1], rtol=1e-6)


def test_a_quadratic_goes_through_the_nearest_points():
    hessian, goal = np.array([[4.0, 1.0], [1.0, 2.0]]), np.array([0.5, -0.25])
    points = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [9, 9]])
    values = np.array([0.5 * (p - goal) @ hessian @ (p - goal) for p in points])
    values[-1] = 1e6  # not of that surface, but too far away to be asked
    step = quadratic_step(points, values, points[0], values[0])
    assert_allclose(step, goal, rtol=1e-5)


def test_a_quadratic_reaches_four_times_as_far_as_its_points():
    points = np.array([[0.0], [1.0], [2.0]])
    assert_allclose(quadratic_step(points, points[:, 0], points[0], 0.0), [-8], rtol=1e-6)


@pytest.mark.parametrize(
    ("points", "values"),
    [
        ([[0.0], [1.0], [2.0]], [3.0, 3.0, 3.0]),
        ([[0.0], [1.0], [-1.0]], [0.0, INF, INF]),
        ([[0.0]], [0.0]),
        ([[0.0], [0.0], [0.0]], [0.0, 0.0, 0.0]),
        ([[0.0], [1.0], [-1.0]], [INF, INF, INF]),
        ([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], [0.0, 1.0, 4.0, 9.0]),
    ],
)
def test_a_quadratic_that_promises_nothing_is_not_followed(points, values):
    points = np.array(points)
    assert quadratic_step(points, np.array(values), points[0], values[0]) is None


# Directions


def test_the_first_directions_make_curvatures_one():
    found = first_directions(np.array([4.0, -1, NAN, 16]), np.array([1, 1, 2, 0.5]))
    assert_allclose(found, np.diag([0.5, 0.5, 1, 0.25]))
    assert_allclose(first_directions(np.array([NAN, 0.0]), np.array([2.0, 3])), np.diag([2, 3]))


def test_slopes_are_differences_less_half_the_curvature():
    # 3t + t²/2 at 0.5, -2t + t²/2 at -1, a failure; the best value is 10
    found = simplex_gradient(10.0, np.array([11.625, 12.5, INF]), np.array([0.5, -1.0, 1.0]))
    assert_allclose(found, [3, -2, 0])


def test_directions_learn_the_curvature_along_a_step():
    # f = 2x², whose slope is 4x, from -1 to -0.5 along a direction that supposes 1
    directions, slopes = updated(np.eye(1), np.array([-4.0]), np.array([0.5]), np.array([-2.0]))
    assert_allclose(directions, [[0.5]])
    assert_allclose(slopes, [-1])


def test_directions_learn_what_a_step_turns():
    # Hessian [[1, 1], [1, 3]], from the origin to (1, 0): the slopes change by (1, 1)
    directions, slopes = updated(np.eye(2), np.zeros(2), np.array([1.0, 0]), np.array([1.0, 1]))
    assert_allclose(
        directions, [[1, 0], [-1, 1]]
    )  # conjugate: (1, 0) and (-1, 1) after w = (0, -1)
    assert_allclose(slopes, [1, 0])


def test_directions_stay_where_slopes_fall_along_a_step():
    directions, slopes = updated(np.eye(1), np.array([-1.0]), np.array([1.0]), np.array([-2.0]))
    assert_array_equal(directions, np.eye(1))
    assert_array_equal(slopes, [-2])


def test_a_step_in_directions():
    directions = np.array([[1.0, 2], [0, 3]])
    assert_array_equal(combined(np.array([2.0, -1]), directions), [2, 1])


@pytest.mark.parametrize(
    ("share", "slope", "rise", "expected"),
    [
        (1.0, -1.0, 0.0, 0.5),
        (1.0, -1.0, 3.0, 0.125),
        (0.5, -1.0, 0.5, 0.125),
        (1.0, -1.0, 1e3, 0.1),
        (1.0, -1.0, INF, 0.1),
        (0.5, -1.0, INF, 0.05),
        (1.0, -1.0, -0.9, 0.5),
        (0.1, -5e-324, 0.0, 0.01),  # a parabola whose curvature is lost
    ],
)
def test_a_step_that_was_too_long_is_made_shorter(share, slope, rise, expected):
    assert_allclose(shorter(share, slope, rise), expected)


# What it asks for


def test_the_first_sweep_and_pattern():
    seen = Seen(sphere)
    search(seen, [1.0, 2.0], maxfev=8)
    assert_array_equal(
        seen.points,
        [
            [1, 2],
            [1.5, 2],  # half of the coordinate ahead
            [0.5, 2],  # and back
            [0, 2],  # the parabola's minimum
            [0, 3],
            [0, 1],
            [0, 0],
            [-1, -2],  # as far again
        ],
    )


def test_two_points_on_the_side_that_is_lower():
    seen = Seen(lambda x: (x[0] - 10.0) ** 2)
    search(seen, [1.0], maxfev=4)
    assert_array_equal(seen.points, [[1], [1.5], [2], [4]])


def test_the_axis_that_moved_most_is_the_first_of_the_next_sweep():
    goal = np.array([0.0, 100.0, 10.0])
    seen = Seen(lambda x: float(np.abs(x - goal).sum()))
    search(seen, np.ones(3), maxfev=300)
    points = np.array(seen.points)
    sweeps = [
        i
        for i in range(12, len(points) - 1)
        if [k for k in range(3) if points[i][k] != points[i - 1][k]] == [1]
    ]
    assert sweeps  # the second coordinate alone, though it is not the first one


def test_slopes_are_measured_at_the_same_time():
    n = 6
    optimizer = nelder.Optimizer(np.linspace(-1.2, 1.0, n), method=Subspaces())
    most = asked = 0
    while not optimizer.done and asked < 200:
        points = optimizer.ask()
        most, asked = max(most, len(points)), asked + len(points)
        valley = 100.0 * (points[:, 1:] - points[:, :-1] ** 2) ** 2 + (1.0 - points[:, :-1]) ** 2
        optimizer.tell(points, valley.sum(axis=1))
    assert most == n


# How it ends


def test_a_quadratic_is_solved():
    weights = np.arange(1.0, 13.0)
    result = search(lambda x: 3.0 + float(weights @ (x - 1.0) ** 2), np.zeros(12))
    assert result.success
    assert result.status is Status.CONVERGED
    assert_allclose(result.x, 1.0, atol=1e-6)
    assert_allclose(result.fun, 3.0)
    assert result.final_simplex.vertices.shape == (13, 12)
    assert result.final_simplex.values[0] == result.fun


def test_tolerances_decide_when():
    def valley(x):
        return float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))

    methods = [
        Subspaces(convergence=nelder.Tolerance(tol, tol), probe=False) for tol in (1e-2, 1e-8)
    ]
    found = [nelder.minimize(valley, np.full(6, 0.5), method=method) for method in methods]
    assert all(result.success for result in found)
    assert found[0].nfev < found[1].nfev
    assert found[0].fun > found[1].fun


def test_the_probe_unmasks_first_steps_that_were_too_small():
    tiny = Subspaces(initial_simplex=nelder.StepSimplex(1e-9))
    result = nelder.minimize(sphere, np.ones(4), method=tiny)
    assert result.nrestart >= 1
    assert result.fun < 1e-10
    blind = Subspaces(initial_simplex=nelder.StepSimplex(1e-9), probe=False)
    result = nelder.minimize(sphere, np.ones(4), method=blind)
    assert result.nrestart == 0
    assert result.fun > 3.9


def test_the_first_steps_may_be_given():
    seen = Seen(sphere)
    method = Subspaces(initial_simplex=nelder.StepSimplex([0.25, -3.0]))
    nelder.minimize(seen, [1.0, 2.0], method=method, maxfev=5)
    assert seen.points[1].tolist() == [1.25, 2.0]
    assert seen.points[4].tolist()[1] == 5.0


@pytest.mark.parametrize("n", [1, 2, 12])
def test_a_constant_has_converged(n):
    result = search(lambda x: 1.0, np.ones(n))
    assert result.success
    assert_array_equal(result.x, np.ones(n))


@pytest.mark.parametrize("n", [1, 12])
@pytest.mark.parametrize("value", [NAN, INF])
def test_no_value_at_all(n, value):
    result = search(lambda x: value, np.ones(n))
    assert result.status is Status.NO_FINITE_VALUE
    assert not result.success
    assert_array_equal(result.x, np.ones(n))


@pytest.mark.parametrize("n", [1, 12])
def test_one_value_below_all(n):
    result = search(lambda x: -INF if x[0] < 0.3 else float(x @ x), np.ones(n))
    assert result.status is Status.UNBOUNDED
    assert result.fun == -INF
    assert result.x[0] < 0.3


def test_minus_infinity_at_the_start():
    result = search(lambda x: -INF, np.ones(3))
    assert (result.status, result.nfev) == (Status.UNBOUNDED, 1)


@pytest.mark.parametrize("n", [1, 12])
def test_a_slope_without_end(n):
    result = search(lambda x: float(x.sum()), np.ones(n))
    assert result.status is Status.UNBOUNDED


def test_a_wall_of_failures():
    result = search(lambda x: NAN if x[0] < 0.5 else float(x @ x), np.ones(12))
    assert result.success
    assert_allclose(result.fun, 0.25, rtol=1e-6)


def test_a_kink_in_one_dimension():
    result = search(lambda x: abs(x[0] - math.pi), [1.0])
    assert result.success
    assert_allclose(result.x, math.pi, atol=1e-7)


def test_steps_instead_of_slopes():
    result = search(lambda x: float(np.floor(10.0 * np.abs(x)).sum()), np.ones(6))
    assert (result.success, result.fun) == (True, 0.0)


def test_large_values():
    with np.errstate(over="ignore"):
        result = search(lambda x: float(1e300 * (x - 3.0) @ (x - 3.0)), np.ones(5), maxfev=5000)
    assert_allclose(result.x, 3.0, atol=1e-6)


def test_values_whose_products_vanish():
    result = search(lambda x: 1e-320 * sphere(x - 1.3), [1e-20, 1e20])
    assert (result.success, result.fun) == (True, 0.0)


# Bounds


def quadratic(x):
    return float(np.arange(1.0, x.size + 1.0) @ (x - 2.0) ** 2)


@pytest.mark.parametrize("bounds_method", ["transform", "clip"])
@pytest.mark.parametrize("x0", [-1.0, 0.0, 0.3, 1.0])
def test_the_minimum_at_bounds(bounds_method, x0):
    seen = Seen(quadratic)
    method = Subspaces(bounds_method=bounds_method)
    bounds = [(-1.0, 1.0)] * 6 + [(None, 1.0)] * 3 + [(-1.0, None)] * 3
    result = nelder.minimize(seen, np.full(12, x0), bounds=bounds, method=method)
    assert result.success
    assert_allclose(result.x, [1.0] * 9 + [2.0] * 3, atol=1e-6)
    points = np.array(seen.points)
    assert np.all(points[:, [*range(6), 9, 10, 11]] >= -1.0)
    assert np.all(points[:, :9] <= 1.0)


def test_no_point_beyond_a_bound_is_evaluated_as_one_on_it():
    seen = Seen(lambda x: float(np.arange(1.0, 7.0) @ (x - [0.2, 0.3, 0.4, 5.0, 5.0, -5.0]) ** 2))
    method = Subspaces(bounds_method="clip", probe=False)
    result = nelder.minimize(seen, np.full(6, 0.5), bounds=[(0.0, 1.0)] * 6, method=method)
    assert_allclose(result.x, [0.2, 0.3, 0.4, 1.0, 1.0, 0.0], atol=1e-7)
    until = next(i for i, x in enumerate(seen.points) if np.abs(x - result.x).max() < 1e-7)
    points = np.array(seen.points[:until])  # the rest may meet in rounding
    assert len(np.unique(points, axis=0)) == until


def test_slopes_at_bounds_are_measured_inside():
    random = np.random.default_rng(2)
    axes, _ = np.linalg.qr(random.standard_normal((12, 12)))
    lowest = 1.5 * random.standard_normal(12)
    seen = Seen(lambda x: float(np.geomspace(1.0, 1e3, 12) @ (axes.T @ (x - lowest)) ** 2))
    method = Subspaces(bounds_method="clip")
    nelder.minimize(seen, np.linspace(-0.5, 0.7, 12), bounds=[(-1, 1)] * 12, method=method)
    assert np.count_nonzero(np.abs(seen.points[-1]) == 1.0) > 3
    assert len(np.unique(seen.points[:400], axis=0)) >= 395  # in a corner both ways end


def test_points_that_overflow_in_the_bounds_are_not_asked_for():
    seen = Seen(lambda x: float(np.exp(np.minimum(700.0, 50.0 * np.abs(x).sum()))))
    result = search(seen, [0.5, 0.7, 0.0], bounds=[(0, 2), (0.7, 0.7), (-1, None)])
    assert result.success
    assert np.isfinite(seen.points).all()


def test_fixed_variables_are_not_searched():
    seen = Seen(quadratic)
    bounds = [(-3.0, 3.0)] * 3 + [(0.5, 0.5)]
    result = nelder.minimize(seen, np.full(4, 0.5), bounds=bounds, method=Subspaces())
    assert_allclose(result.x, [2, 2, 2, 0.5], atol=1e-6)
    assert {point[3] for point in seen.points} == {0.5}


def test_all_variables_fixed():
    result = nelder.minimize(quadratic, [1.0, 1.0], bounds=[(1, 1), (1, 1)], method=Subspaces())
    assert (result.success, result.nfev, result.fun) == (True, 1, 3.0)


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"convergence": nelder.StandardError()}, r"convergence=Stan.*expected nelder.Tolerance"),
        ({"convergence": 1e-8}, r"convergence=1e-08: expected nelder.Tolerance"),
        ({"initial_simplex": 0.5}, r"initial_simplex=0.5: expected a builder such as"),
        ({"probe": 1}, r"probe=1: expected True or False"),
        ({"bounds_method": "mirror"}, r"bounds_method='mirror': expected 'transform' or 'clip'"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(InvalidArgumentError, match=message):
        Subspaces(**settings)


def test_settings_are_frozen():
    with pytest.raises(AttributeError):
        Subspaces().probe = False
