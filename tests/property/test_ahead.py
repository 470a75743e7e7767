"""What is planned ahead: a search never knows, and nothing is planned that could not be needed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import nelder
from nelder import NelderMead, Tolerance
from nelder.core.bounds import Box
from nelder.core.machine import Points
from nelder.search.ahead import LEAST, plan

INF = math.inf
NAN = math.nan
PLENTY = 10_000

HOW = settings(max_examples=80, deadline=None)

values = st.one_of(
    st.floats(-10.0, 10.0),
    st.integers(-2, 2).map(float),
    st.sampled_from([0.0, 1.0, 1.0, INF, NAN, 1e300, -1e300]),
)
rough = Tolerance(0.3, 10.0)  # soon converged, so that the probe is reached, and restarts
methods = st.sampled_from(
    [
        NelderMead(),
        NelderMead(),
        NelderMead(convergence=rough),
        NelderMead(convergence=rough),
        NelderMead(convergence=rough, bounds_method="clip"),
        NelderMead(convergence=rough, probe=False, final_centroid=True),
        NelderMead.tfp(),
        NelderMead.optim(),
        NelderMead(coefficients=nelder.Standard(), equal_outside=False, equal_inside=True),
    ]
)
boxes = st.sampled_from(["none", "none", "both", "low", "fixed"])


def box_of(kind, n, clips):
    if kind == "none":
        return None
    lower, upper = np.full(n, -3.0), np.full(n, 4.0)
    if kind == "low":
        upper[:] = INF
    elif kind == "fixed":
        lower[n // 2] = upper[n // 2] = 1.0
    return Box(lower, upper, clips)


def state(search):
    """All that may be seen of a search."""
    stage = search.stage
    vertices, known = search.simplex
    x, f = search.best
    return (
        type(stage),
        stage.done or stage.x.tobytes(),
        stage.needed().tobytes(),
        stage.nfev,
        stage.nit,
        search.status,
        search.nfev,
        search.nit,
        search.nshrink,
        search.nrestart,
        search.nfailed,
        vertices.tobytes(),
        known.tobytes(),
        x.tobytes(),
        f,
    )


def tell(search, value):
    search.stage.tell(value)
    search.advance()


@st.composite
def searches(draw, most=5, waits=True, many=True):
    """A search after so many values: in its first simplex, between, in a shrink, in the probe."""
    n = draw(st.integers(1, most))
    method = draw(methods)
    if many and draw(st.integers(0, 3)) == 0:
        n, method = 7, nelder.KWorst(draw(st.sampled_from([1, 2])), convergence=rough)
    kind = draw(boxes)
    box = box_of(kind, n + (n == 1 and kind == "fixed"), method.clips)
    n = n if box is None else box.dim
    search = method.start(np.linspace(-2.0, 2.0, n), box)
    for value in draw(st.lists(values, max_size=40)):
        before = search.clone()
        tell(search, value)
        if search.done:
            return before if waits else search
    return search


# The search never knows


@HOW
@given(searches(waits=False), st.integers(1, 40), st.floats(1.0, 50.0), st.sampled_from([0.0, 1.0]))
def test_a_plan_leaves_the_search_as_it_is(search, points, evaluations, least):
    before = state(search)
    first = plan(search, {}, points, evaluations, least)
    assert state(search) == before
    again = plan(search, {}, points, evaluations, least)
    assert list(first) == list(again)
    if search.done:
        assert not first
    event(f"waits for {before[0].__name__}")


@HOW
@given(searches(), st.lists(values, max_size=30), st.lists(values, max_size=30))
def test_a_clone_is_independent_and_the_same(search, told, others):
    before, clone = state(search), search.clone()
    assert state(clone) == before
    for value in others:  # the clone goes its own way
        if clone.done:
            break
        tell(clone, value)
    assert state(search) == before
    twin, other = search.clone(), search.clone()
    for value in told:
        if search.done:
            break
        before = state(other)
        tell(search, value)
        assert state(other) == before
        tell(twin, value)
        assert state(twin) == state(search)
        other = twin.clone()  # of a clone
        assert state(other) == state(search)


@HOW
@given(searches(), st.lists(values, max_size=25), st.randoms(use_true_random=False))
def test_a_search_that_is_planned_with_goes_as_one_that_is_not(search, told, chance):
    alone = search.clone()
    for value in told:
        if search.done:
            break
        known = {
            key: chance.choice([1.0, -1.0, INF, NAN])
            for key in plan(search, {}, 12)
            if chance.random() < 0.5
        }
        plan(search, known, chance.randint(1, 20), chance.choice([1, 3, INF]))
        tell(search, value)
        tell(alone, value)
        assert state(search) == state(alone)


def test_a_clone_of_a_search_without_free_variables_is_independent():
    search = NelderMead().start(np.ones(2), Box(np.ones(2), np.ones(2), False))
    clone = search.clone()
    before = state(clone)
    tell(search, 3.0)
    assert search.done
    assert state(clone) == before
    tell(clone, 4.0)
    assert clone.best[1] == 4.0
    assert clone.simplex.values.tolist() == [4.0]
    assert search.simplex.values.tolist() == [3.0]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_clone_goes_through_restarts_as_its_search_does(n):
    def hill(x):  # a shelf: where the simplex has collapsed, the probe finds something lower
        return float(np.sum(np.floor(4.0 * np.abs(x - 0.3)) + 1e-3 * np.abs(x - 0.3)))

    search = NelderMead().start(np.full(n, 1e-9), None)
    twin = search.clone()
    probes = 0
    while not search.done and search.nfev < 5000:
        probes += isinstance(search.stage, Points)
        value = hill(search.stage.x)
        assert value == hill(twin.stage.x)
        tell(search, value)
        tell(twin, value)
        twin = twin.clone()
    assert state(twin) == state(search)
    assert search.nrestart > 0
    assert probes > 0


# What is planned


@HOW
@given(searches(), st.integers(1, 60), st.sampled_from([0.0, LEAST, 0.1, 1.0]))
def test_what_is_needed_comes_first_and_shares_fall(search, points, least):
    planned = plan(search, {}, points, least=least)
    needed = [x.tobytes() for x in search.stage.needed()]
    assert list(planned)[: len(needed)] == list(dict.fromkeys(needed))[:points]
    shares = [share for share, _ in planned.values()]
    assert shares[: len(needed)] == [1.0] * min(len(dict.fromkeys(needed)), points)
    assert all(a >= b for a, b in itertools.pairwise(shares))
    assert all(share >= least and share > 0.0 for share in shares)
    assert len(planned) <= points
    for key, (_, x) in planned.items():
        assert key == x.tobytes()
        assert x.shape == (search.stage.dim,)
        assert np.all(np.isfinite(x)) or not np.all(np.isfinite(search.simplex.vertices))


@HOW
@given(searches(), st.integers(1, 30), st.integers(0, 29))
def test_with_fewer_workers_the_plan_is_the_beginning_of_that_with_more(search, points, fewer):
    fewer = max(1, points - fewer)
    assert list(plan(search, {}, fewer)) == list(plan(search, {}, points))[:fewer]


@HOW
@given(searches(), st.randoms(use_true_random=False), st.integers(1, 20))
def test_what_is_known_is_not_planned(search, chance, points):
    all_of_it = plan(search, {}, 40)
    pending = search.stage.x.tobytes()
    known = {
        key: chance.choice([0.0, 1.0, -1.0, INF, NAN])
        for key in all_of_it
        if key != pending and chance.random() < 0.6
    }
    planned = plan(search, known, points)
    assert next(iter(planned)) == pending
    assert not planned.keys() & known.keys()


def reachable(search, left, needed_only=False):
    """The points that may be asked for within `left` evaluations, by trying every kind of value.

    What is foreseen is looked for at the beginning of an iteration only: later it is known.
    """
    if left <= 0 or search.done:
        return set()
    stage = search.stage
    needed = stage.needed()
    points = {x.tobytes() for x in needed[:left]}
    if left > len(needed) and not needed_only:
        points |= {x.tobytes() for x, _ in stage.foreseen()}
    for value, _ in stage.branches():
        clone = search.clone()
        tell(clone, value)
        points |= reachable(clone, left - 1, not clone.stage.between)
    return points


@settings(max_examples=60, deadline=None)
@given(searches(), st.integers(0, 4))
def test_nothing_is_planned_beyond_the_evaluations_left(search, left):
    planned = plan(search, {}, PLENTY, left, least=0.0)
    expected = reachable(search.clone(), left)
    assert planned.keys() == expected
    if left == 1:
        assert list(planned) == [search.stage.x.tobytes()]


@pytest.mark.parametrize("maxfev", [1, 2, 5, 6, 7, 8, 20, 60])
def test_a_search_plans_no_more_as_its_budget_ends(maxfev):
    search = NelderMead().start(np.linspace(-2.0, 2.0, 5), None)
    while search.nfev < maxfev:
        left = maxfev - search.nfev
        planned = plan(search, {}, 50, left)
        assert planned
        if left == 1:
            assert list(planned) == [search.stage.x.tobytes()]
        tell(search, float(np.sum(search.stage.x**2)))


# What comes is planned


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 8),
    methods.filter(lambda method: method.convergence is not rough),
    boxes.filter(lambda box: box != "fixed"),
    st.permutations(range(40)),
)
def test_what_comes_next_was_planned_where_values_differ(n, method, box, told):
    """One kind of value or another leads to the point, but for rounding in the centroid."""
    search = method.start(np.linspace(-2.0, 2.0, n), box_of(box, n, method.clips))
    for value in told:
        if search.done:
            return
        of_one_value = bool(search.stage.branches())
        planned = plan(search, {}, PLENTY, least=0.01)
        stage, nrestart = type(search.stage), search.nrestart
        tell(search, float(value))
        if search.done or not of_one_value:  # the last of a first simplex or a shrink
            continue
        if type(search.stage) is stage and search.nrestart == nrestart:
            x = search.stage.x
            assert any(
                np.allclose(point, x, rtol=1e-12, atol=1e-12) for _, point in planned.values()
            )


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10])
def test_most_of_what_a_smooth_objective_needs_was_planned(n):
    """The reflection of an iteration, to the last bit, whatever the values before it were."""

    def rosenbrock(x):
        return float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))

    search = NelderMead().start(np.linspace(-1.2, 1.0, n), None)
    planned, met, missed = {}, 0, 0
    while search.nfev < 400 and not search.done:
        if not isinstance(search.stage, Points) and search.stage.between and search.nit:
            if search.stage.x.tobytes() in planned:
                met += 1
            else:
                missed += 1
        planned = plan(search, {}, 100)
        tell(search, rosenbrock(search.stage.x))
    assert met > 20 * missed
    assert met > 100
