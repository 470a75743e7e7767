"""Where many searches begin: what is sampled, what is given, what is refused."""

from __future__ import annotations

import math
import sys
from collections import namedtuple

import numpy as np
import pytest

import nelder
from nelder.starts import read_starts

pytest.importorskip("scipy")

from scipy.optimize import Bounds
from scipy.stats import qmc

SAMPLERS = ["sobol", "latin_hypercube"]


def sampled(bounds, starts=None, sampler="sobol", seed=0):
    return read_starts(None, bounds, starts, sampler, seed)


def given(x0s, bounds=None):
    return read_starts(x0s, bounds, None, "sobol", 0)


# Sampled


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_starts_are_spread_over_the_bounds(sampler):
    lower, upper = np.array([-1.0, 10.0, 0.0]), np.array([1.0, 30.0, 1e-3])
    _, starts = sampled(list(zip(lower, upper, strict=True)), 64, sampler)
    assert starts.shape == (64, 3)
    assert np.all((starts >= lower) & (starts <= upper))
    eighths = np.floor((starts - lower) / (upper - lower) * 8).astype(int)
    for column in eighths.T:
        assert np.bincount(column).tolist() == [8] * 8


def test_the_samplers_are_scipys():
    bounds = [(-2.0, 2.0), (0.0, 5.0)]
    _, sobol = sampled(bounds, 8, "sobol", 3)
    expected = qmc.scale(qmc.Sobol(2, rng=3).random_base2(3), [-2.0, 0.0], [2.0, 5.0])
    np.testing.assert_allclose(sobol, expected, rtol=1e-15)
    _, latin = sampled(bounds, 8, "latin_hypercube", 3)
    expected = qmc.scale(qmc.LatinHypercube(2, rng=3).random(8), [-2.0, 0.0], [2.0, 5.0])
    np.testing.assert_allclose(latin, expected, rtol=1e-15)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_gives_the_same_starts(sampler):
    bounds = [(0.0, 1.0)] * 3
    _, first = sampled(bounds, 20, sampler, 7)
    _, again = sampled(bounds, 20, sampler, np.int64(7))
    _, other = sampled(bounds, 20, sampler, 8)
    assert first.tobytes() == again.tobytes()
    assert not np.any(first == other)


def test_more_starts_of_sobol_begin_with_the_fewer():
    _, few = sampled([(0.0, 1.0)] * 2, 5)
    _, more = sampled([(0.0, 1.0)] * 2, 100)
    assert few.tobytes() == more[:5].tobytes()


@pytest.mark.parametrize(
    ("bounds", "count"),
    [
        ([(0, 1)], 10),
        ([(0, 1), (0, 1), (0, 1)], 30),
        ([(0, 1), (3, 3), (0, 1)], 20),
        ([(2, 2), (3, 3)], 1),
    ],
)
def test_ten_starts_by_default_for_each_coordinate_that_is_free(bounds, count):
    _, starts = sampled(bounds)
    assert len(starts) == count
    for i, (low, high) in enumerate(bounds):
        if low == high:
            assert np.all(starts[:, i] == low)


@pytest.mark.parametrize("starts", [1, 2, 3, np.int32(4), 31, 33])
def test_as_many_starts_as_asked_for(starts):
    assert len(sampled([(0, 1)], starts)[1]) == starts


@pytest.mark.parametrize(
    "bounds",
    [
        [(0, 2), (1, 3)],
        ((0, 2), (1, 3)),
        np.array([[0, 2], [1, 3]]),
        Bounds([0, 1], [2, 3]),
        [Bounds(0, 2), (1, 3)],
        zip([0, 1], [2, 3], strict=True),
    ],
    ids=["list", "tuple", "array", "Bounds", "Bounds of one", "iterator"],
)
def test_bounds_in_every_notation(bounds):
    parameters, starts = sampled(bounds, 4)
    assert (parameters.lower.tolist(), parameters.upper.tolist()) == ([0.0, 1.0], [2.0, 3.0])
    assert starts.tobytes() == sampled([(0, 2), (1, 3)], 4)[1].tobytes()
    assert parameters.names == ()


