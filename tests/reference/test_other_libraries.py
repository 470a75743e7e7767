"""Published runs of other libraries, and SciPy itself beside its replacement.

Optim.jl: https://julianlsolvers.github.io/Optim.jl/stable/user/minimization/ (Rosenbrock from the
origin with NelderMead()). The maximum-entropy problem is that of SciPy's own tests: Berger, Della
Pietra & Della Pietra, Computational Linguistics 22(1):39-72 (1996).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import Bounds, OptimizeResult, OptimizeWarning

import nelder
from nelder import NelderMead, Status

# Optim.jl


def rosenbrock(x):
    return float((1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2)


def test_optim_documented_run_on_rosenbrock():
    result = nelder.minimize(rosenbrock, [0.0, 0.0], method=NelderMead.optim(), history=True)
    assert result.success
    assert result.nit == 60
    assert result.nfev == len(result.history.values) == 117
    assert f"{result.fun:.6e}" == "3.525527e-09"
    assert result.fun == rosenbrock(result.x)


def test_optim_evaluates_the_centroid_at_the_end():
    result = nelder.minimize(rosenbrock, [0.0, 0.0], method=NelderMead.optim(), history=True)
    vertices = result.final_simplex.vertices
    np.testing.assert_allclose(
        result.history.points[-1], vertices[:-1].mean(axis=0), rtol=1e-12, atol=1e-12
    )
    assert result.fun <= result.final_simplex.values[0]
    without = nelder.minimize(
        rosenbrock,
        [0.0, 0.0],
        method=NelderMead(
            coefficients=nelder.Adaptive(),
            initial_simplex=nelder.AffineSimplex(),
            convergence=nelder.StandardError(1e-8),
            probe=False,
            equal_outside=False,
        ),
    )
    assert (without.nfev, without.nit) == (116, 60)


# SciPy's maximum-entropy problem

FEATURES = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 0, 0]])
EXPECTATIONS = np.array([1.0, 0.3, 0.5])
SOLUTION = np.array([0.0, -0.524869316, 0.487525860])


def entropy(x):
    return np.log(sum(np.exp(FEATURES @ x))) - EXPECTATIONS @ x


def test_scipy_maximum_entropy_takes_167_evaluations():
    """The 167 that SciPy's test counts: two of them are its own, at the answer and the solution."""
    calls = []

    def fun(x):
        calls.append(x)
        return entropy(x)

    result = nelder.minimize(fun, np.zeros(3), method=NelderMead.scipy())
    assert fun(result.x) == pytest.approx(fun(SOLUTION), abs=1e-6)
    assert len(calls) == 167
    assert result.nfev == 165
    assert result.success
    # the trace that SciPy's test knows from SciPy 0.7.0
    expected = [[0.1928968, -0.62780447, 0.35166118], [0.19572515, -0.63648426, 0.35838135]]
    np.testing.assert_allclose(calls[76:78], expected, rtol=1e-7)


def test_scipy_maximum_entropy_through_scipy():
    result = scipy.optimize.minimize(
        entropy, np.zeros(3), method=nelder.scipy_method, options={"like": "scipy"}
    )
    expected = scipy.optimize.minimize(entropy, np.zeros(3), method="Nelder-Mead")
    assert expected.nfev == result.nfev == 165
    assert expected.nit == result.nit


# SciPy beside its replacement


def wood(x):
    return float(
        100.0 * (x[1] - x[0] ** 2) ** 2
        + (1.0 - x[0]) ** 2
        + 90.0 * (x[3] - x[2] ** 2) ** 2
        + (1.0 - x[2]) ** 2
        + 10.1 * ((x[1] - 1.0) ** 2 + (x[3] - 1.0) ** 2)
        + 19.8 * (x[1] - 1.0) * (x[3] - 1.0)
    )


def kinked(x):
    return float(abs(x[0] - 0.3) + 2.0 * abs(x[1] + 0.7) + 0.1 * (x[0] * x[1]) ** 2)


def waves(x):
    return float(np.sin(x[0]) * np.cos(x[1]) + 0.01 * (x[0] ** 2 + x[1] ** 2))


def parabola(x):
    return float((x[0] - 1.7) ** 2 + 0.01 * (x[0] - 1.7) ** 3 * (x[0] > 0.0))


