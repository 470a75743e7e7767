"""A function of one point, compiled for many at a time by the backend of Keras."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.keras.data import to_numpy

__all__ = ["compiled"]

One = Callable[[Any, Any], Any]
Many = Callable[[NDArray[Any]], Any]


def compiled(keras: Any, one: One, data: Any, batch: int) -> Many:
    """Return a function of points (m, n), arrays, that returns a nest of arrays (m, ...).

    Parameters
    ----------
    keras : module
    one : callable
        ``one(point, data)`` of a point (n,) returns a tensor, or a nest of them.
    data : nest of tensors
    batch : int
        Points at a time at most.
    """
    vectorized_map = keras.ops.vectorized_map

    def body(points: Any, data: Any) -> Any:
        def of_point(point: Any) -> Any:
            return one(point, data)

        return vectorized_map(of_point, points)

    many = _COMPILERS.get(keras.backend.backend(), _plain)(keras, body, data, batch)
    return lambda points: keras.tree.map_structure(to_numpy, many(points))


def _tensorflow(keras: Any, body: One, data: Any, batch: int) -> Many:
    """Trace once for any number of points."""
    tf: Any = import_module("tensorflow")
    constant = tf.constant
    traced: Any = None

    def of_points(points: Any) -> Any:
        return body(points, data)

    def many(points: NDArray[Any]) -> Any:
        nonlocal traced
        tensor = constant(points)
        if traced is None:
            signature = tf.TensorSpec((None, points.shape[1]), tensor.dtype)
            traced = tf.function(of_points, input_signature=[signature], autograph=False)
        return traced(tensor)

    return many


def _jax(keras: Any, body: One, data: Any, batch: int) -> Many:
    """Compile for numbers of points that are powers of two, and fill up to the next."""
    jax: Any = import_module("jax")
    jitted = jax.jit(body)

    def many(points: NDArray[Any]) -> Any:
        m = len(points)
        size = min(1 << (m - 1).bit_length(), max(batch, m))
        filled = np.concatenate([points, np.repeat(points[:1], size - m, axis=0)])

        def real_ones(array: Any) -> Any:
            return array[:m]

        return keras.tree.map_structure(
            real_ones, keras.tree.map_structure(to_numpy, jitted(filled, data))
        )

    return many


def _torch(keras: Any, body: One, data: Any, batch: int) -> Many:
    """Call it as it is, without gradients."""
    torch: Any = import_module("torch")
    plain = _plain(keras, body, data, batch)

    def many(points: NDArray[Any]) -> Any:
        with torch.no_grad():
            return plain(points)

    return many


def _plain(keras: Any, body: One, data: Any, batch: int) -> Many:
    """Call it as it is."""
    return lambda points: body(keras.ops.convert_to_tensor(points), data)


_COMPILERS: dict[str, Callable[[Any, One, Any, int], Many]] = {
    "tensorflow": _tensorflow,
    "jax": _jax,
    "torch": _torch,
}
