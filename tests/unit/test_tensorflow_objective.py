"""Objectives of TensorFlow, JAX and PyTorch in plain `minimize`, as they are."""

import numpy as np
import pytest

import nelder
from nelder.core.real import as_real

START = [0.0, 0.0, 5.0]


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow", reason="needs tensorflow")


@pytest.fixture(scope="module")
def jnp():
    pytest.importorskip("jax", reason="needs jax")
    return pytest.importorskip("jax.numpy")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="needs torch")


def plain(x):
    return float(np.sum(np.square(x - 2)))


def test_what_one_tries_first(tf):
    result = nelder.minimize(lambda x: tf.reduce_sum(tf.square(x - 2)), START)
    assert result.success
    assert result.x == pytest.approx([2.0, 2.0, 2.0], abs=1e-6)
    assert type(result.fun) is float
    # x is an array of doubles and stays one, so the search is that of the same function in NumPy
    assert result.nfev == pytest.approx(nelder.minimize(plain, START).nfev, rel=0.2)


def test_the_start_may_be_a_tensor(tf):
    result = nelder.minimize(lambda x: tf.reduce_sum(tf.square(x - 2)), tf.constant(START))
    assert isinstance(result.x, np.ndarray)
    assert result.x.dtype == np.float64
    assert result.x == pytest.approx([2.0, 2.0, 2.0], abs=1e-6)


def test_single_precision_and_named_parameters(tf):
    def loss(p):
        a = tf.cast(p["a"], tf.float32)
        return tf.square(a - 1.0) + tf.reduce_sum(tf.abs(tf.cast(p["b"], tf.float32) - 3.0))

    result = nelder.minimize(loss, {"a": 0.0, "b": np.zeros(2)})
    assert result.x["a"] == pytest.approx(1.0, abs=1e-3)
    assert result.x["b"] == pytest.approx([3.0, 3.0], abs=1e-5)


def test_a_traced_function(tf):
    traced = tf.function(lambda x: tf.reduce_sum(tf.square(x - 2)))
    result = nelder.minimize(traced, START)
    assert result.success
    assert result.x == pytest.approx([2.0, 2.0, 2.0], abs=1e-6)
    assert traced.experimental_get_tracing_count() == 1


def test_a_vectorised_objective(tf):
    result = nelder.minimize(
        lambda x: tf.reduce_sum(tf.square(x - 2), axis=1), START, vectorized=True
    )
    assert result.x == pytest.approx([2.0, 2.0, 2.0], abs=1e-6)


def test_what_is_no_scalar_is_named(tf):
    bad = {
        "shape=(3,)": lambda x: tf.square(x - 2),
        "string": lambda x: tf.constant("loss"),
        "TensorShape": lambda x: tf.constant(x).shape,
        "RaggedTensor": lambda x: tf.ragged.constant([[1.0], [2.0, 3.0]]),
    }
    for said, fun in bad.items():
        with pytest.raises(nelder.ReturnValueError, match="expected a real scalar") as caught:
            nelder.minimize(fun, START)
        assert said in str(caught.value)


def test_an_error_of_tensorflow_is_the_cause(tf):
    def mismatched(x):
        return tf.reduce_sum(tf.constant(x) + tf.constant([1.0, 2.0], tf.float64))

    with pytest.raises(nelder.EvaluationError) as caught:
        nelder.minimize(mismatched, START)
    assert isinstance(caught.value.__cause__, tf.errors.InvalidArgumentError)


def test_not_a_number_ranks_worst(tf):
    result = nelder.minimize(lambda x: tf.reduce_sum(tf.math.log(x) ** 2), [0.5, 3.0], maxfev=400)
    assert result.nfailed > 0
    assert result.x == pytest.approx([1.0, 1.0], abs=1e-6)


def test_workers_in_processes(tf):
    pytest.importorskip("pebble", reason="needs pebble, of nelder[parallel]")

    def fun(x):
        import tensorflow

        return tensorflow.reduce_sum(tensorflow.square(x - 2))

    here = nelder.minimize(fun, START)
    result = nelder.minimize(fun, START, workers=2)
    assert result.x.tobytes() == here.x.tobytes()
    assert (result.fun, result.nfev) == (here.fun, here.nfev)


def test_workers_get_the_module_with_the_function(tf):
    pytest.importorskip("pebble", reason="needs pebble, of nelder[parallel]")
    # tf itself is a variable that the lambda refers to: it is sent by its name
    result = nelder.minimize(lambda x: tf.reduce_sum(tf.square(x - 2)), START, workers=1, maxfev=20)
    assert result.nfev == 20


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_jax(jnp, dtype):
    import jax

    fun = jax.jit(lambda x: jnp.sum((x.astype(dtype) - 2) ** 2))
    result = nelder.minimize(fun, START)
    assert result.x == pytest.approx([2.0, 2.0, 2.0], abs=0.01)
    with pytest.raises(nelder.ReturnValueError, match="expected a real scalar"):
        nelder.minimize(lambda x: jnp.asarray(x), START)
    with pytest.raises(nelder.ReturnValueError, match="expected a real scalar"):
        nelder.minimize(lambda x: jnp.sum(x) * 1j, START)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_torch(torch, dtype):
    kind = getattr(torch, dtype)
    result = nelder.minimize(lambda x: (torch.from_numpy(x).to(kind) - 2).square().sum(), START)
    assert result.x == pytest.approx([2.0, 2.0, 2.0], abs=0.01)
    with pytest.raises(nelder.ReturnValueError, match="expected a real scalar"):
        nelder.minimize(lambda x: torch.from_numpy(x), START)
    with pytest.raises(nelder.ReturnValueError, match="expected a real scalar"):
        nelder.minimize(lambda x: torch.from_numpy(x).sum() * 1j, START)


def test_scalars_of_every_library_are_taken_alike(tf, jnp, torch):
    gradient = torch.tensor(1.5, requires_grad=True)
    one = [tf.constant([1.5]), jnp.asarray([1.5]), gradient, gradient.reshape(1)]
    for value in [*one, tf.constant(1.5), jnp.asarray(1.5), tf.Variable(1.5)]:
        assert as_real(value) == 1.5
    for value in (tf.constant(1.5 + 2j), jnp.asarray(1.5 + 2j), torch.tensor(1.5 + 2j)):
        with pytest.raises(nelder.ReturnValueError, match="expected a real scalar"):
            as_real(value)
