"""The caller's rows as tensors of Keras's backend, and tensors as NumPy arrays."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError

__all__ = ["read_rows", "to_numpy"]


def read_rows(keras: Any, given: Any, name: str) -> tuple[Any, int]:
    """Return an array (rows, ...), or a nest of them, as tensors, and the number of rows.

    Floats become Keras's `floatx`, as in ``model.fit``.

    Raises
    ------
    InvalidArgumentError
        There is something else, or the numbers of rows differ.
    """

    def tensor(array: Any) -> Any:
        return _tensor(keras, array, name)

    tensors = keras.tree.map_structure(tensor, _nest(given))
    shapes = [tuple(tensor.shape) for tensor in keras.tree.flatten(tensors)]
    rows = {int(shape[0]) if shape else 0 for shape in shapes}
    if len(rows) != 1 or 0 in rows:
        raise InvalidArgumentError(
            f"{name} has shapes {shapes}: expected the same number of rows, at least one"
        )
    return tensors, rows.pop()


def to_numpy(tensor: Any) -> NDArray[Any]:
    """Return a tensor as an array, without copying where that can be.

    Keras's own function copies, which PyTorch's and TensorFlow's tensors answer with a warning.
    """
    return np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor)


def _nest(given: Any) -> Any:
    """Return `given`, with a list of numbers or of rows as one array rather than a nest."""
    if isinstance(given, (list, tuple)):
        items = cast("list[Any]", given)
        if not any(hasattr(item, "shape") and len(item.shape) for item in items):
            return np.asarray(items)
    return cast("Any", given)


def _tensor(keras: Any, array: Any, name: str) -> Any:
    if not keras.ops.is_tensor(array):
        array = np.asarray(array)
        if array.dtype.kind not in "biuf":
            raise InvalidArgumentError(
                f"{name} has dtype {array.dtype}: expected arrays of numbers"
            )
    is_float = "float" in keras.backend.standardize_dtype(array.dtype)
    dtype = keras.backend.floatx() if is_float else None  # whole numbers as the backend has them
    return keras.ops.convert_to_tensor(array, dtype=dtype)
