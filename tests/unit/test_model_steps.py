"""The rule of model steps by hand: when a model is asked, what becomes of its point."""

import math

import numpy as np
import pytest

import nelder
from nelder import KWorst, NelderMead
from nelder.core.coefficients import Coefficients
from nelder.core.convergence import Test as Comparison
from nelder.core.machine import Machine
from nelder.search import model_steps
from nelder.search.model_steps import ModelSteps, replaced

INF = math.inf
NEVER = Comparison("none")
CENTRE = np.array([1.0, -0.5])


def bowl(x):
    d = x - CENTRE
    return float(d[0] * d[0] + d[0] * d[1] + 2.0 * d[1] * d[1])


def begun(simplex=((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)), fun=bowl):
    """A machine in two coordinates that has its first simplex, and its model steps."""
    machine = Machine(np.array(simplex, dtype=float), Coefficients(), NEVER)
    steps = ModelSteps(machine.n)
    machine.keep(steps.rows)
    for _ in range(len(simplex)):
        machine.tell(fun(machine.x))
    return machine, steps


def iterate(machine, fun=bowl):
    """Do one iteration."""
    machine.tell(fun(machine.x))
    while not machine.between:
        machine.tell(fun(machine.x))


def proposed(fun=bowl, simplex=((0.0, 0.0), (0.5, 0.0), (0.0, 0.5))):
    """A machine, its steps and the first point they propose."""
    machine, steps = begun(simplex, fun)
    for _ in range(50):
        z = steps.propose(machine, machine.nfev + steps.steps)
        if z is not None:
            return machine, steps, z
        iterate(machine, fun)
    raise AssertionError("nothing was proposed")


def now(machine, steps):
    return machine.nfev + steps.steps


def test_rows_are_six_times_the_coefficients_of_a_quadratic():
    assert [ModelSteps(n).rows for n in (1, 2, 10)] == [18, 36, 396]


def test_too_few_points_wait_for_one_more():
    machine, steps = begun()  # without the best there are two: three would do
    assert steps.propose(machine, 3) is None
    assert steps.next == 4


def test_before_its_time_nothing_is_looked_at():
    _, steps = begun()
    steps.next = 10
    assert steps.propose(None, 9) is None


def test_of_a_quadratic_the_minimum_is_proposed():
    machine, steps = begun()
    found = []
    while now(machine, steps) < 30:
        z = steps.propose(machine, now(machine, steps))
        if z is None:
            iterate(machine)
        else:
            found.append(bowl(z))
            steps.take(machine, bowl(z))
            while not machine.between:  # it closes in
                machine.tell(bowl(machine.x))
    assert min(found) < 1e-12
    assert machine.best[1] == min(found)
    assert steps.better >= 2


def test_a_new_best_becomes_a_vertex_and_is_remembered():
    machine, steps, z = proposed()
    before = machine.best[1]
    steps.take(machine, before - 1e-3)
    np.testing.assert_array_equal(machine.simplex[0], z)
    assert machine.values[0] == before - 1e-3
    assert machine.past()[1][-1] == before - 1e-3
    assert (steps.steps, steps.better) == (1, 1)


@pytest.mark.parametrize("worse", [0.0, 1.0, INF])
def test_any_other_is_remembered_only(worse):
    machine, steps, z = proposed()
    simplex, value = machine.simplex, machine.best[1] + worse
    steps.take(machine, value)
    np.testing.assert_array_equal(machine.simplex, simplex)
    np.testing.assert_array_equal(machine.past()[0][-1], z)
    assert machine.past()[1][-1] == value
    assert (steps.steps, steps.better) == (1, 0)


def ask(machine, steps, *, nfev=100, gain=1.0, loo=0.1, step=(0.5, 0.0)):
    """Have a point proposed that the fit did not make."""
    step = np.array(step)
    simplex = machine.simplex
    edges = simplex - simplex[0]
    steps._proposal = model_steps.Proposal(
        simplex[0] + step, step, gain, loo, nfev, machine.best[1], edges, step, 0.5
    )


def test_a_gain_much_less_than_promised_halves_the_radius_down_to_a_quarter():
    machine, steps = begun()
    radii = []
    for _ in range(5):
        ask(machine, steps)
        steps.take(machine, machine.best[1] - 0.05)
        radii.append(steps.radius)
    assert radii == [1.0, 0.5, 0.25, 0.25, 0.25]


def test_a_gain_as_promised_at_the_boundary_doubles_the_radius_up_to_eight():
    machine, steps = begun()
    radii = []
    for _ in range(4):
        ask(machine, steps, step=(1.0, 0.0))
        steps.take(machine, machine.best[1] - 0.5)
        radii.append(steps.radius)
    assert radii == [4.0, 8.0, 8.0, 8.0]


