"""Inside what compiles and transforms: jit, vmap, shards; tf.function, XLA, graphs of TensorFlow 1.

What changes a whole process runs in one of its own.
"""

import numpy as np
import pytest

from nelder import NelderMead, batched
from tests.alone import alone

METHOD = NelderMead.tfp(func_tolerance=1e-6, position_tolerance=1e-6)


def starts(lanes=8, n=2, seed=0):
    return np.random.default_rng(seed).uniform(-2.0, 2.0, (lanes, n))


def expected(x0s):
    return batched.minimize(bowl, x0s, method=METHOD)


def bowl(x):
    return (x[:, 0] - 1.0) ** 2 + 3.0 * (x[:, 1] + 0.5) ** 2 + x[:, 0] * x[:, 1]


# What is imported


@pytest.mark.parametrize("library", ["numpy", "jax", "torch", "tensorflow"])
def test_no_library_is_imported_but_that_of_the_starts(library):
    if library != "numpy":
        pytest.importorskip(library, reason=f"pip install {library}")
    made = {
        "numpy": "numpy.zeros((2, 1))",
        "jax": "jax.numpy.zeros((2, 1))",
        "torch": "torch.zeros((2, 1))",
        "tensorflow": "tensorflow.zeros((2, 1))",
    }
    out = alone(
        f"""
        import sys, warnings
        warnings.simplefilter("ignore")
        import {library}
        before = set(sys.modules)
        from nelder import batched
        batched.minimize(lambda x: (x[:, 0] - 1.0) ** 2, {made[library]}, maxfev=30)
        new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
        print(*sorted(new & {{"jax", "torch", "tensorflow", "array_api_compat"}} - {{"{library}"}}))
        """
    )
    assert out.strip() == ""


def test_the_package_needs_none_of_them():
    alone(
        """
        import sys
        for name in ("jax", "jaxlib", "torch", "tensorflow", "array_api_compat", "scipy"):
            sys.modules[name] = None
        import numpy as np
        from nelder import batched
        assert batched.minimize(lambda x: (x[:, 0] - 1.0) ** 2, np.zeros((2, 1))).success.all()
        """
    )


# JAX


