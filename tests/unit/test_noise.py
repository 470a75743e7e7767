"""Noise: what is made of repeated values, the fitted surface, and each part of the course."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nelder
from nelder import NelderMead, Status
from nelder.search.course import CourseSearch
from nelder.search.noise import AGAIN, PLANNED, RACE, _Centre, _Noisy
from nelder.search.noise_level import (
    MEMORY,
    Spread,
    deviation,
    differ_by_noise,
    mean_of,
    shrunk,
)
from nelder.search.regression import MOST, SOME, Samples, Surface, fit_surface, most_fitted, terms
from nelder.search.space import Space

NOISY = NelderMead(noise=True)


def bowl(x):
    return float(np.sum((x - 0.7) ** 2))


class Noisy:
    """A bowl and normal noise."""

    def __init__(self, sigma=0.1, seed=1, fun=bowl):
        self.sigma, self.fun = sigma, fun
        self.random = np.random.default_rng(seed)

    def __call__(self, x):
        return self.fun(x) + self.sigma * self.random.standard_normal()


class Told:
    """An objective that gives a list of values and then the bowl's, with noise."""

    def __init__(self, values):
        self.values, self.after = list(values), Noisy()

    def __call__(self, x):
        return self.values.pop(0) if self.values else self.after(x)


def minimize(fun, x0=(3.0, 1.0), maxfev=400, method=NOISY, **more):
    return nelder.minimize(fun, list(x0), method=method, maxfev=maxfev, history=True, **more)


# What noisy values are worth


def test_deviation_and_mean():
    assert deviation(np.array([1.0, 3.0])) == pytest.approx(math.sqrt(2.0))
    assert deviation(np.array([5.0, 5.0, 5.0])) == 0.0
    assert deviation(1e300 * np.array([1.0, 3.0])) == pytest.approx(math.sqrt(2.0) * 1e300)
    assert deviation(np.array([1e308, -1e308])) == math.inf
    assert mean_of(np.array([1.0, 2.0, 6.0])) == 3.0
    assert mean_of(np.array([1e308, 1.5e308])) == 1.25e308
    assert mean_of(np.array([1.0, math.inf])) == math.inf


def test_spread_pools_by_degrees_of_freedom():
    spread = Spread()
    assert spread.noise == 0.0
    spread.learn(np.array([0.0, 2.0]))  # variance 2, one degree of freedom
    assert spread.noise == pytest.approx(math.sqrt(2.0))
    spread.learn(np.array([1.0, 3.0, 5.0]))  # variance 4, two
    assert spread.noise == pytest.approx(math.sqrt((2.0 + 2.0 * 4.0) / 3.0))


def test_spread_takes_no_failures_and_no_single_values():
    spread = Spread()
    spread.learn(np.array([0.0, math.inf, 2.0]))
    spread.learn(np.array([7.0]))
    spread.learn(np.array([7.0, math.inf]))
    assert spread.noise == pytest.approx(math.sqrt(2.0))


@pytest.mark.parametrize(("factor", "expected"), [(100.0, 100.0), (0.01, 0.01)])
def test_noise_of_another_order_stands_for_itself(factor, expected):
    spread = Spread()
    values = np.array([-1.5, -0.5, 0.5, 1.5])
    spread.learn(values)
    spread.learn(factor * values)
    assert spread.noise == pytest.approx(expected * deviation(values))


def test_two_values_or_equal_ones_are_too_little_to_forget_the_rest():
    spread = Spread()
    spread.learn(np.array([-1.5, -0.5, 0.5, 1.5]))
    spread.learn(np.zeros(4))
    assert spread.noise == pytest.approx(math.sqrt(5.0 / 6.0))
    spread.learn(np.array([0.0, 1e-6]))
    assert spread.noise == pytest.approx(math.sqrt(5.0 / 7.0))


def test_spread_forgets():
    spread = Spread()
    for _ in range(500):
        spread.learn(np.array([0.0, 1.0]))
    for _ in range(200):
        spread.learn(np.array([0.0, 3.0]))
    assert MEMORY < 200
    assert spread.noise == pytest.approx(3.0 / math.sqrt(2.0), rel=0.01)


def test_differ_by_noise():
    values = np.array([0.0, 2.0])  # deviation 1.414
    assert differ_by_noise(values, 1.0)  # below 1.5
    assert not differ_by_noise(values, 0.9)
    assert not differ_by_noise(np.array([0.0, math.inf]), 1e9)


