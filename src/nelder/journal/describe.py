"""What a journal remembers of the settings of a study, and how two of them differ."""

from __future__ import annotations

import array
import dataclasses
import datetime
import enum
import functools
import hashlib
import inspect
import json
import math
import numbers
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, cast

import numpy as np

from nelder.errors import InvalidArgumentError
from nelder.journal.code import Path, changes, functions_of, globals_of, reached
from nelder.journal.foreign import C_DATA, is_function, members, symbol

__all__ = ["describe", "differences"]

_MOST = 64  # numbers of an array, or bytes, that are written out; of more there is a digest
_SHOWN = 100  # characters of a value in a message
_DEEPEST = 8  # objects inside each other; of one further down the type counts

# Under this name a description lists the names of what does not count; "*" are all others.
_LEFT_OUT = "(left out)"
_ALL_OTHERS = "*"

_IN_GLOBALS = 0  # among the ids above: what stands in the global variables of something
_MAKING = frozenset(("__init__", "__new__", "__post_init__", "__setstate__"))
_PLAIN = (type(None), bool, int, float, str)


def describe(value: object) -> Any:
    """Return what JSON can hold of `value`, enough to tell it from another.

    It does not depend on the process: the same value is described alike on another day. What is
    given to an objective counts; its code does not, nor what it changes while it works.

    Parameters
    ----------
    value : object
        None, True, False, numbers and strings are themselves. Dicts, lists, tuples and sets are
        described element by element, arrays as lists up to 64 entries, otherwise by shape, type
        and a digest of the content.

        Of a function count the module and the name, the defaults, the variables of enclosing
        functions, and in ``__main__`` (a script or notebook) the global variables that it and the
        functions there that it calls read. Of a lambda counts the code too, since it has no name,
        but not between two versions of Python.

        Of an object count the type and the attributes; of a dataclass the fields, but for those
        with ``compare=False``. Of an object of Python's standard library, and of one that is not
        written in Python, only the type counts, of a C function the name and its library's.

        Variables and attributes do not count where the source of the function, or of the method
        called and those that it calls, assigns to them, stores elements in them, calls a method
        such as ``append`` on them or gives them as ``out``: counters, caches, buffers.

        Of anything with a ``__journal__``, a dict or a method that returns one, count the type
        and what stands in that.

    Returns
    -------
    None, bool, int, float, str, list or dict

    Raises
    ------
    InvalidArgumentError
        There is an address in it, with nothing that tells it from others; a ``__journal__`` is
        no dict.
    """
    return _describe(value, ())


