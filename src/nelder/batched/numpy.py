"""NumPy: on float64 the decisions of the machine, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
import optree
from numpy.typing import NDArray

from nelder.batched.backend import Arrays
from nelder.batched.batch import check_finite
from nelder.batched.eager import EagerBackend
from nelder.batched.state import DONE, Outcome
from nelder.batched.vertices import SLOTS
from nelder.search.start import first_simplex

_trees: Any = optree
__all__ = ["BACKEND"]

Array = NDArray[Any]


class _Namespace:
    """NumPy under the names of the array API, which version 1 has under others."""

    concat = staticmethod(np.concatenate)
    asin = staticmethod(np.arcsin)
    permute_dims = staticmethod(np.transpose)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def astype(array: Array, dtype: Any) -> Array:
        return array.astype(dtype)


class _Numpy(EagerBackend):
    """NumPy's arrays. Rows are written in place; what few lanes need is computed for them only."""

    def __init__(self) -> None:
        super().__init__("NumPy", _Namespace(), SLOTS, resums=True)

    def select(
        self,
        mask: Any,
        function: Callable[..., Arrays],
        given: Sequence[Any],
        otherwise: Sequence[Any],
    ) -> Arrays:
        lanes = np.flatnonzero(mask)
        if not lanes.size:
            return tuple(otherwise)
        made = function(*(np.take(array, lanes, axis=-1) for array in given))
        selected: list[Any] = []
        for new, old in zip(made, otherwise, strict=True):
            both = np.array(old)
            both[..., lanes] = new
            selected.append(both)
        return tuple(selected)

    def owned(self, rows: Any) -> Any:
        return np.array(rows, order="C")

    def read(self, rows: Any, slot: Any) -> Any:
        width, lanes = cast("tuple[int, int]", rows.shape[1:])
        within = np.arange(width * lanes).reshape(width, lanes)
        return np.take(rows.reshape(-1), within + slot * (width * lanes))

    def write(self, rows: Any, slot: Any, row: Any) -> Any:
        width, lanes = rows.shape[1:]
        which = np.flatnonzero(slot >= 0)
        at = slot[which].astype(np.intp) * (width * lanes) + which
        flat = rows.reshape(-1)
        for j in range(width):
            flat[at + j * lanes] = row[j, which]
        return rows

    def constant(self, array: Any, like: Any) -> Any:
        return array if array.dtype == bool else array.astype(like.dtype)

    def iota(self, count: int, like: Any) -> Any:
        return np.arange(count, dtype=np.int32).reshape(-1, 1)

    def spacing(self, x: Any) -> Any:
        return np.spacing(np.abs(x))

    def sine(self, x: Any) -> Any:
        return _mapped(math.sin, x) if x.dtype == np.float64 else np.sin(x)

    def cosine(self, x: Any, where: Any) -> Any:
        if x.dtype != np.float64:
            return np.cos(x)
        made = np.zeros_like(x)
        made[where] = _mapped(math.cos, x[where])
        return made

    def quiet(self) -> AbstractContextManager[Any]:
        return np.errstate(all="ignore")

    def built(self, builder: Any, x0s: Any, lower: Any, upper: Any) -> Any:
        lanes = [first_simplex(builder, x0, lower, upper) for x0 in x0s.T.astype(np.float64)]
        return np.stack(lanes, axis=-1).astype(x0s.dtype)

    def points(self, columns: Any) -> Any:
        return columns.T.copy()

    # What the loop asks for

    def running(self, phase: Any) -> Any:
        return np.flatnonzero(phase != DONE)

    def take(self, tree: Any, lanes: Any) -> Any:
        def take(array: Any) -> Any:
            return np.take(array, lanes, axis=-1)

        return _trees.tree_map(take, tree)

    def take_data(self, data: Any, lanes: Any) -> Any:
        def take(array: Any) -> Any:
            return array[lanes]

        return _trees.tree_map(take, data)

    def put(self, whole: Outcome, lanes: Any, part: Outcome) -> Outcome:
        for all_lanes, some in zip(whole, part, strict=True):
            all_lanes[..., lanes] = some
        return whole

    def host(self, array: Any) -> Any:
        return array

    # What the front door asks for

    def is_array(self, value: object) -> bool:
        return isinstance(value, np.ndarray)

    def as_start(self, array: Any) -> Any:
        return array.astype(np.float64) if array.dtype.kind in "iu" else array

    def check_starts(self, leaves: Sequence[Any]) -> None:
        check_finite(leaves)

    def from_numpy(self, array: Any, like: Any) -> Any:
        return array

    def pick_rows(self, array: Any, rows: Sequence[int]) -> Any:
        return array[list(rows)]


BACKEND = _Numpy()


def _mapped(function: Callable[[float], float], x: Array) -> Array:
    """Return a function of the C library, whose last bits NumPy's own do not share, of an array."""
    flat = np.where(np.isfinite(x), x, 0.0).ravel()
    values = np.fromiter(map(function, flat.tolist()), np.float64, flat.size).reshape(x.shape)
    return np.where(np.isfinite(x), values, np.nan)
