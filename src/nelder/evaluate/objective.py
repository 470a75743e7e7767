"""What the caller's objective is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from nelder.errors import InvalidArgumentError
from nelder.evaluate.native import NativeObjective, native_objective
from nelder.evaluate.python import PythonObjective

__all__ = ["read_objective"]


def read_objective(
    fun: Any, args: Any, restore: Callable[[Any], Any] | None
) -> PythonObjective | NativeObjective:
    """Return what evaluates `fun`.

    Parameters
    ----------
    fun : callable, Numba cfunc, LowLevelCallable or NativeObjective
    args : tuple
        Further arguments of a Python callable; anything else is taken as the only one.
    restore : callable or None
        Gives a flat point the caller's structure; None where points are flat.

    Raises
    ------
    InvalidArgumentError
        `fun` is none of these, or cannot take `args` or structured points.
    """
    more: tuple[Any, ...] = cast("tuple[Any, ...]", args) if isinstance(args, tuple) else (args,)
    native = native_objective(fun)
    if native is not None:
        if more:
            raise InvalidArgumentError(
                f"args={args!r}: expected none with a native objective; it takes data"
            )
        if restore is not None:
            raise InvalidArgumentError(
                "x0 is structured: expected a flat x0 (n,) with a native objective"
            )
        return native
    if not callable(fun):
        raise InvalidArgumentError(f"fun={fun!r}: expected a callable fun(x, *args)")
    return PythonObjective(fun, more, restore)