def _describe(value: Any, above: tuple[int, ...], called: Iterable[types.FunctionType] = ()) -> Any:
    """Describe `value`, which stands inside the objects with the ids `above`.

    `called` are the methods that are called on it, if known.
    """
    if isinstance(value, _PLAIN) and not isinstance(value, (enum.Enum, np.generic)):
        return value
    if id(value) in above:
        return "..."
    inside = (*above, id(value))
    if not isinstance(value, type) and hasattr(value, "__journal__"):
        return _declared(value, inside)
    if _low_level(value):
        return _native(value, inside)
    for kind, description in _DESCRIPTIONS:
        if isinstance(value, kind):
            return description(value, inside)
    if is_function(value):
        return symbol(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _typed(value, _fields(value), inside, called)
    return _other(value, inside, called)


def _other(value: Any, above: tuple[int, ...], called: Iterable[types.FunctionType]) -> Any:
    wrapped = getattr(value, "__wrapped__", None)
    if callable(value) and isinstance(wrapped, types.FunctionType):
        return _describe(wrapped, above)  # Numba's, JAX's, a cache's
    if callable(value) and _name(value) and not list(functions_of(type(value), ["__call__"])):
        return _full_name(value)
    return _object(value, above, called)


def _name(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    return name if isinstance(name, str) else ""


def _full_name(value: Any) -> str:
    return f"{getattr(value, '__module__', None) or type(value).__module__}.{_name(value)}"


def _declared(value: Any, above: tuple[int, ...]) -> dict[str, Any]:
    """Describe what says itself what counts."""
    parts: Any = value.__journal__() if callable(value.__journal__) else value.__journal__
    kind = _full_name(value) if isinstance(value, types.FunctionType) else type(value).__qualname__
    if not isinstance(parts, Mapping):
        raise InvalidArgumentError(f"__journal__ of {kind} gives {parts!r}: expected a dict")
    described = _mapping(cast("Mapping[Any, Any]", parts), above)
    return {"type": kind, **described, _LEFT_OUT: [_ALL_OTHERS]}


def _typed(
    value: object,
    parts: Mapping[str, Any],
    above: tuple[int, ...],
    called: Iterable[types.FunctionType] = (),
) -> dict[str, Any]:
    """Describe an object by its type, and its parts but for those that the methods change."""
    kind = type(value)
    methods = reached(kind, called or functions_of(kind, ["__call__"]))
    changed = {
        path[1:]
        for method in methods
        for path in changes(method.__code__)
        if len(path) > 1 and path[:1] == method.__code__.co_varnames[:1]
    }
    described = _parts(parts, changed, above)
    return {"type": kind.__qualname__, **described, **_globals(methods, above)}


def _parts(
    parts: Mapping[str, Any], changed: AbstractSet[Path], above: tuple[int, ...]
) -> dict[str, Any]:
    """Describe named parts, but for those, and for parts of those, that are changed."""
    left_out = sorted({path[0] for path in changed if len(path) == 1} & parts.keys())
    described = {
        name: _describe(part, above) for name, part in parts.items() if name not in left_out
    }
    if left_out:
        described[_LEFT_OUT] = left_out
    for path in sorted(changed):
        if len(path) > 1:
            _leave_out(described, path)
    return described


def _leave_out(described: dict[str, Any], path: Path) -> None:
    name, *rest = path
    if name not in described:
        return
    part = described[name]
    if rest and isinstance(part, dict) and "type" in part:
        _leave_out(cast("dict[str, Any]", part), tuple(rest))
    else:
        del described[name]
        described[_LEFT_OUT] = sorted({*described.get(_LEFT_OUT, ()), name})


def _function(value: types.FunctionType, above: tuple[int, ...]) -> dict[str, Any]:
    changed = changes(value.__code__)
    parameters = inspect.signature(value, follow_wrapped=False).parameters.values()
    groups = {
        "defaults": {p.name: p.default for p in parameters if p.default is not p.empty},
        "closure": dict(_cells(value)),
    }
    described: dict[str, Any] = {"type": _full_name(value)}
    for name, parts in groups.items():
        if parts:
            described[name] = _parts(parts, changed, above)
    described |= _globals([value], above)
    if value.__name__ == "<lambda>":
        described["code"] = {
            "type": "code",
            str(sys.implementation.cache_tag): _digest(json.dumps(_code(value.__code__)).encode()),
            _LEFT_OUT: [_ALL_OTHERS],  # other versions of Python
        }
    return described


def _cells(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield names and values of the variables of enclosing functions."""
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not assigned yet
            yield name, cell.cell_contents


def _code(code: types.CodeType) -> list[Any]:
    """Return what a code object does, whatever line it stands in."""
    constants = [
        _code(part) if isinstance(part, types.CodeType) else _describe(part, ())
        for part in code.co_consts
    ]
    return [code.co_code.hex(), list(code.co_names), constants]


def _globals(functions: Iterable[types.FunctionType], above: tuple[int, ...]) -> dict[str, Any]:
    """Describe the global variables of ``__main__`` that functions, and those they call, read."""
    todo = [function for function in functions if function.__module__ == "__main__"]
    if not todo or _IN_GLOBALS in above:
        return {}
    found: dict[str, Any] = {}
    changed: set[Path] = set()
    seen: list[types.FunctionType] = []
    while todo:
        function = todo.pop()
        if function in seen:
            continue
        seen.append(function)
        code = function.__code__
        own = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
        changed |= {path for path in changes(code) if path[0] not in own}
        for name in globals_of(function):
            part = function.__globals__.get(name)
            if isinstance(part, types.FunctionType) and part.__module__ == "__main__":
                todo.append(part)
            elif not isinstance(part, (types.ModuleType, type)) and name in function.__globals__:
                found[name] = part
    if not found:
        return {}
    ordered = {name: found[name] for name in sorted(found) if not name.startswith("__")}
    return {"globals": _parts(ordered, changed, (*above, _IN_GLOBALS))}


def _fields(value: Any) -> dict[str, Any]:
    return {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if field.compare and hasattr(value, field.name) and not _unused(value, field)
    }


def _unused(value: Any, field: dataclasses.Field[Any]) -> bool:
    """Whether it is a setting that older studies do not know, and at its default, as in these."""
    return bool(field.metadata.get("later")) and getattr(value, field.name) == field.default


def _object(
    value: object, above: tuple[int, ...], called: Iterable[types.FunctionType]
) -> dict[str, Any]:
    if hasattr(value, "__array__"):
        with suppress(Exception):  # such as a tensor that is on another device
            return {"type": type(value).__qualname__, "array": _describe(np.asarray(value), above)}
    kind = type(value)
    if kind.__module__.partition(".")[0] in sys.stdlib_module_names or len(above) > _DEEPEST:
        return {"type": kind.__qualname__}  # a lock, a logger, a temporary folder
    held = _attributes(value)
    if not called and not callable(value):  # whoever holds it may call any method
        names = {name for base in kind.__mro__ for name in vars(base)}
        called = list(functions_of(kind, sorted(names - _MAKING)))
        held = {name: part for name, part in held.items() if _says_what_it_is(part)}
    return _typed(value, held, above, called)


def _says_what_it_is(value: Any) -> bool:
    """Whether it is an array, a dataclass, or has a ``__journal__``."""
    marks = ("__array__", "__dataclass_fields__", "__journal__")
    return not isinstance(value, type) and any(hasattr(value, mark) for mark in marks)


def _attributes(value: object) -> dict[str, Any]:
    """Return the attributes of an object, but for those computed when they are first asked for."""
    slots = [
        name
        for kind in type(value).__mro__
        if "__slots__" in vars(kind)
        for name, member in vars(kind).items()
        if isinstance(member, types.MemberDescriptorType)
    ]
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    held |= getattr(value, "__dict__", {})
    return {
        name: part
        for name, part in held.items()
        if not name.startswith("__")
        and not isinstance(getattr(type(value), name, None), functools.cached_property)
    }


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
        "self": _describe(
            value.__self__, above, reached(type(value.__self__), _python(value.__func__))
        ),
    }


def _partial(value: functools.partial[Any], above: tuple[int, ...]) -> dict[str, Any]:
    changed = {path for function in _python(value.func) for path in changes(function.__code__)}
    return {
        "type": type(value).__qualname__,
        "func": _describe(value.func, above),
        "args": _describe(value.args, above),
        "keywords": _parts(value.keywords, changed, above),
    }


def _python(function: object) -> list[types.FunctionType]:
    return [function] if isinstance(function, types.FunctionType) else []


def _low_level(value: Any) -> bool:
    """Whether it is SciPy's LowLevelCallable: a tuple that is not meant to be one."""
    return isinstance(value, tuple) and hasattr(cast("Any", value), "user_data")


def _native(value: Any, above: tuple[int, ...]) -> dict[str, Any]:
    parts = {"function": value.function, "data": members(value.user_data)}
    return {"type": type(value).__qualname__, **_parts(parts, set(), above)}


def _c_data(value: Any, above: tuple[int, ...]) -> Any:
    return _describe(members(value), above)


def _namespace(value: types.SimpleNamespace, above: tuple[int, ...]) -> dict[str, Any]:
    return _typed(value, vars(value), above)


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
    (_PLAIN, _itself),
    ((numbers.Number, range, slice), _repr),  # complex, Decimal, Fraction
    ((datetime.date, datetime.time, datetime.timedelta), _repr),
    ((bytes, bytearray), _bytes),
    (os.PathLike, _path),
    (np.ndarray, _array),
    ((array.array, memoryview), _buffer),
    (Mapping, _mapping),
    ((list, tuple), _sequence),
    ((set, frozenset), _set),
    (C_DATA, _c_data),
    (types.SimpleNamespace, _namespace),
    (types.FunctionType, _function),
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
    left_out = _left_out(recorded) | _left_out(now)
    common = _ALL_OTHERS in left_out
    for name in [*recorded, *(name for name in now if name not in recorded)]:
        if name in left_out or (common and not (name in recorded and name in now)):
            continue
        where = f"{path}.{name}" if path else name
        if name not in now:
            yield f"{where}: recorded {_shown(recorded[name])}, now absent"
        elif name not in recorded:
            yield f"{where}: recorded nothing, now {_shown(now[name])}"
        else:
            yield from _differences(recorded[name], now[name], where)


def _left_out(described: dict[str, Any]) -> set[str]:
    """Return the names that do not count, and that of their list."""
    names = described.get(_LEFT_OUT)
    if not isinstance(names, list):
        return set()
    return {_LEFT_OUT, *(name for name in cast("list[Any]", names) if isinstance(name, str))}


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
