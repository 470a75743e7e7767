"""Standard errors: every doubt, by figures worked out by hand."""

from __future__ import annotations

import copy
import math
import pickle
import re

import numpy as np
import pytest

import nelder
from nelder import InvalidArgumentError
from nelder.uncertainty import Doubt, covariance_at, hessian_at, least_squares_scale
from nelder.uncertainty.covariance import with_error
from nelder.uncertainty.differences import Neighbourhood, level, nearer_to
from nelder.uncertainty.estimate import Estimate, round_axes
from nelder.uncertainty.evaluated import Evaluated
from nelder.uncertainty.fitted import fitted, needed
from nelder.uncertainty.hessian import estimate_hessian

INF = math.inf

# Its inverse is [[3, -2], [-2, 4]]/8.
A = np.array([[4.0, 2.0], [2.0, 3.0]])
MIDDLE = np.array([1.0, -2.0])


def bowl(x):
    d = np.asarray(x) - MIDDLE
    return 0.5 * float(d @ A @ d) + 7.0


@pytest.fixture(scope="module")
def found():
    return nelder.minimize(bowl, [0.0, 0.0], history=True)


@pytest.mark.parametrize(
    ("scale", "unit"), [(1e-320, 1.0), (1e-305, 1e-155), (1.0, 1e-155), (1e200, 1e-100)]
)
@pytest.mark.parametrize("maxfev", [40, 300])
@pytest.mark.parametrize("evaluate", [False, True])
def test_surfaces_beyond_all_measure_warn_of_nothing(scale, unit, maxfev, evaluate):
    result = nelder.minimize(
        lambda x: scale * (bowl(x / unit) - 7.0), [unit, 0.3 * unit], maxfev=maxfev, history=True
    )
    covariance = result.covariance(2.0, evaluate=evaluate)
    assert not np.isfinite(covariance.hessian.matrix).all() or scale < 1.0
    assert repr(covariance)


class Counted:
    """An objective that counts, and keeps what it was asked."""

    def __init__(self, fun):
        self.fun = fun
        self.points = []

    def __call__(self, x):
        self.points.append(np.array(x))
        return self.fun(x)


# The scale


def test_least_squares_scale_is_twice_the_variance():
    assert least_squares_scale(3.0, 14, 2) == 0.5
    assert least_squares_scale(3, m=np.int64(2), p=0) == 3.0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((0.0, 14, 2), "residual_sum=0.0: expected a number above 0"),
        ((-1.0, 14, 2), "residual_sum=-1.0"),
        ((math.nan, 14, 2), "residual_sum=nan"),
        ((INF, 14, 2), "residual_sum=inf"),
        ((True, 14, 2), "residual_sum=True"),
        ((1.0, 2, 2), "m=2, p=2: expected more observations than parameters"),
        ((1.0, 14.0, 2), "m=14.0: expected a whole number"),
        ((1.0, 14, -1), "p=-1: expected a whole number"),
    ],
)
def test_least_squares_scale_refuses(given, says):
    with pytest.raises(InvalidArgumentError, match=says.replace("(", r"\(")):
        least_squares_scale(*given)


@pytest.mark.parametrize("scale", [0, -1.0, math.nan, INF, True, "2", [2.0], 1j])
def test_a_scale_is_a_number_above_0(found, scale):
    with pytest.raises(InvalidArgumentError, match=r"scale=.*1 for a negative log-likelihood"):
        covariance_at(found, scale)


def test_without_a_scale_it_says_what_there_is(found):
    with pytest.raises(InvalidArgumentError, match=r"scale is missing.*2 for chi-square"):
        covariance_at(found)


# What comes back


def test_a_quadratic_by_hand(found):
    covariance = covariance_at(found, 2.0)
    right = 2.0 * np.array([[3.0, -2.0], [-2.0, 4.0]]) / 8.0
    np.testing.assert_allclose(covariance.matrix, right, rtol=1e-5)
    np.testing.assert_allclose(covariance.standard_errors, [math.sqrt(0.75), 1.0], rtol=1e-5)
    np.testing.assert_allclose(covariance.correlations[0, 1], -1.0 / math.sqrt(3.0), rtol=1e-5)
    np.testing.assert_allclose(covariance.correlations.diagonal(), 1.0)
    np.testing.assert_allclose(covariance.hessian.matrix, A, rtol=1e-5)
    assert covariance.sound
    assert covariance.doubts == ()
    assert covariance.error < 1e-5
    assert covariance.hessian.nnew == 0
    assert needed(2) <= covariance.hessian.nfev <= found.nfev


