"""What always holds of standard errors, whatever the objective."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder
from nelder.uncertainty.evaluated import Evaluated
from nelder.uncertainty.hessian import estimate_hessian


@st.composite
def bowls(draw):
    """Return a seed's bowl with a bent floor, its minimum, and the exact Hessian there."""
    n = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    turn, _ = np.linalg.qr(rng.normal(size=(n, n)))
    hessian = turn.T @ np.diag(10.0 ** rng.uniform(-2.0, 2.0, n)) @ turn
    minimum = rng.normal(size=n)
    bent = draw(st.sampled_from([0.0, 0.1]))
    base = draw(st.sampled_from([0.0, 1.0, -1e4]))

    def fun(x):
        y = turn @ (x - minimum)
        return (
            0.5 * float((x - minimum) @ hessian @ (x - minimum)) + bent * float(y**4 @ y**4) + base
        )

    return fun, minimum, hessian


@given(bowls(), st.booleans())
@settings(deadline=None, max_examples=40)
def test_errors_are_as_large_as_they_say(bowl, evaluate):
    fun, minimum, hessian = bowl
    result = nelder.minimize(fun, np.zeros(len(minimum)), history=True)
    covariance = result.covariance(1.0, evaluate=evaluate)
    right = np.sqrt(np.linalg.inv(hessian).diagonal())
    if covariance.sound:
        assert (np.abs(covariance.standard_errors / right - 1.0) <= 0.01).all()


@given(bowls(), st.booleans(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_new_points_are_few_and_within_bounds(bowl, history, random):
    fun, minimum, _ = bowl
    n = len(minimum)
    gaps = [random.choice([-1e-3, 0.0, 1e-9, 1e-3, 1.0, np.inf]) for _ in minimum]
    widths = [random.choice([0.0, 0.5, 3.0, np.inf]) for _ in minimum]
    lower = minimum - gaps
    upper = np.where(np.isinf(lower), minimum, lower) + widths
    asked = []

    def counted(x):
        asked.append(x.copy())
        return fun(x)

    bounds = list(zip(lower, upper, strict=True))
    result = nelder.minimize(counted, minimum + 0.25, history=history, bounds=bounds)
    asked.clear()
    covariance = result.covariance(1.0, evaluate=True)
    free = int((lower < upper).sum())
    assert covariance.hessian.nnew == len(asked) <= 2 * (free + 1) * (free + 2)
    for point in asked:
        assert (lower <= point).all()
        assert (point <= upper).all()
    matrix = covariance.matrix
    assert matrix.shape == (n, n)
    assert np.isnan(matrix[lower == upper]).all()
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-6)


@given(bowls(), st.sampled_from([1e-6, 0.5, 3.0]))
@settings(deadline=None, max_examples=20)
def test_the_scale_is_a_factor(bowl, scale):
    fun, minimum, _ = bowl
    result = nelder.minimize(fun, np.zeros(len(minimum)), history=True)
    one, other = result.covariance(1.0), result.covariance(scale)
    np.testing.assert_array_equal(other.matrix, scale * one.matrix)
    np.testing.assert_allclose(other.correlations, one.correlations, rtol=1e-12)
    assert other.error == one.error


@given(bowls(), st.integers(-20, 20), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_units_and_order_of_parameters_do_not_matter(bowl, power, random):
    fun, minimum, _ = bowl
    n = len(minimum)
    result = nelder.minimize(fun, np.zeros(n), history=True)
    history, free = result.history, np.full(n, np.inf)
    order = random.sample(range(n), n)
    unit = 2.0**power

    def asked(points, x):
        return estimate_hessian(Evaluated(x, result.fun, points, history.values, -free, free))

    one = asked(history.points, result.x)
    other = asked(unit * history.points[:, order], unit * result.x[order])
    assert other.doubts == one.doubts
    np.testing.assert_allclose(
        other.matrix * unit**2,
        one.matrix[np.ix_(order, order)],
        rtol=1e-3,
        atol=1e-6 * np.abs(one.matrix).max(),
    )


@given(bowls(), st.integers(2, 4))
@settings(deadline=None, max_examples=10)
def test_workers_do_not_show(bowl, workers):
    fun, minimum, _ = bowl
    start = np.zeros(len(minimum))
    alone = nelder.minimize(fun, start).hessian(evaluate=True)
    with ThreadPoolExecutor(workers) as pool:
        together = nelder.minimize(fun, start, workers=(pool, workers)).hessian(evaluate=True)
    np.testing.assert_array_equal(together.matrix, alone.matrix)
    assert together.nnew == alone.nnew
