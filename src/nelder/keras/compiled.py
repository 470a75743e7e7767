"""A function of one point, compiled by the backend of Keras for many points."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.keras.data import to_numpy

__all__ = ["Many", "One", "compiled"]

One = Callable[[Any, Any], Any]
Many = Callable[[NDArray[Any]], Any]


def compiled(keras: Any, one: One, data: Any, batch: int, together: bool) -> Many:
    """Return a function of points (m, n), arrays, that returns a nest of arrays (m, ...).

    Parameters
    ----------
    keras : module
    one : callable
        ``one(point, data)`` of a point (n,) returns a tensor, or a nest of them.
    data : nest of tensors
    batch : int
        Points at a time at most.
    together : bool
        Whether all points are computed in one call, by `vectorized_map`, or one after the other.
    """
    backend = keras.backend.backend()
    compiler = _COMPILERS.get(backend, _plain)
    map_structure = keras.tree.map_structure
    if together:
        many = compiler(keras, _vectorised(keras, one), data)
        if backend == "jax":
            many = _filled(keras, many, batch)
        return lambda points: map_structure(to_numpy, many(points))
    single = compiler(keras, one, data)

    def stacked(*parts: Any) -> NDArray[Any]:
        return np.stack([to_numpy(part) for part in parts])

    return lambda points: map_structure(stacked, *(single(point) for point in points))


def _vectorised(keras: Any, one: One) -> One:
    """Return `one` for many points."""
    vectorized_map = keras.ops.vectorized_map

    def body(points: Any, data: Any) -> Any:
        def of_point(point: Any) -> Any:
            return one(point, data)

        return vectorized_map(of_point, points)

    return body


def _filled(keras: Any, many: Many, batch: int) -> Many:
    """Return `many` with its points filled up to a power of two: JAX compiles for each number."""

    def filled(points: NDArray[Any]) -> Any:
        m = len(points)
        size = min(1 << (m - 1).bit_length(), max(batch, m))
        more = np.repeat(points[:1], size - m, axis=0)

        def wanted(array: Any) -> Any:
            return to_numpy(array)[:m]

        return keras.tree.map_structure(wanted, many(np.concatenate([points, more])))

    return filled


def _tensorflow(keras: Any, body: One, data: Any) -> Many:
    """Trace for one point and for any number of them.

    `tf.vectorized_map` over an unknown number that turns out to be 1 fails in some layers (their
    biases, as of TensorFlow 2.21).
    """
    tf: Any = import_module("tensorflow")
    constant = tf.constant
    traced: dict[bool, Any] = {}

    def of_points(points: Any) -> Any:
        return body(points, data)

    def many(points: NDArray[Any]) -> Any:
        tensor = constant(points)
        fixed = points.ndim == 1 or len(points) == 1
        if fixed not in traced:
            shape = points.shape if fixed else (None, *points.shape[1:])
            signature = [tf.TensorSpec(shape, tensor.dtype)]
            traced[fixed] = tf.function(of_points, input_signature=signature, autograph=False)
        return traced[fixed](tensor)

    return many


def _jax(keras: Any, body: One, data: Any) -> Many:
    jax: Any = import_module("jax")
    jitted = jax.jit(body)
    return lambda points: jitted(points, data)


def _torch(keras: Any, body: One, data: Any) -> Many:
    """Call it as it is, without gradients."""
    torch: Any = import_module("torch")
    plain = _plain(keras, body, data)

    def many(points: NDArray[Any]) -> Any:
        with torch.no_grad():
            return plain(points)

    return many


def _plain(keras: Any, body: One, data: Any) -> Many:
    """Call it as it is."""
    return lambda points: body(keras.ops.convert_to_tensor(points), data)


_COMPILERS: dict[str, Callable[[Any, One, Any], Many]] = {
    "tensorflow": _tensorflow,
    "jax": _jax,
    "torch": _torch,
}