def test_they_are_arrays(found):
    covariance, hessian = covariance_at(found, 1.0), hessian_at(found)
    for each in (covariance, hessian):
        assert np.asarray(each) is each.matrix
        assert np.array(each) is not each.matrix
        assert np.asarray(each, dtype=np.float32).dtype == np.float32
        np.testing.assert_array_equal(np.array(each, copy=True), each.matrix)
    np.testing.assert_allclose(np.linalg.inv(hessian), covariance, rtol=1e-9)


def test_names_and_structure():
    start = {"rate": 0.0, "size": np.zeros((1, 1))}
    result = nelder.minimize(lambda p: bowl([p["rate"], p["size"][0, 0]]), start, history=True)
    covariance = covariance_at(result, 1.0)
    assert covariance.names == ("rate", "size[0][0]")
    assert isinstance(covariance.standard_errors["rate"], float)
    assert covariance.standard_errors["size"].shape == (1, 1)
    assert covariance.standard_errors["size"][0, 0] == covariance.flat[1]
    again = covariance_at(pickle.loads(pickle.dumps(result)), 1.0)
    assert again.standard_errors == covariance.standard_errors
    np.testing.assert_array_equal(again.matrix, covariance.matrix)


def test_pickles_are_small_and_complete(found):
    covariance = covariance_at(found, 1.0)
    copied = pickle.loads(pickle.dumps(covariance))
    np.testing.assert_array_equal(copied.matrix, covariance.matrix)
    assert repr(copied) == repr(covariance)
    assert len(pickle.dumps(covariance)) < 3000


def test_what_it_shows(found):
    assert repr(covariance_at(found, 2.0)).splitlines() == [
        "nelder.Covariance: standard errors right to about 0.001 %",
        "       x[0]: 1.000 ± 0.866 (87 %)",
        "       x[1]: -2.00 ± 1.00 (50 %)",
        "correlation: x[0], x[1]: -0.5774",
        "      scale: 2",
        f"       from: {hessian_at(found).nfev} values; 0 evaluated for this",
    ]
    first, *rows = repr(hessian_at(found)).splitlines()
    assert first == f"nelder.Hessian, from {hessian_at(found).nfev} values; 0 evaluated for this"
    assert "\n".join(rows) == np.array2string(hessian_at(found).matrix, precision=6)


def test_what_a_notebook_shows():
    result = nelder.minimize(lambda p: bowl([p["a<b"], p["c"]]), {"a<b": 0.0, "c": 0.0}, maxfev=9)
    shown = covariance_at(result, 1.0)._repr_html_()
    assert "a&lt;b" in shown
    assert "a<b" not in shown
    assert "no standard errors" in shown
    assert "too few points" in shown


def test_long_tables_are_cut():
    def chain(x):
        return float(np.sum((x - 1.0) ** 2) + np.sum(np.diff(x) ** 2))

    result = nelder.minimize(chain, np.full(24, 0.9), maxfev=1000)
    lines = repr(covariance_at(result, 1.0, evaluate=True)).splitlines()
    assert "4 more" in lines[21]
    assert sum("correlation" in line for line in lines) == 20
    assert "more above 0.1" in "".join(lines)


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (1288.13968, 4.6648, "1288.14 ± 4.66 (0.36 %)"),
        (0.00055015643181, 7.2668688436e-06, "0.00055016 ± 7.27e-06 (1.3 %)"),
        (-2.0, 1.0, "-2.00 ± 1.00 (50 %)"),
        (-2.0, 30.0, "-2.00 ± 30.0 (1500 %)"),
        (1.0, 1.0, "1.00 ± 1.00 (100 %)"),
        (1e-9, 1e-3, "1.00e-09 ± 0.00100 (1e+08 %)"),
        (-2364.4, 271.0, "-2364 ± 271 (11 %)"),
        (3e20, 2e18, "3.0000e+20 ± 2.00e+18 (0.67 %)"),
        (0.0, 0.5, "0.00 ± 0.500"),
        (1.5, 0.0, "1.5 ± 0"),
        (1.5, math.nan, "1.5 ± nan"),
        (1.5, INF, "1.5 ± nan"),
        (1.0, 1e-30, "1.000000000000000 ± 1.00e-30 (1e-28 %)"),
    ],
)
def test_value_and_error(value, error, shown):
    assert with_error(value, error) == shown


