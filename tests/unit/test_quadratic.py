"""Quadratics and their fits: by hand, and against exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nelder.core.quadratic import BLOCK, Quadratic, Regression, fit_quadratic

SURFACE = Quadratic(3.0, np.array([1.0, -2.0]), np.array([[2.0, 1.0], [1.0, 4.0]]))


def scattered(m, n, seed=0, size=1.5):
    return np.random.default_rng(seed).normal(size=(m, n)) * size


def spreads(z):
    """The weights of model steps: nearly all that is known of far points is forgotten."""
    return np.maximum(1.0, np.sum(z * z, axis=1)) ** 3


def exact(z, y, strength, spread):
    """The same fit by its dual in exact fractions: leave-one-out error, gradient, Hessian.

    [[(Z Z')∘(Z Z')/2 + strength·diag(spread), Z], [Z', 0]] (forces, gradient) = (y, 0).
    """
    m, n = z.shape
    rows = [[Fraction(v) for v in row] for row in z.tolist()]
    spread = [Fraction(v) for v in spread.tolist()]
    values = [Fraction(v) for v in y.tolist()]
    strength = Fraction(strength)
    size = m + n
    a = [[Fraction(0)] * (2 * size) for _ in range(size)]
    for i in range(m):
        for j in range(m):
            a[i][j] = sum(p * q for p, q in zip(rows[i], rows[j], strict=True)) ** 2 / 2
        a[i][i] += strength * spread[i]
        for j in range(n):
            a[i][m + j] = a[m + j][i] = rows[i][j]
    for i in range(size):
        a[i][size + i] = Fraction(1)
    for i in range(size):  # Gauss-Jordan: the inverse stands on the right in the end
        pivot = next(r for r in range(i, size) if a[r][i] != 0)
        a[i], a[pivot] = a[pivot], a[i]
        a[i] = [v / a[i][i] for v in a[i]]
        for r in range(size):
            if r != i and a[r][i] != 0:
                a[r] = [v - a[r][i] * w for v, w in zip(a[r], a[i], strict=True)]
    inverse = [row[size:] for row in a]
    solved = [sum(inverse[i][j] * values[j] for j in range(m)) for i in range(size)]
    forces, gradient = solved[:m], solved[m:]
    missed = [forces[i] / inverse[i][i] for i in range(m)]
    error = sum(r * r / d for r, d in zip(missed, spread, strict=True))
    total = sum(v * v / d for v, d in zip(values, spread, strict=True))
    hessian = [
        [sum(forces[k] * rows[k][i] * rows[k][j] for k in range(m)) for j in range(n)]
        for i in range(n)
    ]
    return (
        math.sqrt(error / total),
        np.array([float(v) for v in gradient]),
        np.array([[float(v) for v in row] for row in hessian]),
    )


def test_values_of_a_surface():
    # 3 + (1 - 4) + (2 + 4 + 16)/2 at (1, 2)
    np.testing.assert_array_equal(SURFACE(np.array([[0.0, 0.0], [1.0, 2.0]])), [3.0, 11.0])


def test_a_quadratic_is_found_again():
    z = scattered(6, 2)
    fit = fit_quadratic(z, SURFACE(z), 1e-12)
    assert fit.quadratic.constant == pytest.approx(3.0, abs=1e-8)
    np.testing.assert_allclose(fit.quadratic.gradient, SURFACE.gradient, atol=1e-8)
    np.testing.assert_allclose(fit.quadratic.hessian, SURFACE.hessian, atol=1e-8)
    assert np.abs(fit.residuals).max() < 1e-9
    assert fit_quadratic(scattered(12, 2), SURFACE(scattered(12, 2)), 1e-12).loo < 1e-6


def test_without_a_constant_it_is_zero_at_the_origin():
    z = scattered(8, 2)
    fit = fit_quadratic(z, SURFACE(z) - 3.0, 1e-12, constant=False)
    assert fit.quadratic.constant == 0.0
    np.testing.assert_allclose(fit.quadratic.hessian, SURFACE.hessian, atol=1e-8)


def test_one_coordinate_by_hand():
    # y = b z + H z²/2 on z = -1, 1, with y = 1, 2: b = 1/2 whatever the ridge; the coefficient of
    # z²/√2 is 1.5·√2/(2 + 2·strength)... for strength 1 it is (√2·1.5)/(1 + 1) = 1.0607.
    z = np.array([[-1.0], [1.0]])
    fit = fit_quadratic(z, np.array([1.0, 2.0]), 1.0, constant=False)
    assert fit.quadratic.gradient == pytest.approx([0.5])
    assert fit.quadratic.hessian[0, 0] == pytest.approx(1.5)
    # The surface is 0.5·z + 0.75·z²: it misses 0.75 at both.
    np.testing.assert_allclose(fit.residuals, [0.75, 0.75])
    # Leverages: 1/2 of the slope and, of 1/√2 each with 1 + strength = 2, 1/4: 0.75/(1/4) = 3.
    assert fit.loo == pytest.approx(math.sqrt(18.0 / 5.0))


def test_a_strong_ridge_leaves_the_slope():
    z = np.array([[-1.0], [1.0], [2.0], [-2.0]])
    fit = fit_quadratic(z, 3.0 * z[:, 0] + 1.0, 1e12)
    assert fit.quadratic.gradient == pytest.approx([3.0])
    assert fit.quadratic.constant == pytest.approx(1.0)
    assert fit.quadratic.hessian[0, 0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize(("m", "n"), [(5, 2), (9, 2), (4, 1), (7, 4), (21, 4), (80, 12), (130, 12)])
def test_the_leave_one_out_error_is_that_of_leaving_each_out(m, n, constant):
    z = scattered(m, n)
    y = np.sin(z.sum(axis=1)) + z[:, 0] ** 2
    spread = spreads(z)
    missed = []
    for i in range(m):
        keep = np.arange(m) != i
        fit = fit_quadratic(z[keep], y[keep], 1e-3, spread[keep], constant)
        missed.append(y[i] - fit.quadratic(z[i : i + 1])[0])
    base = y - (np.average(y, weights=1.0 / spread) if constant else 0.0)
    expected = math.sqrt(np.sum(np.square(missed) / spread) / np.sum(base**2 / spread))
    got = fit_quadratic(z, y, 1e-3, spread, constant).loo
    assert got == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(2, 9),
    st.sampled_from([1e-10, 1e-6, 1e-2]),
    st.integers(0, 2**32 - 1),
)
def test_it_is_the_dual_in_exact_fractions(n, more, strength, seed):
    z = scattered(n + more, n, seed)
    y = np.cos(z.sum(axis=1)) - 1.0
    y /= np.abs(y).max()
    spread = spreads(z)
    loo, gradient, hessian = exact(z, y, strength, spread)
    fit = fit_quadratic(z, y, strength, spread, constant=False)
    if np.linalg.cond(z) < 1e4:
        # Where rounding of the matrix, 1e-16·|z|⁴, shows beside the weakest ridge.
        assert fit.loo == pytest.approx(loo, rel=1e-3)
        size = max(np.abs(gradient).max(), np.abs(hessian).max())
        np.testing.assert_allclose(fit.quadratic.gradient, gradient, atol=1e-3 * size)
        np.testing.assert_allclose(fit.quadratic.hessian, hessian, atol=1e-3 * size)


@pytest.mark.parametrize("m", [45, 60, 100, 250])
def test_block_by_block_is_the_same(m):
    """12 coordinates have 78 second-order terms: more than a block, as have 100 points."""
    n = 12
    z = scattered(m, n)
    y = np.sin(z).sum(axis=1)
    regression = Regression(z, y, spreads(z), constant=False)
    fit = regression.fit(1e-4)
    root = 1.0 / np.sqrt(spreads(z))
    first, second = np.triu_indices(n)
    scale = np.where(first == second, math.sqrt(0.5), 1.0)
    design = np.hstack([z, z[:, first] * z[:, second] * scale]) * root[:, None]
    penalty = np.diag([0.0] * n + [1e-4] * len(first))
    inverse = np.linalg.inv(design.T @ design + penalty)
    coefficients = inverse @ design.T @ (y * root)
    left = y * root - design @ coefficients
    free = 1.0 - np.einsum("ij,jk,ik->i", design, inverse, design)
    assert len(first) > BLOCK
    assert fit.loo == pytest.approx(
        np.linalg.norm(left / free) / np.linalg.norm(y * root), rel=1e-7
    )
    np.testing.assert_allclose(fit.quadratic.gradient, coefficients[:n], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.residuals, left / root, rtol=1e-6, atol=1e-9)


UNUSABLE = {
    "too few points": (scattered(2, 2), np.array([1.0, 2.0])),
    "no points": (np.empty((0, 2)), np.empty(0)),
    "points on a line": (np.outer(np.arange(6.0), [1.0, 2.0]), np.arange(6.0)),
    "all points the same": (np.ones((6, 2)), np.arange(6.0)),
    "all at the origin": (np.zeros((6, 2)), np.arange(6.0)),
    "values all 0": (scattered(8, 2), np.zeros(8)),
    "a value +inf": (scattered(8, 2), np.array([1.0] * 7 + [math.inf])),
    "a value -inf": (scattered(8, 2), np.array([1.0] * 7 + [-math.inf])),
    "a value NaN": (scattered(8, 2), np.array([1.0] * 7 + [math.nan])),
    "values that overflow": (scattered(8, 2), 1e300 * np.arange(8.0)),
    "a point at infinity": (np.vstack([scattered(7, 2), [[math.inf, 0.0]]]), np.arange(8.0)),
    "a point NaN": (np.vstack([scattered(7, 2), [[math.nan, 0.0]]]), np.arange(8.0)),
    "points too large": (1e200 * scattered(8, 2), np.arange(8.0)),
}


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_fitted(case, constant):
    z, y = UNUSABLE[case]
    fit = fit_quadratic(z, y, 1e-6, constant=constant)
    assert fit.loo == math.inf
    assert not fit.quadratic.hessian.any()
    assert not fit.quadratic.gradient.any()
    np.testing.assert_array_equal(fit.residuals, y)


def test_a_constant_is_not_worth_a_surface():
    assert fit_quadratic(scattered(8, 2), np.full(8, 7.0), 1e-6).loo == math.inf


@pytest.mark.parametrize("scale", [1e-290, 1e290])
def test_values_of_any_scale(scale):
    z = scattered(9, 2)
    y = SURFACE(z) / 30.0
    one, other = fit_quadratic(z, y, 1e-8), fit_quadratic(z, scale * y, 1e-8)
    assert other.loo == pytest.approx(one.loo, rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(other.quadratic.hessian / scale, one.quadratic.hessian, rtol=1e-9)


def test_weights_decide():
    z = scattered(30, 2)
    y = SURFACE(z)
    y[3] += 100.0
    spread = np.ones(30)
    spread[3] = 1e12
    fit = fit_quadratic(z, y, 1e-12, spread)
    np.testing.assert_allclose(fit.quadratic.hessian, SURFACE.hessian, atol=1e-6)
    assert fit.residuals[3] == pytest.approx(100.0, abs=1e-6)
