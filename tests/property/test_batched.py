"""Lanes take the decisions of single searches: on NumPy float64 to the last bit."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder
from nelder import NelderMead, Tolerance, batched
from nelder.errors import InvalidArgumentError
from tests.property.test_search import KINDS, Objective, coordinates

INF = math.inf

MORE = settings(max_examples=300, deadline=None)
FEWER = settings(max_examples=40, deadline=None)

COUNTS = ("nfev", "nit", "nshrink", "nrestart", "nfailed")

methods = st.sampled_from(
    [
        NelderMead(),
        NelderMead(),
        NelderMead(convergence=Tolerance(1e-2, 1e-2)),
        NelderMead(convergence=Tolerance(1e-3, 1e-3, ulps=0.0), bounds_method="clip"),
        NelderMead(bounds_method="clip"),
        NelderMead(convergence=nelder.StandardError(1e-6)),
        NelderMead(convergence=nelder.EitherTolerance(1e-4, 1e-4)),
        NelderMead(convergence=nelder.EitherTolerance(0.0, 0.0)),
        NelderMead(coefficients=nelder.Standard(), initial_simplex=nelder.AffineSimplex()),
        NelderMead(initial_simplex=nelder.RegularSimplex(0.3)),
        NelderMead(initial_simplex=nelder.RegularSimplex()),
        NelderMead(initial_simplex=nelder.StepSimplex(0.7)),
        NelderMead(initial_simplex=nelder.StepSimplex(1e-13)),
        NelderMead(initial_simplex=lambda x0, low, high: nelder.AxisSimplex(0.1)(x0, low, high)),
        NelderMead(probe=False),
        NelderMead(probe=False, final_centroid=True, equal_outside=False, equal_inside=True),
        NelderMead(coefficients=nelder.Coefficients(1.3, 1e4, 0.1, 0.9)),
        NelderMead.scipy(),
        NelderMead.scipy(adaptive=True),
        NelderMead.optim(),
        NelderMead.tfp(),
        NelderMead.fminsearch(),
    ]
)


@st.composite
def pair_of_bounds(draw):
    low, high = sorted([draw(st.floats(-8.0, 8.0)), draw(st.floats(-8.0, 8.0))])
    kind = draw(st.sampled_from(["none", "none", "low", "high", "both", "fixed"]))
    low = -INF if kind in ("none", "high") else low
    high = INF if kind in ("none", "low") else high
    return (low, low) if kind == "fixed" else (low, high)


@st.composite
def problems(draw):
    """An objective for each lane, their starts, bounds and budgets."""
    n = draw(st.integers(1, 5))
    lanes = draw(st.integers(1, 6))
    x0s = [draw(st.lists(coordinates, min_size=n, max_size=n)) for _ in range(lanes)]
    objectives = [
        Objective(
            draw(st.sampled_from([*KINDS, "minus"])),
            tuple(draw(st.lists(st.floats(-3.0, 3.0), min_size=n, max_size=n))),
            draw(st.sampled_from([1.0, 1.0, 1e-6, 1e9, -1.0])),
        )
        for _ in range(lanes)
    ]
    bounds = draw(st.none() | st.lists(pair_of_bounds(), min_size=n, max_size=n))
    budgets = {
        "maxfev": draw(st.sampled_from([None, 300, 300, 60, 7, 1])),
        "maxiter": draw(st.sampled_from([None, None, None, 20, 1, 0])),
        "target": draw(st.sampled_from([None, None, 0.1, -1.0])),
    }
    if budgets["maxfev"] is None:
        budgets["maxfev"] = 2000
    return objectives, np.array(x0s), bounds, budgets


def value(objective, x):
    if objective.kind == "minus":  # a hole without ground
        return -INF if abs(x[0] - objective.goal[0]) < 0.1 else float(np.sum(x * x))
    return objective(x)


def of_rows(objectives):
    """The objectives of the lanes as one, which gets the number of each point's lane as data."""

    def fun(x, lanes):
        return np.array([value(objectives[k], row) for row, k in zip(x, lanes, strict=True)])

    return fun


@MORE
@given(problems(), methods)
def test_lanes_are_single_searches_to_the_last_bit(problem, method):
    objectives, x0s, bounds, budgets = problem
    lanes = np.arange(len(x0s))
    settings = {"bounds": bounds, "method": method, **budgets}
    try:
        singles = [
            nelder.minimize(lambda x, k=k: value(objectives[k], x), x0s[k], **settings)
            for k in lanes
        ]
    except InvalidArgumentError:  # a degenerate simplex
        with pytest.raises(InvalidArgumentError):
            batched.minimize(of_rows(objectives), x0s, (lanes,), **settings)
        return
    result = batched.minimize(of_rows(objectives), x0s, (lanes,), **settings)
    for k, single in enumerate(singles):
        assert nelder.Status(int(result.status[k])) is single.status
        assert result.x[k].tobytes() == single.x.tobytes()
        assert result.fun[k] == single.fun
        assert {name: int(getattr(result, name)[k]) for name in COUNTS} == {
            name: getattr(single, name) for name in COUNTS
        }
        assert result.success[k] == single.success


@FEWER
@given(problems(), methods, st.randoms(use_true_random=False))
def test_a_lane_does_not_depend_on_its_neighbours(problem, method, random):
    objectives, x0s, bounds, budgets = problem
    method = replace(method, initial_simplex=nelder.AxisSimplex())
    settings = {"bounds": bounds, "method": method, **budgets}
    order = list(range(len(x0s)))
    random.shuffle(order)
    lanes = np.array(order[: max(1, len(order) // 2)])
    whole = batched.minimize(of_rows(objectives), x0s, (np.arange(len(x0s)),), **settings)
    part = batched.minimize(of_rows(objectives), x0s[lanes], (lanes,), **settings)
    assert part.x.tobytes() == whole.x[lanes].tobytes()
    assert part.fun.tobytes() == whole.fun[lanes].tobytes()
    for name in (*COUNTS, "status", "success"):
        assert (getattr(part, name) == getattr(whole, name)[lanes]).all()
