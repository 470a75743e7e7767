"""Bad input: an error that names the argument, the value and what was expected, before all else."""

import ctypes
import math
from collections import namedtuple
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import Bounds

import nelder
from nelder import NelderMead

INF = math.inf
NAN = math.nan

Pair = namedtuple("Pair", ["a", "b"])

NAMED = {"a": 1.0, "b": np.array([1.0, 2.0])}
TOO_LARGE = 10**400


@ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p)
def function(n, x, data):
    raise AssertionError("called")


NATIVE = nelder.NativeObjective(function)

# what is given, and what the message must say: argument, value, what was expected

X0 = {
    "empty": ([], "x0", "empty", "at least one"),
    "empty array": (np.empty(0), "x0", "empty", "at least one"),
    "empty dict": ({}, "x0", "empty", "at least one"),
    "empty leaf": ({"a": np.empty(0)}, "x0", "empty", "at least one"),
    "nan": ([1.0, NAN], "x0[1]", "nan", "finite"),
    "inf": ([INF, 1.0], "x0[0]", "inf", "finite"),
    "minus inf": (np.array([1.0, 2.0, -INF]), "x0[2]", "-inf", "finite"),
    "scalar nan": (NAN, "x0", "nan", "finite"),
    "2-d": (np.ones((2, 2)), "x0", "(2, 2)", "(n,)"),
    "column": (np.ones((3, 1)), "x0", "(3, 1)", "(n,)"),
    "3-d": (np.ones((1, 1, 1)), "x0", "(1, 1, 1)", "(n,)"),
    "text": ("1.0", "x0", "'1.0'", "real numbers"),
    "texts": (["1", "2"], "x0", "'1'", "real numbers"),
    "bytes": (b"1", "x0", "b'1'", "real numbers"),
    "None": (None, "x0", "None", "real numbers"),
    "None inside": ([1.0, None], "x0", "None", "real numbers"),
    "complex": ([1.0 + 2.0j], "x0", "2j", "real numbers"),
    "complex array": (np.array([1.0 + 0.0j]), "x0", "complex", "real numbers"),
    "complex object": (np.array([1j, Fraction(1)]), "x0", "1j", "real numbers"),
    "booleans": ([True, False], "x0", "True", "real numbers"),
    "times": (np.array(["2020-01-01"], dtype="datetime64[D]"), "x0", "2020", "real numbers"),
    "object": (object(), "x0", "object", "real numbers"),
    "set": ({1.0, 2.0}, "x0", "1.0", "real numbers"),
    "too large": ([TOO_LARGE], "x0", "1000", "number"),
    "function": (math.sin, "x0", "sin", "real numbers"),
    "nested text": ({"a": {"b": 1.0, "c": "x"}}, "x0", "a.c", "'x'", "real numbers"),
    "nested None": ({"a": [1.0, None]}, "x0", "a[1]", "None", "real numbers"),
    "nested nan": ({"a": np.array([1.0, NAN])}, "x0", "a[1]", "nan", "finite"),
    "nested inf": ({"a": 1.0, "b": {"c": INF}}, "x0", "b.c", "inf", "finite"),
    "nested complex": ({"a": 1j}, "x0", "a", "1j", "real numbers"),
    "nested too large": ({"a": TOO_LARGE}, "x0", "a", "1000", "number"),
    "ragged": ([[1.0, 2.0], "x"], "x0", "[1]", "'x'", "real numbers"),
    "namedtuple": (Pair(1.0, "x"), "x0", "'x'", "real numbers"),
}  # fmt: skip

