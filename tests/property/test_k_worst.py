"""What holds for the parallel simplex, whatever the simplex, the settings and the values."""

import bisect
import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder
from nelder import KWorst, NelderMead, Optimizer, Tolerance
from tests.property.test_machine import (
    EPS,
    MANY,
    NEVER,
    TINY,
    bits,
    objectives,
    problems,
    ranked,
    sequences,
    state,
    tell,
)

INF = math.inf
NAN = math.nan

MORE = settings(max_examples=200)
FEWER = settings(max_examples=60)


def machine(core, problem, k):
    """As `Problem.machine`, moving `k` vertices: at most all but the best."""
    box = core.Box(problem.lower, problem.upper, problem.clips) if problem.boxed else None
    return core.KWorstMachine(
        problem.simplex,
        problem.coefficients,
        problem.test,
        **problem.switches,
        box=box,
        k=min(k, len(problem.simplex) - 1),
    )


movers = st.integers(1, 6)


# k = 1 is the machine


@MORE
@given(problem=problems(), values=sequences)
def test_one_mover_is_the_machine_to_the_last_bit(core, problem, values):
    one, other = machine(core, problem, 1), problem.machine(core)
    assert state(one) == state(other)
    for f in values:
        if other.done:
            break
        for each in (one, other):
            each.tell(f)
        assert state(one) == state(other)
        assert (one.between, one.waiting) == (other.between, other.waiting)
        assert one.done or one.branches() == other.branches()
        if one.between:
            assert bits(one.centroid) == bits(other.centroid)


@FEWER
@given(problem=problems(), fun=objectives())
def test_one_mover_is_the_machine_for_an_objective(core, problem, fun):
    one, other = machine(core, problem, 1), problem.machine(core)
    for _ in range(20):
        for each in (one, other):
            each.run(fun, (), 20, MANY, -INF)
        assert state(one) == state(other)


# Compiled and uncompiled


@MORE
@given(problem=problems(), values=sequences, k=movers)
def test_compiled_equals_uncompiled_for_any_values(
    compiled_core, uncompiled_core, problem, values, k
):
    one, other = machine(compiled_core, problem, k), machine(uncompiled_core, problem, k)
    assert state(one) == state(other)
    for f in values:
        if one.done:
            break
        for each in (one, other):
            each.tell(f)
        assert state(one) == state(other)
        assert one.branches() == other.branches()


@MORE
@given(problem=problems(), fun=objectives(), k=movers)
def test_compiled_equals_uncompiled_for_an_objective(
    compiled_core, uncompiled_core, problem, fun, k
):
    one, other = machine(compiled_core, problem, k), machine(uncompiled_core, problem, k)
    for _ in range(40):
        for each in (one, other):
            each.run(fun, (), 3, MANY, -INF)
        assert state(one) == state(other)


# The decisions, from a list of vertices kept here


def model(simplex, k, c, equal_outside, equal_inside):
    """Yield the expected points and their phases, batch by batch; receive [(value, point)].

    What is yielded beside is the simplex, once all of the batches before are known.
    """
    n = simplex.shape[1]
    vertices = []

    def rank(f, x):
        vertices.insert(bisect.bisect_right([g for g, _ in vertices], f), (f, x))

    for told in (yield [("initial", x) for x in simplex], None):
        rank(*told)
    while True:
        centroid = np.mean([x for _, x in vertices[: n + 1 - k]], axis=0)
        best = vertices[0][0]
        old = vertices[n + 1 - k :]
        before = [f for f, _ in vertices[n - k : n]]
        reflections = yield (
            [("reflect", centroid + c.reflection * (centroid - x)) for _, x in old],
            list(vertices),
        )
        wanted = {}
        for i, ((f_r, r), second, (f, x)) in enumerate(zip(reflections, before, old, strict=True)):
            outside = centroid + c.contraction * (r - centroid)
            inside = centroid + c.contraction * (x - centroid)
            if f_r < best:
                wanted[i] = "expand", centroid + c.expansion * (r - centroid)
            elif f_r >= second:
                wanted[i] = (
                    ("contract outside", outside) if f_r < f else ("contract inside", inside)
                )
        seconds = {}
        if wanted:
            told = yield list(wanted.values()), None
            seconds = dict(zip(wanted, told, strict=True))
        stay, new = [], []
        for i, (vertex, reflection) in enumerate(zip(old, reflections, strict=True)):
            phase = wanted[i][0] if i in wanted else "reflect"
            if phase == "reflect":
                new.append(reflection)
            elif phase == "expand":
                new.append(seconds[i] if seconds[i][0] < reflection[0] else reflection)
            else:
                limit = reflection[0] if phase == "contract outside" else vertex[0]
                equal = equal_outside if phase == "contract outside" else equal_inside
                f = seconds[i][0]
                (
                    new.append(seconds[i])
                    if f < limit or (equal and f == limit)
                    else stay.append(vertex)
                )
        if new:
            vertices[n + 1 - k :] = stay
            for told in new:
                rank(*told)
            continue
        x_b, rest = vertices[0][1], [x for _, x in vertices[1:]]
        del vertices[1:]
        for told in (yield [("shrink", x_b + c.shrinkage * (x - x_b)) for x in rest], None):
            rank(*told)


