"""The box: into it, out of it, and never over its bounds.

T is asked through a machine, whose vertices are T of the simplex that it gets.
"""

import math
from itertools import pairwise

import numpy as np
import pytest

from nelder.core.coefficients import Coefficients
from nelder.core.convergence import Test as Comparison

INF = math.inf
NAN = math.nan
MAX = np.finfo(float).max
EPS = np.finfo(float).eps


def boxed(core, low, high, clips=False):
    return core.Box(np.array(low, dtype=float), np.array(high, dtype=float), clips)


def machine_at(core, box, z):
    return core.Machine(
        np.array(z, dtype=float),
        Coefficients(),
        Comparison("none"),
        box=box,
    )


def place(core, box, z):
    """T of each row of `z` (m, n)."""
    z = np.array(z, dtype=float).reshape(-1, box.n)
    machine = machine_at(core, box, np.zeros((box.n + 1, box.n)))
    points = []
    for first in range(0, len(z), box.n + 1):
        rows = np.resize(z[first : first + box.n + 1], (box.n + 1, box.n))
        machine.restart(rows, np.full(box.n + 1, NAN))
        points.extend(machine.needed())
    return np.array(points[: len(z)])


def place1(core, low, high, *z, clips=False):
    """T of numbers, with one coordinate."""
    return place(core, boxed(core, [low], [high], clips), z).ravel().tolist()


# What a box says about itself


def test_attributes(core):
    box = boxed(core, [0.0, 2.0, -INF, 3.0], [1.0, 2.0, INF, INF])
    assert (box.dim, box.n) == (4, 3)
    assert box.free.tolist() == [0, 2, 3]
    assert box.lower.tolist() == [0.0, 2.0, -INF, 3.0]
    assert box.upper.tolist() == [1.0, 2.0, INF, INF]


def test_the_bounds_given_are_not_kept(core):
    low, high = np.array([0.0]), np.array([1.0])
    box = core.Box(low, high, True)
    low[0], high[0] = 5.0, 6.0
    assert place(core, box, [[-1.0], [2.0]]).ravel().tolist() == [0.0, 1.0]


def test_inside(core):
    box = boxed(core, [0.0, -INF, 2.0], [1.0, 5.0, 2.0])
    assert box.inside(np.array([-1.0, 6.0, 0.0])).tolist() == [0.0, 5.0, 2.0]
    assert box.inside(np.array([[0.5, -1e300, 2.0], [9.0, 5.0, 9.0]])).tolist() == [
        [0.5, -1e300, 2.0],
        [1.0, 5.0, 2.0],
    ]


# T by hand


def test_no_bounds(core):
    z = [0.0, -0.0, 1.5, -1e300, 5e-324, MAX]
    for clips in (False, True):
        placed = place1(core, -INF, INF, *z, clips=clips)
        assert placed == z
        assert math.copysign(1.0, placed[1]) == -1.0


def test_a_lower_bound(core):
    # 3 + z²
    assert place1(core, 3.0, INF, 0.0, 1.0, -1.0, 2.0, -0.5) == [3.0, 4.0, 4.0, 7.0, 3.25]


def test_an_upper_bound(core):
    # 3 - z²
    assert place1(core, -INF, 3.0, 0.0, 1.0, -1.0, 2.0, -0.5) == [3.0, 2.0, 2.0, -1.0, 2.75]


def test_two_bounds(core):
    # 2 + 8·(1 - cos z)/2; cos 0 = 1, cos ±π/3 = ½, cos ±π/2 = 0, cos ±2π/3 = -½, cos ±π = -1
    z = np.array([0.0, math.pi / 3, math.pi / 2, 2 * math.pi / 3, math.pi])
    expected = [2.0, 4.0, 6.0, 8.0, 10.0]
    for turned in (z, -z, z + 2 * math.pi, z - 40 * math.pi):
        np.testing.assert_allclose(place1(core, 2.0, 10.0, *turned), expected, rtol=1e-13)
    assert place1(core, 2.0, 10.0, 0.0, math.pi) == [2.0, 10.0]


def test_two_bounds_keep_full_precision_at_either(core):
    # near a bound x is z²/4 of the range from it
    z = 1e-6
    low, high = place1(core, 0.0, 1.0, z), place1(core, -1.0, 0.0, math.pi - z)
    np.testing.assert_allclose(low, z * z / 4, rtol=1e-12)
    np.testing.assert_allclose(high, -z * z / 4, rtol=1e-9)  # as precise as π - z is


def test_two_bounds_rise_from_one_to_the_other(core):
    x = place1(core, -1.0, 2.0, *np.linspace(0.0, math.pi, 2001))
    assert all(a <= b for a, b in pairwise(x))
    x = place1(core, -1.0, 2.0, *np.linspace(math.pi / 2 - 1e-12, math.pi / 2 + 1e-12, 2001))
    assert all(a <= b for a, b in pairwise(x))  # where the two formulas meet
    assert x[-1] - x[0] < 1e-11