CASES = {
    "Rosenbrock": (rosenbrock, [-1.2, 1.0], {}),
    "Rosenbrock from 0": (rosenbrock, [0.0, 0.0], {}),
    "entropy": (entropy, np.zeros(3), {}),
    "entropy, adaptive": (entropy, np.zeros(3), {"options": {"adaptive": True}}),
    "Wood": (wood, [-3.0, -1.0, -3.0, -1.0], {}),
    "Wood, adaptive": (wood, [-3.0, -1.0, -3.0, -1.0], {"options": {"adaptive": True}}),
    "Rosen 5": (scipy.optimize.rosen, [1.3, 0.7, 0.8, 1.9, 1.2], {}),
    "Rosen 5, adaptive": (
        scipy.optimize.rosen, [1.3, 0.7, 0.8, 1.9, 1.2], {"options": {"adaptive": True}},
    ),
    "kinked": (kinked, [1.0, 1.0], {}),
    "waves": (waves, [2.0, -1.0], {}),
    "n = 1": (parabola, [0.0], {}),
    "n = 1 from afar": (parabola, [-30.0], {}),
    "integers": (rosenbrock, [2, 3], {}),
    "tight": (rosenbrock, [-1.2, 1.0], {"options": {"xatol": 1e-8, "fatol": 1e-10}}),
    "loose": (wood, [-3.0, -1.0, -3.0, -1.0], {"options": {"xatol": 1e-1, "fatol": 1.0}}),
    "tol": (rosenbrock, [-1.2, 1.0], {"tol": 1e-6}),
    "inside": (rosenbrock, [-1.2, 1.0], {"bounds": [(-2.0, 2.0), (-2.0, 2.0)]}),
    "edge": (rosenbrock, [-1.2, 1.0], {"bounds": [(-2.0, 0.5), (None, 2.0)]}),
    "Bounds": (wood, [0.5, 1.0, 0.5, 1.0], {"bounds": Bounds(-0.5, [0.8, 2.0, 0.9, np.inf])}),
    "at the upper bound": (rosenbrock, [1.0, 2.0], {"bounds": [(0.0, 1.0), (1.0, 3.0)]}),
    "simplex": (
        rosenbrock, [0.0, 0.0],
        {"options": {"initial_simplex": [[-1.0, 2.0], [0.5, 1.0], [1.0, -1.0]]}},
    ),
    "simplex in bounds": (
        kinked, [0.5, 0.5],
        {
            "bounds": [(0.0, 1.0), (-0.5, 1.0)],
            "options": {"initial_simplex": [[0.5, 0.5], [1.3, 0.5], [0.5, 0.9]]},
        },
    ),
    "maxiter": (rosenbrock, [-1.2, 1.0], {"options": {"maxiter": 17}}),
    "maxiter 1": (rosenbrock, [-1.2, 1.0], {"options": {"maxiter": 1}}),
    "no whole maxiter": (rosenbrock, [-1.2, 1.0], {"options": {"maxiter": 17.3}}),
    "maxfev": (rosenbrock, [-1.2, 1.0], {"options": {"maxfev": 50}}),
    "maxfev 7": (wood, [-3.0, -1.0, -3.0, -1.0], {"options": {"maxfev": 7}}),
    "both": (rosenbrock, [-1.2, 1.0], {"options": {"maxiter": 100, "maxfev": 60}}),
    "infinite": (rosenbrock, [-1.2, 1.0], {"options": {"maxiter": np.inf, "maxfev": 500}}),
    "default budget": (scipy.optimize.rosen, np.linspace(-2, 2, 8), {}),
    "args": (
        lambda x, a, b: float((x[0] - a) ** 2 + 2.0 * (x[1] - b) ** 2), [1.0, 2.0],
        {"args": (3.0, 4.0)},
    ),
}  # fmt: skip


def run_both(fun, x0, settings, **more):
    options = {**settings.get("options", {}), **more.pop("options", {})}
    rest = {key: value for key, value in settings.items() if key != "options"}
    expected = scipy.optimize.minimize(
        fun, x0, method="Nelder-Mead", options=options, **rest, **more
    )
    found = scipy.optimize.minimize(
        fun, x0, method=nelder.scipy_method, options={**options, "like": "scipy"}, **rest, **more
    )
    return found, expected


