"""Bounds that give the parameters by themselves, where there is no start to be read with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from nelder.errors import InvalidArgumentError
from nelder.parameters import Parameters

__all__ = ["read_box"]


def read_box(bounds: Any, why: str) -> Parameters:
    """Return the parameters of a box; their ``x0`` means nothing.

    Parameters
    ----------
    bounds : scipy.optimize.Bounds, sequence of pairs (low, high), or by name
        As `minimize` takes them, but complete, and finite.
    why : str
        The end of the message where they are not finite, such as "as starts are sampled in them".

    Raises
    ------
    InvalidArgumentError
        They are not what they should be.
    """
    if hasattr(bounds, "__next__"):  # such as zip(low, high): it is read more than once
        bounds = list(bounds)
    if bounds is None or (hasattr(bounds, "__len__") and len(bounds) == 0):
        raise InvalidArgumentError(
            f"bounds={bounds!r}: expected a pair (low, high) for each coordinate"
        )
    parameters = Parameters.read(_any_start(bounds), bounds)
    check_finite(parameters, why)
    return parameters


def check_finite(parameters: Parameters, why: str) -> None:
    """Check that all bounds, and the distances of two, are finite.

    Raises
    ------
    InvalidArgumentError
        One is not; the message ends in `why`.
    """
    lower, upper = parameters.lower, parameters.upper
    with np.errstate(over="ignore"):
        width = upper - lower
    for i in np.flatnonzero(~np.isfinite(width)).tolist():
        where = parameters.names[i] if parameters.names else f"bounds[{i}]"
        finite = math.isfinite(lower[i]) and math.isfinite(upper[i])
        expected = "bounds less far apart" if finite else "finite bounds"
        raise InvalidArgumentError(f"{where}=({lower[i]}, {upper[i]}): expected {expected}, {why}")


def _any_start(bounds: Any) -> Any:
    """Return a start of the structure of `bounds`: any, as the parameters are read from it."""
    if isinstance(bounds, Mapping):
        items = cast("Mapping[Any, Any]", bounds).items()
        return {key: _of_name(part) for key, part in items}
    low = getattr(bounds, "lb", None)
    if low is not None:
        return np.zeros(np.shape(low)) if np.ndim(low) else 0.0
    try:
        rows = list(bounds)
    except TypeError as error:
        raise InvalidArgumentError(f"bounds={bounds!r}: expected pairs (low, high)") from error
    return np.zeros(len(rows))


def _of_name(bounds: Any) -> Any:
    """Return the same for the bounds of a name: a pair of numbers or of arrays, or names again."""
    if isinstance(bounds, Mapping):
        return _any_start(bounds)
    ends = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    try:
        low, high = ends
        return np.zeros(np.broadcast_shapes(np.shape(low), np.shape(high)))
    except (TypeError, ValueError):
        return 0.0  # whoever reads the bounds says what is wrong
