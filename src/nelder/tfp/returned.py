"""What an objective must not return."""

from __future__ import annotations

from typing import Any

from nelder.errors import ReturnValueError
from nelder.tfp.library import tf

__all__ = ["as_tensor", "floating", "wrong_shape"]


def as_tensor(returned: Any) -> Any:
    """Return what an objective returned as a tensor, or raise ReturnValueError where it is none."""
    try:
        return tf.convert_to_tensor(returned)
    except (TypeError, ValueError) as error:
        raise ReturnValueError(
            f"objective_function returned a {type(returned).__name__}: expected a tensor"
        ) from error


def floating(dtype: Any) -> Any:
    """Return the dtype of an objective's values, or raise ReturnValueError where it is another."""
    if dtype.is_floating:
        return dtype
    raise ReturnValueError(
        f"objective_function returned {dtype.name}: expected a floating-point tensor"
    )


def wrong_shape(found: object, expected: tuple[int, ...]) -> ReturnValueError:
    """Return the error for values of another shape than `expected`: () or (m,)."""
    return ReturnValueError(
        f"objective_function returned shape {found}: expected {expected}, one value for each point"
    )