@pytest.mark.parametrize(("fun", "x0", "settings"), CASES.values(), ids=CASES)
def test_like_scipy_is_scipy(fun, x0, settings):
    found, expected = run_both(fun, x0, settings, options={"return_all": True})
    assert (found.nfev, found.nit) == (expected.nfev, expected.nit)
    assert (found.success, found.status) == (expected.success, expected.status)
    assert found.message == expected.message
    assert set(expected) <= set(found)
    for ours, theirs in zip(found.final_simplex, expected.final_simplex, strict=True):
        assert ours.shape == theirs.shape
    if expected.status == 1:
        # SciPy throws away what it knows of an iteration that maxfev cuts short; we do not
        assert found.fun <= expected.fun * (1.0 + 1e-6)
        m = len(expected.allvecs) - 1
        assert m <= len(found.allvecs) <= m + 1
        np.testing.assert_allclose(found.allvecs[:m], expected.allvecs[:m], rtol=1e-5, atol=1e-6)
        return
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.fun, expected.fun, rtol=1e-9, atol=1e-12)
    for ours, theirs in zip(found.final_simplex, expected.final_simplex, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.allvecs, expected.allvecs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_like_scipy_is_scipy_from_any_start(seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 7))  # at n = 1 SciPy's adaptive coefficients collapse the simplex
    basis = random.normal(size=(n, n))
    goal = random.normal(size=n)

    def fun(x):
        d = basis @ (x - goal)
        return float(d @ d + 0.1 * np.abs(d).sum())

    # Rounding differs, and grows from one step to the next: compare before it decides.
    settings = {"options": {"adaptive": bool(seed % 2), "maxfev": 60 * n}}
    if seed % 3 == 0:
        settings["bounds"] = [(-3.0, 3.0)] * n
    found, expected = run_both(fun, random.normal(size=n), settings)
    assert (found.nfev, found.nit, found.status) == (expected.nfev, expected.nit, expected.status)
    if expected.success:
        np.testing.assert_allclose(found.x, expected.x, rtol=1e-6, atol=1e-6)


def test_like_scipy_warns_of_a_start_outside_the_bounds():
    results = []
    for method, options in (("Nelder-Mead", {}), (nelder.scipy_method, {"like": "scipy"})):
        with pytest.warns(OptimizeWarning, match="not within the specified bounds"):
            results.append(
                scipy.optimize.minimize(
                    wood,
                    [5.0, 0.5, 0.5, 0.5],
                    method=method,
                    bounds=[(-2, 2)] * 4,
                    options=options,
                )
            )
    assert results[0].nfev == results[1].nfev
    np.testing.assert_allclose(results[0].x, results[1].x, atol=1e-3)


@pytest.mark.parametrize("like", [None, "scipy"])
def test_single_precision_is_kept(like):
    def fun(x):
        assert x.dtype == np.float32
        return (x[0] - np.float32(1.5)) ** 2

    x0 = np.array([3.0], dtype=np.float32)
    result = scipy.optimize.minimize(fun, x0, method=nelder.scipy_method, options={"like": like})
    assert result.x[0] == pytest.approx(1.5, abs=1e-2)


# Callbacks, old and new


@pytest.mark.parametrize("like", [None, "scipy"])
def test_callbacks_old_and_new(like):
    old, new = [], []

    def keyword(intermediate_result):
        assert isinstance(intermediate_result, OptimizeResult)
        new.append((intermediate_result.x.copy(), intermediate_result.fun))

    options = {"like": like}
    minimize = scipy.optimize.minimize
    result = minimize(
        rosenbrock, [-1.2, 1.0], method=nelder.scipy_method, callback=old.append, options=options
    )
    minimize(rosenbrock, [-1.2, 1.0], method=nelder.scipy_method, callback=keyword, options=options)
    np.testing.assert_array_equal(old, [x for x, _ in new])
    np.testing.assert_array_equal(old[-1], result.x)
    assert new[-1][1] == result.fun
    assert len(old) == result.nit - (like == "scipy")
    if like == "scipy":
        theirs = []
        minimize(rosenbrock, [-1.2, 1.0], method="Nelder-Mead", callback=lambda x: theirs.append(x))
        np.testing.assert_allclose(old, theirs, rtol=1e-7)


@pytest.mark.parametrize("like", [None, "scipy"])
def test_stop_iteration_in_a_callback(like):
    def stop(xk):
        seen.append(xk)
        if len(seen) == 7:
            raise StopIteration

    seen = []
    result = scipy.optimize.minimize(
        rosenbrock, [-1.2, 1.0], method=nelder.scipy_method, callback=stop, options={"like": like}
    )
    assert len(seen) == 7
    assert not result.success
    assert result.status == 99
    assert "StopIteration" in result.message
    np.testing.assert_array_equal(result.x, seen[-1])


# disp, return_all, final_simplex