# New points


def test_new_points_only_where_they_are_needed():
    fun = Counted(bowl)
    kept = nelder.minimize(fun, [0.0, 0.0], history=True)
    bare = nelder.minimize(fun, [0.0, 0.0])
    fun.points.clear()
    assert covariance_at(kept, 1.0, evaluate=True).hessian.nnew == 0
    assert covariance_at(bare, 1.0).doubts == (Doubt.FEW_POINTS,)
    assert fun.points == []
    covariance = covariance_at(bare, 1.0, evaluate=True)
    assert covariance.sound
    np.testing.assert_allclose(covariance.hessian.matrix, A, rtol=1e-6)
    assert 0 < covariance.hessian.nnew == len(fun.points) <= 2 * 3 * 4


def test_what_was_evaluated_is_not_evaluated_again():
    fun = Counted(bowl)
    result = nelder.minimize(fun, [0.0, 0.0])
    first = hessian_at(result, evaluate=True)
    fun.points.clear()
    assert hessian_at(result, evaluate=True) is first
    covariance = covariance_at(result, 3.0, evaluate=True)
    assert covariance.hessian is first
    np.testing.assert_array_equal(covariance.matrix, 3.0 * first.inverse)
    assert fun.points == []


def test_only_where_the_search_ran():
    result = nelder.minimize(bowl, [0.0, 0.0], history=True)
    loaded = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(hessian_at(loaded), hessian_at(result))
    with pytest.raises(InvalidArgumentError, match=r"evaluate=True: this result cannot evaluate"):
        hessian_at(loaded, evaluate=True)
    with pytest.raises(InvalidArgumentError, match=r"evaluate=1: expected True or False"):
        hessian_at(result, evaluate=1)


def test_no_minimum_has_no_hessian():
    result = nelder.minimize(lambda x: math.nan, [0.0, 0.0], history=True)
    with pytest.raises(InvalidArgumentError, match="no finite value"):
        covariance_at(result, 1.0)


def test_points_without_a_value_are_left_out(found):
    history = found.history
    values = history.values.copy()
    values[[3, 5, 7]] = math.nan, INF, -INF
    free = np.full(2, INF)
    evaluated = Evaluated(found.x, found.fun, history.points, values, -free, free)
    np.testing.assert_allclose(estimate_hessian(evaluated), A, rtol=1e-5)


# Bounds


def test_at_a_bound_it_counts_as_fixed():
    result = nelder.minimize(bowl, [0.0, 0.0], history=True, bounds=[(0.0, 0.5), (-9.0, 9.0)])
    for evaluate in (False, True):
        covariance = covariance_at(result, 1.0, evaluate=evaluate)
        assert covariance.doubts == (Doubt.AT_BOUND,)
        assert np.isnan(covariance.matrix).sum() == 3
        assert np.isnan(covariance.standard_errors[0])
        np.testing.assert_allclose(covariance.standard_errors[1], 1.0 / math.sqrt(3.0), rtol=1e-4)
    assert "x[0]: 0.5 ± nan" in repr(covariance)


def test_at_a_bound_that_is_zero_without_a_history():
    result = nelder.minimize(bowl, [0.5, 0.5], bounds=[(None, None), (0.0, None)])
    covariance = covariance_at(result, 1.0, evaluate=True)
    assert covariance.doubts == (Doubt.AT_BOUND,)
    np.testing.assert_allclose(covariance.standard_errors, [0.5, math.nan], rtol=1e-5)


def test_all_at_bounds():
    fun = Counted(bowl)
    result = nelder.minimize(fun, [0.2, 0.2], history=True, bounds=[(0.0, 0.5), (0.0, 1.0)])
    fun.points.clear()
    covariance = covariance_at(result, 1.0, evaluate=True)
    assert covariance.doubts == (Doubt.AT_BOUND,)
    assert np.isnan(covariance.matrix).all()
    assert fun.points == []


def test_fixed_variables_are_left_out():
    result = nelder.minimize(bowl, [0.0, -1.0], history=True, bounds=[(None, None), (-1.0, -1.0)])
    covariance = covariance_at(result, 1.0)
    assert covariance.sound
    np.testing.assert_allclose(covariance.standard_errors, [0.5, math.nan], rtol=1e-5)
    assert "x[1]: -1 (fixed)" in repr(covariance)


