"""The search along the axes, by figures worked out by hand."""

import math

import numpy as np
import pytest

from nelder.search.lines import LEAST, Lines


def lines(fun, x, lower, upper, count):
    """Return lines of a function of one coordinate, `count` places known."""
    made = Lines(np.array([x]), fun(x), np.array([lower]), np.array([upper]))
    while made.count < count:
        places = made.following()
        made.take(places, np.array([fun(t) for t in places]))
    return made


def test_the_edges_of_the_box_come_first():
    made = Lines(np.array([0.0, 1.0]), 5.0, np.array([-1.0, 0.0]), np.array([2.0, 3.0]))
    assert made.count == 1
    assert made.following().tolist() == [-1.0, 0.0]
    made.take(made.following(), np.array([6.0, 4.0]))
    assert made.following().tolist() == [2.0, 3.0]
    made.take(made.following(), np.array([7.0, 8.0]))
    assert made.count == 3
    place, value = made.lowest
    assert (place.tolist(), value.tolist()) == ([0.0, 0.0], [5.0, 4.0])
    assert made.promised == 1.0  # nothing on the first axis, 5 - 4 on the second


def test_the_next_place_halves_the_interval_of_least_curvature():
    values = {-1.0: 3.0, 0.0: 1.0, 1.0: 2.0}
    # From 0, the lowest: sqrt(3 - 1)/1 to the left, sqrt(2 - 1)/1 to the right.
    assert lines(values.get, 0.0, -1.0, 1.0, 3).following().tolist() == [0.5]
    # On the left twice as wide: sqrt(2)/2 is less than 1.
    values = {-2.0: 3.0, 0.0: 1.0, 1.0: 2.0}
    assert lines(values.get, 0.0, -2.0, 1.0, 3).following().tolist() == [-1.0]


def test_a_wide_interval_between_high_values_may_be_easier():
    # [0, 1] beside the lowest: (0 + 2)/1. [1, 9]: (2 + 2)/8.
    values = {0.0: 0.0, 1.0: 4.0, 9.0: 4.0}
    assert lines(values.get, 1.0, 0.0, 9.0, 3).following().tolist() == [5.0]


def test_a_place_without_a_value_counts_as_the_highest_known():
    # As 3 above: sqrt(3 - 1) on the left, sqrt(3 - 1)/2 on the right.
    values = {-1.0: 3.0, 0.0: 1.0, 2.0: math.inf}
    assert lines(values.get, 0.0, -1.0, 2.0, 3).following().tolist() == [1.0]


def test_nothing_but_failures_beside_the_point_is_looked_at_all_the_same():
    made = lines({0.0: 1.0}.get, 0.0, 0.0, 0.0 + 1.0, 1)
    made.take(np.array([0.0]), np.array([math.inf]))
    made.take(np.array([1.0]), np.array([math.inf]))
    assert made.following().tolist() == [0.5]
    assert made.lowest[1].tolist() == [1.0]


def test_a_constant_axis_is_cut_where_it_is_widest():
    made = lines(lambda t: 2.0, 1.0, 0.0, 4.0, 3)
    assert made.following().tolist() == [2.5]
    assert made.promised == 0.0


def test_a_start_on_an_edge():
    made = lines(lambda t: t, 0.0, 0.0, 1.0, 3)
    assert made.following().tolist() == [0.5]


def test_points_differ_from_the_point_in_one_coordinate():
    made = Lines(np.array([1.0, 2.0]), 0.0, np.zeros(2), np.full(2, 9.0))
    assert made.points(np.array([5.0, 6.0])).tolist() == [[5.0, 2.0], [1.0, 6.0]]


def test_gaps_are_half_the_distance_of_the_neighbours():
    values = {0.0: 3.0, 1.0: 1.0, 4.0: 2.0}
    assert lines(values.get, 1.0, 0.0, 4.0, 3).gaps.tolist() == [2.0]
    values = {0.0: 3.0, 1.0: 2.0, 4.0: 1.0}  # the lowest at the edge: to the only neighbour
    assert lines(values.get, 1.0, 0.0, 4.0, 3).gaps.tolist() == [1.5]


def test_intervals_are_not_cut_for_ever():
    made = lines(lambda t: abs(t - 0.3), 0.5, 0.0, 1.0, 200)
    places = np.sort(made._places[0])
    assert np.diff(places).min() > 0.25 * LEAST
    assert np.unique(places).size == made.count


@pytest.mark.parametrize("shift", [-3.1, 0.4, 2.7])
def test_a_hundred_places_find_the_lowest_of_dozens_of_minima(shift):
    def rastrigin(t):
        z = 3.0 * (t - shift)
        return 10.0 * (1.0 - math.cos(2.0 * math.pi * z)) + z * z

    place, _ = lines(rastrigin, 0.0, -5.0, 5.0, 128).lowest
    assert place[0] == pytest.approx(shift, abs=1e-4)
