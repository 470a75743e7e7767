"""A C function as objective: called without the GIL, with nothing between it and the machine."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from nelder.core.leg import Leg
from nelder.core.machine import Stage
from nelder.errors import InvalidArgumentError
from nelder.options import is_whole

__all__ = ["NativeObjective", "native_objective"]

_SIGNATURE = "double f(int64_t n, const double *x, void *data)"
_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


class NativeObjective:
    """A C function ``double f(int64_t n, const double *x, void *data)``.

    It must not write to x, and must be safe to call without the GIL.

    Parameters
    ----------
    address : int, ctypes function or Numba cfunc
        Where it is; a function is kept alive.
    data : int, ctypes pointer, ndarray or None, optional
        What it gets as `data`: an address, or an object whose memory it is and which is kept alive.

    Raises
    ------
    InvalidArgumentError
        `address` or `data` is of another type, or null.
    """

    chunked = True
    runs_in_threads = True

    def __init__(self, address: Any, data: Any = None) -> None:
        self.address = _address_of_function(getattr(address, "address", address))
        self.data = _address_of_data(data)
        self._function = _FUNCTION(self.address)
        self.alive: object = (address, data)  # what must not be collected before this is
        self._named = self._function if is_whole(address) else address
        self._given: object = data

    def __repr__(self) -> str:
        return f"NativeObjective({self.address:#x})"

    def __call__(self, x: NDArray[np.float64]) -> float:
        """Return the value at x (n,), C-contiguous; called without the GIL."""
        return self._function(len(x), cast("Any", x).ctypes.data, self.data)

    def __journal__(self) -> dict[str, Any]:
        """Return what tells it from others, on another day: no address does.

        Raises
        ------
        InvalidArgumentError
            Its data are an address.
        """
        data = self._given
        if self.data and not isinstance(data, (np.ndarray, ctypes.Structure, ctypes.Array)):
            raise InvalidArgumentError(
                f"data={data!r}: a journal cannot tell what is at an address; expected an "
                "array, or a ctypes object that holds the values itself"
            )
        return {"function": self._named, "data": cast("Any", data)}

    def __reduce__(self) -> NoReturn:
        raise TypeError("a NativeObjective is an address, which means nothing to another process")

    def run(self, stage: Stage, leg: Leg) -> None:
        """Fill `stage`; see `core.machine.Stage.run_native`."""
        stage.run_native(self.address, self.data, *leg)

    def guarded(self, check: Callable[[], None]) -> NativeObjective:
        """Return itself: nothing of Python's is called before an evaluation."""
        return self


def native_objective(fun: object) -> NativeObjective | None:
    """Return `fun` as a native objective, or None where it is an ordinary callable.

    Numba's ``cfunc`` and SciPy's ``LowLevelCallable`` are recognised.

    Raises
    ------
    InvalidArgumentError
        It is a C function of another signature.
    """
    if isinstance(fun, NativeObjective):
        return fun
    module = type(fun).__module__.partition(".")[0]
    kind = type(fun).__name__
    if module == "numba" and kind == "CFunc":
        return _from_numba(fun)
    if module == "scipy" and kind == "LowLevelCallable":
        return _from_scipy(cast("Any", fun))
    return None


def _from_numba(fun: Any) -> NativeObjective:
    signature = fun._sig
    args: list[str] = [str(arg) for arg in signature.args]
    data = [] if len(args) < 3 else args[2:]
    if (
        str(signature.return_type) != "float64"
        or len(args) not in (2, 3)
        or args[0] not in ("int64", "int32")
        or args[1] != "float64*"
        or any(arg != "none*" and not arg.endswith("*") for arg in data)
    ):
        raise InvalidArgumentError(
            f"fun is a Numba cfunc of signature {signature}: expected "
            "float64(int64, CPointer(float64), voidptr)"
        )
    return NativeObjective(fun)


def _from_scipy(fun: Any) -> NativeObjective:
    api = ctypes.pythonapi
    for name in ("PyCapsule_GetName", "PyCapsule_GetPointer", "PyCapsule_GetContext"):
        getattr(api, name).restype = ctypes.c_char_p if name.endswith("Name") else ctypes.c_void_p
    capsule = ctypes.py_object(cast("Any", tuple).__getitem__(fun, 0))  # its own [] refuses
    signature = api.PyCapsule_GetName(capsule)
    text = (signature or b"").decode()
    types = text[text.find("(") + 1 : text.rfind(")")].replace(" ", "").split(",")
    if (
        not text.replace(" ", "").startswith("double(")
        or len(types) not in (2, 3)
        or types[0] not in ("int", "long", "int64_t", "npy_intp", "longlong")
        or types[1] not in ("double*", "constdouble*")
        or types[2:] not in ([], ["void*"])
    ):
        raise InvalidArgumentError(
            f"fun is a LowLevelCallable of signature {text!r}: expected "
            "'double (int, double *, void *)', the int of 32 or 64 bits"
        )
    address = api.PyCapsule_GetPointer(capsule, ctypes.c_char_p(signature))
    native = NativeObjective(address, api.PyCapsule_GetContext(capsule) or 0)
    native.alive = fun
    return native


def _address_of_function(address: Any) -> int:
    if isinstance(address, ctypes._CFuncPtr):  # type: ignore[attr-defined]
        address = ctypes.cast(address, ctypes.c_void_p).value
    if is_whole(address) and address > 0:
        return int(address)
    raise InvalidArgumentError(
        f"address={address!r}: expected the address, above 0, of a C function {_SIGNATURE}"
    )


def _address_of_data(data: Any) -> int:
    if data is None:
        return 0
    if is_whole(data) and data >= 0:
        return int(data)
    if isinstance(data, np.ndarray):
        return int(cast("Any", data).ctypes.data)
    if isinstance(data, ctypes.c_void_p):
        return data.value or 0
    if isinstance(data, ctypes._Pointer):  # type: ignore[attr-defined]
        return ctypes.cast(cast("Any", data), ctypes.c_void_p).value or 0
    if isinstance(data, (ctypes.Structure, ctypes.Array)):
        return ctypes.addressof(cast("Any", data))
    raise InvalidArgumentError(
        f"data={data!r}: expected None, an address, a ctypes object or an ndarray"
    )
