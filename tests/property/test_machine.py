"""What holds for every simplex, every setting and every sequence of values."""

import bisect
import itertools
import math
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nelder.core.coefficients import Adaptive, Coefficients, Standard
from nelder.core.convergence import EitherTolerance, StandardError, Tolerance
from nelder.core.convergence import Test as Comparison

INF = math.inf
NAN = math.nan
EPS = 2.0**-52
TINY = 2.0**-1000  # products of the smallest numbers are rounded to multiples of 2^-1074
NEVER = Comparison("none")
MANY = 10**9

MORE = settings(max_examples=200)


# Problems


@dataclass
class Problem:
    """A simplex and all settings; what a machine is made of, in either flavour of the core."""

    simplex: np.ndarray
    coefficients: Coefficients
    test: Comparison
    switches: dict
    lower: np.ndarray
    upper: np.ndarray
    clips: bool
    boxed: bool

    def machine(self, core):
        if not self.boxed:
            return core.Machine(self.simplex, self.coefficients, self.test, **self.switches)
        box = core.Box(self.lower, self.upper, self.clips)
        return core.Machine(
            self.simplex,
            self.coefficients,
            self.test,
            **self.switches,
            box=box,
        )


def between(low, high):
    return st.floats(low, high, exclude_min=True, exclude_max=True)


coefficients = st.one_of(
    st.sampled_from([Standard(), Adaptive()]),
    st.builds(
        Coefficients, between(0.0, 3.0), between(1.0, 5.0), between(0.0, 1.0), between(0.0, 1.0)
    ),
    st.builds(
        Coefficients,
        st.sampled_from([0.5, 1.0, 2.0]),
        st.sampled_from([1.5, 3.0]),
        st.sampled_from([0.25, 0.75]),
        st.sampled_from([0.125, 0.5]),
    ),
)
tolerances = st.sampled_from([0.0, 1e-12, 1e-6, 1e-3, 0.5, 10.0])
rules = st.one_of(
    st.just(NEVER),
    st.builds(Tolerance, tolerances, tolerances, st.sampled_from([0.0, 4.0, 1e6])).map(
        lambda rule: rule.test
    ),
    st.builds(StandardError, tolerances).map(lambda rule: rule.test),
    st.builds(EitherTolerance, tolerances, tolerances).map(lambda rule: rule.test),
)
switches = st.fixed_dictionaries({"equal_outside": st.booleans(), "equal_inside": st.booleans()})
whole = st.integers(-8, 8).map(float)
coordinates = st.one_of(whole, st.floats(-1e3, 1e3), st.floats(-1e6, 1e6, width=32))


@st.composite
def bounds(draw):
    """The bounds of one coordinate that is searched."""
    kind = draw(st.sampled_from(["none", "lower", "upper", "both", "narrow"]))
    low = draw(coordinates)
    width = draw(st.floats(1e-9, 1e-3) if kind == "narrow" else st.floats(0.1, 1e4))
    high = low + width
    if not low < high:
        high = math.nextafter(low, INF)
    return (
        low if kind in ("lower", "both", "narrow") else -INF,
        high if kind in ("upper", "both", "narrow") else INF,
    )


@st.composite
def problems(draw, rules=rules, boxes=(True, False), spread=False):
    n = draw(st.integers(1, 6))
    if spread or draw(st.booleans()):  # a simplex that is not flat
        x0 = np.array(draw(st.lists(coordinates, min_size=n, max_size=n)))
        steps = st.sampled_from([-2.0, -0.5, 0.25, 1.0, 3.0])
        steps = np.array(draw(st.lists(steps, min_size=n, max_size=n)))
        simplex = np.vstack([x0, x0 + np.diag(steps)])
    else:
        flat = st.lists(coordinates, min_size=n * (n + 1), max_size=n * (n + 1))
        simplex = np.array(draw(flat)).reshape(n + 1, n)
    boxed = draw(st.sampled_from(boxes))
    low, high = [], []
    if boxed:
        for a, b in draw(st.lists(bounds(), min_size=n, max_size=n)):
            low.append(a)
            high.append(b)
        for _ in range(draw(st.integers(0, 2))):
            at, value = draw(st.integers(0, len(low))), draw(whole)
            low.insert(at, value)
            high.insert(at, value)
    return Problem(
        simplex,
        draw(coefficients)(n),
        draw(rules),
        draw(switches),
        np.array(low),
        np.array(high),
        draw(st.booleans()),
        boxed,
    )