def test_the_lowest_value_is_drawn_to_the_mean():
    value, error = shrunk(np.array([0.0, 2.0]), 1.0)  # variance 2, half of it noise
    assert value == pytest.approx(0.5)
    assert error == pytest.approx(math.sqrt(0.5))
    assert shrunk(np.array([0.0, 2.0]), 5.0) == (1.0, pytest.approx(5.0 / math.sqrt(2.0)))
    assert shrunk(np.array([0.0, 200.0]), 1e-9) == (pytest.approx(0.0), pytest.approx(1e-9))
    assert shrunk(np.array([3.0, math.inf]), 1.0) == (3.0, 1.0)
    assert shrunk(np.array([math.inf, math.inf]), 1.0) == (math.inf, math.inf)


# The surface


def samples_of(fun, points):
    samples = Samples(points.shape[1])
    samples.add(points, np.array([fun(z) for z in points]))
    return samples


def curved(z):
    """1 + (z_0 - 1)² + 9 (z_1 + 2)²; the minimum 1 at (1, -2)."""
    return 1.0 + (z[0] - 1.0) ** 2 + 9.0 * (z[1] + 2.0) ** 2


def around_the_minimum(count):
    return np.array([1.0, -2.0]) + np.random.default_rng(0).uniform(-1.0, 1.0, (count, 2))


def test_samples_leave_failures_out():
    samples = Samples(1)
    samples.add(np.array([[1.0], [2.0], [3.0]]), np.array([5.0, math.inf, 6.0]))
    assert samples.points.tolist() == [[1.0], [3.0]]
    assert samples.values.tolist() == [5.0, 6.0]


def test_a_quadratic_is_found_again():
    points = around_the_minimum(60)
    centre = np.array([1.2, -1.9])
    surface = fit_surface(samples_of(curved, points), centre, 1.0, 1.0, 100.0)
    assert surface.count == 60
    assert surface.scatter < 1e-3
    z, promised = surface.lowest(10.0)
    assert_allclose(z, [1.0, -2.0], atol=1e-3)
    assert promised == pytest.approx(1.0, abs=1e-3)
    # within a short radius it stays there, measured in the points' own second moment
    near, _ = surface.lowest(0.1)
    u = np.linalg.solve(surface.axes, near - centre)
    assert np.linalg.norm(u) == pytest.approx(0.1)


def test_coordinates_of_any_scale_are_fitted_alike():
    points = around_the_minimum(60)
    scale = np.array([1e-8, 1e6])
    surface = fit_surface(
        samples_of(lambda z: curved(z / scale), points * scale),
        scale * [1.2, -1.9],
        1.0,
        1.0,
        100.0,
    )
    assert_allclose(surface.lowest(10.0)[0] / scale, [1.0, -2.0], atol=1e-3)


def test_what_lies_high_or_far_counts_for_little():
    points = around_the_minimum(40)
    centre = np.array([1.0, -2.0])
    samples = samples_of(curved, points)
    before = fit_surface(samples, centre, 1.0, 1.0, 100.0)
    samples.add(np.array([[1.1, -2.1], [50.0, 50.0]]), np.array([1e300, 1.0]))
    after = fit_surface(samples, centre, 1.0, 1.0, 100.0)
    assert before.count == 40
    assert after.count == 40  # neither is fitted
    samples.add(centre[None], np.array([1e300]))
    few = fit_surface(samples_of(lambda z: 1e250 * curved(z), points[:9]), centre, 0.0, 1.0, 10.0)
    assert few.count == 9  # as many as are needed, however high


def test_the_nearest_points_are_fitted():
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (500, 1))
    surface = fit_surface(samples_of(bowl, points), np.zeros(1), 0.0, 1.0, 100.0)
    assert surface.count == SOME == most_fitted(1, 500) > MOST * terms(1)
    assert most_fitted(10, 2000) == MOST * terms(10) == MOST * 66
    assert most_fitted(10, 4000) == 2000


def test_too_few_points_give_no_surface():
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (9, 2))
    assert fit_surface(samples_of(curved, points), np.zeros(2), 1.0, 1.0, 10.0) is not None
    assert fit_surface(samples_of(curved, points[:8]), np.zeros(2), 1.0, 1.0, 10.0) is None
    same = np.tile([1.0, 1.0], (20, 1))
    assert fit_surface(samples_of(curved, same), same[0], 1.0, 1.0, 10.0) is None


