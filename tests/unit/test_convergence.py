"""Every rule of convergence at, just below and just above its tolerances.

A simplex is told its values, and the machine tests it at once.
"""

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from nelder.core.coefficients import Coefficients
from nelder.core.convergence import EitherTolerance, StandardError, Tolerance
from nelder.core.convergence import Test as Comparison
from nelder.errors import InvalidArgumentError

INF = math.inf
NAN = math.nan
EPS = 2.0**-52
LARGE = 2.0**20  # 4 ulps are 4·2^-52·2^20 = 2^-30; neighbours are 2^-32 apart


def above(value):
    return math.nextafter(value, INF)


def below(value):
    return math.nextafter(value, -INF)


def ends(core, rule, simplex, values, box=None):
    """Whether the simplex of these values, in this order, has converged."""
    machine = core.Machine(np.array(simplex, dtype=float), Coefficients(), rule.test, box=box)
    for f in values:
        assert not machine.done
        machine.tell(f)
    assert machine.done == (machine.end == "converged")
    return machine.done


# Tolerance


BARE = Tolerance(xatol=0.5, fatol=0.25, ulps=0.0)


@pytest.mark.parametrize(
    ("distance", "spread", "expected"),
    [
        (0.5, 0.25, True),  # both inclusive
        (below(0.5), below(0.25), True),
        (above(0.5), 0.25, False),
        (0.5, above(0.25), False),
        (above(0.5), above(0.25), False),
        (0.0, 0.0, True),
        (0.0, above(0.25), False),
        (9.0, 0.0, False),
    ],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_tolerance_wants_both(core, distance, spread, expected, sign):
    simplex = [(0.0, 0.0), (sign * distance, 0.0), (0.0, 0.0)]
    assert ends(core, BARE, simplex, [0.0, 0.0, spread]) is expected
    simplex = [(0.0, 0.0), (0.0, 0.0), (0.0, sign * distance)]
    assert ends(core, BARE, simplex, [0.0, spread, 0.0]) is expected


def test_the_default_tolerances(core):
    simplex = [(0.0, 0.0), (1e-8, 0.0), (0.0, -1e-8)]
    assert Tolerance() == Tolerance(1e-8, 1e-8, 4.0)
    assert ends(core, Tolerance(), simplex, [0.0, 1e-8, 1e-8])
    assert not ends(core, Tolerance(), simplex, [0.0, 1e-8, above(1e-8)])
    simplex[2] = (0.0, -above(1e-8))
    assert not ends(core, Tolerance(), simplex, [0.0, 1e-8, 1e-8])


def test_the_distance_is_from_the_best_vertex(core):
    # ½ from the middle one, 1 between the outer ones
    simplex = [(-0.5,), (0.5,)]
    assert not ends(core, BARE, simplex, [0.0, 0.0])
    simplex = [(-0.5, 0.0), (0.0, 0.0), (0.5, 0.0)]
    assert ends(core, BARE, simplex, [0.25, 0.0, 0.25])
    assert not ends(core, BARE, simplex, [0.0, 0.25, 0.25])


def test_the_distance_is_by_coordinate(core):
    # the length is √2/2, each coordinate ½
    assert ends(core, BARE, [(0.0, 0.0), (0.5, 0.5), (-0.5, 0.5)], [0.0, 0.0, 0.0])


def test_the_spread_is_from_the_best_value(core):
    assert ends(core, BARE, np.zeros((4, 3)), [5.25, 5.0, 5.125, 5.25])
    assert not ends(core, BARE, np.zeros((4, 3)), [5.25, 4.75, 5.0, 5.125])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_floor_of_values(core, sign):
    rule = Tolerance(xatol=1.0, fatol=0.0, ulps=4.0)
    simplex = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    at, over = 4.0 * 2.0**-32, 5.0 * 2.0**-32
    best = sign * LARGE
    assert ends(core, rule, simplex, [best, best, best + at])
    assert not ends(core, rule, simplex, [best, best, best + over])
    assert not ends(core, Tolerance(1.0, 0.0, 0.0), simplex, [best, best, best + at])
    assert not ends(core, Tolerance(1.0, 0.0, 3.0), simplex, [best, best, best + at])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_floor_of_points(core, sign):
    rule = Tolerance(xatol=0.0, fatol=0.0, ulps=4.0)
    best = (sign * LARGE, 0.0)

    def simplex(step):
        return [best, (sign * LARGE + step, 0.0), best]

    at, over = 4.0 * 2.0**-32, 5.0 * 2.0**-32
    assert ends(core, rule, simplex(at), [0.0, 0.0, 0.0])
    assert not ends(core, rule, simplex(over), [0.0, 0.0, 0.0])
    assert not ends(core, Tolerance(0.0, 0.0, 0.0), simplex(at), [0.0, 0.0, 0.0])


def test_the_floor_of_points_is_of_each_coordinate(core):
    # a step of 2^-31 is 2 ulps of the first coordinate, but not of the second, 1
    rule = Tolerance(xatol=0.0, fatol=0.0, ulps=4.0)
    best, step = (LARGE, 1.0), 2.0**-31
    assert ends(core, rule, [best, (LARGE + step, 1.0), best], [0.0] * 3)
    assert not ends(core, rule, [best, best, (LARGE, 1.0 + step)], [0.0] * 3)


def test_a_tolerance_wins_over_a_lower_floor(core):
    rule = Tolerance(xatol=1.0, fatol=1.0, ulps=4.0)
    simplex = [(LARGE, 0.0), (LARGE + 1.0, 0.0), (LARGE, 1.0)]
    assert ends(core, rule, simplex, [LARGE, LARGE, LARGE + 1.0])


def test_a_simplex_collapsed_in_x_has_converged_whatever_its_values(core):
    at, over = 4.0 * EPS, 5.0 * EPS
    for values in ([0.0, 100.0, 50.0], [0.0, 1e308, INF], [0.0, NAN, NAN]):
        assert ends(core, Tolerance(), [(1.0, 1.0), (1.0 + at, 1.0), (1.0, 1.0)], values)
        assert not ends(core, Tolerance(), [(1.0, 1.0), (1.0 + over, 1.0), (1.0, 1.0)], values)
        bare = Tolerance(1.0, 1.0, ulps=0.0)
        assert not ends(core, bare, [(1.0, 1.0), (1.0, 1.0), (1.0, 1.0)], values)


def test_collapse_does_not_count_xatol(core):
    # within xatol, but the values are apart
    assert not ends(core, Tolerance(), [(1.0,), (1.0 + 1e-9,)], [0.0, 1.0])


def test_infinite_values(core):
    near, far = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5)], [(0.0, 0.0), (0.5, 0.0), (0.0, 0.75)]
    for values in ([INF, INF, INF], [NAN, INF, NAN]):
        assert ends(core, BARE, near, values)
        assert not ends(core, BARE, far, values)
    for values in ([0.0, 0.0, INF], [0.0, INF, INF], [1e308, INF, NAN], [-1e308, 0.0, 1e308]):
        assert not ends(core, BARE, near, values)


