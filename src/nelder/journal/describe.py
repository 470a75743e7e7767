"""What a journal remembers of the settings of a study, and how two of them differ."""

from __future__ import annotations

import array
import dataclasses
import enum
import functools
import hashlib
import json
import math
import numbers
import os
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

import numpy as np

__all__ = ["describe", "differences"]

_MOST = 64  # numbers of an array, or bytes, that are written out; of more there is a digest
_SHOWN = 100  # characters of a value in a message


def describe(value: object) -> Any:
    """Return what JSON can hold of `value`, enough to tell it from another.

    It does not depend on the process: the same value is described alike on another day.

    Parameters
    ----------
    value : object
        None, True, False, numbers and strings are themselves. Dicts, lists, tuples and sets are
        described element by element. Dataclasses become ``{"type": name, field: ...}``, arrays
        lists up to 64 entries, otherwise shape, type and a digest of the content. Functions and
        classes become ``"module.qualname"``: their code does not count. Of any other object its
        type counts, and the arrays among its attributes; what else it holds may change as it is
        used.

    Returns
    -------
    None, bool, int, float, str, list or dict
    """
    return _describe(value, ())


def _describe(value: Any, above: tuple[int, ...]) -> Any:
    """Describe `value`, which stands inside the objects with the ids `above`."""
    if id(value) in above:
        return "..."
    for kind, description in _DESCRIPTIONS:
        if isinstance(value, kind):
            return description(value, (*above, id(value)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _typed(value, fields, (*above, id(value)))
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if callable(value) and isinstance(name, str):
        return f"{getattr(value, '__module__', None) or type(value).__module__}.{name}"
    return _object(value, (*above, id(value)))


def _typed(value: object, parts: Mapping[str, Any], above: tuple[int, ...]) -> dict[str, Any]:
    described = {name: _describe(part, above) for name, part in parts.items()}
    return {"type": type(value).__qualname__, **described}


def _scalar(value: Any, above: tuple[int, ...]) -> Any:
    item: Any = value.item()
    if isinstance(item, np.generic):  # longdouble: no number of Python holds it
        return repr(value)
    return _describe(item, above)


def _array(value: np.ndarray[Any, Any], above: tuple[int, ...]) -> Any:
    if value.size <= _MOST or value.dtype.hasobject:
        return _describe(value.tolist(), above)
    data = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    return {
        "type": "ndarray",
        "shape": list(value.shape),
        "dtype": data.dtype.str,
        "digest": _digest(data.tobytes()),
    }


def _buffer(value: Any, above: tuple[int, ...]) -> Any:
    return _array(np.asarray(value), above)


def _bytes(value: bytes | bytearray, above: tuple[int, ...]) -> Any:
    if len(value) <= _MOST:
        return repr(value)
    return {"type": type(value).__name__, "length": len(value), "digest": _digest(value)}


def _digest(data: bytes | bytearray) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _mapping(value: Mapping[Any, Any], above: tuple[int, ...]) -> dict[str, Any]:
    return {
        key if isinstance(key, str) else repr(key): _describe(part, above)
        for key, part in value.items()
    }


def _sequence(value: Any, above: tuple[int, ...]) -> list[Any]:
    return [_describe(part, above) for part in value]


def _set(value: Any, above: tuple[int, ...]) -> list[Any]:
    return sorted(_sequence(value, above), key=json.dumps)


def _method(value: types.MethodType, above: tuple[int, ...]) -> dict[str, Any]:
    return {
        "type": f"{value.__module__}.{value.__qualname__}",
        "self": _describe(value.__self__, above),
    }


def _partial(value: functools.partial[Any], above: tuple[int, ...]) -> dict[str, Any]:
    parts = {"func": value.func, "args": value.args, "keywords": value.keywords}
    return _typed(value, parts, above)


def _object(value: object, above: tuple[int, ...]) -> dict[str, Any]:
    if hasattr(value, "__array__"):
        with suppress(Exception):  # such as a tensor that is on another device
            return _typed(value, {"array": np.asarray(value)}, above)
    attributes: dict[str, Any] = getattr(value, "__dict__", {})
    arrays: dict[str, Any] = {
        name: part for name, part in attributes.items() if isinstance(part, np.ndarray)
    }
    return _typed(value, arrays, above)


def _itself(value: Any, above: tuple[int, ...]) -> Any:
    return value


def _repr(value: Any, above: tuple[int, ...]) -> str:
    return repr(value)


def _path(value: Any, above: tuple[int, ...]) -> str:
    return os.fsdecode(value)


def _member(value: enum.Enum, above: tuple[int, ...]) -> str:
    return f"{type(value).__qualname__}.{value.name}"


# The first that fits describes the value.
_DESCRIPTIONS: tuple[tuple[Any, Callable[[Any, tuple[int, ...]], Any]], ...] = (
    (enum.Enum, _member),
    (np.generic, _scalar),
    ((type(None), bool, int, float, str), _itself),
    (numbers.Number, _repr),  # complex, Decimal, Fraction
    ((bytes, bytearray), _bytes),
    (os.PathLike, _path),
    (np.ndarray, _array),
    ((array.array, memoryview), _buffer),
    (Mapping, _mapping),
    ((list, tuple), _sequence),
    ((set, frozenset), _set),
    (types.MethodType, _method),
    (functools.partial, _partial),
)


def differences(recorded: Any, now: Any) -> list[str]:
    """Name each difference between two descriptions.

    Parameters
    ----------
    recorded, now : what JSON can hold
        As `describe` returns them.

    Returns
    -------
    list of str
        One line for each, such as ``"method.convergence.xatol: recorded 1e-08, now 1e-06"``;
        empty where they are the same. NaN is the same as NaN, 1 as 1.0, but 0.0 is not -0.0.
    """
    return list(_differences(recorded, now, ""))


def _differences(recorded: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(now, dict):
        yield from _in_dicts(cast("Any", recorded), cast("Any", now), path)
    elif isinstance(recorded, list) and isinstance(now, list):
        yield from _in_lists(cast("Any", recorded), cast("Any", now), path)
    elif not _same(recorded, now):
        yield f"{path or 'all'}: recorded {_shown(recorded)}, now {_shown(now)}"


def _in_dicts(recorded: dict[str, Any], now: dict[str, Any], path: str) -> Iterator[str]:
    if not _same(recorded.get("type"), now.get("type")):  # other fields tell nothing more
        yield f"{path or 'all'}: recorded {_shown(recorded)}, now {_shown(now)}"
        return
    for name in [*recorded, *(name for name in now if name not in recorded)]:
        where = f"{path}.{name}" if path else name
        if name not in now:
            yield f"{where}: recorded {_shown(recorded[name])}, now absent"
        elif name not in recorded:
            yield f"{where}: recorded nothing, now {_shown(now[name])}"
        else:
            yield from _differences(recorded[name], now[name], where)


def _in_lists(recorded: list[Any], now: list[Any], path: str) -> Iterator[str]:
    if len(recorded) != len(now):
        yield f"{path or 'all'}: recorded {len(recorded)} entries, now {len(now)}"
        return
    for i, (one, other) in enumerate(zip(recorded, now, strict=True)):
        yield from _differences(one, other, f"{path}[{i}]")


def _same(recorded: Any, now: Any) -> bool:
    if isinstance(recorded, bool) or isinstance(now, bool):
        return recorded is now
    if isinstance(recorded, (int, float)) and isinstance(now, (int, float)):
        if recorded == 0 == now:
            return math.copysign(1, recorded) == math.copysign(1, now)
        return recorded == now or (math.isnan(recorded) and math.isnan(now))
    return recorded == now


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "type" in value:
        return str(cast("dict[str, Any]", value)["type"])
    text = repr(cast("Any", value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