def test_everything_fixed():
    result = nelder.minimize(bowl, [0.0, -1.0], history=True, bounds=[(0, 0), (-1, -1)])
    for evaluate in (False, True):
        covariance = covariance_at(result, 1.0, evaluate=evaluate)
        assert covariance.sound
        assert np.isnan(covariance.matrix).all()


@pytest.mark.parametrize("gap", [0.3, 1e-2, 1e-5])
def test_near_a_bound(gap):
    fun = Counted(bowl)
    bounds = [(1.0 - gap, 9.0), (None, None)]
    result = nelder.minimize(fun, [3.0, 0.0], bounds=bounds)
    covariance = covariance_at(result, 1.0, evaluate=True)
    assert covariance.doubts == (Doubt.NEAR_BOUND,)
    np.testing.assert_allclose(covariance.hessian.matrix, A, rtol=2e-3)
    assert min(point[0] for point in fun.points) >= 1.0 - gap
    assert covariance_at(result, 1e-2 * gap**2, evaluate=True).sound


def test_a_bound_that_differences_cannot_keep_from_is_reached():
    # The minimum is just inside, nearer to the bound than values of 1e6 can tell.
    fun = Counted(lambda x: bowl(x) + 1e6)
    x = np.array([1.0, -2.0])
    lower, upper = np.array([1.0 - 1e-7, -INF]), np.full(2, INF)
    simplex = x + np.array([[0.0, 0.0], [1e-3, 0.0], [0.0, 1e-3]])
    values = np.array([fun(point) for point in simplex])
    evaluated = Evaluated(x, values[0], simplex, values, lower, upper)
    fun.points.clear()
    hessian = estimate_hessian(evaluated, lambda points: np.array([fun(p) for p in points]))
    assert hessian.doubts == (Doubt.AT_BOUND,)
    np.testing.assert_allclose(hessian.matrix[1, 1], 3.0, rtol=1e-4)
    assert all(point[0] == 1.0 for point in fun.points)


# Doubts


def asked(fun, start=(0.5, 0.5), *, scale=1.0, evaluate=False, **options):
    options = {"history": True, **options}
    return covariance_at(nelder.minimize(fun, list(start), **options), scale, evaluate=evaluate)


def noisy_steps(seed=1, sigma=1e-3):
    """Return a minimum with noisy values around it."""
    rng = np.random.default_rng(seed)
    points = MIDDLE + rng.normal(size=(400, 2)) * np.geomspace(1.0, 0.05, 400)[:, None]
    values = np.array([bowl(p) for p in points]) + sigma * rng.normal(size=400)
    free = np.full(2, INF)
    return Evaluated(MIDDLE, 7.0, points, values, -free, free, noise=sigma)


def edge(x):
    """A bowl that ends beside its minimum."""
    return bowl(x) if x[0] < 1.0 + 1e-9 else math.nan


CASES = {
    Doubt.FEW_POINTS: lambda: asked(bowl, maxfev=8),
    Doubt.NOT_POSITIVE_DEFINITE: lambda: asked(lambda x: 3.0, evaluate=True),
    Doubt.NOT_CONVERGED: lambda: asked(bowl, maxfev=60),
    Doubt.INEXACT: lambda: asked(lambda x: abs(x[0] - 1.0) + abs(x[1])),
    Doubt.NOT_AT_MINIMUM: lambda: asked(bowl, (5.0, 5.0), maxfev=12, scale=1e-3, evaluate=True),
    Doubt.AT_BOUND: lambda: asked(bowl, bounds=[(None, 0.5), (None, None)]),
    Doubt.NEAR_BOUND: lambda: asked(bowl, bounds=[(None, 1.5), (None, None)]),
    Doubt.NO_VALUE: lambda: asked(edge, history=False, evaluate=True),
}


@pytest.mark.parametrize("doubt", CASES, ids=lambda doubt: doubt.name)
def test_each_doubt_is_raised_and_said(doubt):
    covariance = CASES[doubt]()
    assert doubt in covariance.doubts
    assert not covariance.sound
    assert f"doubt: {doubt.value}" in repr(covariance)


def test_noise_is_a_doubt():
    hessian = estimate_hessian(noisy_steps())
    assert hessian.doubts == (Doubt.NOISY,)
    errors = np.sqrt(hessian.inverse.diagonal())
    np.testing.assert_allclose(errors, np.sqrt([0.375, 0.5]), rtol=0.01)
    assert f"doubt: {Doubt.NOISY.value}" in repr(hessian)