def test_a_search_of_large_numbers_ends(core):
    machine = core.Machine(
        np.array([(1e9, 1e9), (1.1e9, 1e9), (1e9, 1.1e9)]), Coefficients(), Tolerance().test
    )

    def fun(x):
        return 1e12 + abs(float(x[0]) - 1.23456789e9) + abs(float(x[1]) - 1e9)

    machine.run(fun, (), 5000, 10**6, -INF)
    assert machine.end == "converged"
    bare = core.Machine(
        np.array([(1e9, 1e9), (1.1e9, 1e9), (1e9, 1.1e9)]),
        Coefficients(),
        Tolerance(1e-9, 1e-9, ulps=0.0).test,
    )
    bare.tell(1.0)
    assert not bare.done


# In a box: what counts is x


def test_the_distance_is_in_x_not_in_z(core):
    box = core.Box(np.array([0.0, -INF]), np.array([INF, INF]), clips=False)
    rule = Tolerance(xatol=1e-3, fatol=1.0)
    # z = 0.03 is x = 0.0009, though z is farther than xatol
    simplex = [(0.0, 0.0), (0.03, 0.0), (0.0, 0.0)]
    assert ends(core, rule, simplex, [0.0, 0.0, 0.0], box)
    # z = 0.04 is x = 0.0016
    simplex = [(0.0, 0.0), (0.04, 0.0), (0.0, 0.0)]
    assert not ends(core, rule, simplex, [0.0, 0.0, 0.0], box)


def test_all_coordinates_of_x_are_looked_at(core):
    # the searched coordinates are the second and the third of x
    box = core.Box(np.array([1.0, -INF, -INF]), np.array([1.0, INF, INF]), clips=False)
    simplex = [(0.0, 0.0), (0.0, 0.0), (0.0, above(0.5))]
    assert not ends(core, BARE, simplex, [0.0, 0.0, 0.0], box)
    simplex[2] = (0.0, 0.5)
    assert ends(core, BARE, simplex, [0.0, 0.0, 0.0], box)


# StandardError


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([0.0, 2.0], 1.0),  # mean 1: √((1 + 1)/2)
        ([7.0, 5.0], 1.0),
        ([0.0, 4.0, 0.0, 4.0], 2.0),  # mean 2: √(16/4)
        ([-1.0, -1.0, 7.0, -1.0], math.sqrt(12.0)),  # mean 1: √((4 + 4 + 4 + 36)/4)
        ([3.0, 3.0, 3.0], 0.0),
        ([1e15, 1e15 + 2.0], 1.0),  # no cancellation
        ([-1e15, -1e15 + 4.0, -1e15, -1e15 + 4.0], 2.0),
    ],
)
def test_standard_error_by_hand(core, values, error):
    n = len(values) - 1
    simplex = np.vstack([np.zeros(n), 100.0 * np.eye(n)])  # x does not count
    assert ends(core, StandardError(error), simplex, values)
    assert ends(core, StandardError(above(error)), simplex, values)
    if error > 0.0:
        assert not ends(core, StandardError(below(error)), simplex, values)


