"""What a journal remembers of settings, and how two of them differ."""

import array
import ctypes
import decimal
import enum
import fractions
import functools
import json
import math
import os
import pathlib
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nelder import NativeObjective, NelderMead
from nelder.journal.describe import describe, differences

NAN = math.nan
INF = math.inf


class Model:
    def __init__(self, data):
        self.data = data
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return float(np.sum(x) + np.sum(self.data))

    def method(self, x):
        return self(x)

    @classmethod
    def maker(cls, x):
        return x


class Colour(enum.Enum):
    RED = 1


@dataclass
class Inner:
    tolerance: float


@dataclass
class Outer:
    name: str
    inner: Inner


class Exposing:
    def __init__(self, data):
        self._hidden = data

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._hidden, dtype=dtype)


class OnAnotherDevice:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("cannot be copied to the host")


Point = namedtuple("Point", "x y")


def fun(x):
    return x


NAME = __name__

CASES = [
    (None, None),
    (True, True),
    (3, 3),
    (2**70, 2**70),
    (0.1, 0.1),
    (-INF, -INF),
    ("text\x00\ud800", "text\x00\ud800"),
    (np.float64(0.1), 0.1),
    (np.int32(3), 3),
    (np.True_, True),
    (np.longdouble(0.5), repr(np.longdouble(0.5))),
    (1 + 2j, "(1+2j)"),
    (b"ab", "b'ab'"),
    ([1, (2.0, "a")], [1, [2.0, "a"]]),
    (Point(1, 2), [1, 2]),
    ({"a": 1, 2: {"b": ()}}, {"a": 1, "2": {"b": []}}),
    ({3, 1, 2}, [1, 2, 3]),
    (np.array([[1.0, NAN], [-0.0, INF]]), [[1.0, NAN], [-0.0, INF]]),
    (np.array(2.5), 2.5),
    (np.array(["a", "b"]), ["a", "b"]),
    (np.array([1j]), ["1j"]),
    (np.array([], dtype=float), []),
    (np.array([None, Colour.RED], dtype=object), [None, "Colour.RED"]),
    (Colour.RED, "Colour.RED"),
    (pathlib.PurePosixPath("a/b"), "a/b"),
    (
        Outer("o", Inner(1e-8)),
        {"type": "Outer", "name": "o", "inner": {"type": "Inner", "tolerance": 1e-8}},
    ),
    (Inner, f"{NAME}.Inner"),
    (fun, f"{NAME}.fun"),
    (lambda x: x, f"{NAME}.<lambda>"),
    (math.sin, "math.sin"),
    (len, "builtins.len"),
    (np.sin, "numpy.sin"),
    (Model.maker, {"type": f"{NAME}.Model.maker", "self": f"{NAME}.Model"}),
    (
        functools.partial(fun, 1, y=2),
        {"type": "partial", "func": f"{NAME}.fun", "args": [1], "keywords": {"y": 2}},
    ),
    (Model(np.array([1.0, 2.0])), {"type": "Model", "data": [1.0, 2.0]}),
    (
        Model(np.array([1.0])).method,
        {"type": f"{NAME}.Model.method", "self": {"type": "Model", "data": [1.0]}},
    ),
    (Exposing([1.0, 2.0]), {"type": "Exposing", "array": [1.0, 2.0]}),
    (OnAnotherDevice(), {"type": "OnAnotherDevice"}),
    (decimal.Decimal("1.5"), "Decimal('1.5')"),
    (fractions.Fraction(1, 3), "Fraction(1, 3)"),
    (array.array("d", [1.0, 2.0]), [1.0, 2.0]),
    (memoryview(b"ab"), [97, 98]),
    (ctypes.c_void_p(1234), {"type": "c_void_p"}),
    (NativeObjective(1234), {"type": "NativeObjective"}),
    (object(), {"type": "object"}),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_what_is_described_how(value, expected):
    described = describe(value)
    assert repr(described) == repr(expected)  # repr: NaN is itself, 1 is not 1.0, 0.0 not -0.0
    assert repr(json.loads(json.dumps(described))) == repr(described)


@pytest.mark.parametrize(("size", "written"), [(64, True), (65, False)])
def test_large_arrays_have_a_digest(size, written):
    described = describe(np.arange(float(size)))
    assert isinstance(described, list) == written
    if not written:
        digest = described.pop("digest")
        assert described == {"type": "ndarray", "shape": [65], "dtype": "<f8"}
        assert digest == "0719dd8c0c5251f823b784593f1447f2"  # b2sum -l 128


def test_a_digest_tells_one_value_of_many():
    data = np.arange(1000.0).reshape(10, 100)
    other = data.copy()
    other[7, 7] += 1e-9
    assert describe(data) == describe(data.copy()) == describe(data.astype(">f8"))
    assert describe(data) == describe(np.asfortranarray(data))
    assert describe(data) != describe(other)
    assert describe(Model(data)) != describe(Model(other))
    assert describe(bytes(100)) == describe(bytes(100)) != describe(bytes(101))


def test_what_changes_in_use_does_not_count():
    model = Model(np.arange(100.0))
    before = describe({"fun": model})
    model(np.zeros(2))
    assert describe({"fun": model}) == before


def test_what_contains_itself_ends():
    loop = [1]
    loop.append({"again": loop})
    assert describe(loop) == [1, {"again": "..."}]


def test_the_same_on_another_day():
    code = (
        "import json, numpy as np; from nelder import NelderMead;"
        "from nelder.journal.describe import describe;"
        "print(json.dumps(describe([NelderMead(), np.arange(100.0), {'c', 'a', 'b'}, object()])))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(said) == 1


# Differences


def test_the_settings_of_a_method():
    recorded, now = describe(NelderMead()), describe(NelderMead(bounds_method="clip"))
    assert recorded["type"] == "NelderMead"
    assert differences(recorded, recorded) == []
    assert differences(recorded, now) == ["bounds_method: recorded 'transform', now 'clip'"]


DIFFERENT = [
    ({"a": {"b": 1e-8}}, {"a": {"b": 1e-6}}, ["a.b: recorded 1e-08, now 1e-06"]),
    ({"x": [1, 2]}, {"x": [1, 3]}, ["x[1]: recorded 2, now 3"]),
    ({"x": [[1], [2]]}, {"x": [[1], [3]]}, ["x[1][0]: recorded 2, now 3"]),
    ({"x": [1, 2]}, {"x": [1]}, ["x: recorded 2 entries, now 1"]),
    ({"x": [1, 2]}, {"x": None}, ["x: recorded [1, 2], now None"]),
    ({"x": 0.0}, {"x": -0.0}, ["x: recorded 0.0, now -0.0"]),
    ({"x": True}, {"x": 1}, ["x: recorded True, now 1"]),
    ({"x": "1"}, {"x": 1}, ["x: recorded '1', now 1"]),
    ({"x": NAN}, {"x": 1.0}, ["x: recorded nan, now 1.0"]),
    ({"a": 1}, {"b": 2}, ["a: recorded 1, now absent", "b: recorded nothing, now 2"]),
    (
        {"m": {"type": "NelderMead", "a": 1}},
        {"m": {"type": "KWorst", "k": 2}},
        ["m: recorded NelderMead, now KWorst"],
    ),
    ({"m": {"type": "A"}}, {"m": {"b": 1}}, ["m: recorded A, now {'b': 1}"]),
    ({"f": "a" * 200}, {"f": "b"}, [f"f: recorded '{'a' * 99}…, now 'b'"]),
    (1, 2, ["all: recorded 1, now 2"]),
    ([1], [1, 2], ["all: recorded 1 entries, now 2"]),
    ({"type": "A"}, {"type": "B"}, ["all: recorded A, now B"]),
]


@pytest.mark.parametrize(("recorded", "now", "expected"), DIFFERENT)
def test_each_difference_is_named(recorded, now, expected):
    assert differences(recorded, now) == expected


@pytest.mark.parametrize(
    ("recorded", "now"), [(NAN, NAN), (1, 1.0), (-0.0, -0.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
)
def test_the_same_is_the_same(recorded, now):
    assert differences(recorded, now) == []


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
described = st.recursive(
    leaves,
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part, max_size=3)
    ),
    max_leaves=10,
)


@given(described)
def test_nothing_differs_from_itself_through_json(value):
    assert differences(json.loads(json.dumps(value)), value) == []


@given(described, described)
def test_differences_do_not_depend_on_the_direction(one, other):
    assert bool(differences(one, other)) == bool(differences(other, one))