def test_the_doubts_are_a_closed_set():
    assert {*CASES, Doubt.NOISY} == set(Doubt)
    assert len({doubt.value for doubt in Doubt}) == len(Doubt)
    assert all(f"{doubt.name}\n" in Doubt.__doc__ for doubt in Doubt)


def test_too_much_noise_is_inexact():
    assert Doubt.INEXACT in estimate_hessian(noisy_steps(sigma=1.0)).doubts


@pytest.mark.parametrize("evaluate", [False, True])
@pytest.mark.parametrize(
    "fun",
    [
        lambda x: (x[0] + x[1] - 1.0) ** 2 + 1.0,  # only the sum is determined
        lambda x: (x[0] - 1.0) ** 2 + 1.0,  # x[1] is not used
        lambda x: (x[0] - 1.0) ** 4 + (x[1] - 1.0) ** 2,  # flat at the minimum
        lambda x: 3.0,
    ],
)
def test_what_is_not_determined_is_doubted(fun, evaluate):
    covariance = asked(fun, (3.0, 3.0), evaluate=evaluate)
    assert {Doubt.NOT_POSITIVE_DEFINITE, Doubt.INEXACT, Doubt.FEW_POINTS} & {*covariance.doubts}


def test_one_coordinate():
    covariance = asked(lambda x: 3.0 * (x[0] - 2.0) ** 2, (1.0,))
    assert covariance.sound
    np.testing.assert_allclose(covariance.matrix, [[1.0 / 6.0]], rtol=1e-5)


def test_coordinates_of_all_sizes():
    sizes = np.array([1e-9, 1e9])
    covariance = asked(lambda x: bowl(x / sizes), 0.5 * sizes)
    assert covariance.sound
    np.testing.assert_allclose(covariance.hessian.matrix, A / np.outer(sizes, sizes), rtol=1e-5)


def test_a_search_along_the_axes_leaves_too_little():
    def chain(x):
        return float(np.sum((x - 1.0) ** 2) + np.sum(np.diff(x) ** 2))

    n = 6
    right = 2.0 * (np.eye(n) + np.diff(np.eye(n), axis=0).T @ np.diff(np.eye(n), axis=0))
    result = nelder.minimize(chain, np.zeros(n), method=nelder.Subspaces(), history=True)
    assert not covariance_at(result, 1.0).sound
    covariance = covariance_at(result, 1.0, evaluate=True)
    assert covariance.sound
    np.testing.assert_allclose(covariance.hessian, right, rtol=1e-5, atol=1e-5)


def test_values_beyond_all_measure():
    spike = asked(lambda x: 0.0 if (x == 0.5).all() else 1e300, evaluate=True)
    assert not spike.sound
    steep = asked(lambda x: 1e200 * bowl(x) ** 8, evaluate=True)
    assert np.isfinite(steep.matrix).all()
    rng = np.random.default_rng(1)
    points = rng.normal(size=(60, 2)) * 10.0 ** rng.uniform(-150.0, 160.0, 60)[:, None]
    values = 10.0 ** rng.uniform(-307.0, 308.0, 60)
    free = np.full(2, INF)
    estimate_hessian(Evaluated(np.zeros(2), 0.0, points, values, -free, free))


def test_a_minimum_of_zero():
    def rosenbrock(x):
        return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2

    right = [[802.0, -400.0], [-400.0, 200.0]]
    for options in ({}, {"history": False, "evaluate": True}):
        covariance = asked(rosenbrock, (-1.2, 1.0), **options)
        assert covariance.sound
        np.testing.assert_allclose(covariance.hessian.matrix, right, rtol=1e-5)


# Residuals

TIMES = np.arange(4.0)
SEEN = np.array([1.0, 2.0, 2.0, 5.0])  # of a + b·t: a = 0.7, b = 1.2, residuals² 1.8


def line(x):
    return SEEN - x[0] - x[1] * TIMES


@pytest.fixture(scope="module")
def fit():
    return nelder.minimize(lambda x: float(line(x) @ line(x)), [1.0, 1.0], history=True)


