"""One suite for every array library: lanes are single searches; bad input says what is wrong."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import nelder
from nelder import NelderMead, Status, batched
from nelder.batched.settings import REFRESH, Numbers
from nelder.errors import InvalidArgumentError, ReturnValueError

INF = math.inf
COUNTS = ("nfev", "nit", "nshrink", "nrestart", "nfailed", "status")
BOUNDS = [(-1.5, 0.9), (0.2, None), (None, 2.0)]


def of_numpy():
    return SimpleNamespace(
        array=lambda a, dtype="float64": np.asarray(a, dtype=dtype),
        numpy=np.asarray,
        sum=lambda a: np.sum(a, axis=-1),
        where=np.where,
        exact=True,
    )


def of_jax():
    jax = pytest.importorskip("jax", reason="pip install jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    return SimpleNamespace(
        array=lambda a, dtype="float64": jnp.asarray(np.asarray(a, dtype=dtype)),
        numpy=np.asarray,
        sum=lambda a: jnp.sum(a, axis=-1),
        where=jnp.where,
        exact=False,
    )


def of_torch():
    torch = pytest.importorskip("torch", reason="pip install torch")
    return SimpleNamespace(
        array=lambda a, dtype="float64": torch.tensor(np.asarray(a, dtype=dtype)),
        numpy=lambda a: a.numpy(),
        sum=lambda a: torch.sum(a, dim=-1),
        where=torch.where,
        exact=True,
    )


def of_tensorflow():
    tf = pytest.importorskip("tensorflow", reason="pip install tensorflow")
    return SimpleNamespace(
        array=lambda a, dtype="float64": tf.constant(np.asarray(a, dtype=dtype)),
        numpy=lambda a: a.numpy(),
        sum=lambda a: tf.reduce_sum(a, axis=-1),
        where=tf.where,
        exact=False,
    )


LIBRARIES = {"numpy": of_numpy, "jax": of_jax, "torch": of_torch, "tensorflow": of_tensorflow}


@pytest.fixture(params=LIBRARIES)
def library(request):
    """An array library; `exact` where nothing is fused or reordered."""
    made = LIBRARIES[request.param]()
    made.name = request.param
    return made


def starts(lanes=12, n=3):
    return np.random.default_rng(0).uniform(-1.4, 0.8, (lanes, n)).round(3)


def rosenbrock(library):
    def fun(x):
        a = x[:, 1:] - x[:, :-1] * x[:, :-1]
        b = 1.0 - x[:, :-1]
        return library.sum(100.0 * a * a + b * b)

    return fun


def one_by_one(fun, x0s, **settings):
    return [nelder.minimize(lambda x: float(fun(x[None])[0]), x0, **settings) for x0 in x0s]


def check_alike(result, singles, library, exact=True, decided=True):
    """`decided`: no comparison of these searches is within rounding of a tie."""
    x, fun = library.numpy(result.x), library.numpy(result.fun)
    for k, single in enumerate(singles):
        if exact and library.exact:
            assert x[k].tobytes() == single.x.tobytes()
            assert fun[k] == single.fun
        np.testing.assert_allclose(x[k], single.x, rtol=1e-5, atol=1e-5)
        if decided:
            counts = {name: int(library.numpy(getattr(result, name))[k]) for name in COUNTS}
            assert counts == {name: int(getattr(single, name)) for name in COUNTS}
    assert (library.numpy(result.success) == [single.success for single in singles]).all()


# Searches far from rounding: the first 60 evaluations, or tolerances of 1e-3.
ROUGH = nelder.Tolerance(1e-3, 1e-3)
METHODS = {
    "default": NelderMead(convergence=ROUGH),
    "adaptive": NelderMead(convergence=ROUGH, coefficients=nelder.Adaptive()),
    "scipy": NelderMead.scipy(xatol=1e-3, fatol=1e-3),
    "optim": NelderMead.optim(g_abstol=1e-3),
    "tfp": NelderMead.tfp(func_tolerance=1e-3, position_tolerance=1e-3),
    "fminsearch": NelderMead.fminsearch(tolx=1e-3, tolfun=1e-3),
    "regular": NelderMead(convergence=ROUGH, initial_simplex=nelder.RegularSimplex()),
    "steps": NelderMead(convergence=ROUGH, initial_simplex=nelder.StepSimplex([0.1, -0.2, 0.3])),
    "vertices": NelderMead(convergence=ROUGH, initial_simplex=np.eye(4, 3) * 0.5 + 0.1),
    "no probe": NelderMead(convergence=ROUGH, probe=False),
}


@pytest.mark.parametrize("name", METHODS)
def test_lanes_are_single_searches(library, name):
    method = METHODS[name]
    result = batched.minimize(rosenbrock(library), library.array(starts()), method=method)
    check_alike(result, one_by_one(rosenbrock(of_numpy()), starts(), method=method), library)


@pytest.mark.parametrize("name", ["default", "scipy"])  # which transform and which clip
def test_lanes_are_single_searches_in_bounds(library, name):
    method = METHODS[name]
    x0s = library.array(starts())
    result = batched.minimize(rosenbrock(library), x0s, bounds=BOUNDS, method=method)
    singles = one_by_one(rosenbrock(of_numpy()), starts(), bounds=BOUNDS, method=method)
    # Sine and cosine of other libraries are not those of the C library.
    exact = library.name == "numpy" or method.clips
    check_alike(result, singles, library, exact)
    x = library.numpy(result.x)
    assert (x[:, 0] >= -1.5).all()
    assert (x[:, 0] <= 0.9).all()
    assert (x[:, 1] >= 0.2).all()
    assert (x[:, 2] <= 2.0).all()


@pytest.mark.parametrize("n", [1, 2, 5, 12, 30])
def test_any_dimension(library, n):
    x0s = starts(5, n)
    weights = np.arange(1.0, n + 1.0)

    def fun(x):
        return library.sum(library.array(weights) * (x - 0.3) * (x - 0.3))

    result = batched.minimize(fun, library.array(x0s), maxfev=60 + 2 * n)
    singles = one_by_one(
        lambda x: np.sum(weights * (x - 0.3) * (x - 0.3), axis=-1), x0s, maxfev=60 + 2 * n
    )
    exact = library.name == "numpy" or n < 3  # sums of more may be added in another order
    check_alike(result, singles, library, exact)


def test_many_lanes_are_compacted(library):
    x0s = starts(1500)
    result = batched.minimize(rosenbrock(library), library.array(x0s), method=METHODS["default"])
    some = [0, 1, 700, 1499]
    singles = one_by_one(rosenbrock(of_numpy()), x0s[some], method=METHODS["default"])
    for k, single in zip(some, singles, strict=True):
        np.testing.assert_allclose(library.numpy(result.x)[k], single.x, atol=1e-9)
        for name in COUNTS:
            assert int(library.numpy(getattr(result, name))[k]) == getattr(single, name)
    assert int(result.best) == int(library.numpy(result.fun).argmin())
    assert result.message(0) == Status.CONVERGED.message


def holed(library):
    """NaN, +inf, -inf, and level ground, by the data of the lane."""

    def fun(x, kind):
        s = library.sum(x * x)
        right, level = x[:, 0] > 0.3, 0.0 * x[:, 0]
        cases = [
            library.where(right, level + math.nan, s),
            library.where(right, level + INF, s),
            library.where(s < 0.1, level - INF, s),
            level + 1.0,
            x[:, 0],  # falls without end
            level + math.nan,
            library.where(x[:, 0] > -9.0, level + 1.0, level),
        ]
        for k, case in enumerate(cases):
            s = library.where(kind == k, case, s)
        return s

    return fun


def test_nan_infinities_level_ground_and_no_ground(library):
    kinds = np.arange(7)
    x0s = np.tile([[-1.0, 0.5, -0.2]], (7, 1))
    settings = {"method": NelderMead(), "maxfev": 3000}
    result = batched.minimize(
        holed(library), library.array(x0s), (library.array(kinds, "int32"),), **settings
    )
    fun = holed(of_numpy())
    singles = [
        nelder.minimize(lambda x, k=k: float(fun(x[None], np.array([k]))[0]), x0s[k], **settings)
        for k in kinds
    ]
    expected = [single.status for single in singles]
    assert [Status(k) for k in library.numpy(result.status).tolist()] == expected
    assert {Status.UNBOUNDED, Status.NO_FINITE_VALUE, Status.CONVERGED} <= set(expected)
    if library.exact:
        check_alike(result, singles, library)


@pytest.mark.parametrize(
    "budget",
    [{"maxfev": 1}, {"maxfev": 3}, {"maxfev": 57}, {"maxiter": 0}, {"maxiter": 9}, {"target": 5.0}],
)
def test_budgets_are_exact(library, budget):
    result = batched.minimize(rosenbrock(library), library.array(starts()), **budget)
    check_alike(result, one_by_one(rosenbrock(of_numpy()), starts(), **budget), library)


def test_data_of_the_lanes_goes_with_them(library):
    lanes = 300
    goals = np.random.default_rng(1).normal(size=(lanes, 2))
    scales = np.random.default_rng(2).uniform(0.5, 5.0, lanes)

    def fun(x, goal, more):
        d = x - goal
        return more["scale"] * library.sum(d * d)

    result = batched.minimize(
        fun,
        library.array(np.zeros((lanes, 2))),
        (library.array(goals), {"scale": library.array(scales)}),
    )
    np.testing.assert_allclose(library.numpy(result.x), goals, atol=1e-6)


def test_numpy_data_is_taken_along(library):
    goals = np.array([[1.0, 2.0], [3.0, 4.0]])
    result = batched.minimize(
        lambda x, goal: library.sum((x - goal) * (x - goal)), library.array(goals * 0), (goals,)
    )
    np.testing.assert_allclose(library.numpy(result.x), goals, atol=1e-6)


def test_structured_starts(library):
    def fun(p):
        a, b = p["a"], p["b"]
        return (a - 1.0) * (a - 1.0) + library.sum(library.sum((b - 2.0) * (b - 2.0)))

    x0s = {"a": library.array(np.zeros(4)), "b": library.array(np.ones((4, 2, 1)))}
    result = batched.minimize(fun, x0s, bounds={"a": (None, 0.5)})
    np.testing.assert_allclose(library.numpy(result.x["a"]), 0.5, atol=1e-6)
    np.testing.assert_allclose(library.numpy(result.x["b"]), 2.0, atol=1e-6)
    assert library.numpy(result.x["b"]).shape == (4, 2, 1)


def test_float32_stays_float32(library):
    result = batched.minimize(
        lambda x: library.sum((x - 0.5) * (x - 0.5)), library.array(starts(), "float32")
    )
    assert library.numpy(result.x).dtype == library.numpy(result.fun).dtype == np.float32
    assert library.numpy(result.success).all()
    np.testing.assert_allclose(library.numpy(result.x), 0.5, atol=1e-3)


def test_what_kinds_of_numbers_come_back(library):
    result = batched.minimize(rosenbrock(library), library.array(starts()), maxfev=20)
    for name in COUNTS:
        assert library.numpy(getattr(result, name)).dtype == np.int32
        assert library.numpy(getattr(result, name)).shape == (12,)
    assert library.numpy(result.success).dtype == bool
    assert "searches" not in repr(result)
    assert "of 12 succeeded" in repr(result)
    assert "maxfev" in repr(result)


def test_fixed_variables(library):
    x0s = library.array(starts())
    result = batched.minimize(rosenbrock(library), x0s, bounds=[(0.5, 0.5), (-2, 2), (-2, 2)])
    assert (library.numpy(result.x)[:, 0] == 0.5).all()
    assert library.numpy(result.success).all()
    result = batched.minimize(rosenbrock(library), x0s, bounds=[(0.5, 0.5)] * 3)
    assert (library.numpy(result.x) == 0.5).all()
    assert (library.numpy(result.nfev) == 1).all()
    assert library.numpy(result.success).all()


def test_no_lanes(library):
    result = batched.minimize(rosenbrock(library), library.array(np.zeros((0, 3))))
    assert library.numpy(result.x).shape == (0, 3)
    assert library.numpy(result.fun).shape == (0,)


# Errors


def bad(library, match, error=InvalidArgumentError, fun=None, x0s=None, **given):
    x0s = library.array(starts()) if x0s is None else x0s
    with pytest.raises(error, match=match):
        batched.minimize(rosenbrock(library) if fun is None else fun, x0s, **given)


def test_starts_that_are_none(library):
    bad(library, r"x0s has shape \(3,\): expected \(B, n\)", x0s=library.array(np.zeros(3)))
    bad(library, r"x0s has shape \(2, 0\)", x0s=library.array(np.zeros((2, 0))))
    bad(library, "float16.*float32 or float64", x0s=library.array(np.zeros((2, 2)), "float16"))
    bad(library, r"x0s\[1, 0\]=nan", x0s=library.array([[0.0, 1.0], [math.nan, 0.0]]))
    bad(library, "x0s is ", x0s="abc")
    bad(library, "x0s is ", x0s={})
    bad(library, "leading axis B", x0s={"a": library.array([0.0]), "b": library.array([0.0, 1.0])})


def test_integer_starts_are_converted_by_numpy_and_refused_by_others(library):
    x0s = library.array(np.ones((2, 3)), "int32")
    if library.name == "numpy":
        assert batched.minimize(rosenbrock(library), x0s).x.dtype == np.float64
    else:
        bad(library, "dtype int32: expected float32 or float64", x0s=x0s)


def test_arguments_that_do_not_fit(library):
    bad(library, "fun=3: expected a callable", fun=3)
    bad(library, "args=.*: expected a tuple", args=library.array(np.zeros(12)))
    bad(
        library, r"shape \(11,\): expected a leading axis B=12", args=(library.array(np.zeros(11)),)
    )
    bad(library, "belongs into the objective", args=(3.0,))
    bad(library, "bounds has 2 entries: expected 3", bounds=[(0, 1), (0, 1)])
    bad(library, "maxfev=0", maxfev=0)
    bad(library, "expected nelder.NelderMead", method=nelder.KWorst())
    bad(library, "a callable cannot be asked", method=NelderMead(convergence=lambda x, f: True))
    bad(library, "degenerate", method=NelderMead(initial_simplex=nelder.AffineSimplex(0.0, 0.0)))
    if library.name != "numpy":
        own = NelderMead(initial_simplex=lambda x0, lower, upper: x0 + np.eye(4, 3))
        bad(library, "cannot call it for many starts", method=own)


def test_an_objective_that_returns_something_else(library):
    back = library.array

    bad(library, r"shape \(12, 3\): expected .* shape \(12,\)", ReturnValueError, lambda x: x)
    bad(library, "returned a builtins.float", ReturnValueError, lambda x: 1.0)
    bad(library, r"returned an array of shape \(\)", ReturnValueError, lambda x: back(1.0))
    bad(library, "dtype complex", ReturnValueError, lambda x: back(np.zeros(12), "complex128"))
    other = "jax" if library.name != "jax" else "numpy"
    foreign = LIBRARIES[other]()
    bad(library, "the objective returned a .*: expected", ReturnValueError,
        lambda x: foreign.array(np.zeros(12)))  # fmt: skip


def test_libraries_that_are_mixed(library):
    foreign = LIBRARIES["torch" if library.name != "torch" else "jax"]()
    bad(library, "args.0. holds", args=(foreign.array(np.zeros(12)),))
    mixed = {"a": library.array(np.zeros((2, 1))), "b": foreign.array(np.zeros((2, 1)))}
    bad(library, "of one library", x0s=mixed)


def test_whole_numbers_are_values(library):
    result = batched.minimize(
        lambda x: library.array(np.ones(x.shape[0]), "int32"), library.array(starts()), maxfev=50
    )
    assert library.numpy(result.fun).dtype == np.float64
    assert (library.numpy(result.fun) == 1.0).all()


def test_numbers_in_lists_are_numpys():
    result = batched.minimize(lambda x: (x[:, 0] - 3.0) ** 2, [[1], [2]])
    np.testing.assert_allclose(result.x, 3.0, atol=1e-6)


def test_a_builder_of_ones_own_on_numpy():
    own = NelderMead(initial_simplex=lambda x0, lower, upper: x0 + 0.4 * np.eye(4, 3, -1))
    result = batched.minimize(rosenbrock(of_numpy()), starts(), method=own)
    check_alike(result, one_by_one(rosenbrock(of_numpy()), starts(), method=own), of_numpy())


def test_constants_are_those_of_the_core(uncompiled_core):
    core = uncompiled_core.module
    numbers = Numbers.of("float64")
    assert (numbers.eps, numbers.huge, numbers.far) == (core.EPS, core.HUGE, core.FAR)
    assert numbers.largest == core.LARGEST
    assert REFRESH == core.REFRESH
