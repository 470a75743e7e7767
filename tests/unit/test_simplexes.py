"""Every builder of an initial simplex by hand."""

import math

import numpy as np
import pytest

from nelder.core.simplexes import (
    AffineSimplex,
    AxisSimplex,
    FminsearchSimplex,
    RegularSimplex,
    StepSimplex,
    axis_steps,
)
from nelder.errors import InvalidArgumentError

INF = math.inf


def build(builder, x0, lower=None, upper=None):
    x0 = np.array(x0, dtype=float)
    lower = np.full(len(x0), -INF) if lower is None else np.array(lower, dtype=float)
    upper = np.full(len(x0), INF) if upper is None else np.array(upper, dtype=float)
    before = x0.copy(), lower.copy(), upper.copy()
    simplex = builder(x0, lower, upper)
    for given, kept in zip((x0, lower, upper), before, strict=True):
        np.testing.assert_array_equal(given, kept)  # the arguments are left alone
    assert simplex.shape == (len(x0) + 1, len(x0))
    assert simplex.dtype == np.float64
    np.testing.assert_array_equal(simplex[0], x0)
    return simplex


def along_axes(simplex):
    """The end of each step; nothing but the diagonal differs from the start."""
    off = ~np.eye(simplex.shape[1], dtype=bool)
    np.testing.assert_array_equal(
        simplex[1:][off], np.broadcast_to(simplex[0], simplex[1:].shape)[off]
    )
    return np.diag(simplex[1:]).tolist()


def test_axis_simplex_without_bounds():
    # 2 + ½·2, 0 + ½, -4 + ½·4
    assert along_axes(build(AxisSimplex(), [2.0, 0.0, -4.0])) == [3.0, 0.5, -2.0]


def test_axis_simplex_with_other_steps():
    # 2 + ¼·2, 0 + 8
    assert along_axes(build(AxisSimplex(0.25, 8.0), [2.0, 0.0])) == [2.5, 8.0]


def test_axis_simplex_with_negative_zero():
    assert along_axes(build(AxisSimplex(), [-0.0])) == [0.5]


@pytest.mark.parametrize(
    ("x0", "end"),
    [
        (0.0, 2.0),  # at the lower bound: a quarter of 8 upwards
        (3.0, 5.0),
        (6.0, 8.0),  # exactly to the bound
        (6.5, 4.5),  # 8.5 would leave
        (8.0, 6.0),  # at the upper bound
    ],
)
def test_axis_simplex_takes_a_quarter_of_a_range(x0, end):
    assert along_axes(build(AxisSimplex(), [x0], [0.0], [8.0])) == [end]


@pytest.mark.parametrize(
    ("x0", "lower", "upper", "end"),
    [
        (4.0, -INF, 5.0, 2.0),  # 4 + 2 > 5, so 4 - 2
        (4.0, -INF, 6.0, 6.0),  # exactly to the bound
        (1.0, -INF, 1.0, 0.5),  # at the bound
        (0.0, -INF, 0.0, -0.5),  # at the bound and 0
        (0.0, 0.0, INF, 0.5),
        (-4.0, -4.0, INF, -2.0),
        (4.0, 4.0, INF, 6.0),
    ],
)
def test_axis_simplex_with_one_bound(x0, lower, upper, end):
    assert along_axes(build(AxisSimplex(), [x0], [lower], [upper])) == [end]


def test_axis_simplex_decides_coordinate_by_coordinate():
    simplex = build(
        AxisSimplex(), [7.0, 0.0, 2.0, 4.0], [0.0, -INF, 2.0, -INF], [8.0, INF, INF, 5.0]
    )
    assert along_axes(simplex) == [5.0, 0.5, 3.0, 2.0]


def test_axis_simplex_in_a_tiny_box():
    assert along_axes(build(AxisSimplex(), [0.0], [0.0], [4e-300])) == [1e-300]


def test_axis_simplex_in_a_huge_box():
    big = 1.5 * 2.0**1023
    simplex = build(AxisSimplex(), [-big], [-big], [big])
    assert along_axes(simplex) == [-big / 2.0]  # -b + ¼·2b


@pytest.mark.parametrize(
    ("x0", "end"),
    [
        (3.0, 8.0),  # 13 and -7 are outside; 8 is farther than 0
        (5.0, 0.0),
        (4.0, 8.0),  # equally far
        (8.0, 0.0),
        (0.0, 8.0),
    ],
)
def test_a_step_that_fits_nowhere_goes_to_the_farther_bound(x0, end):
    assert along_axes(build(StepSimplex(10.0), [x0], [0.0], [8.0])) == [end]


def test_axis_steps_by_hand():
    simplex = axis_steps(
        np.array([1.0, 2.0]),
        np.array([0.5, -0.5]),
        np.array([-INF, 1.75]),
        np.array([INF, INF]),
    )
    # 2 - ½ = 1.5 < 1.75, so 2 + ½
    np.testing.assert_array_equal(simplex, [[1.0, 2.0], [1.5, 2.0], [1.0, 2.5]])


def test_affine_simplex():
    ends = along_axes(build(AffineSimplex(), [2.0, 0.0, -4.0]))
    # 2·1.5 + 0.025, 0 + 0.025, -4·1.5 + 0.025
    np.testing.assert_allclose(ends, [3.025, 0.025, -5.975], rtol=1e-15)
    # 2·1.25 + 1, -4·1.25 + 1
    assert along_axes(build(AffineSimplex(a=1.0, b=0.25), [2.0, -4.0])) == [3.5, -4.0]