def test_the_region_is_where_the_surface_rises_by_so_much():
    points = around_the_minimum(60)
    lowest = np.array([1.0, -2.0])
    surface = fit_surface(samples_of(curved, points), lowest, 1.0, 1.0, 100.0)
    directions = np.array([[1.0, 0.0], [0.3, -2.0], [-5.0, 1.0]])
    at = surface.within(lowest, 0.25, 100.0, np.ones(3), directions)
    assert_allclose([curved(z) for z in at], 1.25, atol=1e-2)
    half = surface.within(lowest, 0.25, 100.0, np.full(3, 0.5), directions)
    assert_allclose(half, lowest + (at - lowest) / 2)


def test_where_it_is_flat_or_falls_the_region_ends_at_its_reach():
    flat = nelder.core.quadratic.Quadratic(0.0, np.zeros(2), np.diag([0.0, -1.0]))
    surface = Surface(np.zeros(2), np.eye(2), 5.0, 2.0, flat, 0.0, 9)
    points = surface.within(np.zeros(2), 1.0, 3.0, np.ones(2), np.eye(2))
    assert_allclose(np.abs(points[:, ::-1] if points[0, 0] == 0.0 else points), 3.0 * np.eye(2))


# The noise is measured


def test_without_noise_one_evaluation_is_spent_and_nothing_else_changes():
    plain = minimize(bowl, method=NelderMead())
    careful = minimize(bowl)
    points, values = careful.history
    best = int(np.argmin(values[:3]))
    assert points[3].tobytes() == points[best].tobytes()
    rest = np.delete(points, 3, axis=0)
    assert rest.tobytes() == plain.history.points.tobytes()
    assert careful.nfev == plain.nfev + 1
    for name in ("fun", "nit", "nshrink", "nrestart", "status", "nfailed"):
        assert careful[name] == plain[name]
    assert careful.x.tobytes() == plain.x.tobytes()
    assert careful.final_simplex.vertices.tobytes() == plain.final_simplex.vertices.tobytes()
    assert (careful.noise, careful.nrepeat, careful.fun_error) == (0.0, 1, 0.0)
    assert (plain.noise, plain.nrepeat, plain.fun_error) == (None, None, None)


def test_without_noise_there_are_model_steps_if_wanted():
    plain = minimize(bowl, method=NelderMead(model=True))
    careful = minimize(bowl, method=NelderMead(model=True, noise=True))
    assert careful.nmodel == plain.nmodel > 0
    assert (careful.nfev, careful.fun) == (plain.nfev + 1, plain.fun)


def test_noise_is_the_deviation_of_four_values():
    fun = Told([5.0, 4.0, 3.0, 3.4, 3.1, 3.3, 3.2])
    result = minimize(fun, maxfev=7)
    assert result.noise == pytest.approx(deviation(np.array([3.4, 3.1, 3.3, 3.2])))
    assert result.nrepeat == 4
    value, error = shrunk(np.array([5.0, 4.0, 3.25]), result.noise)  # 3.0 is forgotten
    assert result.fun == value > 3.25
    assert result.fun_error == error
    assert len({x.tobytes() for x in result.history.points[2:]}) == 1


def test_values_that_only_the_first_differs_from():
    result = minimize(Told([5.0, 4.0, 3.0, 3.5, 3.5, 3.5, 3.5]), maxfev=7)
    assert result.noise == pytest.approx(deviation(np.array([3.0, 3.5, 3.5, 3.5, 3.5])))


def test_noise_below_the_tolerance_is_as_none():
    plain = minimize(bowl, method=NelderMead())
    careful = minimize(Noisy(1e-11))
    assert 0.0 < careful.noise < 1e-10
    assert careful.fun_error == careful.noise
    assert careful.nrepeat == AGAIN
    assert careful.success
    assert careful.nfev < 1.5 * plain.nfev
    assert_allclose(careful.x, 0.7, atol=1e-4)


def test_rounding_is_no_noise():
    result = minimize(Told([5.0, 4.0, 1e12, 4.0 + 1e-14, 4.0, 4.0, 4.0]), maxfev=7)
    assert result.noise < 1e-13
    assert result.fun == 4.0


