"""Callbacks under SciPy's two conventions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from nelder.errors import InvalidArgumentError
from nelder.result import IntermediateResult

__all__ = ["Callback", "read_callback"]

Callback = Callable[[IntermediateResult], object]


def read_callback(callback: Any) -> Callback | None:
    """Return a function of an `IntermediateResult` that calls `callback` as it wants to be called.

    ``callback(intermediate_result)``, where that is its parameter's name, gets the whole; any other
    gets the best point, ``callback(xk)``.

    Raises
    ------
    InvalidArgumentError
        `callback` cannot be called.
    """
    if callback is None:
        return None
    if not callable(callback):
        raise InvalidArgumentError(f"callback={callback!r}: expected a callable")
    try:
        names = list(inspect.signature(callback).parameters)
    except (TypeError, ValueError):  # builtins without a signature
        names = []
    if names == ["intermediate_result"]:
        return lambda result: callback(intermediate_result=result)
    return lambda result: callback(result.x)
