"""Values that wait to be used: which are kept, in what order they are given out, and what is freed.

Points are single letters here: to `Known` they are bytes.
"""

from __future__ import annotations

import gc
import math
import weakref

import pytest

from nelder.drive.known import Known
from nelder.evaluation import Failure, Recorded

ROOM = 5  # and as many as a point has bytes: 6 altogether


def row(search, x, value=1.0, failure=None, attempt=1, final=True):
    return Recorded(search, x, math.nan if failure else value, failure, attempt, final)


def known(rows=(), failures=True):
    return Known(rows, failures, ROOM)


def letters(many):
    return [bytes([i]) for i in range(many)]


# Recorded values


def test_what_is_recorded_of_other_searches_is_kept_while_one_is_replayed():
    rows = [row(i, x, float(i)) for x in letters(100) for i in range(3)]
    values = known(rows)
    for i in range(3):
        assert [values.take(i, x) for x in letters(100)] == [(float(i), None, False)] * 100
        assert values.take(i, b"more") is None
        values.forget(i)


def test_recorded_guesses_are_kept_beside_those_of_this_call():
    values = known([row(0, x) for x in letters(100)])
    assert values.take(0, b"new") is None
    for x in letters(200)[100:]:
        values.put(0, x, 2.0, None)
    assert [values.take(0, x) for x in letters(100)] == [(1.0, None, False)] * 100


def test_a_record_is_read_as_far_as_it_is_asked_for():
    read = []
    values = known(read.append(x) or row(0, x) for x in letters(10))
    assert values.take(0, letters(10)[3])
    assert len(read) == 4
    assert list(values.of(0)) == letters(3)
    assert values.take(0, letters(10)[1])
    assert len(read) == 4


def test_what_is_recorded_of_a_search_that_has_ended_is_not_kept():
    values = known([row(0, b"a"), row(0, b"b", failure=Failure("died", "it died")), row(1, b"c")])
    values.forget(0)
    assert values.take(1, b"c")
    assert not values.of(0)


# Values of this call


def test_the_oldest_guesses_are_dropped_where_there_is_no_room():
    values = known()
    for x in letters(9):
        values.put(0, x, 1.0, None)
    assert list(values.of(0)) == letters(9)[3:]
    assert values.take(0, letters(9)[2]) is None
    assert values.take(0, letters(9)[3]) == (1.0, None, True)


def test_each_search_has_its_room():
    values = known()
    for x in letters(6):
        for i in range(4):
            values.put(i, x, 1.0, None)
    assert all(list(values.of(i)) == letters(6) for i in range(4))


def test_what_has_been_used_takes_no_room():
    values = known()
    values.put(0, b"first", 1.0, None)
    for x in letters(100):
        values.put(0, x, 1.0, None)
        assert values.take(0, x)
    assert values.take(0, b"first")


# Failures


def failures_kept(use):
    """Return how many of 100 failures are still there after `use`."""
    values = known()
    refs = []
    for x in letters(100):
        failure = Failure("exception", "ValueError()", error=ValueError())
        refs.append(weakref.ref(failure))
        values.put(0, x, math.nan, failure)
    del failure
    use(values)
    gc.collect()
    return sum(ref() is not None for ref in refs)


def test_a_failure_is_dropped_with_its_value():
    assert failures_kept(lambda values: None) == ROOM + 1


def test_a_failure_that_was_given_out_is_not_kept():
    assert failures_kept(lambda values: [values.take(0, x) for x in [*values.of(0)]]) == 0


def test_failures_of_a_search_that_has_ended_are_not_kept():
    assert failures_kept(lambda values: values.forget(0)) == 0


@pytest.mark.parametrize("failure", [Failure("died", "it died"), Failure("return value", "a list")])
def test_failures_that_do_not_count_are_attempts(failure):
    values = known([row(0, b"a", failure=failure), row(1, b"a", failure=failure)], failures=False)
    assert values.take(0, b"a") is None
    assert values.attempts(0, b"a") == values.attempts(1, b"a") == 1
    values.put(0, b"a", 1.0, None)
    assert (values.attempts(0, b"a"), values.attempts(1, b"a")) == (0, 1)


def test_failures_count_where_they_were_final():
    died = Failure("died", "it died")
    values = known([row(0, b"a", failure=died, attempt=2), row(0, b"b", failure=died, final=False)])
    taken = values.take(0, b"a")
    assert math.isnan(taken.value)
    assert taken.failure is died
    assert values.attempts(0, b"a") == 0, "should it be tried again, that is another matter"
    assert values.take(0, b"b") is None
    assert values.attempts(0, b"b") == 1


# More than one value of a point


def test_values_and_failures_of_a_point_are_given_out_in_their_order():
    one, two = Failure("died", "one"), Failure("timeout", "two")
    values = known(
        [
            row(0, b"a", 1.0),
            row(0, b"a", failure=one),
            row(0, b"a", failure=two),
            row(0, b"a", 4.0),
            row(0, b"z"),
        ]
    )
    assert values.take(0, b"z")
    taken = []
    while values.of(0):
        taken.append(values.take(0, b"a"))
    assert [t.failure for t in taken] == [None, one, two, None]
    assert [t.value for t in taken[::3]] == [1.0, 4.0]
    assert all(math.isnan(t.value) for t in taken[1:3])
    assert values.take(0, b"a") is None