@MORE
@given(
    problem=problems(rules=st.just(NEVER), boxes=(False,)),
    values=sequences,
    more=sequences,
    k=movers,
)
def test_every_decision_is_that_of_the_table(core, problem, values, more, k):
    one = machine(core, problem, k)
    c, n = problem.coefficients, one.n
    gain = (1.0 + c.reflection) * (1.0 + c.expansion)
    rules = model(problem.simplex, one.k, c, **problem.switches)
    expected, vertices = next(rules)
    values = iter(values + more)
    largest = np.zeros(n)
    while True:
        largest = np.maximum(largest, np.abs(np.vstack([one.vertices, one.needed()])).max(axis=0))
        # the sum of the vertices is recomputed every 4n updates, each of which rounds
        rounding = gain * 64.0 * (n + 2) * EPS * largest + TINY
        assert one.waiting == len(expected)
        if vertices is not None:
            assert one.between
            assert bits(one.values) == bits([f for f, _ in vertices])
            assert bits(one.vertices) == bits([x for _, x in vertices])
        told = []
        for phase, x in expected:
            f, pending = next(values, None), one.x
            if f is None:
                return
            assert one.phase == phase
            assert np.all(np.abs(pending - x) <= rounding)
            one.tell(f)
            told.append((ranked(f), pending))
            if f == -INF:
                assert one.end == "unbounded"
                return
            assert not one.done
        expected, vertices = rules.send(told)


# Invariants after every tell


def check(one, problem, points, results):
    """What is shown fits together, lies in the box and was evaluated."""
    needed, vertices, values = one.needed(), one.vertices, one.values
    known = values[: np.count_nonzero(~np.isnan(values))]
    assert vertices.shape == (one.n + 1, one.dim)
    assert np.all(np.isnan(values[len(known) :]))
    assert np.all(known[1:] >= known[:-1])
    assert len(needed) == one.waiting
    assert one.done == (one.waiting == 0)
    if not one.done:
        assert bits(needed[0]) == bits(one.x)
    if one.phase not in ("initial", "shrink"):
        assert len(known) == one.n + 1
        assert one.waiting <= one.k
    if problem.boxed:
        for shown in (needed, vertices):
            assert np.all(shown >= problem.lower)
            assert np.all(shown <= problem.upper)
    x, f = one.best
    if results:
        assert f == min(results)
        assert bits(vertices[0]) == bits(x)
        assert values[0] == f
    evaluated = {(bits(p), g + 0.0) for p, g in zip(points, results, strict=True)}
    for p, g in zip(vertices, values, strict=True):
        assert math.isnan(g) or (bits(p), g + 0.0) in evaluated
    assert one.nfev == len(results)
    assert one.nfailed == results.count(INF)


@MORE
@given(problem=problems(), values=sequences, k=movers)
def test_invariants(core, problem, values, k):
    one = machine(core, problem, k)
    points, results = [], []
    iterations = shrinks = 0
    check(one, problem, points, results)
    for f in values:
        before = one.phase
        points.append(one.x)
        results.append(ranked(f))
        one.tell(f)
        check(one, problem, points, results)
        if f == -INF:
            assert one.end == "unbounded"
            break
        if before != "initial" and (one.between or one.done):
            iterations += 1
            shrinks += before == "shrink"
        assert (one.nit, one.nshrink) == (iterations, shrinks)
        assert one.end == ("converged" if one.done else None)
        if one.done:
            break


@given(problem=problems(), values=sequences, k=movers)
def test_reading_changes_nothing(core, problem, values, k):
    read, other = machine(core, problem, k), machine(core, problem, k)
    for f in values:
        if read.done:
            break
        assert read.centroid.shape == (read.dim,)
        read.branches()
        assert state(read) == state(read)
        for each in (read, other):
            each.tell(f)
        assert state(read) == state(other)


@given(problem=problems(), values=sequences, k=movers, at=st.integers(0, 40))
def test_a_clone_told_the_same_stays_the_same(core, problem, values, k, at):
    one = tell(machine(core, problem, k), values[:at])
    clone, kept, before = one.clone(), one.clone(), state(one)
    assert state(clone) == before
    for f in values[at:]:
        if one.done:
            break
        one.tell(f)
        clone.tell(f)
        assert state(clone) == state(one)
    assert state(kept) == before