BOUNDS = {
    "crossed": ([1.0, 2.0], [(0, 1), (3, 2)], "bounds[1]", "3.0", "2.0", "above"),
    "crossed Bounds": ([1.0, 2.0], Bounds([0, 3], [1, 2]), "bounds[1]", "3.0", "2.0", "above"),
    "crossed array": ([1.0], np.array([[2.0, 1.0]]), "bounds[0]", "2.0", "1.0", "above"),
    "too many": ([1.0, 2.0], [(0, 1)] * 3, "bounds", "3", "expected 2"),
    "too few": ([1.0, 2.0], [(0, 1)], "bounds", "1", "expected 2"),
    "none at all": ([1.0, 2.0], [], "bounds", "0", "expected 2"),
    "Bounds too long": ([1.0, 2.0], Bounds([0, 0, 0], [1, 1, 1]), "bounds", "(3,)", "(2,)"),
    "nan": ([1.0, 2.0], [(0, 1), (NAN, 2)], "bounds[1]", "nan", "expected"),
    "nan Bounds": ([1.0, 2.0], Bounds([0, 0], [1, NAN]), "bounds[1]", "nan", "expected"),
    "no pairs": ([1.0, 2.0], [0, 1], "bounds[0]", "0", "pair"),
    "one number": ([1.0, 2.0], 3.0, "bounds", "3.0", "2 pairs"),
    "triples": ([1.0, 2.0], [(0, 1, 2), (0, 1, 2)], "bounds[0]", "(0, 1, 2)", "pair"),
    "singles": ([1.0], [(0,)], "bounds[0]", "(0,)", "pair"),
    "text": ([1.0, 2.0], [("a", 1), (0, 1)], "bounds[0]", "'a'", "real numbers"),
    "texts": ([1.0, 2.0], ["ab", (0, 1)], "bounds[0]", "'a'", "real numbers"),
    "complex": ([1.0], [(1j, 2)], "bounds[0]", "1j", "real numbers"),
    "boolean": ([1.0], [(False, True)], "bounds[0]", "False", "real numbers"),
    "nothing between": ([1.0], [(INF, INF)], "bounds[0]", "inf"),
    "nothing between either": ([1.0], [(-INF, -INF)], "bounds[0]", "-inf"),
    "columns for rows": (np.ones(3), np.array([[0, 0, 0], [1, 1, 1]]), "bounds", "expected 3"),
    "pairs of lists": ([1.0], [([0.0, 1.0], 2.0)], "bounds[0]", "(2,)", "number"),
    "by name for a plain x0": ([1.0, 2.0], {"a": (0, 1)}, "bounds", "name", "x0"),
    "unknown name": (NAMED, {"c": (0, 1)}, "bounds", "'c'", "'a', 'b'"),
    "unknown nested name": ({"a": {"b": 1.0}}, {"a": {"c": (0, 1)}}, "bounds", "'c'", "'b'"),
    "crossed by name": (NAMED, {"a": (2, 1)}, "bounds at a", "2.0", "1.0", "above"),
    "crossed in an array": (NAMED, {"b": ([0, 3], [1, 2])}, "bounds at b[1]", "3.0", "above"),
    "shape by name": (NAMED, {"b": ([0, 0, 0], 1)}, "bounds at b", "(3,)", "(2,)"),
    "nan by name": (NAMED, {"a": (NAN, 1)}, "bounds at a", "nan", "expected"),
    "no pair by name": (NAMED, {"a": 3.0}, "bounds at a", "3.0", "pair"),
    "list for names": (NAMED, [(0, 1)] * 3, "bounds", "expected", "'a', 'b'"),
    "Bounds for names": (NAMED, Bounds(0, 1), "bounds", "Bounds", "expected", "'a', 'b'"),
    "dict for a number": (NAMED, {"a": {"low": 0}}, "bounds at a", "'low'", "pair"),
    "length of a list": ([[1.0], [2.0]], [[(0, 1)]], "bounds", "expected 2"),
    "dict for a list": ([[1.0], 2.0], {0: (0, 1)}, "bounds", "expected 2"),
}  # fmt: skip


def simplex(given):
    return {"method": lambda: NelderMead(initial_simplex=given)}


def method(**settings):
    return {"method": lambda: NelderMead(**settings)}


def coefficients(**settings):
    return {"method": lambda: NelderMead(coefficients=nelder.Coefficients(**settings))}