@pytest.mark.parametrize(
    ("bounds", "names", "one"),
    [
        ({"b": (0, 1), "a": (2, 3)}, ("a", "b"), {"a": 2.5, "b": 0.5}),
        (
            {"decay": {"rate": (0, 1), "shift": (2, 3)}, "a": (4, 5)},
            ("a", "decay.rate", "decay.shift"),
            {"decay": {"rate": 0.5, "shift": 2.5}, "a": 4.5},
        ),
        (
            {"knots": (np.zeros(3), np.ones(3))},
            ("knots[0]", "knots[1]", "knots[2]"),
            {"knots": np.full(3, 0.5)},
        ),
        ({"knots": (0, [1, 1])}, ("knots[0]", "knots[1]"), {"knots": np.full(2, 0.5)}),
        (
            {"knots": Bounds([0, 0], [1, 1])},
            ("knots[0]", "knots[1]"),
            {"knots": np.full(2, 0.5)},
        ),
        (
            {"matrix": (np.zeros((1, 2)), 1)},
            ("matrix[0][0]", "matrix[0][1]"),
            {"matrix": np.full((1, 2), 0.5)},
        ),
    ],
    ids=lambda value: "",
)
def test_bounds_by_name_give_starts_by_name(bounds, names, one):
    parameters, starts = sampled(bounds, 4)
    assert parameters.names == names
    assert starts.shape == (4, len(names))
    middle = parameters.restore((parameters.lower + parameters.upper) / 2)
    np.testing.assert_equal(middle, one)


def test_bounds_by_name_are_those_of_minimize():
    """What is accepted here, in the structure it gives, `minimize` accepts too."""
    bounds = {"knots": (np.array([0.0, 1.0]), np.array([2.0, 3.0])), "a": (5, 6)}
    parameters, starts = sampled(bounds, 1)
    x0 = parameters.restore(starts[0])
    result = nelder.minimize(lambda p: p["a"] + p["knots"].sum(), x0, bounds=bounds)
    assert result.x["a"] == 5.0
    assert result.x["knots"].tolist() == [0.0, 1.0]


# Given


@pytest.mark.parametrize(
    "x0s",
    [
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[1, 2], [3, 4]]),
        np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32, order="F"),
        np.array([[1, 2], [3, 4]], dtype=object),
        [[1, 2], [3, 4]],
        ((1.0, 2.0), np.array([3.0, 4.0])),
    ],
    ids=["array", "integers", "float32", "objects", "lists", "mixed"],
)
def test_starts_in_every_notation(x0s):
    parameters, starts = given(x0s)
    assert starts.dtype == np.float64
    assert starts.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert parameters.names == ()


def test_given_starts_are_copied():
    x0s = np.array([[1.0, 2.0]])
    _, starts = given(x0s)
    assert not np.shares_memory(starts, x0s)


def test_numbers_are_starts_of_one_coordinate():
    assert given([1.0, 2.0, 3.0])[1].tolist() == [[1.0], [2.0], [3.0]]
    assert given(np.array([1.0, 2.0]))[1].tolist() == [[1.0], [2.0]]


Line = namedtuple("Line", ["slope", "offset"])


@pytest.mark.parametrize(
    ("x0s", "names"),
    [
        ([{"b": 2.0, "a": 1.0}, {"a": 3.0, "b": 4.0}], ("a", "b")),
        ([Line(1.0, 2.0), Line(3.0, 4.0)], ("slope", "offset")),
        ([{"k": np.array([1.0, 2.0])}, {"k": np.array([3.0, 4.0])}], ("k[0]", "k[1]")),
        ([[[1.0], [2.0]], [[3.0], [4.0]]], ("[0][0]", "[1][0]")),
    ],
    ids=["dicts", "namedtuples", "arrays", "lists"],
)
def test_starts_of_any_structure(x0s, names):
    parameters, starts = given(x0s)
    assert parameters.names == names
    assert starts.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_equal(parameters.restore(starts[1]), x0s[1])


def test_bounds_that_are_an_iterator_hold_for_all_starts():
    parameters, starts = given([[1.0, 2.0], [3.0, 4.0]], zip([0, 0], [5, 6], strict=True))
    assert parameters.upper.tolist() == [5.0, 6.0]
    assert len(starts) == 2


# Refused