def test_a_gain_as_promised_inside_leaves_the_radius():
    machine, steps = begun()
    ask(machine, steps, step=(0.85, 0.0))
    steps.take(machine, machine.best[1] - 0.9)
    assert steps.radius == 2.0


def test_a_fresh_simplex_begins_with_the_first_radius():
    _, steps = begun()
    steps.radius = 0.25
    steps.restarted()
    assert steps.radius == 2.0


def test_when_the_next_model_is_asked():
    """After a success at once; after a failure once at once, then after 1.5 and 3 evaluations."""
    machine, steps = begun()
    nexts = []
    for value, loo in ((-0.2, 0.1), (1.0, 0.1), (1.0, 0.1), (1.0, 0.1), (1.0, 0.5), (1.0, 0.5)):
        ask(machine, steps, nfev=100, loo=loo)
        steps.take(machine, machine.best[1] + value)
        nexts.append(steps.next - 101)
    assert nexts == [0, 0, 1.5, 0, 3.0, 3.0]


def test_a_success_forgets_how_long_the_wait_was():
    machine, steps = begun()
    nexts = []
    for value in (1.0, 1.0, -0.5, 1.0):
        ask(machine, steps, nfev=100, loo=0.5)
        steps.take(machine, machine.best[1] + value)
        nexts.append(steps.next - 101)
    assert nexts == [1.5, 3.0, 0, 1.5]


def square(point, median=1.0):
    edges = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return replaced(edges, np.array(point), median)


def test_the_vertex_of_the_largest_barycentric_coordinate_goes():
    assert square((0.9, 0.05)) == 1  # coordinates 0.05, 0.9, 0.05
    assert square((0.1, 0.7)) == 2
    assert square((0.2, 0.2)) == 0  # 0.6, 0.2, 0.2: the point is better than the best
    assert square((-1.5, 0.2), 10.0) == 0  # 2.3, -1.5, 0.2


def test_distances_beyond_the_median_count():
    assert square((-1.5, 0.2)) == 1  # 2.3·1.51, 1.5·2.51, 0.2·1.70
    # Coordinates 0.4, 0.35, 0.25; distances in medians of 0.25: 1.72, 2.79, 3.31.
    assert square((0.35, 0.25)) == 0
    assert square((0.35, 0.25), 0.25) == 1  # 0.69, 0.98, 0.83


def test_of_a_simplex_without_volume_the_worst_vertex_goes():
    edges = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    assert replaced(edges, np.array([0.5, 0.0]), 1.0) == 2


def test_a_good_step_that_is_short_shrinks_the_simplex_about_the_new_best():
    machine, steps = begun()
    simplex = machine.simplex
    best = machine.best[1]
    ask(machine, steps, step=(0.01, 0.0))  # 0.02 of the median: to 0.1
    steps.take(machine, best - 0.5)
    assert machine.phase == "initial"
    assert machine.best[1] == best - 0.5
    assert machine.waiting == 2
    z = simplex[0] + [0.01, 0.0]
    edges = machine.simplex - z
    np.testing.assert_array_equal(edges[0], 0.0)
    assert np.abs(edges).max() == pytest.approx(0.05, rel=0.1)
    assert steps.radius == 2.0


@pytest.mark.parametrize(
    ("step", "loo", "gain"), [(0.01, 0.5, 0.5), (0.06, 0.1, 0.5), (0.01, 0.1, 0.05)]
)
def test_it_does_not_where_the_step_is_long_the_fit_poor_or_the_gain_small(step, loo, gain):
    machine, steps = begun()
    ask(machine, steps, step=(step, 0.0), loo=loo)
    steps.take(machine, machine.best[1] - gain)
    assert machine.between


def test_a_minimum_that_is_the_best_point_shrinks_the_simplex_to_a_thousandth():
    def fun(x):
        return float(x @ x)

    machine, steps = begun(fun=fun)  # the best vertex is the minimum
    for _ in range(30):
        simplex, was = machine.simplex, steps.steps
        z = steps.propose(machine, now(machine, steps))
        if machine.phase == "initial":
            break
        if z is None:
            iterate(machine, fun)
        else:
            steps.take(machine, fun(z))
    assert machine.phase == "initial"
    assert steps.steps == was
    np.testing.assert_array_equal(machine.simplex[0], [0.0, 0.0])
    np.testing.assert_allclose(machine.simplex, 1e-3 * simplex, rtol=1e-12)