def test_a_line_by_hand(fit):
    # J'J = [[4, 6], [6, 14]], its inverse [[14, -6], [-6, 4]]/20; s² = 1.8/2.
    residuals = Counted(line)
    covariance = covariance_at(fit, residuals=residuals)
    right = 0.9 * np.array([[14.0, -6.0], [-6.0, 4.0]]) / 20.0
    np.testing.assert_allclose(covariance.matrix, right, rtol=1e-6)
    np.testing.assert_allclose(covariance.hessian, [[8.0, 12.0], [12.0, 28.0]], rtol=1e-6)
    np.testing.assert_allclose(covariance.scale, 1.8, rtol=1e-9)
    assert covariance.sound
    assert len(residuals.points) == covariance.hessian.nnew == 4 * 2 + 1
    assert covariance.hessian.gauss_newton
    assert "from: the residuals at 9 points: Gauss-Newton, 2·J'J" in repr(covariance)
    # The model is linear: the Hessian of the sum is the same.
    np.testing.assert_allclose(covariance_at(fit, 1.8).matrix, right, rtol=1e-5)


def test_known_errors_of_the_observations(fit):
    covariance = covariance_at(fit, 2.0, residuals=line)
    np.testing.assert_allclose(covariance.standard_errors, np.sqrt([0.7, 0.2]), rtol=1e-6)


def test_residuals_by_name_and_of_any_shape():
    result = nelder.minimize(
        lambda p: float(line([p["a"], p["b"]]) @ line([p["a"], p["b"]])), {"a": 1.0, "b": 1.0}
    )
    covariance = covariance_at(
        result, residuals=lambda p: line([p["a"], p["b"]]).reshape(2, 2).tolist()
    )
    np.testing.assert_allclose(covariance.standard_errors["b"], math.sqrt(0.18), rtol=1e-6)


def test_residuals_within_bounds():
    residuals = Counted(line)
    options = {"bounds": [(0.0, 0.7 + 1e-3), (None, 1.0)], "history": True}
    result = nelder.minimize(lambda x: float(line(x) @ line(x)), [0.5, 0.5], **options)
    covariance = covariance_at(result, residuals=residuals)
    points = np.array(residuals.points)
    assert (points[:, 0] <= 0.7 + 1e-3).all()
    assert (points[:, 1] <= 1.0).all()
    assert Doubt.AT_BOUND in covariance.doubts


def test_residuals_of_nothing_that_moves():
    result = nelder.minimize(bowl, [0.0, -1.0], history=True, bounds=[(0, 0), (-1, -1)])
    covariance = covariance_at(result, residuals=line)
    assert np.isnan(covariance.matrix).all()


@pytest.mark.parametrize(
    ("residuals", "says"),
    [
        (3.0, "residuals=3.0: expected a function"),
        (lambda x: line(x) / 0.0, "not all of them are finite at the minimum"),
        (lambda x: ["a"], "expected real numbers"),
        (lambda x: line(x) * 1j, "expected real numbers .their dtype is complex128"),
        (lambda x: [], "expected at least one"),
        (lambda x: np.zeros(4), "residual_sum=0.0"),
        (lambda x: np.ones(2), "m=2, p=2"),
    ],
)
def test_residuals_that_are_none(fit, residuals, says):
    with np.errstate(all="ignore"), pytest.raises(InvalidArgumentError, match=says):
        covariance_at(fit, residuals=residuals)


def test_what_residuals_raise_is_not_renamed(fit):
    def broken(x):
        raise ValueError("theirs")

    with pytest.raises(ValueError, match=r"^theirs$"):
        covariance_at(fit, residuals=broken)


def test_residuals_are_always_as_many(fit):
    with pytest.raises(InvalidArgumentError, match=r"residuals: 5 of them at .*, 4 at the minimum"):
        covariance_at(fit, residuals=lambda x: np.zeros(4 if x[0] == fit.x[0] else 5))


def test_residuals_that_end_nearby(fit):
    def ends(x):
        return line(x) if abs(x[0] - fit.x[0]) == 0.0 else line(x) * math.nan

    covariance = covariance_at(fit, residuals=ends)
    assert covariance.doubts == (Doubt.NO_VALUE,)
    assert np.isnan(covariance.matrix).all()


def test_residuals_of_another_sum_are_not_at_their_minimum(fit):
    covariance = covariance_at(fit, residuals=lambda x: line(x) - 3.0)
    assert Doubt.NOT_AT_MINIMUM in covariance.doubts


# The pieces