# Objectives: of plain floats, so that every call gives the same bits


def quadratic(x, m):
    return sum((k + 1.0) ** 3 * (v - m) * (v - m) for k, v in enumerate(x))


def valley(x, m):
    total = (1.0 - x[0]) * (1.0 - x[0])
    for a, b in itertools.pairwise(x):
        total += 100.0 * (b - a * a) * (b - a * a)
    return total


def edges(x, m):
    return max(abs(v - m) for v in x) + 0.1 * sum(abs(v) for v in x)


def stairs(x, m):
    total = sum(abs(v - m) for v in x)
    return float(math.floor(total)) if total < 1e15 else total


def holes(x, m):
    total = edges(x, m)
    if not total < 1e15:
        return total
    kind = int(total * 8.0) % 11
    return NAN if kind == 0 else INF if kind == 1 else total


def downhill(x, m):
    return m * x[0] - abs(x[-1])


@st.composite
def objectives(draw):
    fun = draw(st.sampled_from([quadratic, valley, edges, stairs, holes, downhill]))
    m = draw(st.sampled_from([0.0, 1.0, -2.5, 0.1]))
    return lambda x: float(fun([float(v) for v in x], m))


few = st.sampled_from([0.0, -0.0, 1.0, 2.0, 3.0, NAN, INF])
falling = st.floats(-1e3, 1e3)
any_value = st.floats(allow_nan=True, allow_infinity=True)
sequences = st.one_of(
    st.lists(few, min_size=4, max_size=80),
    st.lists(st.one_of(few, falling), min_size=4, max_size=80),
    st.lists(any_value, min_size=4, max_size=80),
    # going down all the time, so that expansions are taken too
    st.lists(st.floats(0.0, 10.0), min_size=4, max_size=60).map(
        lambda steps: [5.0 - sum(steps[:k]) + (k % 3) for k in range(len(steps))]
    ),
)


def ranked(f):
    return INF if math.isnan(f) else f


# What is compared


def bits(array):
    """The bytes, with one NaN for all of them."""
    array = np.asarray(array, dtype=float)
    return np.where(np.isnan(array), NAN, array).tobytes(), array.shape


def state(machine):
    x, f = machine.best
    arrays = [machine.x, machine.vertices, machine.values, machine.needed(), x, f]
    counts = (machine.nfev, machine.nfailed, machine.nit, machine.nshrink, machine.done)
    return [bits(a) for a in arrays], machine.phase, machine.end, counts


def tell(machine, values):
    """Tell one value after the other, as long as the machine waits for one."""
    for f in values:
        if machine.done:
            break
        machine.tell(f)
    return machine


def rounding(largest, n):
    """What the centroid may be off by, given the largest coordinates at every tell so far.

    The sum of the vertices is updated and recomputed now and then, so that its rounding is that
    of the largest vertices since: every few n updates, each of at most two tells.
    """
    updates = 8 * (n + 2)
    return 4.0 * updates * EPS * np.max(largest[-2 * updates :], axis=0)


# Compiled and uncompiled


@MORE
@given(problem=problems(), values=sequences)
def test_compiled_equals_uncompiled_for_any_values(compiled_core, uncompiled_core, problem, values):
    one, other = problem.machine(compiled_core), problem.machine(uncompiled_core)
    assert state(one) == state(other)
    for f in values:
        if one.done:
            break
        one.tell(f)
        other.tell(f)
        assert state(one) == state(other)