INF = math.inf
UNIT = [(0, 1)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"x0s=None, bounds=None: expected starts, or bounds to sample in"),
        ({"bounds": []}, r"x0s=None, bounds=\[\]: expected starts, or bounds"),
        ({"bounds": {}}, r"x0s=None, bounds=\{\}: expected starts, or bounds"),
        ({"bounds": 5}, r"bounds=5: expected pairs"),
        ({"bounds": (0, 1)}, r"bounds\[0\]=0: expected a pair \(low, high\)"),
        ({"bounds": [(1, 0)]}, r"bounds\[0\]=\(1.0, 0.0\): the low bound is above the high bound"),
        ({"bounds": [(0, 1), (0, None)]}, r"bounds\[1\]=\(0.0, inf\): expected finite bounds"),
        ({"bounds": [(0, 1), None]}, r"bounds\[1\]=\(-inf, inf\): expected finite bounds"),
        ({"bounds": {"a": (0, 1), "b": (0, None)}}, r"b=\(0.0, inf\): expected finite bounds"),
        ({"bounds": {"a": None}}, r"a=\(-inf, inf\): expected finite bounds"),
        (
            {"bounds": [(-1e308, 1e308)]},
            r"bounds\[0\]=\(-1e\+308, 1e\+308\): expected bounds less far apart",
        ),
        ({"bounds": {"a": {"b": (1, 0)}}}, r"bounds at a.b=\(1.0, 0.0\): the low bound is above"),
        ({"bounds": {"a": 3}}, r"bounds at a=3: expected a pair"),
        ({"bounds": {"a": (np.zeros(2), np.ones(3))}}, r"bounds at a"),
        ({"bounds": UNIT, "starts": 0}, r"starts=0: expected a whole number above 0"),
        ({"bounds": UNIT, "starts": -3}, r"starts=-3: expected a whole number above 0"),
        ({"bounds": UNIT, "starts": 2.0}, r"starts=2.0: expected a whole number above 0"),
        ({"bounds": UNIT, "starts": True}, r"starts=True: expected a whole number above 0"),
        ({"bounds": UNIT, "seed": -1}, r"seed=-1: expected a whole number, 0 or above"),
        ({"bounds": UNIT, "seed": None}, r"seed=None: expected a whole number, 0 or above"),
        ({"bounds": UNIT, "seed": 1.5}, r"seed=1.5: expected a whole number, 0 or above"),
        ({"bounds": UNIT, "sampler": "halton"}, r"sampler='halton': expected one of \['sobol'"),
        ({"bounds": UNIT, "sampler": ["sobol"]}, r"sampler=\['sobol'\]: expected one of"),
        ({"x0s": [[1.0]], "sampler": "halton"}, r"sampler='halton': expected one of"),
        ({"x0s": [[1.0]], "seed": "now"}, r"seed='now': expected a whole number"),
        ({"x0s": [[1.0]], "starts": 3}, r"starts=3: expected none with x0s"),
        ({"x0s": []}, r"x0s is empty: expected at least one start"),
        ({"x0s": np.zeros((0, 2))}, r"x0s is empty: expected at least one start"),
        ({"x0s": np.zeros((2, 0))}, r"x0s\[0\]: x0 is empty"),
        ({"x0s": 3.0}, r"x0s=3.0: expected a sequence of starts"),
        ({"x0s": np.array(3.0)}, r"x0s=array\(3.\): expected a sequence of starts"),
        ({"x0s": {"a": 1.0}}, r"x0s=\{'a': 1.0\}: expected a sequence of starts"),
        ({"x0s": "12"}, r"x0s='12': expected a sequence of starts"),
        ({"x0s": {1.0, 2.0}}, r"x0s=\{1.0, 2.0\}: expected a sequence of starts"),
        ({"x0s": (x for x in [1.0])}, r"x0s=<generator .*>: expected a sequence of starts"),
        ({"x0s": [[1.0, 2.0], [1.0]]}, r"x0s\[1\]=\[1.0\]: expected the structure of the first"),
        ({"x0s": [[1.0], {"a": 1.0}]}, r"x0s\[1\]=\{'a': 1.0\}: expected the structure of"),
        ({"x0s": [{"a": 1.0}, {"b": 1.0}]}, r"x0s\[1\]=\{'b': 1.0\}: expected the structure of"),
        ({"x0s": [[1.0], [math.nan]]}, r"x0s\[1\]: x0\[0\]=nan: expected a finite number"),
        ({"x0s": np.array([[1.0, 2.0], [3.0, INF]])}, r"x0s\[1\]: x0\[1\]=inf: expected a finite"),
        ({"x0s": [[1.0], ["a"]]}, r"x0s\[1\]: x0=\['a'\]: expected real numbers"),
        ({"x0s": np.array([[True]])}, r"x0s\[0\]: x0=.*expected real numbers, got dtype bool"),
        ({"x0s": np.zeros((2, 2, 2))}, r"x0s\[0\]: x0 has shape \(2, 2\): expected \(n,\)"),
        ({"x0s": [[1.0]], "bounds": [(0, 1), (0, 1)]}, r"bounds has 2 entries: expected 1"),
    ],
    ids=str,
)
def test_bad_starts_are_named(settings, message):
    calls = []
    with pytest.raises(nelder.InvalidArgumentError, match=message):
        nelder.multistart(calls.append, **settings)
    assert not calls


def test_sampling_needs_scipy_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    monkeypatch.delitem(sys.modules, "scipy.stats.qmc", raising=False)
    with pytest.raises(nelder.MissingExtraError, match=r"sampler='sobol'.*nelder\[scipy\]"):
        sampled(UNIT)
    assert len(given([[1.0]])[1]) == 1
