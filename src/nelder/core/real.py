"""What counts as a real scalar."""

from __future__ import annotations

from typing import Any, SupportsFloat, cast

import numpy as np
from numpy.typing import NDArray

from nelder.errors import ReturnValueError

__all__ = ["as_real"]


def as_real(value: object) -> float:
    """Return what an objective returned as a float.

    Real numbers of any kind, arrays of one element and scalar tensors are taken; complex numbers,
    text, None and longer arrays are not.

    Raises
    ------
    ReturnValueError
        `value` is not a real scalar.
    """
    if isinstance(value, (float, int)):
        try:
            return float(value)
        except OverflowError as error:
            raise _not_real("a whole number too large for a float") from error
    if isinstance(value, (np.ndarray, np.generic)):
        array = cast("NDArray[Any]", value)
        if array.size == 1 and array.dtype.kind in "biuf":
            return float(array.item())
        raise _not_real(f"an array of shape {array.shape} and dtype {array.dtype}")
    if value is None:
        raise _not_real("None (is a return statement missing?)")
    if isinstance(value, (str, bytes, complex)):
        raise _not_real(repr(value))
    if isinstance(value, SupportsFloat):
        try:
            return float(_element(value))
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            # a tensor that is complex or has several elements
            raise _not_real(f"{value!r}") from error
    raise _not_real(f"a {type(value).__name__}")


def _element(tensor: Any) -> Any:
    """Return the one element of a tensor of any library, which float() takes without complaint."""
    if getattr(getattr(tensor, "dtype", None), "is_complex", False):  # TensorFlow drops a part
        raise TypeError("complex")
    if hasattr(tensor, "detach"):  # PyTorch warns of a gradient
        tensor = tensor.detach()
    return tensor[0] if getattr(tensor, "shape", ()) == (1,) else tensor


def _not_real(what: str) -> ReturnValueError:
    return ReturnValueError(f"the objective returned {what}: expected a real scalar")