@MORE
@given(problem=problems(), fun=objectives())
def test_compiled_equals_uncompiled_for_an_objective(compiled_core, uncompiled_core, problem, fun):
    one, other = problem.machine(compiled_core), problem.machine(uncompiled_core)
    for _ in range(40):
        for machine in (one, other):
            machine.run(fun, (), 3, MANY, -INF)
        assert state(one) == state(other)
        if one.phase == "reflect" and not one.done:
            assert bits(one.centroid) == bits(other.centroid)


@given(problem=problems(boxes=(True,)))
def test_compiled_equals_uncompiled_on_the_way_into_the_box(
    compiled_core, uncompiled_core, problem
):
    one, other = problem.machine(compiled_core).box, problem.machine(uncompiled_core).box
    x = one.inside(np.full((1, one.dim), 0.3))[:, one.free]
    assert bits(one.enter(x)) == bits(other.enter(x))
    assert one.free.tolist() == other.free.tolist()


# The decisions, from a list of vertices kept here


def model(simplex, c, equal_outside, equal_inside):
    """Yield phase, expected point and ranked vertices (f, x); receive the value and the point."""
    n = simplex.shape[1]
    vertices = []

    def rank(f, x):
        vertices.insert(bisect.bisect_right([g for g, _ in vertices], f), (f, x))

    for k, vertex in enumerate(simplex):
        rank(*(yield "initial", vertex, list(vertices), n + 1 - k))
    while True:
        worst_f, worst = vertices[-1]
        best_f, second_f = vertices[0][0], vertices[-2][0]
        centroid = np.mean([x for _, x in vertices[:-1]], axis=0)
        f_r, r = yield "reflect", centroid + c.reflection * (centroid - worst), list(vertices), 1
        if f_r < best_f:
            shown = [(f_r, r), *vertices[:-1]]
            f_e, e = yield "expand", centroid + c.expansion * (r - centroid), shown, 1
            new = (f_e, e) if f_e < f_r else (f_r, r)
        elif f_r < second_f:
            new = f_r, r
        elif f_r < worst_f:
            x = centroid + c.contraction * (r - centroid)
            f, x = yield "contract outside", x, list(vertices), 1
            new = (f, x) if f < f_r or (equal_outside and f == f_r) else None
        else:
            x = centroid + c.contraction * (worst - centroid)
            f, x = yield "contract inside", x, list(vertices), 1
            new = (f, x) if f < worst_f or (equal_inside and f == worst_f) else None
        if new is not None:
            vertices.pop()
            rank(*new)
            continue
        best, rest = vertices[0][1], [x for _, x in vertices[1:]]
        del vertices[1:]
        for k, vertex in enumerate(rest):
            x = best + c.shrinkage * (vertex - best)
            rank(*(yield "shrink", x, list(vertices), n - k))


@MORE
@given(problem=problems(rules=st.just(NEVER), boxes=(False,)), values=sequences)
def test_every_decision_is_that_of_the_table(core, problem, values):
    machine = problem.machine(core)
    c, n = problem.coefficients, machine.n
    rules = model(problem.simplex, c, **problem.switches)
    phase, x, vertices, waiting = next(rules)
    gain = (1.0 + c.reflection) * (1.0 + c.expansion)
    scales = []
    for f in values:
        pending = machine.x
        assert machine.phase == phase
        scales.append(np.abs([*machine.vertices, pending]).max(axis=0))
        assert np.all(np.abs(pending - x) <= gain * rounding(scales, n) + TINY)
        if phase == "initial":
            assert bits(pending) == bits(x)
        assert len(machine.needed()) == waiting
        k = len(vertices)
        assert bits(machine.values[:k]) == bits([g for g, _ in vertices])
        assert np.all(np.isnan(machine.values[k:]))
        for known, (_, expected) in zip(machine.vertices, vertices, strict=False):
            assert bits(known) == bits(expected)
        machine.tell(f)
        if f == -INF:
            assert machine.end == "unbounded"
            break
        assert not machine.done
        phase, x, vertices, waiting = rules.send((ranked(f), pending))