def test_no_simplex_is_shrunk_to_rounding():
    far = np.array([1e12, 1e12])
    machine, steps = begun(far + np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]]), lambda x: 1.0)
    ask(machine, steps, step=(0.001, 0.0))
    steps.take(machine, 0.5)
    assert machine.between


def test_equal_values_and_failures_propose_nothing():
    for fun in (lambda x: 1.0, lambda x: INF, lambda x: 0.0 if not x.any() else INF):
        machine, steps = begun(fun=fun)
        for _ in range(20):
            assert steps.propose(machine, machine.nfev) is None
            steps.next = 0
            iterate(machine, fun)


def test_a_simplex_closed_up_to_one_point_proposes_nothing():
    machine, steps = begun()
    machine.restart(np.zeros((3, 2)), np.array([1.0, 2.0, 3.0]))
    assert steps.propose(machine, 100) is None


def test_failures_are_left_out_of_the_fit():
    def holed(x):
        return INF if x[0] < 0.2 and x[1] > 0.2 else bowl(x)

    result = nelder.minimize(holed, [0.1, 0.0], method=NelderMead(model=True))
    np.testing.assert_allclose(result.x, CENTRE, atol=1e-7)
    assert result.nmodel > 0


# In a search


def valley(x):
    return float(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)


def test_a_search_reports_its_model_steps():
    result = nelder.minimize(valley, [-1.2, 1.0], method=NelderMead(model=True))
    assert result.success
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-7)
    assert 0 < result.nmodel_better <= result.nmodel < result.nfev
    assert "nmodel" in repr(result)


def test_without_them_there_is_nothing_to_report():
    result = nelder.minimize(valley, [-1.2, 1.0])
    assert result.nmodel is None
    assert result.nmodel_better is None


def test_fewer_evaluations_until_it_stops():
    with_model = nelder.minimize(valley, [-1.2, 1.0], method=NelderMead(model=True))
    assert with_model.nfev < nelder.minimize(valley, [-1.2, 1.0]).nfev


@pytest.mark.parametrize("x0", [[3.0], [0.0], [1e-12], [-1e6]])
def test_one_coordinate(x0):
    result = nelder.minimize(
        lambda x: float((x[0] - 2.0) ** 2 + 1.0), x0, method=NelderMead(model=True)
    )
    assert result.success
    assert result.x[0] == pytest.approx(2.0, abs=1e-7)


@pytest.mark.parametrize("value", [1.0, INF, math.nan])
def test_objectives_that_say_nothing(value):
    result = nelder.minimize(
        lambda x: value, [1.0, 2.0], method=NelderMead(model=True), on_failure="worst", maxfev=200
    )
    assert result.nmodel == 0


def test_an_objective_without_a_lower_bound():
    result = nelder.minimize(
        lambda x: -INF if x[0] > 3.0 else -x[0], [0.0, 0.0], method=NelderMead(model=True)
    )
    assert result.status is nelder.Status.UNBOUNDED


def test_bounds_are_kept_and_the_minimum_on_them_is_found():
    seen = []

    def fun(x):
        seen.append(x.copy())
        return valley(x)

    result = nelder.minimize(
        fun, [-1.2, 0.2], bounds=[(-2.0, 0.5), (-1.0, 2.0)], method=NelderMead(model=True)
    )
    assert (np.array(seen) >= [-2.0, -1.0]).all()
    assert (np.array(seen) <= [0.5, 2.0]).all()
    np.testing.assert_allclose(result.x, [0.5, 0.25], atol=1e-6)
    assert result.nmodel_better > 0


def test_a_fixed_coordinate_is_not_the_models():
    result = nelder.minimize(
        lambda x: valley(x) + (x[2] - 5.0) ** 2,
        [-1.2, 1.0, 3.0],
        bounds=[(None, None), (None, None), (3.0, 3.0)],
        method=NelderMead(model=True),
    )
    np.testing.assert_allclose(result.x, [1.0, 1.0, 3.0], atol=1e-6)


@pytest.mark.filterwarnings("ignore:k=2 is above a third")
@pytest.mark.parametrize("k", [1, 2])
def test_several_vertices_may_move_at_once(k):
    def fun(x):
        steps = x[1:] - x[:-1] ** 2
        return float(100.0 * steps @ steps + (1.0 - x[:-1]) @ (1.0 - x[:-1]))

    x0 = [-1.2, 1.0, -1.2, 1.0]
    result = nelder.minimize(fun, x0, method=KWorst(k, model=True))
    assert result.nmodel_better > 0
    assert result.fun < 1e-12 or result.fun == pytest.approx(3.70143, abs=1e-4)  # its two minima