def of(axes, curvature, unit=1.0, others=()):
    k = len(curvature)
    return Estimate(np.array(axes), np.array(curvature), unit, np.zeros(k), others, 9)


def test_an_estimate_in_its_axes():
    estimate = of([[2.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 4.0]], unit=3.0)
    # x = axes y: y = (x0/2, x1 - x0/2).
    np.testing.assert_allclose(estimate.hessian, 3.0 * np.array([[1.25, -2.0], [-2.0, 4.0]]))
    np.testing.assert_allclose(estimate.inverse @ estimate.hessian, np.eye(2), atol=1e-14)
    for other in (estimate.rounded(), estimate.on(np.array([0, 1]))):
        np.testing.assert_allclose(other.hessian, estimate.hessian, rtol=1e-12)
    np.testing.assert_allclose(estimate.rounded().curvature, np.eye(2), atol=1e-14)


def test_the_last_coordinate_moves_on_the_last_axis_only():
    estimate = of(np.eye(3) + 0.5, np.eye(3))
    order = np.array([2, 0, 1])
    turned = estimate.on(order)
    np.testing.assert_allclose(turned.axes, np.triu(turned.axes), atol=1e-14)
    np.testing.assert_allclose(turned.hessian, estimate.hessian[np.ix_(order, order)])
    held = estimate.on(np.array([0, 2]))
    np.testing.assert_allclose(held.hessian, estimate.hessian[np.ix_([0, 2], [0, 2])])


def test_errors_add_up_as_squares():
    # Curvatures a quarter off make standard errors a half off.
    others = (np.diag([0.25, 1.0]), np.diag([1.0, 0.25]))
    estimate = of(np.eye(2), np.eye(2), others=others)
    assert estimate.error == 1.0
    np.testing.assert_allclose(estimate.deviation, 0.75 * math.sqrt(2.0))
    axes = [[1.0, 0.0], [1.0, 0.0]]
    axes[1][1] = 1e-9
    both = of(axes, np.eye(2), others=(np.diag([0.25, 1.0]), np.diag([0.25, 1.0])))
    np.testing.assert_allclose(both.error, math.sqrt(2.0))
    assert of(np.eye(2), np.eye(2), others=(np.diag([1.0, -1.0]),)).error == INF
    assert of(np.eye(2), np.eye(2)).error == 0.0


def test_axes_are_straightened_step_by_step():
    axes = round_axes(np.diag([4.0, -1.0, 0.0]))
    np.testing.assert_allclose(np.sort(np.abs(axes).sum(axis=0)), [0.5, 1.0, 500.0])
    np.testing.assert_array_equal(round_axes(np.zeros((2, 2))), np.eye(2))


def test_another_minimum_is_left_out():
    # Two equal wells far apart, each with a cloud of points.
    rng = np.random.default_rng(3)
    sizes = np.geomspace(1e-1, 1e-6, 80)[:, None]
    near = sizes * rng.normal(size=(80, 2))
    far = sizes * rng.normal(size=(80, 2))
    steps = np.concatenate([near, far + 50.0])
    clouds = np.concatenate([near, far])
    rises = 0.5 * np.einsum("ij,jk,ik->i", clouds, A, clouds)
    order = rng.permutation(len(steps))
    estimate = fitted(steps[order], rises[order])
    assert estimate is not None
    np.testing.assert_allclose(estimate.hessian, A, rtol=1e-3)
    assert estimate.error < 1e-3


@pytest.mark.parametrize(
    "steps",
    [
        np.zeros((0, 2)),
        np.ones((7, 2)),
        np.outer(np.arange(1.0, 40.0), [1.0, 0.0]),  # on an axis
        np.zeros((40, 2)),
    ],
)
def test_points_that_tell_nothing(steps):
    rises = (steps * steps).sum(axis=1)
    assert fitted(steps, rises) is None


def test_points_on_a_line_tell_little():
    steps = np.outer(np.arange(1.0, 40.0), [1.0, 2.0])
    estimate = fitted(steps, (steps * steps).sum(axis=1))
    assert estimate is None or not estimate.definite or estimate.error > 0.01


def around(fun, k, budget=1000, noise=0.0):
    x = np.zeros(k)
    free = np.full(k, INF)
    evaluated = Evaluated(x, fun(x), np.zeros((0, k)), np.zeros(0), -free, free, noise=noise)

    def measure(points):
        return np.array([fun(point) for point in points])

    return Neighbourhood(evaluated, np.arange(k), measure, budget)


