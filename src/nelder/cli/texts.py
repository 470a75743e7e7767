"""What users write for numbers, durations, parameters and files."""

from __future__ import annotations

import contextlib
import math
import os
import re
from dataclasses import dataclass

from nelder.errors import InvalidArgumentError
from nelder.options import is_real

__all__ = ["NamedParameter", "read_assignment", "read_file_pair", "read_parameter", "read_seconds"]

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class NamedParameter:
    """A parameter to be searched.

    Attributes
    ----------
    start : float
    low, high : float or None
        None where there is no bound.
    """

    start: float
    low: float | None = None
    high: float | None = None


def read_parameter(name: str, text: str) -> NamedParameter:
    """Read ``low:high``, ``low:high:start`` or ``start``; low and high may be empty.

    Raises
    ------
    InvalidArgumentError
        It is none of these, or there is nothing to start from.
    """
    shown = f"parameter {name}={text}"
    if not name.isidentifier():
        raise InvalidArgumentError(
            f"{shown}: {name!r} is no name: expected letters, digits and underscores, no digit "
            "first"
        )
    parts = [_number(part, shown) for part in text.split(":")]
    if len(parts) == 1:
        low, high, start = None, None, parts[0]
    elif len(parts) <= 3:
        low, high, start = (*parts, None)[:3]
    else:
        raise InvalidArgumentError(f"{shown}: expected low:high, low:high:start or start")
    return checked(shown, low, high, start)


def checked(
    shown: str, low: float | None, high: float | None, start: float | None
) -> NamedParameter:
    """Return a parameter from its three numbers, the start by default in the middle.

    Raises
    ------
    InvalidArgumentError
        They do not fit together; the message begins with `shown`.
    """
    low = None if low == -math.inf else low
    high = None if high == math.inf else high
    for number in (low, high, start):
        if number is not None and not math.isfinite(number):
            raise InvalidArgumentError(f"{shown}: expected finite numbers, not {number}")
    if low is not None and high is not None and low > high:
        raise InvalidArgumentError(f"{shown}: the low bound is above the high bound")
    if start is None:
        if low is None or high is None:
            raise InvalidArgumentError(
                f"{shown}: expected a start, as in 0::1, where there are not two bounds"
            )
        start = low + (high - low) / 2
    if (low is not None and start < low) or (high is not None and start > high):
        raise InvalidArgumentError(f"{shown}: the start {start!r} is out of bounds")
    return NamedParameter(start, low, high)


def _number(text: str, shown: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise InvalidArgumentError(
            f"{shown}: {text!r} is no number: expected low:high, low:high:start or start"
        ) from None


def read_assignment(text: str, option: str, example: str) -> tuple[str, str]:
    """Split ``name=value``.

    Parameters
    ----------
    text : str
    option, example : str
        For the message of an error.

    Raises
    ------
    InvalidArgumentError
        It is none.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidArgumentError(f"{option} {text}: expected name=..., as in  {option} {example}")
    return name, value


def read_file_pair(text: str, folder: str, option: str) -> tuple[str, str]:
    """Read ``SRC`` or ``SRC:DST``, and return the path of SRC and DST.

    Parameters
    ----------
    text : str
    folder : str
        Where SRC is looked for.
    option : str
        For the message of an error.

    Raises
    ------
    InvalidArgumentError
        There is no SRC.
    """
    source, _, target = text.partition(":")
    path = os.path.join(folder, source)
    if not source or not os.path.exists(path):
        raise InvalidArgumentError(f"{option} {text}: there is no file {source!r} in {folder}")
    return path, target or os.path.basename(os.path.normpath(source))


def read_seconds(value: object, option: str) -> float:
    """Read a duration: seconds, or text such as ``90``, ``90s``, ``15m``, ``2h`` or ``1d``.

    Raises
    ------
    InvalidArgumentError
        It is none, or not above 0.
    """
    seconds = math.nan
    if is_real(value):
        seconds = float(value)
    elif isinstance(value, str):
        found = re.fullmatch(r"\s*([\d.]+(?:e[+-]?\d+)?)\s*([smhd]?)\s*", value)
        if found:
            with contextlib.suppress(ValueError):
                seconds = float(found[1]) * _UNITS[found[2]]
    if not 0.0 < seconds < math.inf:
        raise InvalidArgumentError(
            f"{option}={value}: expected a duration above 0, as in 90, 90s, 15m, 2h or 1d"
        )
    return seconds