def test_repeats_that_fail_tell_nothing():
    nan = math.nan
    result = minimize(Told([5.0, 4.0, 3.0, nan, nan, nan, nan]), on_failure="worst", maxfev=7)
    assert (result.noise, result.nrepeat, result.nfailed) == (None, 4, 4)
    assert result.fun == 3.0
    result = minimize(Told([5.0, 4.0, 3.0, nan, 3.2, nan, 3.4]), on_failure="worst", maxfev=7)
    assert result.noise == pytest.approx(deviation(np.array([3.2, 3.4])))
    assert result.fun == shrunk(np.array([5.0, 4.0, 3.3]), result.noise)[0]


def test_a_first_simplex_of_failures_is_not_repeated():
    nan = math.nan
    result = minimize(Told([nan, nan, nan, nan, 3.0, 3.5]), on_failure="worst", maxfev=6)
    points = [x.tobytes() for x in result.history.points]
    assert len(set(points[:5])) == 5
    assert points[5] == points[4]
    assert result.nrepeat is None  # the budget ended before anything was made of it


# The course


def test_the_answer_is_the_mean_of_its_repeats():
    result = minimize(Noisy())
    points, values = result.history
    raced = [v for x, v in zip(points, values, strict=True) if x.tobytes() == result.x.tobytes()]
    assert result.nfev == 400
    assert len(raced) >= RACE * 400 // 3
    assert result.fun == pytest.approx(np.mean(raced[-(len(raced) - 2) :]), abs=result.fun_error)
    assert result.fun > values.min() + result.noise
    assert result.fun_error == pytest.approx(result.noise / math.sqrt(len(raced)), rel=0.2)
    assert_allclose(result.x, 0.7, atol=0.1)
    assert result.noise == pytest.approx(0.1, rel=0.3)
    repeats = sum(n - 1 for n in Counter(x.tobytes() for x in points).values())
    assert abs(result.nrepeat - repeats) <= 1  # the vertex raced was perhaps not evaluated as such
    assert result.success
    assert "noise" in result.message


def test_a_single_coordinate():
    result = minimize(Noisy(), [3.0])
    assert_allclose(result.x, 0.7, atol=0.1)
    assert abs(result.fun) < 4.0 * result.fun_error


@pytest.mark.parametrize("maxfev", range(1, 40))
def test_budgets_are_exact(maxfev):
    result = minimize(Noisy(), maxfev=maxfev)
    assert result.nfev == maxfev
    assert len(result.history.values) == maxfev


def test_a_simplex_led_by_noise_is_begun_again():
    """Three vertices, four repeats, four more since the spread is small, and a second simplex."""
    again = [1.6, 0.4, 1.5, 0.5]  # of mean 1 and deviation 0.64
    result = minimize(Told([1.2, 1.0, 1.1, *again, *again]), maxfev=60)
    points = result.history.points
    x = points[1]
    assert x.tolist() == [4.5, 1.0]
    assert all(point.tobytes() == x.tobytes() for point in points[3:11])
    # half of the first steps, 1.5 and 0.5, and down where they went up
    assert points[11:13].tolist() == [[3.75, 1.0], [4.5, 0.75]]
    assert result.nrestart == 1


def test_a_simplex_goes_on_where_repeats_show_that_it_may():
    """Noise first taken for 0.64; the repeats of the best say 0.064."""
    first, then = [1.6, 0.4, 1.5, 0.5], [1.06, 0.94, 1.05, 0.95]
    result = minimize(Told([1.5, 1.0, 1.3, *first, *then]), maxfev=60)
    assert result.nrestart == 0 or result.history.points[11].tolist() != [3.75, 1.0]
    # the reflection of the worst vertex, the first, through the centroid of the others
    assert result.history.points[11].tolist() == [4.5, 1.5]


def test_a_vertex_that_is_best_for_long_is_evaluated_again():
    """Four repeats that lie near each other by chance: the noise is taken for a hundredth of it."""
    close = [5.29, 5.291, 5.289, 5.2905]
    result = minimize(Told([5.5, 5.4, 5.28, *close]), (3.0, 1.0), maxfev=300)
    points = [x.tobytes() for x in result.history.points]
    again = [i for i in range(7, 300 - 3) if len(set(points[i : i + AGAIN])) == 1]
    assert again[0] < 100
    assert result.noise == pytest.approx(0.1, rel=0.3)
    assert_allclose(result.x, 0.7, atol=0.2)