SETTINGS = {
    # the first simplex
    "flat simplex": (simplex([1.0, 2.0]), "initial_simplex", "(2,)", "(n + 1, n)"),
    "square simplex": (simplex(np.eye(2)), "initial_simplex", "(2, 2)", "(n + 1, n)"),
    "simplex of another n": (simplex(np.eye(4, 3)), "initial_simplex", "(4, 3)", "(3, 2)"),
    "empty simplex": (simplex([]), "initial_simplex", "(0,)", "(n + 1, n)"),
    "ragged simplex": (simplex([[1, 2], [3]]), "initial_simplex", "[3]", "(n + 1, n)"),
    "text as simplex": (simplex("axis"), "initial_simplex", "'axis'", "builder"),
    "complex simplex": (simplex([[0, 0], [1j, 0], [0, 1]]), "initial_simplex", "1j", "(n + 1, n)"),
    "degenerate simplex": (
        simplex([[0, 0], [1, 1], [2, 2]]), "initial_simplex", "degenerate", "2.", "expected",
    ),
    "doubled vertex": (
        simplex([[0, 0], [1, 1], [1, 1]]), "initial_simplex", "degenerate", "expected",
    ),
    "points": (simplex(np.zeros((3, 2))), "initial_simplex", "degenerate", "expected"),
    "nearly flat simplex": (
        simplex([[0.1, 0.1], [0.2, 0.2], [0.3, 0.1 + 0.2]]), "initial_simplex", "degenerate",
    ),
    "nan simplex": (
        simplex([[0, 0], [1, NAN], [0, 1]]), "initial_simplex[1, 1]", "nan", "finite",
    ),
    "inf simplex": (
        simplex([[0, 0], [1, 0], [INF, 1]]), "initial_simplex[2, 0]", "inf", "finite",
    ),
    "builder of another shape": (
        simplex(lambda x0, lower, upper: np.eye(2)), "initial_simplex", "(2, 2)", "(3, 2)",
    ),
    "degenerate builder": (
        simplex(lambda x0, lower, upper: np.zeros((3, 2))), "initial_simplex", "degenerate",
    ),
    "nan builder": (
        simplex(lambda x0, lower, upper: np.full((3, 2), NAN)), "initial_simplex", "nan", "finite",
    ),
    "builder of text": (
        simplex(lambda x0, lower, upper: "simplex"), "initial_simplex", "'simplex'", "(3, 2)",
    ),
    "builder of nothing": (
        simplex(lambda x0, lower, upper: None), "initial_simplex", "(3, 2)",
    ),
    "steps of another n": (
        simplex(nelder.StepSimplex([1.0, 2.0, 3.0])), "steps", "3", "expected 2",
    ),
    "step 0": (lambda: nelder.StepSimplex([1.0, 0.0]), "steps", "0.0", "expected"),
    "step nan": (lambda: nelder.StepSimplex(NAN), "steps", "nan", "expected"),
    "steps of text": (lambda: nelder.StepSimplex("wide"), "steps", "'wide'", "expected"),
    "edge 0": (lambda: nelder.RegularSimplex(0.0), "edge", "0.0", "above 0"),
    "negative step": (lambda: nelder.AxisSimplex(-0.5), "relative", "-0.5", "above 0"),
    "affine nan": (
        {"method": lambda: NelderMead(initial_simplex=nelder.AffineSimplex(NAN))},
        "nan", "expected",
    ),
    "fminsearch text": (
        {"method": lambda: NelderMead(initial_simplex=nelder.FminsearchSimplex(b="5%"))},
        "b=", "'5%'", "expected",
    ),
    # coefficients
    "reflection 0": (coefficients(reflection=0.0), "reflection", "0.0", "above 0"),
    "reflection negative": (coefficients(reflection=-1), "reflection", "-1", "above 0"),
    "reflection inf": (coefficients(reflection=INF), "reflection", "inf", "expected"),
    "expansion 1": (coefficients(expansion=1.0), "expansion", "1.0", "above 1"),
    "contraction 0": (coefficients(contraction=0), "contraction", "0", "above 0 and below 1"),
    "contraction 1": (coefficients(contraction=1.0), "contraction", "1.0", "above 0 and below 1"),
    "shrinkage 1": (coefficients(shrinkage=1.0), "shrinkage", "1.0", "above 0 and below 1"),
    "shrinkage nan": (coefficients(shrinkage=NAN), "shrinkage", "nan", "above 0 and below 1"),
    "coefficient text": (coefficients(expansion="2"), "expansion", "'2'", "above 1"),
    "coefficients text": (
        method(coefficients="adaptive"), "coefficients", "'adaptive'", "Adaptive()",
    ),
    "coefficients tuple": (
        method(coefficients=(1, 2, 0.5, 0.5)), "coefficients", "(1, 2", "expected",
    ),
    "coefficients None": (method(coefficients=None), "coefficients", "None", "expected"),
    "rule of coefficients": (
        method(coefficients=lambda n: (1, 2, 0.5, 0.5)), "coefficients", "(1, 2", "Coefficients",
    ),
    # convergence
    "negative xatol": (lambda: nelder.Tolerance(xatol=-1e-8), "xatol", "-1e-08", "0 or above"),
    "fatol nan": (lambda: nelder.Tolerance(fatol=NAN), "fatol", "nan", "0 or above"),
    "xatol boolean": (lambda: nelder.Tolerance(xatol=True), "xatol", "True", "finite number"),
    "ulps inf": (lambda: nelder.Tolerance(ulps=INF), "ulps", "inf", "finite"),
    "standard error": (lambda: nelder.StandardError(-1.0), "tolerance", "-1.0", "0 or above"),
    "either": (
        lambda: nelder.EitherTolerance(position_tolerance="x"),
        "position_tolerance", "'x'", "0 or above",
    ),
    "preset": (lambda: NelderMead.scipy(xatol=-1.0), "xatol", "-1.0", "0 or above"),
    "convergence number": (method(convergence=1e-8), "convergence", "1e-08", "Tolerance("),
    "convergence None": (method(convergence=None), "convergence", "None", "Tolerance("),
    # switches
    "bounds_method": (method(bounds_method="reflect"), "bounds_method", "'reflect'", "'clip'"),
    "probe": (method(probe="yes"), "probe", "'yes'", "True or False"),
    "probe 1": (method(probe=1), "probe", "1", "True or False"),
    "equal_inside": (method(equal_inside=None), "equal_inside", "None", "True or False"),
    "exclusive": (
        method(probe=True, final_centroid=True), "probe=True", "final_centroid=True", "expected",
    ),
    # the method
    "method text": ({"method": "nelder-mead"}, "method", "'nelder-mead'", "NelderMead("),
    "method class": ({"method": NelderMead}, "method", "NelderMead", "nelder.NelderMead(...)"),
    "method None": ({"method": None}, "method", "None", "NelderMead("),
    # budgets
    "maxfev 0": ({"maxfev": 0}, "maxfev", "0", "1 or above"),
    "maxfev negative": ({"maxfev": -5}, "maxfev", "-5", "1 or above"),
    "maxfev fraction": ({"maxfev": 10.5}, "maxfev", "10.5", "whole number"),
    "maxfev float": ({"maxfev": 10.0}, "maxfev", "10.0", "whole number"),
    "maxfev boolean": ({"maxfev": True}, "maxfev", "True", "whole number"),
    "maxfev text": ({"maxfev": "10"}, "maxfev", "'10'", "whole number"),
    "maxfev nan": ({"maxfev": NAN}, "maxfev", "nan", "whole number"),
    "maxfev minus inf": ({"maxfev": -INF}, "maxfev", "-inf", "whole number"),
    "maxfev list": ({"maxfev": [10]}, "maxfev", "[10]", "whole number"),
    "maxfev array": ({"maxfev": np.array([10, 20])}, "maxfev", "[10, 20]", "whole number"),
    "maxiter negative": ({"maxiter": -1}, "maxiter", "-1", "0 or above"),
    "maxiter fraction": ({"maxiter": 0.5}, "maxiter", "0.5", "whole number"),
    "maxiter boolean": ({"maxiter": False}, "maxiter", "False", "whole number"),
    "maxtime 0": ({"maxtime": 0}, "maxtime", "0", "above 0"),
    "maxtime negative": ({"maxtime": -1.0}, "maxtime", "-1.0", "above 0"),
    "maxtime nan": ({"maxtime": NAN}, "maxtime", "nan", "above 0"),
    "maxtime boolean": ({"maxtime": True}, "maxtime", "True", "seconds"),
    "maxtime text": ({"maxtime": "1s"}, "maxtime", "'1s'", "seconds"),
    "target nan": ({"target": NAN}, "target", "nan", "real number"),
    "target boolean": ({"target": np.True_}, "target", "True", "real number"),
    "target text": ({"target": "0"}, "target", "'0'", "real number"),
    "target complex": ({"target": 1j}, "target", "1j", "real number"),
    # observers and failures
    "on_failure": ({"on_failure": "ignore"}, "on_failure", "'ignore'", "'worst'"),
    "on_failure None": ({"on_failure": None}, "on_failure", "None", "'raise'"),
    "callback": ({"callback": 3}, "callback", "3", "callable"),
    "callback text": ({"callback": "print"}, "callback", "'print'", "callable"),
    # the objective
    "fun None": ({"fun": None}, "fun", "None", "callable"),
    "fun number": ({"fun": 3.0}, "fun", "3.0", "callable"),
    "fun text": ({"fun": "x**2"}, "fun", "'x**2'", "callable"),
    "args of a native": ({"fun": NATIVE, "args": (1.0,)}, "args", "(1.0,)", "native"),
    "array as args of a native": ({"fun": NATIVE, "args": np.ones(2)}, "args", "native"),
    "structured x0 of a native": ({"fun": NATIVE, "x0": NAMED}, "x0", "structured", "native"),
}  # fmt: skip