def test_clip(core):
    z = [-1.0, 0.0, 0.5, 1.0, 1.5, 1e300, -1e300]
    assert place1(core, 0.0, 1.0, *z, clips=True) == [0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 0.0]
    assert place1(core, 0.0, INF, *z, clips=True) == [0.0, 0.0, 0.5, 1.0, 1.5, 1e300, 0.0]
    assert place1(core, -INF, 1.0, *z, clips=True) == [-1.0, 0.0, 0.5, 1.0, 1.0, 1.0, -1e300]


def test_each_coordinate_by_its_own_bounds(core):
    box = boxed(core, [-INF, 1.0, -INF, 0.0, 7.0], [INF, INF, 1.0, 2.0, 7.0])
    assert box.n == 4
    x = place(core, box, [[3.0, 2.0, 2.0, math.pi]])
    assert x.tolist() == [[3.0, 5.0, -3.0, 2.0, 7.0]]


def test_fixed_coordinates_stay(core):
    box = boxed(core, [2.0, -INF, 4.0], [2.0, INF, 4.0])
    machine = machine_at(core, box, [[1.0], [2.0]])
    assert machine.needed().tolist() == [[2.0, 1.0, 4.0], [2.0, 2.0, 4.0]]
    for f in (1.0, 2.0, 0.5, 0.25, 3.0, 3.0, 3.0):
        x = machine.x
        assert (x[0], x[2]) == (2.0, 4.0)
        machine.tell(f)


# z moves with a clipped point


def test_a_clipped_vertex_is_where_the_search_goes_on_from(core):
    box = boxed(core, [-1.0, -INF], [INF, INF], clips=True)
    machine = machine_at(core, box, [(0.0, 0.0), (-9.0, 4.0), (2.0, 1.0)])
    # the second vertex is moved to (-1, 4)
    assert machine.needed().tolist() == [[0.0, 0.0], [-1.0, 4.0], [2.0, 1.0]]
    for f in (1.0, 2.0, 3.0):
        machine.tell(f)
    # c = (-½, 2), 2c - (2, 1) = (-3, 3), moved to (-1, 3)
    assert machine.x.tolist() == [-1.0, 3.0]
    machine.tell(0.5)
    # the expansion is from the moved reflection: c + 2·((-1, 3) - c) = (-3/2, 4)
    assert machine.x.tolist() == [-1.0, 4.0]
    machine.tell(0.75)
    # (-1, 3), (0, 0), worst (-1, 4): c = (-½, 3/2), 2c - worst = (0, -1)
    assert machine.x.tolist() == [0.0, -1.0]


def test_a_transformed_vertex_is_where_it_was_in_z(core):
    box = boxed(core, [0.0], [INF])
    machine = machine_at(core, box, [[-2.0], [3.0]])
    machine.tell(1.0)
    machine.tell(2.0)
    assert machine.x.tolist() == [49.0]  # z = 2·(-2) - 3 = -7


# Never out of the box


RANGES = [
    (0.0, 1.0),
    (-1.0, 2.0),
    (0.1, 0.3),
    (-0.3, -0.1),
    (1e6, 1e6 + 1e-6),
    (-1e6 - 1e-6, -1e6),
    (1.0, math.nextafter(1.0, 2.0)),
    (math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0)),
    (0.0, 1e-300),
    (-1e-300, 1e-300),
    (1e-300, 3e-300),
    (0.0, 1e300),
    (-1e300, 1e300),
    (-MAX, MAX),
    (0.0, MAX),
    (1e-300, 1e300),
    (-1e300, 1e-300),
    (1.0 / 3.0, 2.0 / 3.0),
    (1e15, 1e15 + 1.0),
]


def awkward(rng, m=400):
    """Numbers of every size, and those at which the sine turns."""
    turns = math.pi / 2 * np.arange(-40, 41)
    return np.concatenate(
        [
            [0.0, -0.0, 5e-324, 1e-300, 1e-160, 1e150, 1e155, 1e300, MAX, -1e155, -MAX],
            turns,
            np.nextafter(turns, INF),
            np.nextafter(turns, -INF),
            rng.normal(0.0, 5.0, m),
            rng.normal(0.0, 1.0, m) * 10.0 ** rng.uniform(-200, 200, m),
        ]
    )


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("kind", ["both", "lower", "upper", "clip"])
def test_every_value_is_in_the_box(core, low, high, kind):
    z = awkward(np.random.default_rng(3))
    if kind == "lower":
        high = INF
    elif kind == "upper":
        low = -INF
    x = np.array(place1(core, low, high, *z, clips=kind == "clip"))
    assert np.all(x >= low)
    assert np.all(x <= high)
    if kind == "clip":
        assert low in x
        assert high in x
    if kind == "both":
        range_ulp = EPS * (0.5 * high - 0.5 * low) * 2.0
        assert low in x
        assert np.min(0.5 * high - 0.5 * x) <= range_ulp


