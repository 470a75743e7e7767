"""Many native searches at once: each is the one of `minimize`, to the last bit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from numba import carray, cfunc, types

import nelder
from nelder import NelderMead, Status, Tolerance
from nelder.parameters import Parameters
from nelder.search.lanes import Lanes

INF = math.inf
NAN = math.nan
MORE = settings(max_examples=400, deadline=None)

KINDS = [
    "quadratic",
    "kinked",
    "rosenbrock",
    "steps",
    "slope",
    "constant",
    "nan on one side",
    "inf on one side",
    "-inf at last",
    "noise",
    "rounding",
    "nan",
]


@cfunc(types.float64(types.int64, types.CPointer(types.float64), types.CPointer(types.float64)))
def any_kind(n, x, data):
    kind, scale = data[0], data[1]
    d = np.empty(n)
    goal = carray(data, (n + 2,))
    total = 0.0
    ones = 0.0
    for i in range(n):
        d[i] = x[i] - goal[2 + i]
        total += (i + 1) * d[i] * d[i]
        ones += d[i]
    if kind == 1:
        total = 0.0
        for i in range(n):
            total += abs(d[i])
    elif kind == 2:
        for i in range(n - 1):
            total += 100.0 * (d[i + 1] - d[i] * d[i]) ** 2
    elif kind == 3:
        total = 0.0
        for i in range(n):
            total += math.floor(min(abs(d[i]), 1e15))
    elif kind == 4:
        total = ones
    elif kind == 5:
        total = 1.0
    elif kind == 6 and d[0] > 0.3:
        total = np.nan
    elif kind == 7 and ones < 0.0:
        total = np.inf
    elif kind == 8 and total < 1e-3:
        total = -np.inf
    elif kind == 9:
        total = (math.sin(1e4 * ones) + 1.0) * (1.0 + total)
    elif kind == 10:  # a flat valley with rounding at its bottom, and steep beside it
        total = 0.0
        for i in range(n):
            total += abs(d[i]) if d[i] > 0.0 or d[i] < -1e-3 else 0.0
        total = 1.0 + total + 2.0**-52 * math.floor(4.0 * math.sin(1e7 * ones))
    elif kind == 11:
        total = np.nan
    return scale * total


coordinates = st.one_of(
    st.floats(-10.0, 10.0),
    st.sampled_from([0.0, 1.0, -1.0, 1e-12, -1e6, 0.1]),
)
tolerances = st.builds(
    Tolerance, st.sampled_from([1e-8, 1e-2, 0.0]), st.sampled_from([1e-8, 1e-2, 0.0])
)
methods = st.one_of(
    st.sampled_from(
        [
            NelderMead(),
            NelderMead(bounds_method="clip"),
            NelderMead(probe=False),
            NelderMead.tfp(),
            NelderMead.tfp(func_tolerance=1e-2, position_tolerance=1e-3),
            NelderMead.scipy(),
            NelderMead.scipy(adaptive=True),
            NelderMead.fminsearch(),
            NelderMead(convergence=nelder.StandardError(1e-4)),
            NelderMead(equal_outside=False, equal_inside=True),
        ]
    ),
    st.builds(
        NelderMead,
        initial_simplex=st.sampled_from(
            [
                nelder.AxisSimplex(),
                nelder.AffineSimplex(),
                nelder.FminsearchSimplex(),
                nelder.StepSimplex(0.3),
                nelder.StepSimplex(-1e-3),
            ]
        ),
        coefficients=st.sampled_from([nelder.Standard(), nelder.Adaptive(), nelder.Balanced()]),
        convergence=tolerances,
        bounds_method=st.sampled_from(["transform", "clip"]),
    ),
)


@st.composite
def bounds_of(draw, goal):
    """None, or a box that leaves free, bounds or fixes each coordinate, at a minimum or not."""
    if draw(st.booleans()):
        return None
    pairs = []
    for at in goal:
        kind = draw(st.sampled_from(["free", "low", "high", "both", "both", "fixed"]))
        low = 0.0 + draw(st.one_of(st.just(at), st.floats(-12.0, 12.0)))
        high = low + draw(st.one_of(st.just(1.0), st.floats(1e-6, 20.0)))
        if kind == "fixed":
            high = low
        pairs.append(
            (None if kind in ("free", "high") else low, None if kind in ("free", "low") else high)
        )
    return pairs


@dataclass
class Problem:
    data: np.ndarray
    starts: np.ndarray
    bounds: list | None
    method: NelderMead
    maxfev: int
    target: float | None

    @property
    def fun(self):
        return nelder.NativeObjective(any_kind, self.data)

    @property
    def box(self):
        return Parameters.read(self.starts[0], self.bounds).box(self.method.clips)

    def minimize(self, x0):
        """The search from `x0`; None where its first simplex is refused."""
        try:
            return nelder.minimize(
                self.fun,
                x0,
                bounds=self.bounds,
                method=self.method,
                maxfev=self.maxfev,
                target=self.target,
            )
        except nelder.InvalidArgumentError as error:
            assert "degenerate" in str(error)
            return None

    def settled(self, starts=None):
        lanes = Lanes(self.method, self.starts.shape[1], self.box)
        return lanes.run(
            self.starts if starts is None else starts,
            self.fun.address,
            self.fun.data,
            self.maxfev,
            -INF if self.target is None else self.target,
        )


@st.composite
def problems(draw):
    n = draw(st.integers(1, 4))
    goal = draw(st.lists(st.one_of(st.just(0.0), st.floats(-5.0, 5.0)), min_size=n, max_size=n))
    kind = draw(st.integers(0, len(KINDS) - 1))
    scale = draw(st.sampled_from([1.0, 1.0, 1.0, 1e-8, 1e8, 1e-300, 1e290]))
    points = st.lists(st.lists(coordinates, min_size=n, max_size=n), min_size=1, max_size=5)
    return Problem(
        np.array([kind, scale, *goal]),
        np.array(draw(points)) + 0.0,  # np.clip may give -0.0 or 0.0, as it pleases
        draw(bounds_of(goal)),
        draw(methods),
        draw(st.one_of(st.integers(1, 40), st.integers(40, 400), st.just(2000))),
        draw(st.one_of(st.none(), st.none(), st.floats(-1.0, 30.0), st.just(scale))),
    )


def check(problem, x0, settled, i):
    """What is said of a search is what `minimize` says; nothing may be said."""
    if settled.statuses[i] == Status.RUNNING:
        return False
    expected = problem.minimize(x0)
    assert expected is not None, "a simplex that minimize refuses"
    assert settled.statuses[i] == expected.status
    assert settled.nfevs[i] == expected.nfev
    assert settled.points[i].tobytes() == expected.x.tobytes()
    assert settled.values[i].tobytes() == np.float64(expected.fun).tobytes()
    return True


@MORE
@given(problems())
def test_what_is_settled_is_what_minimize_finds(problem):
    if not Lanes.fits(problem.method, problem.box):
        assert problem.box.n == 0  # every variable is fixed
        return
    starts = problem.starts.copy()
    settled = problem.settled()
    assert problem.starts.tobytes() == starts.tobytes()
    for i, x0 in enumerate(starts):
        event("settled" if check(problem, x0, settled, i) else "left to Search")


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from([1, 2]))
def test_multistart_is_minimize_start_by_start(problem, threads):
    """Whatever is settled at once, and whatever is not."""
    problem.target = None
    expected = [problem.minimize(x0) for x0 in problem.starts]
    if None in expected:
        return
    if any(result.fun == -INF for result in expected):  # that ends all
        return
    many = nelder.multistart(
        problem.fun,
        problem.starts,
        bounds=problem.bounds,
        method=problem.method,
        maxfev=problem.maxfev,
        workers=threads,
    )
    assert many.statuses.tolist() == [int(result.status) for result in expected]
    assert many.nfevs.tolist() == [result.nfev for result in expected]
    assert many.points.tobytes() == np.array([result.x for result in expected]).tobytes()
    assert many.values.tolist() == [result.fun for result in expected]
    best = min(expected, key=lambda result: result.fun)
    assert many.best.x.tobytes() == best.x.tobytes()
    assert (many.best.nfev, many.best.nit, many.best.status) == (best.nfev, best.nit, best.status)


@settings(max_examples=60, deadline=None)
@given(problems(), st.randoms(use_true_random=False))
def test_a_search_does_not_depend_on_those_beside_it(problem, chance):
    if not Lanes.fits(problem.method, problem.box):
        return
    order = chance.sample(range(len(problem.starts)), len(problem.starts))
    together = problem.settled()
    shuffled = problem.settled(problem.starts[order])
    for i, j in enumerate(order):
        alone = problem.settled(problem.starts[j : j + 1])
        for one, k in ((alone, 0), (shuffled, i)):
            assert one.statuses[k] == together.statuses[j]
            assert one.nfevs[k] == together.nfevs[j]
            assert one.points[k].tobytes() == together.points[j].tobytes()
            assert one.values[k].tobytes() == together.values[j].tobytes()


def problem(kind, starts, bounds=None, method=None, maxfev=2000, target=None, goal=None):
    starts = np.array(starts, dtype=float)
    goal = np.zeros(starts.shape[1]) if goal is None else goal
    data = np.array([KINDS.index(kind), 1.0, *goal])
    return Problem(data, starts, bounds, method or NelderMead(), maxfev, target)


@pytest.mark.parametrize(
    "method",
    [
        NelderMead(),
        NelderMead(bounds_method="clip"),
        NelderMead.tfp(),
        NelderMead.scipy(),
        NelderMead(initial_simplex=nelder.StepSimplex(0.3)),
    ],
)
@pytest.mark.parametrize("bounds", [None, [(-20, 20), (-30, None)], [(-20, 20), (0.5, 0.5)]])
def test_ordinary_searches_are_settled(method, bounds):
    starts = np.random.default_rng(0).normal(scale=3.0, size=(300, 2))
    many = problem("rosenbrock", starts, bounds, method, goal=[-1.0, -1.0])
    settled = many.settled()
    assert np.count_nonzero(settled.statuses == Status.CONVERGED) >= 285
    assert [check(many, x0, settled, i) for i, x0 in enumerate(starts[:50])].count(True) > 40


@pytest.mark.parametrize("maxfev", [*range(1, 8), 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70])
def test_searches_that_use_up_their_evaluations_are_settled(maxfev):
    starts = np.random.default_rng(1).normal(size=(40, 2))
    many = problem("quadratic", starts, maxfev=maxfev)
    settled = many.settled()
    said = [check(many, x0, settled, i) for i, x0 in enumerate(starts)]
    assert any(said)
    assert np.all(settled.nfevs <= maxfev)


@pytest.mark.parametrize("target", [1e-3, 1e-16, 0.0, INF])
def test_searches_that_reach_the_target_are_not_settled(target):
    starts = np.random.default_rng(2).normal(size=(40, 2))
    many = problem("quadratic", starts, target=target)
    settled = many.settled()
    for i, x0 in enumerate(starts):
        check(many, x0, settled, i)
        if many.minimize(x0).status is Status.TARGET:
            assert settled.statuses[i] == Status.RUNNING


def test_a_value_that_is_lower_by_rounding_where_the_probe_looks_is_the_best():
    """The probe ends the search, as such a value is no reason to go on, but it is the lowest.

    So it often is on a bound, where the probe looks exactly and the machine only nearly.
    """
    starts = np.random.default_rng(3).uniform(-2.0, 3.0, (300, 2))
    many = problem("quadratic", starts, [(-2.0, 0.5), (None, 3.0)], goal=[1.0, 1.0])
    settled = many.settled()
    lower = 0
    for i, x0 in enumerate(starts):
        if not check(many, x0, settled, i):
            result = many.minimize(x0)
            assert result.status is Status.CONVERGED
            same = result.nfev == settled.nfevs[i] + 4  # no restart; four points were looked at
            lower += same and result.fun < settled.values[i]
    assert lower > 0, "the case was not met"


def test_nothing_but_the_machine_may_decide():
    assert Lanes.fits(NelderMead(), None)
    assert not Lanes.fits(nelder.KWorst(1), None)
    assert not Lanes.fits(NelderMead.optim(), None)
    assert not Lanes.fits(NelderMead(convergence=lambda simplex, values: True), None)
    assert not Lanes.fits(NelderMead(initial_simplex=np.eye(3, 2)), None)
    assert not Lanes.fits(NelderMead(initial_simplex=nelder.RegularSimplex(1.0)), None)
    fixed = Parameters.read([1.0], [(1.0, 1.0)]).box(False)
    assert not Lanes.fits(NelderMead(), fixed)
