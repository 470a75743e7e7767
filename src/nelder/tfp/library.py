"""TensorFlow, or the error that says how to get it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar, cast

from nelder.errors import missing_extra

__all__ = ["known", "tf", "unconverted"]

F = TypeVar("F", bound=Callable[..., Any])

try:
    tf: Any = import_module("tensorflow")  # it has no types
except ImportError as error:
    raise missing_extra("nelder.tfp", "tensorflow") from error


def known(tensor: Any) -> Any:
    """Return the values of a tensor as an array, or None where they are known only at run time."""
    return tf.get_static_value(tensor)


def unconverted(function: F) -> F:
    """Let AutoGraph leave `function` alone: it makes its own loops."""
    return cast("F", tf.autograph.experimental.do_not_convert(function))