def test_no_second_simplex_beyond_half_of_the_budget():
    assert minimize(Noisy(100.0), maxfev=20).nrestart == 0


def test_a_converged_simplex_is_an_answer():
    """Noise that shrinks with the value never hides the minimum."""
    random = np.random.default_rng(2)
    result = minimize(lambda x: bowl(x) * (1.0 + 0.01 * random.standard_normal()), maxfev=2000)
    assert result.status is Status.CONVERGED
    assert result.nfev < 500
    assert_allclose(result.x, 0.7, atol=1e-3)


def test_a_rule_of_ones_own_ends_the_simplex():
    asked = []

    def rule(simplex, values):
        asked.append(values)
        return len(asked) > 4

    result = minimize(Noisy(1e-3), method=NelderMead(noise=True, convergence=rule), maxfev=2000)
    assert result.success
    assert result.nfev < 100


def test_an_unbounded_objective():
    calls = []

    def fun(x):
        calls.append(x)
        return -math.inf if len(calls) == 60 else Noisy(seed=len(calls))(x)

    result = minimize(fun)
    assert (result.status, result.fun) == (Status.UNBOUNDED, -math.inf)
    assert result.nfev == 60
    assert result.x.tobytes() == calls[59].tobytes()


def test_an_objective_that_falls_without_end():
    result = minimize(Noisy(fun=lambda x: 10.0 * float(np.sum(x))), maxfev=20_000)
    assert result.status is Status.UNBOUNDED
    result = minimize(Noisy(100.0, fun=lambda x: float(np.sum(x))), maxfev=2_000)  # a slow one
    assert result.status is Status.MAXFEV
    assert result.fun < -1e5


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nothing_but_failures(value):
    result = minimize(lambda x: value, on_failure="worst")
    assert result.status is Status.NO_FINITE_VALUE
    assert result.nrepeat is None


def test_a_constant_is_not_noisy():
    result = minimize(lambda x: 1.0)
    assert (result.success, result.noise, result.fun) == (True, 0.0, 1.0)


def test_nothing_but_noise():
    result = minimize(Noisy(fun=lambda x: 0.0))
    assert result.nfev == 400
    assert abs(result.fun) < 4.0 * result.fun_error


@pytest.mark.parametrize(
    "fun",
    [
        Noisy(1e298, fun=lambda x: 1e300 * bowl(x)),
        Noisy(1e307, fun=lambda x: 1e307 * bowl(x)),
        Noisy(1e-5, fun=lambda x: 1e-3 * bowl(x)),
    ],
    ids=["large", "at the end of the range", "small"],
)
def test_values_of_any_size(fun):
    result = minimize(fun)
    assert_allclose(result.x, 0.7, atol=0.7)


def test_failures_among_noisy_values():
    random, fun = np.random.default_rng(5), Noisy()
    result = minimize(
        lambda x: math.nan if random.random() < 0.3 else fun(x), on_failure="worst", maxfev=600
    )
    assert result.nfailed > 100
    assert_allclose(result.x, 0.7, atol=0.2)


def test_quantised_noise():
    fun = Noisy()
    result = minimize(lambda x: round(fun(x), 1))
    assert 0.05 < result.noise < 0.15
    assert_allclose(result.x, 0.7, atol=0.2)


def test_variables_that_are_fixed():
    result = minimize(Noisy(), bounds=[(3.0, 3.0), (0.0, 5.0)])
    assert result.x[0] == 3.0
    assert result.x[1] == pytest.approx(0.7, abs=0.1)
    result = minimize(Noisy(), bounds=[(3.0, 3.0), (1.0, 1.0)])
    assert (result.status, result.nfev) == (Status.CONVERGED, 1)


def test_more_coordinates_than_the_budget_can_fit():
    result = minimize(Noisy(), np.full(40, 2.0), maxfev=900)
    assert result.nfev == 900
    assert bowl(result.x) < bowl(np.full(40, 2.0))


def test_the_same_seed_gives_the_same_search():
    one, again, other = (
        minimize(Noisy(), method=NelderMead(noise=True, seed=seed)) for seed in (3, 3, 4)
    )
    assert one.history.points.tobytes() == again.history.points.tobytes()
    assert (one.fun, one.noise) == (again.fun, again.noise)
    assert one.history.points.tobytes() != other.history.points.tobytes()


