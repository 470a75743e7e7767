"""What C functions, and C data, are called and hold, so that they can be told from others."""

from __future__ import annotations

import ctypes
import os
from typing import Any, cast

from nelder.errors import InvalidArgumentError

__all__ = ["C_DATA", "is_function", "members", "symbol"]

# Data that hold their values themselves, rather than say where they are.
C_DATA = (ctypes.Structure, ctypes.Union, ctypes.Array)


class _Found(ctypes.Structure):
    """What the dynamic linker says of an address; dladdr(3)."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def is_function(value: object) -> bool:
    """Whether a value is a C function of ctypes, or a capsule as Cython's modules hold them."""
    kind = type(value)
    return isinstance(value, ctypes._CFuncPtr) or kind.__name__ == "PyCapsule"  # type: ignore[attr-defined]


def symbol(function: Any) -> dict[str, Any]:
    """Return the name of a C function and that of its library; their folder does not count.

    Raises
    ------
    InvalidArgumentError
        It has none, since it was made while the program runs.
    """
    address = _address(function)
    found = _Found()
    linker = None if os.name == "nt" else ctypes.CDLL(None)
    if hasattr(linker, "dladdr") and cast("Any", linker).dladdr(
        ctypes.c_void_p(address), ctypes.byref(found)
    ):
        library = os.path.basename(os.fsdecode(found.file))
        if found.address == address:
            return {"symbol": found.name.decode(), "library": library}
        return {"offset": address - (found.base or 0), "library": library}
    name: object = getattr(function, "__name__", None)
    if isinstance(name, str):  # ctypes has found it by that
        return {"symbol": name}
    raise InvalidArgumentError(
        f"fun: a journal cannot tell the C function at {address:#x} from another, as it has no "
        "name; expected one of a shared library, or a Numba cfunc itself rather than its address"
    )


def _address(function: Any) -> int:
    if isinstance(function, ctypes._CFuncPtr):  # type: ignore[attr-defined]
        return ctypes.cast(function, ctypes.c_void_p).value or 0
    api = ctypes.PyDLL(None)
    api.PyCapsule_GetName.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    capsule = ctypes.py_object(function)
    name = ctypes.c_void_p(api.PyCapsule_GetName(capsule))
    return api.PyCapsule_GetPointer(capsule, name) or 0


def members(data: Any) -> Any:
    """Return what C data hold: of a structure a dict, of an array a list.

    Raises
    ------
    InvalidArgumentError
        Some of it is an address.
    """
    if isinstance(data, ctypes.Array):
        return [members(part) for part in cast("Any", data)]
    if isinstance(data, (ctypes.Structure, ctypes.Union)):
        return {name: members(getattr(data, name)) for name, *_ in _fields(type(data))}
    if isinstance(data, (ctypes._Pointer, ctypes.c_void_p)) and data:  # type: ignore[attr-defined]
        raise InvalidArgumentError(
            f"data={data!r}: a journal cannot tell what is at an address; expected an array, or a "
            "ctypes object that holds the values itself"
        )
    return data


def _fields(kind: Any) -> list[Any]:
    bases: list[Any] = list(reversed(kind.__mro__))
    return [field for base in bases for field in getattr(base, "__dict__", {}).get("_fields_", ())]