@pytest.mark.parametrize("like", [None, "scipy"])
def test_disp_prints_the_end(like, capsys):
    result = scipy.optimize.minimize(
        rosenbrock, [-1.2, 1.0], method=nelder.scipy_method, options={"disp": True, "like": like}
    )
    shown = capsys.readouterr().out
    assert result.message in shown
    assert f"Current function value: {result.fun:f}" in shown
    assert f"Iterations: {result.nit}" in shown
    assert f"Function evaluations: {result.nfev}" in shown
    if like == "scipy":
        scipy.optimize.minimize(
            rosenbrock, [-1.2, 1.0], method="Nelder-Mead", options={"disp": True}
        )
        assert capsys.readouterr().out == shown


@pytest.mark.parametrize("like", [None, "scipy"])
@pytest.mark.parametrize("budget", [{"maxiter": 5}, {"maxfev": 9}])
def test_disp_warns_of_a_used_up_budget(like, budget):
    with pytest.warns(RuntimeWarning, match="Maximum number of"):
        scipy.optimize.minimize(
            rosenbrock,
            [-1.2, 1.0],
            method=nelder.scipy_method,
            options={"disp": True, "like": like, **budget},
        )


def test_nothing_is_printed_without_disp(capsys):
    scipy.optimize.minimize(rosenbrock, [-1.2, 1.0], method=nelder.scipy_method)
    assert capsys.readouterr().out == ""


def test_return_all_gives_the_best_point_of_every_iteration():
    result = scipy.optimize.minimize(
        rosenbrock, [-1.2, 1.0], method=nelder.scipy_method, options={"return_all": True}
    )
    assert len(result.allvecs) == result.nit + 1
    values = [rosenbrock(x) for x in result.allvecs]
    assert values == sorted(values, reverse=True)
    plain = scipy.optimize.minimize(rosenbrock, [-1.2, 1.0], method=nelder.scipy_method)
    assert "allvecs" not in plain


# With its own decisions


def test_its_own_defaults_are_those_of_minimize():
    for settings in ({}, {"bounds": [(-2.0, 0.5), (None, 2.0)]}):
        found = scipy.optimize.minimize(
            rosenbrock, [-1.2, 1.0], method=nelder.scipy_method, **settings
        )
        expected = nelder.minimize(rosenbrock, [-1.2, 1.0], **settings)
        assert isinstance(found, OptimizeResult)
        np.testing.assert_array_equal(found.x, expected.x)
        for name in ("fun", "nfev", "nit", "success"):
            assert found[name] == expected[name]
        assert found.status == Status.CONVERGED == 0
        for ours, theirs in zip(found.final_simplex, expected.final_simplex, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({"maxiter": 12}, {"maxiter": 12}),
        ({"maxfev": 33}, {"maxfev": 33}),
        (
            {"xatol": 1e-3, "fatol": 1e-2},
            {"method": NelderMead(convergence=nelder.Tolerance(1e-3, 1e-2))},
        ),
        ({"xatol": 1e-3}, {"method": NelderMead(convergence=nelder.Tolerance(1e-3, 1e-8))}),
        ({"adaptive": False}, {"method": NelderMead(coefficients=nelder.Standard())}),
        ({"adaptive": True}, {"method": NelderMead(coefficients=nelder.Adaptive())}),
        (
            {"initial_simplex": np.eye(5, 4) - 0.5},
            {"method": NelderMead(initial_simplex=np.eye(5, 4) - 0.5)},
        ),
    ],
    ids=["maxiter", "maxfev", "tolerances", "xatol", "standard", "adaptive", "initial_simplex"],
)  # fmt: skip
def test_scipys_option_names(options, settings):
    x0 = [-3.0, -1.0, -3.0, -1.0]
    found = scipy.optimize.minimize(wood, x0, method=nelder.scipy_method, options=options)
    expected = nelder.minimize(wood, x0, **settings)
    np.testing.assert_array_equal(found.x, expected.x)
    assert (found.nfev, found.nit, found.fun) == (expected.nfev, expected.nit, expected.fun)


def test_tol_sets_both_tolerances():
    found = scipy.optimize.minimize(
        wood, [-3.0, -1.0, -3.0, -1.0], method=nelder.scipy_method, tol=1e-3
    )
    method = NelderMead(convergence=nelder.Tolerance(1e-3, 1e-3))
    expected = nelder.minimize(wood, [-3.0, -1.0, -3.0, -1.0], method=method)
    assert (found.nfev, found.fun) == (expected.nfev, expected.fun)


