"""A machine in a subspace, what machines remember, and points that are all wanted."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from nelder.core.coefficients import Standard
from nelder.core.convergence import Test as Rule

INF = math.inf
NAN = math.nan

BASE = np.array([1.0, 2.0, 3.0])
BASIS = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
Y = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def machine(core, box=None, simplex=Y):
    return core.Machine(simplex, Standard()(simplex.shape[1]), Rule("none"), box=box)


def tell(stage, *values):
    for value in values:
        stage.tell(value)


# Points of the subspace


def test_the_vertices_are_seen_in_the_whole_space(core):
    stage = core.Spanned(machine(core), BASE, BASIS)
    assert stage.waiting == 3
    assert_array_equal(stage.needed(), [[1, 2, 3], [2, 2, 4], [1, 4, 3]])
    assert_array_equal(stage.x, [1, 2, 3])
    tell(stage, 1.0)
    assert_array_equal(stage.x, [2, 2, 4])
    assert stage.waiting == 2


def test_moves_are_those_of_the_machine(core):
    stage, alone = core.Spanned(machine(core), BASE, BASIS), machine(core)
    tell(stage, 3.0, 2.0, 1.0)
    tell(alone, 3.0, 2.0, 1.0)
    assert stage.between
    y = alone.x  # the reflection of (0, 0): (1, 1)
    assert_array_equal(y, [1, 1])
    assert_array_equal(stage.x, [2, 4, 4])
    assert_array_equal(stage.needed(), [[2, 4, 4]])
    tell(stage, 0.5, 0.7)
    tell(alone, 0.5, 0.7)
    assert_array_equal(stage.machine.vertices, alone.vertices)
    assert (stage.nfev, stage.nit, stage.nshrink) == (5, 1, 0)
    assert_array_equal(stage.best[0], [2, 4, 4])
    assert stage.best[1] == 0.5


def test_a_box_maps_the_points(core):
    box = core.Box(np.array([0.0, 5.0, -INF, -INF]), np.array([INF, 5.0, INF, INF]), False)
    stage = core.Spanned(machine(core), BASE, BASIS, box)
    assert stage.dim == 4
    assert_array_equal(stage.needed(), [[1, 5, 2, 3], [4, 5, 2, 4], [1, 5, 4, 3]])
    assert_array_equal(stage.x, [1, 5, 2, 3])


def test_a_clone_is_independent(core):
    stage = core.Spanned(machine(core), BASE, BASIS)
    tell(stage, 3.0, 2.0)
    twin = stage.clone()
    tell(twin, 1.0, 0.5)
    assert_array_equal(stage.x, [1, 4, 3])
    assert (stage.nfev, twin.nfev) == (2, 4)
    tell(stage, 1.0)
    assert_array_equal(stage.x, [2, 4, 4])
    assert stage.branches() == stage.machine.branches()


def test_failures_are_counted(core):
    stage = core.Spanned(machine(core), BASE, BASIS)
    tell(stage, NAN, INF, 1.0)
    assert (stage.nfev, stage.nfailed) == (3, 2)


def test_it_is_done_when_its_machine_is(core):
    stage = core.Spanned(machine(core), BASE, BASIS)
    tell(stage, 3.0, 2.0, 1.0)
    stage.machine.finish()
    tell(stage.clone())
    assert stage.machine.done
    assert stage.waiting == 0
    assert stage.needed().shape == (0, 3)


def test_a_point_beyond_all_numbers_is_not_asked_for(core):
    box = core.Box(np.zeros(3), np.full(3, INF), False)
    stage = core.Spanned(machine(core), BASE, 1e160 * BASIS, box)
    assert_array_equal(stage.x, [1, 4, 9])
    tell(stage, 1.0)  # the next one overflows
    assert stage.done
    assert stage.machine.end == "unbounded"
    assert stage.nfev == 1


@pytest.mark.parametrize("boxed", [False, True])
def test_compiled_and_uncompiled_see_the_same_points(compiled_core, uncompiled_core, boxed):
    random = np.random.default_rng(5)
    base, basis = random.normal(size=7), random.normal(size=(3, 7))
    simplex = np.vstack([np.zeros(3), np.eye(3)])
    stages = []
    for core in (compiled_core, uncompiled_core):
        box = core.Box(np.full(7, -2.0), np.full(7, 3.0), False) if boxed else None
        stages.append(core.Spanned(machine(core, simplex=simplex), base, basis, box))
    one, other = stages
    for _ in range(200):
        assert_array_equal(one.x, other.x)
        assert_array_equal(one.needed(), other.needed())
        f = float(np.sum((one.x - 0.5) ** 2) + abs(one.x[0]))
        tell(one, f)
        tell(other, f)


# What a machine remembers


def test_nothing_is_remembered_unless_asked(core):
    m = machine(core)
    tell(m, 1.0, 2.0)
    points, values = m.past()
    assert points.shape == (0, 2)
    assert values.shape == (0,)
    m.note(np.zeros(2), 1.0)
    assert m.past()[1].size == 0


def test_the_last_points_are_remembered_the_oldest_first(core):
    m = machine(core)
    m.keep(4)
    tell(m, 3.0, 2.0)
    assert_array_equal(m.past()[0], Y[:2])
    assert_array_equal(m.past()[1], [3, 2])
    tell(m, NAN)
    assert_array_equal(m.past()[1], [3, 2, INF])
    reflection = m.x
    tell(m, 2.5)
    inside = m.x
    tell(m, 0.0)
    points, values = m.past()
    assert_array_equal(values, [2, INF, 2.5, 0])
    assert_array_equal(points, [*Y[1:], reflection, inside])


def test_a_point_from_elsewhere_is_remembered(core):
    m = machine(core)
    m.keep(2)
    tell(m, 3.0, 2.0)
    m.note(np.array([7.0, 8.0]), NAN)
    assert_array_equal(m.past()[0], [[1, 0], [7, 8]])
    assert_array_equal(m.past()[1], [2, INF])


def test_what_is_remembered_are_the_coordinates_searched(core):
    box = core.Box(np.array([0.0, 5.0]), np.array([INF, 5.0]), False)
    m = machine(core, box, np.array([[2.0], [3.0]]))
    m.keep(5)
    tell(m, 1.0, 2.0)
    assert_array_equal(m.past()[0], [[2], [3]])


def test_a_clone_remembers_nothing(core):
    m = machine(core)
    m.keep(3)
    tell(m, 3.0, 2.0)
    twin = m.clone()
    tell(twin, 1.0)
    assert twin.past()[1].size == 0
    assert_array_equal(m.past()[1], [3, 2])


def test_a_restart_forgets_nothing(core):
    m = machine(core)
    m.keep(9)
    tell(m, 3.0, 2.0, 1.0)
    m.restart(Y + 4.0, np.array([NAN, NAN, 5.0]))
    tell(m, 7.0, 6.0)
    assert_array_equal(m.past()[1], [3, 2, 1, 7, 6])


def test_where_a_point_is_evaluated_is_known_to_the_last_bit(core):
    # 1 + (-1 + u) + 3u is 4u in this order, u = 2^-53; with the products added first it is 0.
    u = 2.0**-53
    stage = core.Spanned(machine(core), np.ones(1), np.array([[u - 1.0], [3.0 * u]]))
    assert_array_equal(stage.at(np.ones(2)), [4.0 * u])
    assert_array_equal(stage.x, [1.0])  # as before
    box = core.Box(np.array([0.0, 5.0, -INF, -INF]), np.array([INF, 5.0, INF, INF]), False)
    stage = core.Spanned(machine(core), BASE, BASIS, box)
    assert_array_equal(stage.at(np.array([1.0, 1.0])), [2, 4, 4])


# Points


def test_points_to_undercut_a_value_are_needed_one_at_a_time(core):
    points = core.Points(Y, 1.0)
    assert points.waiting == 1
    assert_array_equal(points.needed(), [[0, 0]])
    assert points.branches() == [(INF, 0.95), (math.nextafter(1.0, 0.0), 0.05)]


def test_points_that_are_all_wanted_are_needed_together(core):
    points = core.Points(Y, -INF)
    assert points.waiting == 3
    assert_array_equal(points.needed(), Y)
    assert points.branches() == []
    tell(points, -1.0)
    assert_array_equal(points.needed(), Y[1:])
    tell(points, -INF, 5.0)
    assert points.done
    assert (points.found, points.waiting) == (-1, 0)
    assert_array_equal(points.values, [-1, -INF, 5])
    assert points.needed().shape == (0, 2)