# Invariants after every tell


def check_points(machine, problem):
    """Needed points, vertices and the pending point fit together, and lie in the box."""
    needed, vertices, values = machine.needed(), machine.vertices, machine.values
    known = values[: np.count_nonzero(~np.isnan(values))]
    assert vertices.shape == (machine.n + 1, machine.dim)
    assert values.shape == (machine.n + 1,)
    assert np.all(np.isnan(values[len(known) :]))
    assert np.all(known[1:] >= known[:-1])
    if machine.done:
        assert needed.shape == (0, machine.dim)
    else:
        assert bits(needed[0]) == bits(machine.x)
        if machine.phase in ("initial", "shrink"):
            assert bits(vertices[len(known) :]) == bits(needed)
        else:
            assert len(needed) == 1
            assert len(known) == machine.n + 1
    if problem.boxed:
        for points in (needed, vertices, machine.x):
            assert np.all(points >= problem.lower)
            assert np.all(points <= problem.upper)


def check_history(machine, points, results):
    """The vertices are points evaluated, and the best is the first of the lowest of them."""
    x, f = machine.best
    first = int(np.argmin(results))
    assert f == results[first]
    assert bits(x) == bits(points[first])
    assert bits(machine.vertices[0]) == bits(x)
    assert machine.values[0] == f
    evaluated = {(bits(p), g + 0.0) for p, g in zip(points, results, strict=True)}
    for p, g in zip(machine.vertices, machine.values, strict=True):
        assert math.isnan(g) or (bits(p), g + 0.0) in evaluated
    assert machine.nfev == len(results)
    assert machine.nfailed == results.count(INF)


@MORE
@given(problem=problems(), values=sequences)
def test_invariants(core, problem, values):
    machine = problem.machine(core)
    points, results = [], []
    iterations = shrinks = 0
    check_points(machine, problem)
    for f in values:
        before = machine.phase
        points.append(machine.x)
        results.append(ranked(f))
        machine.tell(f)
        check_points(machine, problem)
        check_history(machine, points, results)
        if f == -INF:
            assert machine.end == "unbounded"
            break
        if machine.phase == "reflect" and before != "initial":
            iterations += 1
            shrinks += before == "shrink"
        assert (machine.nit, machine.nshrink) == (iterations, shrinks)
        assert machine.end == ("converged" if machine.done else None)
        if machine.done:
            break


@given(problem=problems(), values=sequences)
def test_reading_changes_nothing(core, problem, values):
    read, other = problem.machine(core), problem.machine(core)
    for f in values:
        if read.done:
            break
        assert read.centroid.shape == (read.dim,)
        assert state(read) == state(read)
        for machine in (read, other):
            machine.tell(f)
        assert state(read) == state(other)


@given(problem=problems(boxes=(False,), spread=True), fun=objectives())
def test_the_reflection_is_of_the_centroid_shown(core, problem, fun):
    machine = problem.machine(core)
    n, c = machine.n, problem.coefficients
    largest = []
    for _ in range(400):
        largest.append(np.abs(np.vstack([machine.vertices, machine.x])).max(axis=0))
        if machine.done:
            break
        if machine.phase == "reflect":
            centroid, worst = machine.centroid, machine.vertices[-1]
            expected = centroid + c.reflection * (centroid - worst)
            allowed = (1.0 + c.reflection) * rounding(largest, n) + TINY
            assert np.all(np.abs(machine.x - expected) <= allowed)
        machine.tell(fun(machine.x))