@pytest.mark.parametrize("like", [None, "scipy"])
def test_unknown_options_warn(like):
    with pytest.warns(OptimizeWarning, match="Unknown solver options: gtol"):
        result = scipy.optimize.minimize(
            rosenbrock, [-1.2, 1.0], method=nelder.scipy_method, options={"gtol": 1, "like": like}
        )
    assert result.success


def test_derivatives_are_not_used_with_a_warning():
    with pytest.warns(OptimizeWarning, match="jac"):
        result = scipy.optimize.minimize(
            rosenbrock, [-1.2, 1.0], method=nelder.scipy_method, jac=lambda x: np.zeros(2)
        )
    assert result.success
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-5)


def test_constraints_are_refused():
    calls = []
    for constraints in (
        {"type": "eq", "fun": lambda x: x[0]},
        [{"type": "ineq", "fun": lambda x: x[0]}],
        scipy.optimize.LinearConstraint([[1.0, 1.0]], 0.0, 1.0),
        scipy.optimize.NonlinearConstraint(lambda x: x[0], 0.0, 1.0),
    ):
        with pytest.raises(nelder.InvalidArgumentError, match=r"constraints=.*bounds"):
            scipy.optimize.minimize(
                lambda x: calls.append(x) or 0.0,
                [1.0, 2.0],
                method=nelder.scipy_method,
                constraints=constraints,
            )
    assert calls == []


@pytest.mark.parametrize("like", ["matlab", 1, True])
def test_like_is_checked(like):
    with pytest.raises(nelder.InvalidArgumentError, match=r"like=.*expected None or 'scipy'"):
        scipy.optimize.minimize(
            rosenbrock, [1.0, 2.0], method=nelder.scipy_method, options={"like": like}
        )


@pytest.mark.parametrize("like", [None, "scipy"])
@pytest.mark.parametrize(
    "options",
    [
        {"initial_simplex": np.eye(2)},
        {"initial_simplex": np.ones((4, 3))},
        {"initial_simplex": [1.0, 2.0]},
        {"maxfev": -1},
        {"xatol": -1.0},
    ],
    ids=["square", "of another n", "flat", "maxfev", "xatol"],
)
def test_bad_options_are_refused(options, like):
    with pytest.raises(ValueError, match=next(iter(options))):
        scipy.optimize.minimize(
            rosenbrock, [1.0, 2.0], method=nelder.scipy_method, options={**options, "like": like}
        )


def test_errors_of_the_objective_carry_the_result():
    def fails(x):
        raise ZeroDivisionError("never")

    with pytest.raises(nelder.EvaluationError, match="never") as caught:
        scipy.optimize.minimize(fails, [1.0, 2.0], method=nelder.scipy_method)
    assert caught.value.result is not None


def test_in_scipys_global_searches():
    result = scipy.optimize.basinhopping(
        lambda x: float(np.cos(14.5 * x[0] - 0.3) + (x[0] + 0.2) * x[0]),
        [1.0],
        niter=30,
        rng=3,
        minimizer_kwargs={"method": nelder.scipy_method},
    )
    assert result.fun == pytest.approx(-1.0009, abs=1e-3)


# SciPy's own tests, through nelder

SELECTED = [
    "neldermead",
    "nelder-mead",
    "fmin",
    "maxfev_test",
    "tol_parameter",
    "attributes_present",
    "TestBrute",
    "result_x_shape",
    "x_overwritten",
    "runtime_warning",
]


@pytest.fixture(scope="module")
def scipys_own_tests(tmp_path_factory):
    """Run what SciPy tests its Nelder-Mead with; return the exit code and the output."""
    folder = tmp_path_factory.mktemp("scipy")
    (folder / "pytest.ini").write_text("[pytest]\n")  # not this project's settings
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.reference.scipy_plugin"),
            *("-p", "no:cacheprovider", "-c", "pytest.ini", "--rootdir", ".", "-q", "--tb=short"),
            *("--pyargs", "scipy.optimize.tests.test_optimize", "-k", " or ".join(SELECTED)),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_scipys_own_tests_pass_through_nelder(scipys_own_tests):
    code, output = scipys_own_tests
    assert code == 0, output[-6000:]
    assert " failed" not in output
    assert " error" not in output


def test_scipys_own_tests_do_come_through_nelder(scipys_own_tests):
    _, output = scipys_own_tests
    passed = re.search(r"(\d+) passed", output)
    assert passed, output[-6000:]
    through = re.search(r"through nelder: (\d+) tests, (\d+) searches", output)
    assert through
    assert int(through[1]) >= 40
    assert int(through[2]) >= 80
    assert int(passed[1]) >= 40
