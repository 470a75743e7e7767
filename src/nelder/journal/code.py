"""What the code of a function uses, and what it changes."""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import textwrap
import types
from collections.abc import Iterable, Iterator
from typing import Any, cast

__all__ = ["Path", "changes", "functions_of", "globals_of", "reached"]

Path = tuple[str, ...]  # ("self", "work") is self.work

# Methods of containers and arrays that change them.
# fmt: off
_CHANGING = frozenset((
    "add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "fill", "insert",
    "pop", "popitem", "popleft", "put", "remove", "resize", "reverse", "rotate", "setdefault",
    "sort", "update",
))
# fmt: on


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and those of the functions inside."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _named(code: types.CodeType, operations: Iterable[str]) -> set[str]:
    """Return the names that some operations have, in a code object and those inside."""
    return {
        step.argval
        for part in _codes(code)
        for step in dis.get_instructions(part)
        if step.opname in operations
    }


def globals_of(function: types.FunctionType) -> set[str]:
    """Return the names of the global variables that a function reads, built-in ones included."""
    return _named(function.__code__, ("LOAD_GLOBAL", "LOAD_NAME"))


def functions_of(owner: type, names: Iterable[str]) -> Iterator[types.FunctionType]:
    """Yield what a class and its bases have in Python as methods and properties of these names."""
    for name in names:
        for kind in owner.__mro__:
            found: Any = vars(kind).get(name)
            if isinstance(found, property):
                found = found.fget
            elif isinstance(found, (staticmethod, classmethod)):
                found = cast("Any", found).__func__
            found = inspect.unwrap(found) if callable(found) else found
            if isinstance(found, types.FunctionType):
                yield found


def reached(owner: type, functions: Iterable[types.FunctionType]) -> list[types.FunctionType]:
    """Return functions, and the methods of `owner` that they call, and so on."""
    found: list[types.FunctionType] = []
    todo = list(functions)
    while todo:
        function = todo.pop()
        if function not in found:
            found.append(function)
            names = {name for part in _codes(function.__code__) for name in part.co_names}
            names.add("__call__")  # as self(x), which names nothing
            todo += functions_of(owner, sorted(names))
    return found


@functools.lru_cache(1024)
def changes(code: types.CodeType) -> frozenset[Path]:
    """Return the variables, and the attributes of variables, that the code of a function changes.

    That is what it assigns to from outside of it, what it stores elements in, whose methods such as
    ``append`` it calls, and what it gives as ``out``; not what its locals hold under another name.
    All but ``global`` and ``nonlocal`` needs its source.
    """
    nonlocals = _named(code, ("STORE_DEREF",)) & set(code.co_freevars)
    assigned = {(name,) for name in nonlocals | _named(code, ("STORE_GLOBAL",))}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):  # typed at a prompt, or a lambda amid a statement
        return frozenset(assigned)
    nodes = list(ast.walk(tree))
    mine = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }.difference(*assigned)  # what a local holds is not what it was given any more
    paths = (_path(target) for node in nodes for target in _changed(node))
    return frozenset(assigned.union(path for path in paths if path and path[0] not in mine))


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is changed at a node of a syntax tree."""
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            yield node
        case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()):
            yield value
        case ast.Call(func=function, keywords=keywords):
            if isinstance(function, ast.Attribute) and function.attr in _CHANGING:
                yield function.value
            for keyword in keywords:
                if keyword.arg == "out":
                    out = keyword.value
                    yield from out.elts if isinstance(out, ast.Tuple) else [out]
        case _:
            pass


def _path(node: ast.AST) -> Path:
    """Return the variable and the attributes that an expression looks up; () of any other."""
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name):
            above = _path(value)
            return (*above, name) if above else ()
        case ast.Subscript(value=value):
            return _path(value)
        case _:
            return ()