# enter


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_enter_then_place_returns_the_point(core, low, high):
    share = np.random.default_rng(4).uniform(0.0, 1.0, 200)
    share = np.concatenate([[0.0, 1.0, 0.5, 1e-3, 1e-9, 1 - 1e-9, 1e-16], share])
    x = np.clip(low * (1.0 - share) + high * share, low, high).reshape(-1, 1)
    box = boxed(core, [low], [high])
    z = box.enter(x)
    assert np.all(np.isfinite(z))
    back = place(core, box, z)
    # in halves, since twice the largest number is none
    width = 0.5 * high - 0.5 * low
    within = 4.0 * EPS * width + EPS * max(abs(low), abs(high)) / 2.0
    assert np.all(np.abs(0.5 * back - 0.5 * x) <= within)
    assert back[0, 0] == low  # exactly
    if abs(high) >= EPS * width:  # the sine of a float near π is not quite 0
        assert back[1, 0] == high


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-10, 1e-14])
def test_enter_then_place_near_a_bound(core, distance):
    # relative to the distance from the bound, not to the range
    lower, upper = boxed(core, [0.0], [3.0]), boxed(core, [-3.0], [0.0])
    back = place(core, lower, lower.enter(np.array([[distance]])))
    np.testing.assert_allclose(back, [[distance]], rtol=1e-14)
    back = place(core, upper, upper.enter(np.array([[-distance]])))
    z_ulps = 4.0 * EPS / np.sqrt(distance / 3.0)  # of z near π, over its distance from π
    np.testing.assert_allclose(back, [[-distance]], rtol=4.0 * z_ulps)


@pytest.mark.parametrize("bound", [0.0, 1.0, -1e6, 1e-300])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_enter_then_place_with_one_bound(core, bound, sign):
    offset = np.array([0.0, 1e-300, 1e-9, 1e-3, 0.1, 1.0, 3.0, 1e5, 1e12, 1e300])
    x = (bound + sign * offset).reshape(-1, 1)
    low, high = (bound, INF) if sign > 0.0 else (-INF, bound)
    box = boxed(core, [low], [high])
    back = place(core, box, box.enter(x))
    assert np.all(np.abs(back - x) <= 4.0 * EPS * (offset.reshape(-1, 1) + abs(bound)))
    assert back[0, 0] == bound


@pytest.mark.parametrize(
    ("low", "high", "x", "z"),
    [
        (-INF, INF, 3.0, 3.0),
        (1.0, INF, 5.0, 2.0),
        (-INF, 1.0, -3.0, 2.0),
        (2.0, 10.0, 2.0, 0.0),
        (2.0, 10.0, 4.0, math.pi / 3),
        (2.0, 10.0, 6.0, math.pi / 2),
        (2.0, 10.0, 8.0, 2 * math.pi / 3),
        (2.0, 10.0, 10.0, math.pi),
    ],
)
def test_enter_by_hand(core, low, high, x, z):
    np.testing.assert_allclose(boxed(core, [low], [high]).enter(np.array([[x]])), [[z]])


def test_enter_of_a_clipping_box_is_the_point(core):
    box = boxed(core, [0.0, -INF, 3.0], [1.0, 5.0, 3.0], clips=True)
    x = np.array([[0.25, 4.0], [1.0, 5.0]])
    z = box.enter(x)
    assert z.tolist() == x.tolist()
    z[:] = 9.0
    assert x[0, 0] == 0.25


def test_enter_leaves_its_argument_alone(core):
    x = np.array([[4.0, 5.0], [6.0, 1.0]])
    kept = x.copy()
    boxed(core, [2.0, 0.0], [10.0, INF]).enter(x)
    assert x.tolist() == kept.tolist()


def test_enter_takes_the_free_coordinates(core):
    box = boxed(core, [0.0, 2.0, 1.0], [4.0, 2.0, INF])
    z = box.enter(np.array([[2.0, 5.0]]))
    np.testing.assert_allclose(z, [[math.pi / 2, 2.0]])
    x = place(core, box, z)
    np.testing.assert_allclose(x, [[2.0, 2.0, 5.0]], rtol=1e-15)


# Searches


@pytest.mark.parametrize("clips", [False, True])
def test_a_minimum_outside_is_found_at_the_bound(core, clips):
    box = boxed(core, [0.0, 0.0, -INF], [2.0, INF, 5.0], clips)
    target = np.array([3.0, -1.0, 9.0])
    x0 = np.array([1.0, 1.0, 1.0])
    simplex = box.enter(np.vstack([x0, x0 + 0.5 * np.eye(3)]))
    machine = machine_at(core, box, simplex)
    seen = []

    def fun(x):
        seen.append(x.copy())
        return float(np.sum((x - target) ** 2))

    machine.run(fun, (), 400, 10**6, -INF)
    seen = np.array(seen)
    assert np.all(seen >= box.lower)
    assert np.all(seen <= box.upper)
    np.testing.assert_allclose(machine.best[0], [2.0, 0.0, 5.0], atol=1e-6)