@given(problem=problems(), values=sequences, k=movers)
def test_branches_are_shares_of_values_that_can_be_told(core, problem, values, k):
    one = tell(machine(core, problem, k), values)
    if one.done:
        return
    branches = one.branches()
    for value, share in branches:
        assert 0.0 < share < 1.0
        assert not math.isnan(value)
        one.clone().tell(value)
    assert sum(share for _, share in branches) <= 1.0 + EPS
    assert len(set(branches)) == len(branches)
    assert bool(branches) == (one.phase not in ("initial", "shrink"))


@FEWER
@given(problem=problems(), fun=objectives(), k=movers)
def test_second_points_were_foreseen_to_the_last_bit(core, problem, fun, k):
    one = machine(core, problem, k)
    expected = set()
    for _ in range(120):
        if one.done:
            break
        if one.phase == "reflect":
            expected = {bits(x) for x, _ in one.foreseen()}
        elif one.phase not in ("initial", "shrink"):
            assert bits(one.x) in expected
        one.tell(fun(one.x))


# In a search


def valley(x):
    a = np.asarray(x).tolist()
    total = sum((1.0 - v) * (1.0 - v) for v in a)
    return total + sum(10.0 * (q - p * p) * (q - p * p) for p, q in itertools.pairwise(a))


def holes(x):
    total = sum(abs(v - 0.5) for v in np.asarray(x).tolist())
    return NAN if int(total * 8.0) % 11 == 0 else total


@st.composite
def searches(draw, least=1):
    """A function, a start, bounds, and settings that both methods take."""
    n = draw(st.integers(max(3 * least, 2), 9))
    x0 = draw(st.lists(st.floats(-3.0, 3.0), min_size=n, max_size=n))
    bounds = draw(st.sampled_from([None, [(-1.0, 2.0)] * n, [(0.25, None)] * n]))
    given = draw(
        st.sampled_from(
            [
                {},
                {"convergence": Tolerance(1e-2, 1e-2)},
                {"bounds_method": "clip", "coefficients": nelder.Standard()},
                {"convergence": lambda simplex, values: values[-1] <= values[0] + 1e-2},
                {"probe": False, "final_centroid": True},
            ]
        )
    )
    k = draw(st.integers(least, max(n // 3, 1)))
    return draw(st.sampled_from([valley, holes])), x0, bounds, given, k


def same(left, right):
    np.testing.assert_array_equal(left.x, right.x)
    np.testing.assert_equal(left.fun, right.fun)
    for name in ("status", "nfev", "nit", "nshrink", "nrestart", "nfailed"):
        assert left[name] == right[name], name
    np.testing.assert_array_equal(left.final_simplex.vertices, right.final_simplex.vertices)


@FEWER
@given(searches())
def test_one_mover_is_nelder_mead(problem):
    fun, x0, bounds, given, _ = problem
    given = {"initial_simplex": nelder.AxisSimplex()} | given
    results = [
        nelder.minimize(fun, x0, bounds=bounds, method=method, maxfev=300, history=True)
        for method in (KWorst(1, **given), NelderMead(**given))
    ]
    same(*results)
    np.testing.assert_array_equal(results[0].history.points, results[1].history.points)


@settings(max_examples=30)
@given(searches(least=2), st.data())
def test_the_order_of_tells_does_not_matter(problem, data):
    fun, x0, bounds, given, k = problem
    method = KWorst(k, **given)
    expected = nelder.minimize(fun, x0, bounds=bounds, method=method, maxfev=300, history=True)
    random = data.draw(st.randoms(use_true_random=False))
    optimizer = Optimizer(x0, bounds=bounds, method=method)
    used = m = 0
    while not optimizer.done:
        points = optimizer.ask()
        used, m = used + m, len(points)
        if used + m > 300:
            return
        np.testing.assert_array_equal(points, expected.history.points[used : used + m])
        order = random.sample(range(m), m)
        while order:
            piece, order = order[: (size := random.randint(1, len(order)))], order[size:]
            optimizer.tell(points[piece], [fun(x) for x in points[piece]])
    same(optimizer.result(), expected)


@FEWER
@given(searches(least=2), st.integers(1, 200))
def test_a_budget_ends_with_the_best_point_evaluated(problem, maxfev):
    fun, x0, bounds, given, k = problem
    method = KWorst(k, **given)
    result = nelder.minimize(fun, x0, bounds=bounds, method=method, maxfev=maxfev, history=True)
    points, values = result.history
    assert result.nfev == len(points) <= maxfev
    assert result.fun == np.nanmin([INF, *values])
    if result.fun < INF:
        assert fun(result.x) == result.fun
    for x in points:
        if bounds is not None:
            low, high = bounds[0]
            assert np.all(x >= low)
            assert high is None or np.all(x <= high)
    known = result.final_simplex.values[~np.isnan(result.final_simplex.values)]
    assert known.tolist() == sorted(known)
