"""What a journal remembers of settings, and how two of them differ."""

import array
import contextlib
import ctypes
import datetime
import decimal
import enum
import fractions
import functools
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap
import threading
import types
from collections import namedtuple
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nelder
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


class Slotted:
    __slots__ = ("rate",)

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, x):
        return self.rate * x


def fun(x):
    return x


def with_defaults(x, y=1.0, *, data=np.array([1.0, 2.0])):  # noqa: B008
    return x


def over(data):
    def inner(x):
        return np.sum((x - data) ** 2)

    return inner


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
    (fun, {"type": f"{NAME}.fun"}),
    (with_defaults, {"type": f"{NAME}.with_defaults", "defaults": {"y": 1.0, "data": [1.0, 2.0]}}),
    (
        over(2.0),
        {"type": f"{NAME}.over.<locals>.inner", "closure": {"data": 2.0}},
    ),
    (
        over(over),
        {"type": f"{NAME}.over.<locals>.inner", "closure": {"data": {"type": f"{NAME}.over"}}},
    ),
    (math.sin, "math.sin"),
    (len, "builtins.len"),
    (np.sin, "numpy.sin"),
    (Model.maker, {"type": f"{NAME}.Model.maker", "self": f"{NAME}.Model"}),
    (
        functools.partial(fun, 1, y=2),
        {"type": "partial", "func": {"type": f"{NAME}.fun"}, "args": [1], "keywords": {"y": 2}},
    ),
    (Model(np.array([1.0, 2.0])), {"type": "Model", "data": [1.0, 2.0], "(left out)": ["calls"]}),
    (
        Model(np.array([1.0])).method,
        {
            "type": f"{NAME}.Model.method",
            "self": {"type": "Model", "data": [1.0], "(left out)": ["calls"]},
        },
    ),
    (Slotted(2.0), {"type": "Slotted", "rate": 2.0}),
    (types.SimpleNamespace(a=1), {"type": "SimpleNamespace", "a": 1}),
    (datetime.date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
    (range(3), "range(0, 3)"),
    (threading.Lock(), {"type": "lock"}),
    (Exposing([1.0, 2.0]), {"type": "Exposing", "array": [1.0, 2.0]}),
    (OnAnotherDevice(), {"type": "OnAnotherDevice"}),
    (decimal.Decimal("1.5"), "Decimal('1.5')"),
    (fractions.Fraction(1, 3), "Fraction(1, 3)"),
    (array.array("d", [1.0, 2.0]), [1.0, 2.0]),
    (memoryview(b"ab"), [97, 98]),
    (ctypes.c_void_p(1234), {"type": "c_void_p"}),
    ((ctypes.c_double * 2)(1.0, 2.0), [1.0, 2.0]),
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


# An objective: what it was given counts, not what it changes


class Busy:
    """Data, and most of what an objective may change as it works."""

    def __init__(self, data, seed=0):
        self.data = data
        self.seed = seed
        self.work = np.zeros(len(data))
        self.unset = np.empty(len(data)) * np.nan
        self.calls = 0
        self.cache = {}
        self.points = []
        self.state = types.SimpleNamespace(last=None, rate=2.0)
        self.lock = threading.Lock()

    def set_data(self, data):
        self.data = data

    @cached_property
    def norm(self):
        return float(np.sum(self.data))

    @property
    def counted(self):
        self.calls += 1
        return self.calls

    def _remember(self, x, value):
        self.cache[x.tobytes()] = value
        self.points.append(x)
        self.last = x

    def __call__(self, x):
        self.work[:] = x - self.data
        np.multiply(self.work, self.work, out=self.unset)
        self.state.last = x
        value = float(np.sum(self.unset)) + 0.0 * self.counted + 0.0 * self.norm
        self._remember(x, value)
        return value


def busy_closure(data):
    work, points, cache, calls, box = np.zeros(len(data)), [], {}, 0, [0]

    def misfit(x, _seen={}):  # noqa: B006
        nonlocal calls
        calls += 1
        box[0] += 1
        _seen[calls] = x
        work[:] = x - data
        np.multiply(work, work, out=work)
        cache.setdefault(x.tobytes(), x)
        points.append(x)
        return float(np.sum(work))

    return misfit


def with_work(data, work, x):
    work[:] = x - data
    return float(np.sum(work))


@dataclass
class Fields:
    data: np.ndarray
    scale: float = 1.0
    calls: int = field(default=0, compare=False)
    work: list = field(default_factory=list)

    def __call__(self, x):
        getattr(self, "__dict__")["calls"] += 1  # noqa: B009
        self.work.append(x)
        return self.scale * float(np.sum((x - self.data) ** 2))


def lambda_over(data):
    return lambda x: float(np.sum((x - data) ** 2))


MAKERS = {
    "object": Busy,
    "method": lambda data: Busy(data).__call__,
    "function in an object": lambda data: over(Busy(data)),
    "closure": busy_closure,
    "lambda": lambda_over,
    "dataclass": Fields,
    "partial": lambda data: functools.partial(over(data)),
    "default": lambda data: lambda x, data=data: float(np.sum((x - data) ** 2)),
    "decorated": lambda data: functools.lru_cache(over(data)),
}
DATA = np.array([1.0, 2.0])


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_of_an_objective_its_data_count_and_not_what_it_changes(make):
    one = make(DATA)
    before = describe(one)
    assert "0x" not in json.dumps(before)
    assert differences(before, describe(make(DATA.copy()))) == []
    assert differences(before, describe(make(np.array([1.0, 3.0]))))
    for _ in range(2):
        with contextlib.suppress(TypeError):  # a cache takes no arrays
            (one.__wrapped__ if hasattr(one, "__wrapped__") else one)(np.array([5.0, 6.0]))
        assert differences(before, describe(one)) == differences(describe(one), before) == []


def test_the_same_call_goes_on_in_the_same_process(tmp_path):
    busy = Busy(DATA)
    nelder.minimize(busy, [0.0, 0.0], journal=tmp_path / "fit.db", maxfev=20)
    result = nelder.minimize(busy, [0.0, 0.0], journal=tmp_path / "fit.db")
    assert result.success
    assert busy.calls == result.nfev
    with pytest.raises(nelder.JournalMismatchError, match=r"objective\.data\[0\]: .* 1\.0, now 5"):
        nelder.minimize(Busy(DATA + 4), [0.0, 0.0], journal=tmp_path / "fit.db")
    busy.set_data(DATA + 4)
    with pytest.raises(nelder.JournalMismatchError, match=r"objective\.data\[0\]: .* 1\.0, now 5"):
        nelder.minimize(busy, [0.0, 0.0], journal=tmp_path / "fit.db")


def test_a_closure_over_other_data_is_another_problem(tmp_path):
    nelder.minimize(over(DATA), [0.0, 0.0], journal=tmp_path / "fit.db")
    with pytest.raises(nelder.JournalMismatchError, match=r"objective\.closure\.data\[1\]: "):
        nelder.minimize(over(DATA * [1, 2]), [0.0, 0.0], journal=tmp_path / "fit.db")


def test_buffers_given_by_keyword_do_not_count():
    one, other = (
        functools.partial(with_work, data=DATA, work=work) for work in (np.zeros(2), np.ones(2))
    )
    assert describe(one) == describe(other)
    other = functools.partial(with_work, data=DATA + 1, work=np.zeros(2))
    assert differences(describe(one), describe(other))[0].startswith("keywords.data[0]")


def test_a_local_that_is_given_a_copy_is_not_what_it_was():
    def changes_a_copy(x, data=DATA):
        data = data.copy()
        data[:] = x
        return data

    assert describe(changes_a_copy)["defaults"] == {"data": [1.0, 2.0]}


def test_of_objects_in_an_objective_the_type_and_the_arrays_count():
    class Simulator:
        def __init__(self, mesh):
            self.mesh = mesh
            self.began = object()
            self.time = 1.0
            self.heat = np.zeros(2)

        def step(self):
            self.heat = self.heat + self.mesh

    simulator = Simulator(DATA)
    assert describe(over(simulator))["closure"] == {
        "data": {
            "type": Simulator.__qualname__,
            "mesh": [1.0, 2.0],
            "(left out)": ["heat"],
        }
    }


def test_the_code_of_a_lambda_counts():
    def same(data):
        return lambda x: float(np.sum((x - data) ** 2))

    one, twin, other = lambda_over(DATA), same(DATA), lambda x: float(np.sum((x - DATA) ** 3))
    assert describe(one)["code"] == describe(twin)["code"]
    assert differences(describe(one)["code"], describe(other)["code"])
    elsewhere = {"type": "code", "pypy39": "another digest", "(left out)": ["*"]}
    assert differences(describe(one)["code"], elsewhere) == []


def test_an_objective_may_say_what_it_is():
    class Says:
        def __init__(self, data):
            self.data, self.work = data, np.empty(3)

        def __journal__(self):
            return {"data": self.data}

    class Silent:
        def __init__(self, data):
            self.data, self.work = data, np.arange(3)

    Silent.__qualname__ = Says.__qualname__
    said = describe(Says(DATA))
    assert said == {"type": Says.__qualname__, "data": [1.0, 2.0], "(left out)": ["*"]}
    assert differences(describe(Says(DATA + 1)), said) != []
    # A journal that was begun without goes on with it.
    recorded = describe({"f": over(DATA)})
    function = over(Silent(DATA))
    function.__journal__ = {"data": DATA}
    assert describe(function)["type"] == recorded["f"]["type"]
    assert differences(recorded, describe({"f": function})) == []
    function.__journal__ = 5
    with pytest.raises(nelder.InvalidArgumentError, match=r"inner gives 5: expected a dict"):
        describe(function)


SCRIPT = """
import sys, json
import numpy as np
from nelder.journal.describe import describe

data = np.full(3, float(sys.argv[1]))
unused = float(sys.argv[2])
calls = 0
points = []

def residuals(x):
    points.append(x)
    return x - data

def misfit(x):
    global calls
    calls += 1
    return float(np.sum(residuals(x) ** 2))

class Fit:
    def __call__(self, x):
        return misfit(x)

for f in (misfit, lambda x: misfit(x), Fit()):
    print(json.dumps(describe(f)))
    f(np.zeros(3))
    print(json.dumps(describe(f)))
"""


def test_of_a_script_or_notebook_the_variables_count_that_are_read(tmp_path):
    script = tmp_path / "fit.py"
    script.write_text(SCRIPT)

    def said(*args):
        out = subprocess.run(
            [sys.executable, script, *args], capture_output=True, text=True, check=True
        ).stdout
        return [json.loads(line) for line in out.splitlines()]

    first, again, other = said("1", "1"), said("1", "2"), said("2", "1")
    assert first == again
    for one, then, elsewhere in zip(first[::2], first[1::2], other[::2], strict=True):
        assert differences(one, then) == []
        assert one["globals"]["data"] == [1.0, 1.0, 1.0]
        assert [line.partition(":")[0] for line in differences(one, elsewhere)] == [
            f"globals.data[{i}]" for i in range(3)
        ]
        assert set(one["globals"]) == {"data", "(left out)"}


# C functions


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("cc is missing: Debian's gcc brings it")
    folder = tmp_path_factory.mktemp("library")
    source = folder / "n.c"
    source.write_text(
        textwrap.dedent("""
        #include <stdint.h>
        double f(int64_t n, const double *x, void *data) { return x[0] * x[0] + n; }
        double g(int64_t n, const double *x, void *data) { return x[0] * x[0] - n; }
        """)
    )
    built = folder / "n.so"
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", built], check=True)
    return ctypes.CDLL(str(built))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no dladdr")
def test_a_native_objective_is_told_by_symbol_and_data(library):
    symbol = {"symbol": "f", "library": "n.so"}
    assert describe(NativeObjective(library.f)) == {
        "type": "NativeObjective",
        "function": symbol,
        "data": None,
        "(left out)": ["*"],
    }
    address = ctypes.cast(library.f, ctypes.c_void_p).value
    one = describe(NativeObjective(address, DATA))
    assert one["function"] == symbol
    assert one["data"] == [1.0, 2.0]
    other = describe(NativeObjective(library.g, DATA + 1))
    assert differences(one, other) == [
        "function.symbol: recorded 'f', now 'g'",
        "data[0]: recorded 1.0, now 2.0",
        "data[1]: recorded 2.0, now 3.0",
    ]


class Settings(ctypes.Structure):
    _fields_ = (("rate", ctypes.c_double), ("steps", ctypes.c_int * 2))


class More(Settings):
    _fields_ = (("table", ctypes.POINTER(ctypes.c_double)),)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no dladdr")
def test_the_data_of_a_native_objective(library):
    held = Settings(2.0, (1, 2))
    assert describe(NativeObjective(library.f, held))["data"] == {"rate": 2.0, "steps": [1, 2]}
    for data in (ctypes.pointer(held), ctypes.addressof(held), ctypes.c_void_p(1234)):
        with pytest.raises(nelder.InvalidArgumentError, match=r"data=.*what is at an address"):
            describe(NativeObjective(library.f, data))
    value = ctypes.c_double(1.0)
    with pytest.raises(nelder.InvalidArgumentError, match=r"data=.*what is at an address"):
        describe(NativeObjective(library.f, More(2.0, (1, 2), ctypes.pointer(value))))


def test_a_c_function_without_a_name_is_refused(tmp_path):
    made = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)(
        lambda n, x, data: 0.0
    )
    with pytest.raises(nelder.InvalidArgumentError, match="cannot tell the C function at 0x"):
        nelder.minimize(NativeObjective(made), [0.0], journal=tmp_path / "fit.db")
    assert list(tmp_path.iterdir()) == []


