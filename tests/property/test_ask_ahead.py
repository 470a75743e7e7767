"""Points asked for ahead of need, told whenever it pleases: the search is the same."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder


def rough(x):
    value = float(np.sum((x - 0.3) ** 2 * np.arange(1, len(x) + 1)) + np.abs(x).sum())
    return np.nan if value > 40.0 else value


def rosenbrock(x):
    return float(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)


def start(n):
    return np.linspace(-2.0, 2.0, n)


@settings(max_examples=15)
@given(st.integers(1, 7), st.booleans(), st.integers(0, 9999))
def test_ahead_and_in_any_order_is_the_same_search(n, many, seed):
    chance = random.Random(seed)
    method = nelder.KWorst(2) if many and n > 5 else nelder.NelderMead()
    expected = nelder.minimize(rough, start(n), method=method)
    optimizer = nelder.Optimizer(start(n), method=method)
    out = {}
    while not optimizer.done:
        asked = optimizer.ask(chance.randint(1, 9), ahead=chance.random() < 0.7)
        assert len(asked) >= 1 or out
        out |= {x.tobytes(): x for x in asked}
        told = chance.sample(sorted(out), chance.randint(1, len(out)))
        points = np.array([out.pop(x) for x in told])
        optimizer.tell(points, [rough(x) for x in points])
    result = optimizer.result()
    assert result.x.tobytes() == expected.x.tobytes()
    assert result.final_simplex.vertices.tobytes() == expected.final_simplex.vertices.tobytes()
    assert (result.nfev, result.nit, result.nshrink) == (
        expected.nfev,
        expected.nit,
        expected.nshrink,
    )


def test_what_is_needed_comes_first_and_the_rest_is_new():
    optimizer = nelder.Optimizer([1.0, 2.0])
    first = optimizer.ask()
    optimizer.tell(first, [rough(x) for x in first])
    needed = optimizer.ask()
    many = optimizer.ask(8, ahead=True)
    assert len(many) == 8
    assert np.array_equal(many[:1], needed)
    assert len({x.tobytes() for x in many}) == 8
    assert np.array_equal(optimizer.ask(8, ahead=True), many)
    assert np.array_equal(optimizer.ask(), needed)


def test_a_value_told_ahead_is_used_when_it_is_needed():
    optimizer = nelder.Optimizer([-1.2, 1.0])
    told = set()
    while not optimizer.done:
        points = optimizer.ask(6, ahead=True)
        assert points[0].tobytes() not in told
        optimizer.tell(points[1:], [rosenbrock(x) for x in points[1:]])
        told |= {x.tobytes() for x in points}
        optimizer.tell(points[:1], [rosenbrock(x) for x in points[:1]])
    assert optimizer.result().fun < 1e-15


@pytest.mark.parametrize("wrong", [None, 0, 1.5, True])
def test_ahead_needs_a_number_of_points(wrong):
    with pytest.raises(nelder.InvalidArgumentError, match=r"max_points=.*with ahead=True"):
        nelder.Optimizer([1.0]).ask(wrong, ahead=True)


def test_a_point_that_was_never_given_is_refused():
    optimizer = nelder.Optimizer([1.0, 2.0])
    points = optimizer.ask(5, ahead=True)
    with pytest.raises(nelder.InvalidArgumentError, match=r"X\[1\]"):
        optimizer.tell([points[0], points[0] + 1e-9], [1.0, 2.0])
    assert np.array_equal(optimizer.ask(5, ahead=True), points)
