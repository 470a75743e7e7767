"""The least value of a quadratic within a ball, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nelder.core.trust_region import minimum_within


def value(g, h, s):
    return g @ s + 0.5 * s @ h @ s


def test_the_minimum_inside_the_ball():
    step = minimum_within(np.array([1.0, -1.0]), np.diag([2.0, 4.0]))
    np.testing.assert_allclose(step, [-0.5, 0.25], rtol=1e-15)


def test_the_minimum_on_the_boundary():
    # (1 + shift)·s = (3, 4) has length 5, so shift = 4 and s = -(0.6, 0.8).
    step = minimum_within(np.array([3.0, 4.0]), np.eye(2))
    np.testing.assert_allclose(step, [-0.6, -0.8], rtol=1e-12)


def test_another_radius():
    step = minimum_within(np.array([3.0, 4.0]), np.eye(2), 2.5)
    np.testing.assert_allclose(step, [-1.5, -2.0], rtol=1e-12)


def test_a_slope_without_curvature():
    step = minimum_within(np.array([3.0, -4.0]), np.zeros((2, 2)), 5.0)
    np.testing.assert_allclose(step, [-3.0, 4.0], rtol=1e-12)


def test_one_coordinate():
    assert minimum_within(np.array([1.0]), np.array([[4.0]])) == [-0.25]
    assert minimum_within(np.array([8.0]), np.array([[4.0]])) == pytest.approx([-1.0])
    assert minimum_within(np.array([1.0]), np.array([[-4.0]])) == pytest.approx([-1.0])


def test_a_saddle():
    # The pole is at shift = 2: (3 + 2)·s_0 = -1 is too short, the rest is along the second axis.
    g, h = np.array([1.0, 0.0]), np.diag([3.0, -2.0])
    step = minimum_within(g, h)
    np.testing.assert_allclose(step, [-0.2, math.sqrt(1.0 - 0.04)], rtol=1e-12)


@pytest.mark.parametrize("slope", [1e-8, 1e-17, 1e-300])
def test_a_saddle_with_next_to_no_slope_downwards(slope):
    step = minimum_within(np.array([1.0, slope]), np.diag([3.0, -2.0]))
    np.testing.assert_allclose(step, [-0.2, -math.sqrt(1.0 - 0.04)], rtol=1e-8)


def test_a_flat_surface():
    assert not minimum_within(np.zeros(3), np.zeros((3, 3))).any()


def test_a_valley_without_a_slope_along_it():
    step = minimum_within(np.array([1.0, 0.0]), np.diag([2.0, 0.0]))
    np.testing.assert_allclose(step, [-0.5, 0.0], atol=1e-15)


def test_a_hill_top():
    step = minimum_within(np.zeros(2), -np.eye(2), 3.0)
    assert np.linalg.norm(step) == pytest.approx(3.0)


@pytest.mark.parametrize("scale", [1e-290, 1e290])
def test_any_scale(scale):
    step = minimum_within(scale * np.array([3.0, 4.0]), scale * np.eye(2))
    np.testing.assert_allclose(step, [-0.6, -0.8], rtol=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.floats(-4.0, 4.0), st.booleans())
def test_the_conditions_of_a_global_minimum(n, seed, power, hard):
    """Moré & Sorensen: (H + shift)·s = -g, H + shift not negative, shift·(1 - |s|) = 0."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    h = root + root.T
    g = 10.0**power * rng.normal(size=n)
    curvatures, axes = np.linalg.eigh(h)
    if hard:
        g -= axes[:, 0] * (axes[:, 0] @ g)
    step = minimum_within(g, h)
    length = np.linalg.norm(step)
    assert length <= 1.0 + 1e-12
    shift = max(0.0, -step @ (h @ step + g) / length**2) if length > 0.0 else 0.0
    size = np.abs(g).max() + np.abs(h).max()
    np.testing.assert_allclose(h @ step + shift * step, -g, atol=1e-9 * size)
    assert curvatures[0] + shift >= -1e-8 * size
    assert shift * (1.0 - length) <= 1e-8 * size
    for other in rng.normal(size=(20, n)):
        other /= max(1.0, np.linalg.norm(other))
        assert value(g, h, step) <= value(g, h, other) + 1e-12 * size
