"""What counts as a real scalar."""

from __future__ import annotations

import numpy as np

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
        return float(value)
    if isinstance(value, (np.ndarray, np.generic)):
        if value.size == 1 and value.dtype.kind in "biuf":
            return float(value.item())
    elif not isinstance(value, complex) and hasattr(value, "__float__"):
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):  # a tensor that is complex or has several elements
            pass
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        kind = f"array of shape {value.shape} and dtype {value.dtype}"
    elif value is None:
        kind = "None (is a return statement missing?)"
    elif isinstance(value, (str, bytes, complex)):
        kind = f"{value!r}"
    raise ReturnValueError(f"the objective returned {kind}: expected a real scalar")