def test_standard_error_divides_by_the_number_of_vertices(core):
    # mean 2: √((4 + 1 + 9)/3) = 2.16...; with n instead of n + 1 it would be √7
    simplex = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    assert ends(core, StandardError(math.sqrt(14.0 / 3.0) * (1 + 4 * EPS)), simplex, [0, 1, 5])
    assert not ends(core, StandardError(math.sqrt(14.0 / 3.0) * (1 - 4 * EPS)), simplex, [0, 1, 5])


def test_standard_error_of_infinite_values(core):
    simplex = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    for values in ([0.0, 0.0, INF], [0.0, INF, NAN], [-1e308, 1e308, 1e308]):
        assert not ends(core, StandardError(1e300), simplex, values)


def test_the_default_standard_error():
    assert StandardError() == StandardError(1e-8)


# EitherTolerance


EITHER = EitherTolerance(func_tolerance=0.25, position_tolerance=0.5)


@pytest.mark.parametrize(
    ("distance", "spread", "expected"),
    [
        (0.5, 0.25, False),  # both strict
        (above(0.5), above(0.25), False),
        (below(0.5), 0.25, True),
        (below(0.5), 1e9, True),
        (0.5, below(0.25), True),
        (1e9, below(0.25), True),
        (1e9, 0.0, True),
        (0.0, 1e9, True),
    ],
)
def test_either_tolerance_is_strict_and_wants_one(core, distance, spread, expected):
    simplex = [(0.0, 0.0), (distance, 0.0), (0.0, -distance)]
    assert ends(core, EITHER, simplex, [0.0, spread, spread]) is expected


def test_nothing_is_below_a_tolerance_of_0(core):
    rule = EitherTolerance(func_tolerance=0.0, position_tolerance=0.0)
    apart = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    assert not ends(core, rule, apart, [1.0, 1.0, 1.0])


def test_no_distance_is_below_a_tolerance_of_0(core):
    rule = EitherTolerance(func_tolerance=0.0, position_tolerance=0.0)
    assert not ends(core, rule, np.ones((3, 2)), [1.0, 2.0, 3.0])


def test_either_tolerance_has_no_floor(core):
    simplex = [(LARGE, 0.0), (LARGE + 2.0**-32, 0.0), (LARGE, 0.0)]
    rule = EitherTolerance(2.0**-33, 2.0**-33)
    assert not ends(core, rule, simplex, [LARGE, LARGE, LARGE + 2.0**-32])


def test_either_tolerance_and_infinite_values(core):
    simplex = [(0.0, 0.0), (9.0, 0.0), (0.0, 9.0)]
    assert not ends(core, EITHER, simplex, [0.0, 0.0, INF])
    assert not ends(core, EITHER, simplex, [0.0, INF, NAN])
    assert ends(core, EITHER, np.zeros((3, 2)), [0.0, INF, NAN])


def test_the_default_either_tolerance():
    assert EitherTolerance() == EitherTolerance(1e-8, 1e-8)


# No rule


def test_without_a_rule_nothing_has_converged(core):
    class Never:
        test = Comparison("none")

    assert not ends(core, Never, np.zeros((3, 2)), [1.0, 1.0, 1.0])


# The vertex that decided last time is looked at first: that must not change the answer


def test_the_answer_does_not_depend_on_the_last_one(core):
    rng = np.random.default_rng(5)
    machine = core.Machine(np.zeros((4, 3)), Coefficients(), BARE.test)
    for _ in range(300):
        simplex = rng.choice([-0.75, -0.25, 0.0, 0.25], (4, 3), p=[0.03, 0.3, 0.37, 0.3])
        values = rng.choice([0.0, 0.1, 0.2], 4)
        machine.restart(simplex, np.full(4, NAN))
        for f in values:
            machine.tell(f)
        best = simplex[np.argmin(values)]
        assert machine.done == (np.abs(simplex - best).max() <= 0.5)


# Validation


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (Tolerance, "xatol"),
        (Tolerance, "fatol"),
        (Tolerance, "ulps"),
        (StandardError, "tolerance"),
        (EitherTolerance, "func_tolerance"),
        (EitherTolerance, "position_tolerance"),
    ],
)
@pytest.mark.parametrize("value", [-1.0, -5e-324, INF, NAN, "1", None])
def test_a_bad_tolerance_is_named(rule, name, value):
    with pytest.raises(InvalidArgumentError) as error:
        rule(**{name: value})
    assert str(error.value) == f"{name}={value!r}: expected a finite number, 0 or above"


def test_a_tolerance_of_0_is_taken():
    assert Tolerance(0, 0, 0).test == Comparison("both", 0, 0, 0)
    assert StandardError(0).test.fatol == 0


@pytest.mark.parametrize("rule", [Tolerance(), StandardError(), EitherTolerance()])
def test_rules_cannot_be_changed(rule):
    name = next(iter(vars(rule)))
    with pytest.raises(FrozenInstanceError):
        setattr(rule, name, 1.0)