@pytest.fixture
def jax():
    jax = pytest.importorskip("jax", reason="pip install jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def test_within_jit_and_returned_from_it(jax):
    found = jax.jit(lambda x0s: batched.minimize(bowl, x0s, method=METHOD))(starts())
    assert isinstance(found, batched.BatchResult)
    np.testing.assert_allclose(found.x, expected(starts()).x, atol=1e-9)
    assert (np.asarray(found.nfev) == expected(starts()).nfev).all()


def test_under_vmap(jax):
    x0s = np.stack([starts(4, seed=1), starts(4, seed=2)])
    found = jax.vmap(lambda x0s: batched.minimize(bowl, x0s, method=METHOD))(x0s)
    for i in range(2):
        np.testing.assert_allclose(found.x[i], expected(x0s[i]).x, atol=1e-9)
        assert (np.asarray(found.nfev[i]) == expected(x0s[i]).nfev).all()


def test_a_pytree_of_nodes_that_only_jax_knows(jax):
    @jax.tree_util.register_pytree_node_class
    class Line:
        def __init__(self, slope, offset):
            self.slope, self.offset = slope, offset

        def tree_flatten(self):
            return (self.slope, self.offset), None

        @classmethod
        def tree_unflatten(cls, _, parts):
            return cls(*parts)

    x0s = Line(jax.numpy.zeros(3), jax.numpy.zeros((3, 1)))
    found = batched.minimize(
        lambda line: (line.slope - 2.0) ** 2 + (line.offset[:, 0] + 1.0) ** 2, x0s, method=METHOD
    )
    assert isinstance(found.x, Line)
    np.testing.assert_allclose(found.x.slope, 2.0, atol=1e-2)
    assert found.x.offset.shape == (3, 1)


def test_the_same_function_is_compiled_once(jax):
    traced = []

    def fun(x):
        traced.append(x.shape)
        return bowl(x)

    def search(x0s, **given):
        batched.minimize(fun, jax.numpy.asarray(x0s), method=METHOD, **given)

    for seed in range(3):
        search(starts(seed=seed))
        search(starts(seed=seed), bounds=[(-3.0, 3.0), (None, 4.0)])
    assert len(traced) == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_lanes_in_pieces_are_as_within_jit(jax, dtype):
    x0s = jax.numpy.asarray(starts(301), dtype=dtype)
    goals = jax.numpy.linspace(0.0, 1.0, 301, dtype=dtype)

    def fun(x, goal):
        return (x[:, 0] - goal) ** 2 + 3.0 * (x[:, 1] + 0.5) ** 2

    def search(x0s, goals):
        return batched.minimize(fun, x0s, (goals,), method=METHOD)

    found, within = search(x0s, goals), jax.jit(search)(x0s, goals)
    assert not found.x.committed
    for name in ("x", "fun", "status", "nfev", "nit", "success"):
        some, others = getattr(found, name), getattr(within, name)
        assert some.dtype == others.dtype
        np.testing.assert_allclose(some, others, atol=1e-6)
    np.testing.assert_allclose(found.x[:, 0], goals, atol=1e-2)


def test_threads_compute_in_double_precision_where_only_the_caller_does():
    pytest.importorskip("jax", reason="pip install jax")
    out = alone(
        """
        import jax, numpy as np
        from jax import numpy as jnp
        from nelder import batched
        enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
        x0s = np.random.default_rng(0).uniform(-2.0, 2.0, (200, 2))
        there = batched.minimize(lambda x: np.sum((x - 1.0) ** 2, axis=-1), x0s)
        with enable(True):
            x0s = jnp.asarray(x0s)
            found = batched.minimize(lambda x: jnp.sum((x - 1.0) ** 2, axis=-1), x0s)
            assert found.x.dtype == found.fun.dtype == "float64"
            print(bool(abs(found.x - there.x).max() < 1e-9))
        """
    )
    assert out == "True\n"


def test_objectives_that_call_python_see_all_lanes_at_once(jax):
    shapes = set()

    def host(x):
        shapes.add(x.shape)
        return np.sum(np.asarray(x) ** 2, axis=-1)

    def fun(x):
        form = jax.ShapeDtypeStruct((x.shape[0],), x.dtype)
        return jax.pure_callback(host, form, x)

    found = batched.minimize(fun, jax.numpy.asarray(starts(200)), method=METHOD)
    assert shapes == {(200, 2)}
    there = batched.minimize(lambda x: np.sum(x**2, axis=-1), starts(200), method=METHOD)
    np.testing.assert_allclose(found.x, there.x, atol=1e-9)


def test_a_callable_without_a_hash(jax):
    class Bowl:
        __hash__ = None

        def __eq__(self, other):
            return True

        def __call__(self, x):
            return bowl(x)

    found = batched.minimize(Bowl(), jax.numpy.asarray(starts()), method=METHOD)
    np.testing.assert_allclose(found.x, expected(starts()).x, atol=1e-9)


# TensorFlow


@pytest.fixture
def tf():
    return pytest.importorskip("tensorflow", reason="pip install tensorflow")


@pytest.mark.parametrize("compiled", [False, True])
def test_within_tf_function(tf, compiled):
    search = tf.function(
        lambda x0s: batched.minimize(bowl, x0s, method=METHOD), jit_compile=compiled
    )
    found = search(tf.constant(starts()))
    assert isinstance(found, batched.BatchResult)
    np.testing.assert_allclose(found.x.numpy(), expected(starts()).x, atol=1e-9)
    assert (found.nfev.numpy() == expected(starts()).nfev).all()


def test_the_number_of_lanes_may_be_unknown(tf):
    search = tf.function(
        lambda x0s: batched.minimize(bowl, x0s, method=METHOD).x,
        input_signature=[tf.TensorSpec((None, 2), tf.float64)],
    )
    for lanes in (1, 5):
        found = search(tf.constant(starts(lanes)))
        np.testing.assert_allclose(found.numpy(), expected(starts(lanes)).x, atol=1e-9)


def test_in_a_graph_of_tensorflow_1():
    pytest.importorskip("tensorflow", reason="pip install tensorflow")
    out = alone(
        """
        import warnings
        warnings.simplefilter("ignore")
        import numpy as np
        import tensorflow.compat.v1 as tf
        tf.disable_v2_behavior()
        warnings.simplefilter("error")
        from nelder import batched

        def fun(x):
            return (x[:, 0] - 1.0) ** 2 + 3.0 * (x[:, 1] + 0.5) ** 2

        x0s = np.random.default_rng(0).uniform(-2.0, 2.0, (8, 2))
        with tf.Graph().as_default():
            given = tf.placeholder(tf.float64, (8, 2))
            found = batched.minimize(fun, given, bounds=[(0.0, 3.0), (None, 4.0)])
            with tf.Session() as session:
                x, nfev = session.run((found.x, found.nfev), {given: x0s})
        here = batched.minimize(fun, x0s, bounds=[(0.0, 3.0), (None, 4.0)])
        np.testing.assert_allclose(x, here.x, atol=1e-6)
        assert (tf.constant(0) == tf.constant(0)) is False
        print("ran")
        """
    )
    assert out == "ran\n"


# PyTorch


def test_tensors_that_want_gradients_are_starts_too():
    torch = pytest.importorskip("torch", reason="pip install torch")
    x0s = torch.tensor(starts(), requires_grad=True)
    found = batched.minimize(bowl, x0s, method=METHOD)
    assert not found.x.requires_grad
    np.testing.assert_allclose(found.x.numpy(), expected(starts()).x, atol=1e-12)


@pytest.mark.parametrize("bounds", [None, [(0.2, 3.0), (None, 4.0)]])
def test_what_runs_on_an_accelerator(bounds):
    """Its code, on the processor: no step waits for a mask."""
    torch = pytest.importorskip("torch", reason="pip install torch")
    from nelder.batched import torch as backends

    class There(backends._Accelerated):
        def fitting(self, array):
            return self

    fitting = backends._Torch.fitting
    backends._Torch.fitting = lambda self, array: There()
    try:
        found = batched.minimize(bowl, torch.tensor(starts(100)), bounds=bounds)
    finally:
        backends._Torch.fitting = fitting
    here = batched.minimize(bowl, starts(100), bounds=bounds)
    assert found.success.all()
    np.testing.assert_allclose(found.x.numpy(), here.x, atol=1e-6)
