"""What an objective must not return."""

from __future__ import annotations

from typing import Any

from nelder.errors import ReturnValueError

__all__ = ["floating", "wrong_shape"]


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