def test_numba_cfuncs_are_told_by_name_and_data():
    numba = pytest.importorskip("numba", reason="numba is missing: pip install numba brings it")
    pointer = numba.types.CPointer(numba.types.float64)
    signature = numba.types.float64(numba.types.int64, pointer, numba.types.voidptr)

    def make(rate):
        @numba.cfunc(signature)
        def parabola(n, x, data):
            return rate * x[0] * x[0]

        return parabola

    one = describe(make(2.0))
    assert one == describe(make(2.0))
    assert differences(one, describe(make(3.0))) == ["closure.rate: recorded 2.0, now 3.0"]
    native = describe(NativeObjective(make(2.0), DATA))
    assert native["function"] == one
    assert native["data"] == [1.0, 2.0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no dladdr")
def test_scipys_low_level_callables(library):
    scipy = pytest.importorskip("scipy", reason="scipy is missing: pip install scipy brings it")
    signature = "double (int, double *, void *)"
    library.f.restype = library.g.restype = ctypes.c_double
    one, other = (
        describe(scipy.LowLevelCallable(f, signature=signature)) for f in (library.f, library.g)
    )
    assert one["function"] == {"symbol": "f", "library": "n.so"}
    assert differences(one, other) == ["function.symbol: recorded 'f', now 'g'"]
    data = ctypes.cast(ctypes.pointer(ctypes.c_double(1.0)), ctypes.c_void_p)
    with pytest.raises(nelder.InvalidArgumentError, match="what is at an address"):
        describe(scipy.LowLevelCallable(library.f, data, signature))


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
    ({"a": 1, "b": 1, "(left out)": ["b"]}, {"a": 2, "b": 2}, ["a: recorded 1, now 2"]),
    ({"a": 1, "b": 1}, {"a": 2, "(left out)": ["*"]}, ["a: recorded 1, now 2"]),
    ({"(left out)": 1}, {"(left out)": 2}, ["(left out): recorded 1, now 2"]),
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