@given(problem=problems(), values=sequences, at=st.integers(0, 40))
def test_a_clone_told_the_same_stays_the_same(core, problem, values, at):
    machine = tell(problem.machine(core), values[:at])
    clone, kept, before = machine.clone(), machine.clone(), state(machine)
    assert state(clone) == before
    for f in values[at:]:
        if machine.done:
            break
        machine.tell(f)
        clone.tell(f)
        assert state(clone) == state(machine)
    assert state(kept) == before


# Run loops


@given(problem=problems(), fun=objectives())
def test_run_is_ask_and_tell(core, problem, fun):
    budget = 120
    machine, other = problem.machine(core), problem.machine(core)
    points, values = np.full((budget, machine.dim), NAN), np.full(budget, NAN)
    machine.run(fun, (), budget, MANY, -INF, points, values)
    asked_points, asked_values = np.full_like(points, NAN), np.full_like(values, NAN)
    for k in range(budget):
        if other.done:
            break
        asked_points[k] = other.x
        asked_values[k] = fun(other.x)
        other.tell(asked_values[k])
        if asked_values[k] == -INF:
            break
    assert state(machine) == state(other)
    assert bits(points) == bits(asked_points)
    assert bits(values) == bits(asked_values)
    assert machine.nfev <= budget


@given(
    problem=problems(),
    fun=objectives(),
    budgets=st.lists(st.integers(0, 9), min_size=1, max_size=40),
)
def test_it_does_not_matter_where_a_run_is_interrupted(core, problem, fun, budgets):
    once, often = problem.machine(core), problem.machine(core)
    once.run(fun, (), sum(budgets), MANY, -INF)
    for budget in budgets:
        often.run(fun, (), budget, MANY, -INF)
        assert often.nfev <= sum(budgets)
    assert state(once) == state(often)


@given(problem=problems(), fun=objectives(), iterations=st.integers(0, 30))
def test_it_does_not_matter_where_iterations_are_limited(core, problem, fun, iterations):
    once, often = problem.machine(core), problem.machine(core)
    once.run(fun, (), 400, iterations, -INF)
    for limit in range(iterations + 1):
        often.run(fun, (), 400 - often.nfev, limit, -INF)
        assert often.nit <= limit
    assert state(once) == state(often)


@given(problem=problems(), fun=objectives(), target=st.floats(-1e3, 1e3))
def test_a_target_stops_at_the_first_value_at_or_below(core, problem, fun, target):
    machine = problem.machine(core)
    values = np.full(100, NAN)
    machine.run(fun, (), 100, MANY, target, values=values)
    reached = np.flatnonzero(values <= target)
    assert len(reached) <= 1
    if len(reached):
        assert machine.nfev == reached[0] + 1


# Replace and restart


@given(
    problem=problems(rules=st.just(NEVER), boxes=(False,)),
    values=sequences,
    rank=st.integers(0, 6),
    f=st.floats(allow_nan=False),
)
def test_replace_is_a_restart_with_the_same_vertices(core, problem, values, rank, f):
    machine = problem.machine(core)
    n = machine.n
    tell(machine, [g for g in values if g != -INF])
    while machine.phase != "reflect":
        machine.tell(0.0)
    rank %= n + 1
    x = np.arange(1.0, n + 1.0)
    vertices, known = machine.vertices, machine.values
    machine.replace(rank, x, f)
    # ranked among the others, after equal ones
    vertices, known = np.delete(vertices, rank, 0), np.delete(known, rank)
    at = int(np.searchsorted(known, f, side="right"))
    vertices, known = np.insert(vertices, at, x, 0), np.insert(known, at, f)
    assert bits(machine.vertices) == bits(vertices)
    assert bits(machine.values) == bits(known)
    other = problem.machine(core)
    other.restart(vertices, known)
    assert bits(other.x) == bits(machine.x)
    for g in (1.0, 0.0, 2.0, 0.5, 3.0, 3.0, 3.0):
        machine.tell(g)
        other.tell(g)
        assert bits(machine.values) == bits(other.values)
        assert machine.phase == other.phase