def test_a_level_of_differences_by_hand():
    def fun(x):  # odd terms cancel
        return 0.5 * float(x @ A @ x) + x[0] + 5.0 * x[1] ** 3

    near = around(fun, 2)
    estimate = level(near, of(np.eye(2), np.eye(2)), unit=1.0)
    np.testing.assert_allclose(estimate.hessian, A, rtol=1e-12)
    assert near.used == estimate.points == 2 * 3
    # The cubic's slope is 5·length², of length √2, over the axis.
    np.testing.assert_allclose(estimate.slope, [1.0, 10.0], rtol=1e-12)


def test_a_level_changes_lengths_that_are_far_off():
    near = around(lambda x: 0.5 * float(x @ A @ x) * 1e5, 2)
    estimate = level(near, of(np.eye(2), np.eye(2)), unit=1.0)
    np.testing.assert_allclose(estimate.hessian, 1e5 * A, rtol=1e-12)
    assert near.used == 2 * 3 + 4
    tight = around(lambda x: 0.5 * float(x @ A @ x) * 1e8, 2, budget=6)
    level(tight, of(np.eye(2), np.eye(2)), unit=1.0)
    assert tight.used == 6


def test_a_level_that_fails_says_so():
    near = around(lambda x: math.nan if x[0] > 0.0 else 0.5 * float(x @ A @ x), 2)
    estimate = level(near, of(np.eye(2), np.eye(2)), unit=1.0)
    assert near.failed
    assert np.isnan(estimate.curvature).any()


@pytest.mark.parametrize("right", [0, 1])
def test_the_level_that_a_third_confirms(right):
    curvatures = [np.eye(1), np.eye(1)]
    curvatures[1 - right] = 1.5 * np.eye(1)
    first, second = (
        Estimate(np.eye(1) * math.sqrt(unit), curvature, unit, np.zeros(1), (), 2)
        for unit, curvature in zip((1.0, 16.0), curvatures, strict=True)
    )
    near = around(lambda x: 0.5 * float(x @ x), 1)
    chosen = nearer_to(near, first, second)
    np.testing.assert_array_equal(chosen.curvature, np.eye(1))
    assert chosen.unit == (1.0, 16.0)[right]
    np.testing.assert_allclose(chosen.others[0], 1.125)  # a quarter of the way
    poor = around(lambda x: 0.5 * float(x @ x), 1, budget=1)
    assert nearer_to(poor, first, second) is second
    assert poor.used == 0


def test_a_third_level_that_confirms_neither():
    first, second = (
        Estimate(np.eye(1), c * np.eye(1), 1.0, np.zeros(1), (np.eye(1),), 2) for c in (0.9, 1.1)
    )
    assert nearer_to(around(lambda x: 0.5 * float(x @ x), 1), first, second) is second


def test_a_result_is_not_changed(found):
    before = copy.deepcopy(found.history)
    covariance_at(found, 1.0)
    np.testing.assert_array_equal(found.history.points, before.points)
    np.testing.assert_array_equal(found.history.values, before.values)


def test_a_result_shows_errors_once_they_are_asked_for():
    def fun(x):
        return (x[0] - 1.0) ** 2 + (x[1] + 2.0) ** 2 + (x[0] - 1.0) * (x[1] + 2.0)

    result = nelder.minimize(fun, [0.5, 0.5], history=True)
    assert "±" not in repr(result)
    covariance = result.covariance(1.0)
    assert covariance.correlations[0, 1] == pytest.approx(-0.5, abs=1e-4)
    shown = repr(result)
    assert re.search(r"x\[0\]: 1\.0+ ± 0\.816 \(82 %\)", shown)
    assert "correlation: x[0], x[1]: -0.5000" in shown
    assert "±" in result._repr_html_()
    assert result.standard_errors(1.0) == pytest.approx(np.sqrt([2 / 3, 2 / 3]), rel=1e-4)
    assert np.asarray(result.hessian()) == pytest.approx(
        np.array([[2.0, 1.0], [1.0, 2.0]]), rel=1e-4
    )


def test_there_is_no_covariance_where_there_is_no_minimum():
    result = nelder.minimize(lambda x: float(x[0]), [1.0], history=True)
    assert result.status is nelder.Status.UNBOUNDED
    with pytest.raises(nelder.InvalidArgumentError, match="falls without end"):
        result.covariance(1.0, evaluate=True)
