"""Settings of a run, checked on construction."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal, TypeGuard, cast, get_args

import numpy as np

from nelder.errors import InvalidArgumentError

__all__ = [
    "Budget",
    "OnFailure",
    "check_on_failure",
    "check_reals",
    "check_seconds",
    "check_whole",
    "is_real",
    "is_whole",
]

OnFailure = Literal["raise", "worst", "stop"]


def is_real(value: object) -> TypeGuard[float]:
    """Whether `value` is a real number and not NaN; True and False are none."""
    return (
        isinstance(value, Real)
        and not isinstance(value, (bool, np.bool_))
        and not math.isnan(cast("float", value))
    )


def check_reals(
    owner: object, names: Iterable[str], low: float, high: float, expected: str
) -> None:
    """Check that the attributes `names` of `owner` are numbers with low < number < high.

    Raises
    ------
    InvalidArgumentError
        One is not; the message ends in `expected`.
    """
    for name in names:
        value: object = getattr(owner, name)
        if not is_real(value) or not low < value < high:
            raise InvalidArgumentError(f"{name}={value!r}: expected {expected}")


def is_whole(value: object) -> TypeGuard[int]:
    """Whether `value` is a whole number of any integer type; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))  # type: ignore[unreachable]


def check_whole(name: str, value: object, least: int) -> int:
    """Return the whole number `value`, or raise InvalidArgumentError."""
    if is_whole(value) and value >= least:
        return int(value)
    raise InvalidArgumentError(f"{name}={value!r}: expected a whole number, {least} or above")


def _limit(name: str, value: object, least: int) -> float:
    """Return a count, or inf for no limit."""
    if value is None or (isinstance(value, float) and value == math.inf):
        return math.inf
    return check_whole(name, value, least)


def check_on_failure(value: object) -> OnFailure:
    """Return the policy `value`, or raise InvalidArgumentError."""
    for policy in get_args(OnFailure):
        if value == policy:
            return policy
    raise InvalidArgumentError(f"on_failure={value!r}: expected one of {get_args(OnFailure)}")


def check_seconds(name: str, value: object) -> float | None:
    """Return a time in seconds, or None for no limit; else raise InvalidArgumentError."""
    if value is None or (is_real(value) and value > 0.0):
        return None if value is None or value == math.inf else float(value)
    raise InvalidArgumentError(f"{name}={value!r}: expected a number of seconds above 0")


@dataclass(frozen=True)
class Budget:
    """What a search may spend; exact, the first simplex included.

    Parameters
    ----------
    maxfev : int or None
        Evaluations; None is 1000·(n + 1).
    maxiter : int or None
        Iterations; None is no limit.
    maxtime : float or None
        Seconds; no evaluation begins later. None is no limit.
    target : float or None
        The search ends at the first value at or below it.
    n : int
        Coordinates searched.

    Raises
    ------
    InvalidArgumentError
        One of them is negative or of the wrong type.
    """

    maxfev: float
    maxiter: float
    maxtime: float
    target: float

    def __init__(
        self, maxfev: object, maxiter: object, maxtime: object, target: object, n: int
    ) -> None:
        if maxfev is None:
            maxfev = 1000 * (n + 1)
        seconds = check_seconds("maxtime", maxtime)
        if target is not None and not is_real(target):
            raise InvalidArgumentError(f"target={target!r}: expected a real number")
        put = object.__setattr__
        put(self, "maxfev", _limit("maxfev", maxfev, 1))
        put(self, "maxiter", _limit("maxiter", maxiter, 0))
        put(self, "maxtime", math.inf if seconds is None else seconds)
        put(self, "target", -math.inf if target is None else float(target))  # type: ignore[arg-type]

    def within(self, seconds: float) -> Budget:
        """Return this budget with so many seconds at most."""
        shorter = copy.copy(self)
        object.__setattr__(shorter, "maxtime", min(seconds, self.maxtime))
        return shorter