def test_fminsearch_simplex():
    ends = along_axes(build(FminsearchSimplex(), [2.0, 0.0, -4.0]))
    # 2·1.05, 0.00025, -4·1.05
    np.testing.assert_allclose(ends, [2.1, 0.00025, -4.2], rtol=1e-15)
    assert along_axes(build(FminsearchSimplex(a=0.5, b=0.25), [4.0, 0.0])) == [5.0, 0.5]


def test_step_simplex():
    assert along_axes(build(StepSimplex(0.25), [1.0, 0.0])) == [1.25, 0.25]
    assert along_axes(build(StepSimplex([0.25, -3.0]), [1.0, 0.0])) == [1.25, -3.0]
    assert along_axes(build(StepSimplex(np.array([2, 4])), [1.0, 0.0])) == [3.0, 4.0]


def test_step_simplex_turns_round_at_a_bound():
    simplex = build(StepSimplex([2.0, -2.0]), [1.0, 1.0], [-2.0, 0.0], [2.0, 4.0])
    # 3 > 2, so -1; -1 < 0, so 3
    assert along_axes(simplex) == [-1.0, 3.0]


def test_step_simplex_keeps_its_own_steps():
    steps = [1.0, 2.0]
    builder = StepSimplex(steps)
    steps[0] = 9.0
    assert builder.steps == (1.0, 2.0)
    assert hash(builder) == hash(StepSimplex((1.0, 2.0)))
    assert builder == StepSimplex(np.array([1.0, 2.0]))


def test_regular_simplex_by_hand():
    # n = 3: q = (√4 - 1)/(3√2) = 1/(3√2); times an edge of 3√2: 1, and 1 + 3 on the diagonal
    simplex = build(RegularSimplex(3.0 * math.sqrt(2.0)), [10.0, 20.0, 30.0])
    expected = [[10, 20, 30], [14, 21, 31], [11, 24, 31], [11, 21, 34]]
    np.testing.assert_allclose(simplex, expected, rtol=1e-15)


def test_regular_simplex_in_one_dimension():
    # q = (√2 - 1)/√2, and q + 1/√2 = 1
    np.testing.assert_allclose(build(RegularSimplex(2.0), [5.0]), [[5.0], [7.0]], rtol=1e-15)


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("edge", [1.0, 0.125, 300.0])
def test_regular_simplex_has_equal_edges(n, edge):
    simplex = build(RegularSimplex(edge), np.linspace(-1.0, 2.0, n))
    edges = [math.dist(simplex[i], simplex[j]) for i in range(n + 1) for j in range(i)]
    np.testing.assert_allclose(edges, edge, rtol=1e-13)


def test_without_an_edge_a_regular_simplex_is_so_in_units_of_the_axis_steps():
    # n = 3: all but x0 are moved by (√4 - 1)/3 = 1/3 of the steps 5, 0.5 and 15
    simplex = build(RegularSimplex(), [10.0, 0.0, -30.0])
    expected = [[10, 0, -30], [10 + 20 / 3, 1 / 6, -25], [10 + 5 / 3, 2 / 3, -25]]
    np.testing.assert_allclose(simplex[:3], expected, rtol=1e-14)
    units = (simplex - simplex[0]) / [5.0, 0.5, 15.0]
    edges = [math.dist(units[i], units[j]) for i in range(4) for j in range(i)]
    np.testing.assert_allclose(edges, math.sqrt(2.0), rtol=1e-13)


@pytest.mark.parametrize("x0", [[0.0, 1.0], [0.95, 0.1], [1.0, 0.0], [0.6, 0.6], [0.7, 0.5]])
def test_a_regular_simplex_stays_inside_the_bounds_and_turns_round(x0):
    # steps of a quarter of the range; the farthest vertex is (1 + (√3 - 1)/2)/4 = 0.3415 away
    simplex = build(RegularSimplex(), x0, [0.0, 0.0], [1.0, 1.0])
    assert np.all((simplex >= 0.0) & (simplex <= 1.0))
    units = np.abs(simplex[1:] - simplex[0]) / 0.25
    np.testing.assert_allclose(np.diag(units), 1.0 + (math.sqrt(3.0) - 1.0) / 2.0, rtol=1e-12)
    np.testing.assert_array_equal(simplex[1:, 0] < x0[0], x0[0] > 0.66)


@pytest.mark.parametrize(
    "builder", [AxisSimplex(), AffineSimplex(), FminsearchSimplex(), StepSimplex(0.5)]
)
def test_vertices_are_affinely_independent(builder):
    simplex = build(builder, [3.0, 0.0, -1e-3, 1e6])
    assert np.linalg.matrix_rank(np.sign(simplex[1:] - simplex[0])) == 4


@pytest.mark.parametrize(
    ("builder", "name", "value"),
    [
        (builder, name, value)
        for builder, name in [
            (AxisSimplex, "relative"),
            (AxisSimplex, "absolute"),
            (RegularSimplex, "edge"),
        ]
        for value in (0.0, -1.0, INF, math.nan, "1", None)
        if (builder, value) != (RegularSimplex, None)
    ],
)
def test_a_size_that_is_not_above_0_is_named(builder, name, value):
    with pytest.raises(InvalidArgumentError) as error:
        builder(**{name: value})
    assert str(error.value) == f"{name}={value!r}: expected a finite number above 0"


@pytest.mark.parametrize("steps", [0.0, [1.0, 0.0], [1.0, INF], math.nan, [[1.0, 2.0]]])
def test_bad_steps_are_named(steps):
    with pytest.raises(InvalidArgumentError) as error:
        StepSimplex(steps)
    assert str(error.value).startswith(f"steps={steps!r}: expected finite numbers other than 0")


def test_steps_of_the_wrong_number_are_named():
    with pytest.raises(InvalidArgumentError, match="steps has 3 entries: expected 2"):
        build(StepSimplex([1.0, 2.0, 3.0]), [0.0, 0.0])
