"""Searches by a course: what is counted, what is best, how they end; and spaces."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import nelder
from nelder import Status
from nelder.core.bounds import Box
from nelder.core.coefficients import Standard
from nelder.result import Simplex
from nelder.search.ahead import plan
from nelder.search.course import CourseSearch, Until
from nelder.search.method import Method
from nelder.search.simplex_search import SimplexSearch
from nelder.search.space import Space

INF = math.inf
NAN = math.nan


def space(*x0, lower=None, upper=None):
    x = np.array(x0)
    return Space(x, None if lower is None else Box(np.array(lower), np.array(upper), False))


def square(x):
    return float(x @ x)


def follow(search, fun=square, most=1000):
    """Evaluate one value at a time; return all points."""
    seen = []
    while not search.done and len(seen) < most:
        seen.append(search.stage.x)
        search.stage.tell(fun(seen[-1]))
        search.advance()
    return np.array(seen)


# Courses


def test_a_course_goes_on_once_its_points_are_known():
    heard = []

    def course(search):
        points = search.space.points(np.array([[3.0], [2.0]]))
        yield points
        heard.append(points.values.tolist())
        following = search.space.points(np.array([[1.0]]))
        yield following
        heard.append(following.values.tolist())
        return Status.CONVERGED

    search = CourseSearch(space(5.0), course)
    assert_array_equal(search.stage.needed(), [[3], [2]])
    assert search.best == (np.array([5.0]), INF)
    search.stage.tell(9.0)
    search.advance()
    assert heard == []
    assert not search.done
    assert not search.begun
    assert search.best == (np.array([3.0]), 9.0)
    search.stage.tell(4.0)
    search.advance()
    assert heard == [[9, 4]]
    assert search.begun
    assert search.nfev == 2
    search.stage.tell(NAN)
    search.advance()
    assert (search.status, search.nfev, search.nfailed) == (Status.CONVERGED, 3, 1)
    assert search.best == (np.array([2.0]), 4.0)
    assert_array_equal(search.simplex.vertices, [[5]])
    assert_array_equal(search.simplex.values, [NAN])


def test_a_part_may_be_left_and_taken_up_again():
    def course(search):
        machine = search.space.machine(
            np.array([[1.0, 1.0], [2.0, 1.0], [1.0, 2.0]]), coefficients=Standard()(2)
        )
        yield Until(machine, lambda: machine.nit >= 2)
        between = search.space.points(np.array([[9.0, 9.0]]))
        yield between
        assert search.nfev == machine.nfev + 1
        yield Until(machine, lambda: machine.nit >= 5)
        search.extra["noise"] = 0.25
        search.restarts += 1
        return Status.CONVERGED

    search = CourseSearch(space(1.0, 1.0), course)
    assert search.pauses
    seen = follow(search)
    assert search.done
    assert search.nfev == len(seen)
    assert (search.nit, search.nrestart) == (5, 1)
    assert search.details() == {"noise": 0.25}
    assert search.simplex.vertices.shape == (3, 2)
    values = [square(x) for x in seen]
    assert search.best[1] == min(values)


def test_a_whole_search_may_be_a_part():
    method = nelder.NelderMead()

    def course(search):
        yield SimplexSearch(method, search.space)
        return Status.CONVERGED

    search = CourseSearch(space(3.0, -2.0), course)
    alone = SimplexSearch(method, space(3.0, -2.0))
    assert not search.pauses
    while not alone.begun:
        assert not search.begun
        for each in (search, alone):
            each.stage.tell(0.0)
    assert search.begun
    search, alone = CourseSearch(space(3.0, -2.0), course), SimplexSearch(method, space(3.0, -2.0))
    assert_array_equal(follow(search), follow(alone))
    for name in ("nfev", "nit", "nshrink", "nrestart", "nfailed"):
        assert getattr(search, name) == getattr(alone, name)
    assert_array_equal(search.simplex.vertices, alone.simplex.vertices)
    assert search.begun


def test_the_counts_of_a_part_do_not_count_twice():
    def course(search):
        inner = SimplexSearch(nelder.NelderMead(), search.space)
        yield Until(inner, lambda: inner.nit >= 3)
        yield search.space.points(np.array([[0.5]]))
        yield inner
        return Status.CONVERGED

    search = CourseSearch(space(3.0), course)
    seen = follow(search)
    assert search.nfev == len(seen)


def test_an_answer_is_taken_for_the_lowest_value():
    def course(search):
        yield search.space.points(np.array([[2.0], [1.0]]))
        search.answer = np.array([2.0]), 7.0
        search.shown = Simplex(np.array([[2.0], [1.0]]), np.array([7.0, NAN]))
        return Status.MAXFEV

    search = CourseSearch(space(5.0), course)
    follow(search)
    assert search.best == (np.array([2.0]), 7.0)
    assert search.lowest == (np.array([1.0]), 1.0)
    assert search.status is Status.MAXFEV
    assert_array_equal(search.simplex.vertices, [[2], [1]])


def test_minus_infinity_ends_it_whatever_the_answer():
    def course(search):
        search.answer = np.array([2.0]), 7.0
        yield search.space.points(np.array([[2.0]]))
        pytest.fail("it went on")

    search = CourseSearch(space(5.0), course)
    follow(search, lambda x: -INF)
    assert search.status is Status.UNBOUNDED
    assert search.best == (np.array([2.0]), -INF)


def test_without_a_finite_value_it_has_not_converged():
    def course(search):
        yield search.space.points(np.array([[2.0]]))
        return Status.CONVERGED

    search = CourseSearch(space(5.0), course)
    follow(search, lambda x: INF)
    assert search.status is Status.NO_FINITE_VALUE


def test_parts_with_nothing_to_evaluate_are_passed_over():
    def course(search):
        yield search.space.points(np.empty((0, 1)))
        yield search.space.points(np.array([[2.0]]))
        yield search.space.points(np.empty((0, 1)))
        return Status.CONVERGED

    search = CourseSearch(space(5.0), course)
    assert_array_equal(follow(search), [[2]])
    assert search.done


def test_with_every_variable_fixed_the_start_is_all():
    def course(search):
        pytest.fail("it was asked")
        yield

    search = CourseSearch(space(5.0, 6.0, lower=[5.0, 6.0], upper=[5.0, 6.0]), course)
    assert_array_equal(follow(search), [[5, 6]])
    assert search.status is Status.CONVERGED
    assert search.best[1] == 61.0


def test_a_clone_looks_ahead_within_the_part():
    def course(search):
        inner = SimplexSearch(nelder.NelderMead(), search.space)
        yield Until(inner, lambda: inner.nit >= 2)
        return Status.CONVERGED

    search = CourseSearch(space(3.0, 1.0), course)
    for _ in range(3):
        search.stage.tell(square(search.stage.x))
        search.advance()
    before = search.stage.x, search.nfev
    planned = plan(search, {}, 5)
    assert len(planned) > 1
    assert_array_equal(search.stage.x, before[0])
    assert search.nfev == before[1]
    twin = search.clone()
    follow(twin)
    assert twin.done
    assert twin.nfev > 10
    assert search.nfev == 3


class ByCourse(Method):
    """A few points, then a search from the lowest, then its first two coordinates."""

    def start(self, x0, box, maxfev=INF):
        def course(search):
            here = search.space
            points = here.points(here.z0 + np.arange(-2.0, 2.0).reshape(-1, 1))
            yield points
            low = points.points[points.values.argmin()]
            inner = SimplexSearch(nelder.NelderMead(), Space(low, box))
            yield Until(inner, lambda: inner.nit >= 20)
            x, f = search.lowest
            spanned = here.spanned(
                here.enter(x),
                np.eye(2, here.n),
                np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]),
                np.array([f, NAN, NAN]),
                coefficients=Standard()(2),
            )
            yield Until(spanned, lambda: spanned.nit >= 10)
            return Status.CONVERGED

        return CourseSearch(Space(x0, box), course)


@pytest.mark.parametrize("bounds", [None, [(0.0, 4.0)] * 3])
def test_the_budgets_of_minimize_hold_over_parts(bounds):
    def fun(x):
        return square(x - 1.0) + abs(x[0] - x[2])

    whole = nelder.minimize(fun, [2.0, 1.5, 3.0], method=ByCourse(), bounds=bounds, history=True)
    assert whole.success
    assert whole.nit >= 30
    assert whole.history.points.shape == (whole.nfev, 3)
    for maxfev in range(1, whole.nfev):
        part = nelder.minimize(
            fun, [2.0, 1.5, 3.0], method=ByCourse(), bounds=bounds, history=True, maxfev=maxfev
        )
        assert part.nfev == maxfev
        assert_array_equal(part.history.points, whole.history.points[:maxfev])
    heard = []
    for maxiter in range(1, whole.nit):
        heard.clear()
        part = nelder.minimize(
            fun,
            [2.0, 1.5, 3.0],
            method=ByCourse(),
            bounds=bounds,
            maxiter=maxiter,
            callback=lambda intermediate_result: heard.append(intermediate_result.nit),
        )
        assert part.nit == maxiter
        assert heard == list(range(1, maxiter + 1))


# Spaces


def test_without_bounds_the_coordinates_are_the_points():
    here = space(1.0, 2.0)
    assert here.n == 2
    assert_array_equal(here.z0, [1, 2])
    assert_array_equal(here.leave_all(np.array([[3.0, 4.0]])), [[3, 4]])
    assert_array_equal(here.steps(here.x0, np.array([0.5, 2.0])), [0.5, 2])


def test_with_bounds_points_go_there_and_back():
    here = space(9.0, 2.0, 0.5, 3.0, lower=[-INF, 2.0, 0.0, 1.0], upper=[INF, 2.0, 4.0, INF])
    assert here.n == 3
    assert_array_equal(here.free, [0, 2, 3])
    x = np.array([[9.0, 2.0, 0.5, 3.0], [-1.0, 2.0, 4.0, 1.0]])
    assert_allclose(here.leave_all(here.enter(x)), x, rtol=1e-15, atol=0)
    assert_allclose(here.leave(here.enter(x[0])), x[0], rtol=1e-15, atol=0)
    steps = here.steps(here.x0, np.array([1.0, 1.0, 0.5]))
    moved = here.leave(here.z0 + steps)
    assert_allclose(moved, [10.0, 2.0, 1.5, 3.5], rtol=1e-15)


def test_a_step_that_leaves_the_bounds_turns_round():
    here = space(3.5, lower=[0.0], upper=[4.0])
    steps = here.steps(here.x0, np.array([1.0]))
    assert_allclose(here.leave(here.z0 + steps), [2.5])


def test_a_start_outside_is_moved_inside():
    assert_array_equal(space(9.0, lower=[0.0], upper=[4.0]).x0, [4])


def test_points_of_a_space_are_inside():
    here = space(1.0, 2.0, lower=[0.0, 2.0], upper=[4.0, 2.0])
    points = here.points(np.array([[0.0], [math.pi], [1e9]]))
    assert points.below == -math.inf
    assert_array_equal(points.points[:2], [[0, 2], [4, 2]])
    assert 0.0 <= points.points[2, 0] <= 4.0