def test_a_search_cut_off_answers_with_an_estimate():
    """Whatever ends it, the value is not that of the luckiest evaluation."""
    for maxiter in (1, 2, 5):
        result = minimize(Noisy(), maxiter=maxiter)
        assert result.status is Status.MAXITER
        assert result.fun > result.history.values.min()
        assert 0.0 < result.fun_error <= 2.0 * result.noise


def test_the_target_is_reached_by_the_estimate_not_by_a_lucky_value():
    result = minimize(Noisy(0.3), target=-0.05, maxfev=200)
    assert result.history.values.min() < -0.3
    assert result.fun <= -0.05 or result.status is not Status.TARGET
    assert result.nfev > int(np.argmin(result.history.values)) + 1


def test_without_a_budget_it_plans_one():
    optimizer = nelder.Optimizer([3.0, 1.0], method=NOISY)
    fun, count = Noisy(), 0
    while not optimizer.done:
        asked = optimizer.ask()
        optimizer.tell(asked, [fun(x) for x in asked])
        count += len(asked)
    result = optimizer.result()
    assert result.nfev == count == PLANNED * 3
    assert result.success
    assert_allclose(result.x, 0.7, atol=0.1)


# The race


def waiting(search):
    """Evaluate the start, and end."""
    yield search.space.points(np.array([search.space.z0]))
    return Status.CONVERGED


def racing(values, centres, best, maxfev=12):
    """Return the search and race between `centres` and the vertex `best` with these values."""
    search = CourseSearch(Space(np.array([1.0]), None), waiting)
    search.stage.tell(0.0)
    course = _Noisy(search, NOISY, maxfev + 1)
    course._centres = [_Centre(np.array([z]), 0.0, 1.0) for z in centres]
    course._spread.learn(math.sqrt(0.75) * np.array([-1.0, -1.0, 1.0, 1.0]))
    machine = NOISY.machine(np.array([[best], [best + 1.0]]), None, None)
    machine.tell(0.0)
    machine.tell(1.0)
    for points in course.race(machine):
        for value in values(points.points[:, 0]):
            points.tell(float(value))
    return search, course


def test_the_race_takes_turns():
    asked = []

    def values(z):
        asked.extend(z.tolist())
        return z

    search, course = racing(values, [9.0, 9.0, 9.0, 5.0, 2.0, 1.0, 3.0, 5.0], 7.0)
    assert asked == [5.0, 4.0, 7.0] * 4  # the last, the mean of the last quarter, the vertex
    assert search.answer == (np.array([4.0]), 4.0)
    assert search.extra["fun_error"] == pytest.approx(course._noise / 2.0)
    assert course._repeats == 10


@pytest.mark.parametrize(("lower_by", "wins"), [(1.3, False), (1.5, True)])
def test_a_vertex_must_win_clearly(lower_by, wins):
    """Four values each, of noise 1: the standard error is 0.707; twice that wins."""
    noise = math.sqrt(0.75) * np.array([-1.0, -1.0, 1.0, 1.0])

    def values(z):
        return np.repeat(noise, 2) - np.where(z == 7.0, lower_by, 0.0)

    search, _ = racing(values, [5.0], 7.0, maxfev=8)
    assert bool(search.answer[0][0] == 7.0) is wins


def test_a_candidate_that_fails_at_times_is_no_answer():
    def values(z):
        return np.where((z == 5.0) & (np.arange(len(z)) == 0), math.nan, z)

    search, _ = racing(values, [5.0, 5.0, 5.0, 5.0], 7.0)
    assert search.answer[0][0] == 5.0 or search.answer[0][0] == 7.0
    search, _ = racing(values, [5.0], 7.0)
    assert search.answer[0][0] == 7.0


def test_no_race_without_evaluations_for_all():
    search, _ = racing(lambda z: z, [5.0], 7.0, maxfev=1)
    assert search.answer is None


def test_settled_where_the_centres_gain_no_more():
    course = _Noisy(CourseSearch(Space(np.array([1.0]), None), waiting), NOISY, 100.0)
    assert not course.settled

    def after(*values):
        course._centres = [_Centre(np.zeros(1), value, 1.0) for value in values]
        return course.settled

    assert not after(1.0, 1.0, 1.0)  # too few
    assert after(9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 3.0, 1.0)  # 2 < 2·√2
    assert not after(9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 4.0, 1.0)  # 3 is more
