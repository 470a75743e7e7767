"""What users give, on the command line or in a problem file, read into a problem and options.

Both have the same keys. Those of a problem file, in TOML, are the names of the options without
their dashes, and ``command`` (a list), ``objective`` (``"module:function"``), and the tables
``[parameters]`` (``k = "0.1:10"``, ``k = 1.5`` or ``k = { low = 0, high = 2, start = 1 }``) and
``[env]``. Files in it are found from its folder, where its program runs too.
"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, cast, get_args

from nelder.cli.problem import Method, Options, Problem
from nelder.cli.texts import (
    NamedParameter,
    checked,
    read_file_pair,
    read_parameter,
    read_seconds,
)
from nelder.errors import InvalidArgumentError
from nelder.evaluate.output import Output
from nelder.options import OnFailure, is_real, is_whole
from nelder.search.k_worst import KWorst

__all__ = ["Given", "merged", "read_given", "read_problem_file", "split"]

SIMPLEX: Method = "nelder-mead"
MOST_MODELLED = 32  # parameters; of n of them the fit for a model step costs n⁶

Given = dict[str, Any]  # key -> value, checked; only what was given


def read_given(raw: Mapping[str, Any], folder: str, shown: Callable[[str], str]) -> Given:
    """Check what was given.

    Parameters
    ----------
    raw : mapping
        By key; None stands for what was not given.
    folder : str
        Where files are looked for.
    shown : callable
        Gives a key as the user wrote it.

    Raises
    ------
    InvalidArgumentError
        A key is unknown, or its value is not what it should be.
    """
    given: Given = {}
    for key, value in raw.items():
        if value is None:
            continue
        if key not in _READERS:
            near = difflib.get_close_matches(key, _READERS, 1)
            hint = f": did you mean {near[0]}?" if near else f": expected {', '.join(_READERS)}"
            raise InvalidArgumentError(f"{shown(key)} is unknown{hint}")
        given[key] = _READERS[key](value, shown(key), folder)
    return given


def read_problem_file(path: str) -> Given:
    """Read a problem from a TOML file. Paths in it are from its folder.

    Raises
    ------
    InvalidArgumentError
        There is no such file, or it is no such problem.
    """
    try:
        with open(path, "rb") as file:
            raw = tomllib.load(file)
    except OSError as error:
        raise InvalidArgumentError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{path} is no TOML: {error}") from error
    folder = os.path.dirname(os.path.abspath(path))
    return read_given(raw, folder, lambda key: f"{path}: {key}")


def merged(below: Given, above: Given) -> Given:
    """Return what was given in two places; what is `above` goes before, tables name by name."""
    tables = {
        key: {**below[key], **above[key]}
        for key in below.keys() & above.keys()
        if isinstance(above[key], dict)
    }
    return {**below, **above, **tables}


def split(given: Given, folder: str) -> tuple[Problem, Options]:
    """Return the problem and the options that were given.

    Parameters
    ----------
    given : dict
    folder : str
        Of the problem.

    Raises
    ------
    InvalidArgumentError
        There are no parameters, or no objective.
    """
    parts = {_FIELDS.get(key, key): value for key, value in given.items() if key != "study"}
    if not parts.get("parameters"):
        raise InvalidArgumentError(
            "there are no parameters: expected  -p k=0.1:10  or [parameters] in a problem file"
        )
    if bool(parts.get("program")) == bool(parts.get("function")):
        raise InvalidArgumentError(
            "expected an objective: a problem file, module:function, or a program and its "
            "arguments behind  --"
        )
    if parts.get("function"):
        of_programs = {"value", "template", "input", "env", "fresh"} & given.keys()
        if of_programs:
            raise InvalidArgumentError(
                f"{', '.join(sorted(of_programs))}: expected only where the objective is a program,"
                f" not the function {parts['function']}"
            )
    _check_method(parts)
    of_options = {part.name for part in fields(Options)}
    options = Options(**{name: value for name, value in parts.items() if name in of_options})
    parts = {name: value for name, value in parts.items() if name not in of_options}
    parts["inputs"] = {
        name: os.path.relpath(path, folder) for name, path in parts.get("inputs", {}).items()
    }
    problem = Problem(**parts)
    if "model" not in parts:
        simplex = problem.method == SIMPLEX and not problem.noise
        problem = replace(problem, model=simplex and problem.free <= MOST_MODELLED)
    if problem.method == "k-worst" and problem.k is None:  # the same on another machine
        k = KWorst.rule_of_thumb(max(problem.free, 1), options.jobs)
        problem = replace(problem, k=k)
    return problem, options


def _check_method(parts: Mapping[str, Any]) -> None:
    """Check that what is said of the method is said of this one."""
    method = parts.get("method", SIMPLEX)
    for name, of in (("k", "k-worst"), ("model", SIMPLEX), ("noise", SIMPLEX)):
        if parts.get(name) and method != of:
            raise InvalidArgumentError(f"{name}={parts[name]}: expected only with the method {of}")
    if "seed" in parts and not parts.get("noise"):
        raise InvalidArgumentError(f"seed={parts['seed']}: expected only with noise")


# Readers of one value: of what was given, its name in messages, the folder for files


def _texts(value: object, shown: str, folder: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)):
        items = cast("list[object]", value)
        if all(isinstance(item, str) for item in items):
            return tuple(cast("list[str]", items))
    raise InvalidArgumentError(f"{shown} = {value!r}: expected a list of strings")


def _program(value: object, shown: str, folder: str) -> tuple[str, ...]:
    if isinstance(value, str):
        raise InvalidArgumentError(
            f"{shown} = {value!r}: expected a list, as in {value.split()!r}; no shell splits it"
        )
    return _texts(value, shown, folder)


def _text(value: object, shown: str, folder: str) -> str:
    if isinstance(value, str):
        return value
    raise InvalidArgumentError(f"{shown} = {value!r}: expected a string")


def _file(value: object, shown: str, folder: str) -> str:
    if name := _text(value, shown, folder):
        return name
    raise InvalidArgumentError(f"{shown} = '': expected the name of a file")


def _function(value: object, shown: str, folder: str) -> str:
    text = _text(value, shown, folder)
    if not all(part for part in text.partition(":")):
        raise InvalidArgumentError(f"{shown} = {text!r}: expected module:function")
    return text


def _value(value: object, shown: str, folder: str) -> str:
    return str(Output.parse(_text(value, shown, folder)))


def _table(value: object, shown: str) -> dict[str, object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    raise InvalidArgumentError(f"{shown} = {value!r}: expected a table of names and values")


def _parameters(value: object, shown: str, folder: str) -> dict[str, NamedParameter]:
    return {name: _parameter(name, given, shown) for name, given in _table(value, shown).items()}


def _parameter(name: str, given: object, shown: str) -> NamedParameter:
    if isinstance(given, str):
        return read_parameter(name, given)
    if is_real(given):
        return read_parameter(name, repr(given))
    if isinstance(given, dict):
        parts = cast("dict[str, Any]", given)
        what = f"parameter {name} = {parts}"
        wrong = [key for key in parts if key not in ("low", "high", "start")]
        if wrong or not all(is_real(part) for part in parts.values()):
            raise InvalidArgumentError(f"{what}: expected numbers low, high and start")
        read_parameter(name, "0")  # the name
        return checked(what, parts.get("low"), parts.get("high"), parts.get("start"))
    raise InvalidArgumentError(
        f"{shown}: {name} = {given!r}: expected a start, 'low:high:start' or a table of these"
    )


def _templates(value: object, shown: str, folder: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for item in _texts(value, shown, folder):
        path, target = read_file_pair(item, folder, shown)
        try:
            with open(path, encoding="utf-8", newline="") as file:
                texts[target] = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgumentError(f"{shown} {item}: expected a text file: {error}") from error
    return texts


def _inputs(value: object, shown: str, folder: str) -> dict[str, str]:
    pairs = (read_file_pair(item, folder, shown) for item in _texts(value, shown, folder))
    return {target: os.path.abspath(path) for path, target in pairs}


def _env(value: object, shown: str, folder: str) -> dict[str, str]:
    table = _table(value, shown)
    for name, text in table.items():
        if not isinstance(text, str):
            raise InvalidArgumentError(f"{shown}: {name} = {text!r}: expected a string")
    return cast("dict[str, str]", table)


def _flag(value: object, shown: str, folder: str) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidArgumentError(f"{shown} = {value!r}: expected true or false")


def _whole(least: int) -> Callable[[object, str, str], int]:
    def read(value: object, shown: str, folder: str) -> int:
        if is_whole(value) and value >= least:
            return int(value)
        raise InvalidArgumentError(
            f"{shown} = {value!r}: expected a whole number, {least} or above"
        )

    return read


def _real(value: object, shown: str, folder: str) -> float:
    if is_real(value):
        return float(value)
    raise InvalidArgumentError(f"{shown} = {value!r}: expected a number")


def _tolerance(value: object, shown: str, folder: str) -> float:
    number = _real(value, shown, folder)
    if 0.0 <= number < math.inf:
        return number
    raise InvalidArgumentError(f"{shown} = {value!r}: expected a number, 0 or above")


def _seconds(value: object, shown: str, folder: str) -> float:
    return read_seconds(value, shown)


def _choice(kind: Any) -> Callable[[object, str, str], Any]:
    def read(value: object, shown: str, folder: str) -> Any:
        if value in get_args(kind):
            return value
        raise InvalidArgumentError(
            f"{shown} = {value!r}: expected one of {', '.join(get_args(kind))}"
        )

    return read


_READERS: dict[str, Callable[[Any, str, str], Any]] = {
    "command": _program,
    "objective": _function,
    "parameters": _parameters,
    "value": _value,
    "template": _templates,
    "input": _inputs,
    "env": _env,
    "fresh": _flag,
    "method": _choice(Method),
    "k": _whole(1),
    "model": _flag,
    "noise": _flag,
    "seed": _whole(0),
    "xatol": _tolerance,
    "fatol": _tolerance,
    "study": _file,
    "jobs": _whole(1),
    "timeout": _seconds,
    "retries": _whole(0),
    "on-failure": _choice(OnFailure),
    "maxfev": _whole(1),
    "maxtime": _seconds,
    "target": _real,
}

# Keys that are not called as what they become.
_FIELDS = {
    "command": "program",
    "objective": "function",
    "template": "templates",
    "input": "inputs",
    "on-failure": "on_failure",
}