def refuse(fragments, **given):
    """Assert that `minimize` refuses, saying `fragments`, before it calls anything."""
    calls = []

    def fun(x, *args):
        calls.append(x)
        return 0.0

    given.setdefault("callback", lambda xk: calls.append(xk))
    with pytest.raises(nelder.InvalidArgumentError) as error:
        nelder.minimize(**{"fun": fun, "x0": [1.0, 2.0], **given})
    message = str(error.value)
    for fragment in fragments:
        assert fragment in message, message
    assert len(message) < 600
    assert isinstance(error.value, ValueError)
    assert isinstance(error.value, nelder.NelderError)
    assert calls == []


@pytest.mark.parametrize(("x0", "fragments"), [(x0, rest) for x0, *rest in X0.values()], ids=X0)
def test_bad_x0(x0, fragments):
    refuse(fragments, x0=x0)
    with pytest.raises(nelder.InvalidArgumentError, match="x0"):
        nelder.Optimizer(x0)


@pytest.mark.parametrize(
    ("x0", "bounds", "fragments"),
    [(x0, bounds, rest) for x0, bounds, *rest in BOUNDS.values()],
    ids=BOUNDS,
)
def test_bad_bounds(x0, bounds, fragments):
    refuse(fragments, x0=x0, bounds=bounds)
    with pytest.raises(nelder.InvalidArgumentError, match="bounds"):
        nelder.Optimizer(x0, bounds=bounds)


@pytest.mark.parametrize(
    ("settings", "fragments"), [(given, rest) for given, *rest in SETTINGS.values()], ids=SETTINGS
)
def test_bad_settings(settings, fragments):
    if callable(settings):  # refused where it is built
        with pytest.raises(nelder.InvalidArgumentError) as error:
            settings()
        for fragment in fragments:
            assert fragment in str(error.value)
        return
    make = settings.get("method")
    if not (callable(make) and not isinstance(make, (type, NelderMead))):
        refuse(fragments, **settings)
        return
    try:
        method = make()
    except nelder.InvalidArgumentError as error:
        for fragment in fragments:
            assert fragment in str(error), error
    else:  # what depends on n is refused by the search
        refuse(fragments, method=method)
        with pytest.raises(nelder.InvalidArgumentError):
            nelder.Optimizer([1.0, 2.0], method=method)


@pytest.mark.parametrize("name", ["xatol", "maxfunc", "tol", "max_iter"])
def test_unknown_arguments(name):
    with pytest.raises(TypeError, match=name):
        nelder.minimize(lambda x: 0.0, [1.0], **{name: 1})
    with pytest.raises(TypeError, match=name):
        NelderMead(**{name: 1})


def test_a_simplex_must_not_become_degenerate_in_the_bounds():
    flat = NelderMead(initial_simplex=[[1.0, 1.0], [2.0, 1.0], [1.0, -3.0]])
    refuse(["initial_simplex", "degenerate"], bounds=[(0, 1), (-5, 5)], x0=[1.0, 1.0],
           method=NelderMead(initial_simplex=[[1.0, 1.0], [1.0, 2.0], [3.0, 1.0]]))  # fmt: skip
    assert nelder.minimize(lambda x: float(x @ x), [1.0, 1.0], method=flat).success


def test_a_simplex_is_degenerate_whatever_the_units():
    tiny = np.array([[0.0, 0.0], [1e-30, 0.0], [0.0, 1e30]])
    fun = lambda x: float(abs(x[0]) + abs(x[1]))  # noqa: E731
    assert nelder.minimize(fun, [0.0, 0.0], method=NelderMead(initial_simplex=tiny)).fun == 0.0
    refuse(["degenerate"], method=NelderMead(initial_simplex=tiny @ [[1.0, 0.0], [1.0, 0.0]]))


def test_settings_are_checked_before_anything_is_drawn(capsys):
    refuse(["maxfev"], maxfev=-1, progress=True)
    shown = capsys.readouterr()
    assert shown.out + shown.err == ""


@pytest.mark.parametrize("max_points", [0, -1, 1.5, True, "2", math.inf])
def test_bad_max_points(max_points):
    optimizer = nelder.Optimizer([1.0, 2.0])
    with pytest.raises(nelder.InvalidArgumentError, match=r"max_points=.*whole number above 0"):
        optimizer.ask(max_points)


def test_bad_method_of_an_optimizer():
    with pytest.raises(nelder.InvalidArgumentError, match=r"method='scipy'.*NelderMead\("):
        nelder.Optimizer([1.0, 2.0], method="scipy")
