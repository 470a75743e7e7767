"""PyTorch, on processors and accelerators.

On an accelerator nothing waits for it but a look, every so many steps, at how many lanes run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

import numpy as np
import optree

from nelder.batched.backend import Arrays
from nelder.batched.batch import check_finite
from nelder.batched.eager import EagerBackend
from nelder.batched.state import DONE, Outcome
from nelder.batched.vertices import SLOTS

__all__ = ["BACKEND"]

torch: Any = import_module("torch")
_trees: Any = optree


class _Namespace:
    """What a step uses of the array API, in PyTorch's operations."""

    int32 = torch.int32
    where = staticmethod(torch.where)
    abs = staticmethod(torch.abs)
    maximum = staticmethod(torch.maximum)
    minimum = staticmethod(torch.minimum)
    isnan = staticmethod(torch.isnan)
    isfinite = staticmethod(torch.isfinite)
    equal = staticmethod(torch.eq)
    not_equal = staticmethod(torch.ne)
    sqrt = staticmethod(torch.sqrt)
    sin = staticmethod(torch.sin)
    cos = staticmethod(torch.cos)
    asin = staticmethod(torch.asin)
    nextafter = staticmethod(torch.nextafter)
    zeros_like = staticmethod(torch.zeros_like)
    ones_like = staticmethod(torch.ones_like)
    full_like = staticmethod(torch.full_like)
    stack = staticmethod(torch.stack)
    reshape = staticmethod(torch.reshape)
    permute_dims = staticmethod(torch.permute)

    @staticmethod
    def concat(arrays: Sequence[Any], axis: int) -> Any:
        return torch.cat(tuple(arrays), dim=axis)

    @staticmethod
    def flip(array: Any, axis: int) -> Any:
        return torch.flip(array, (axis,))

    @staticmethod
    def max(array: Any, axis: int) -> Any:
        return torch.amax(array, axis)

    @staticmethod
    def min(array: Any, axis: int) -> Any:
        return torch.amin(array, axis)

    @staticmethod
    def astype(array: Any, dtype: Any) -> Any:
        return array.to(dtype)


class _Torch(EagerBackend):
    """Tensors of a processor, where looking at a mask costs nothing."""

    def __init__(self, resums: bool = True) -> None:
        super().__init__("PyTorch", _Namespace(), SLOTS, resums)

    def select(
        self,
        mask: Any,
        function: Callable[..., Arrays],
        given: Sequence[Any],
        otherwise: Sequence[Any],
    ) -> Arrays:
        lanes = torch.nonzero(mask)[:, 0]
        if not len(lanes):
            return tuple(otherwise)
        made = function(*(array.index_select(-1, lanes) for array in given))
        return tuple(
            old.index_copy(-1, lanes, new) for new, old in zip(made, otherwise, strict=True)
        )

    def owned(self, rows: Any) -> Any:
        return rows.clone(memory_format=torch.contiguous_format)

    def read(self, rows: Any, slot: Any) -> Any:
        return rows.gather(0, _index(rows, slot))[0]

    def write(self, rows: Any, slot: Any, row: Any) -> Any:
        there = torch.clamp(slot, min=0)
        row = torch.where(slot < 0, self.read(rows, there), row)
        return rows.scatter_(0, _index(rows, there), row[None])

    def sum(self, array: Any) -> Any:
        return torch.sum(array, 0, dtype=array.dtype)

    def any(self, mask: Any) -> Any:
        return torch.any(mask, 0)

    def constant(self, array: Any, like: Any) -> Any:
        dtype = torch.bool if array.dtype == bool else like.dtype
        return torch.as_tensor(np.array(array), dtype=dtype, device=like.device)

    def iota(self, count: int, like: Any) -> Any:
        return torch.arange(count, dtype=torch.int32, device=like.device).reshape(-1, 1)

    def quiet(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def points(self, columns: Any) -> Any:
        return columns.T.clone(memory_format=torch.contiguous_format)

    # What the loop asks for

    def running(self, phase: Any) -> Any:
        return torch.nonzero(phase != DONE)[:, 0]

    def take(self, tree: Any, lanes: Any) -> Any:
        def take(array: Any) -> Any:
            return array.index_select(-1, lanes)

        return _trees.tree_map(take, tree)

    def take_data(self, data: Any, lanes: Any) -> Any:
        def take(array: Any) -> Any:
            return array.index_select(0, lanes)

        return _trees.tree_map(take, data)

    def put(self, whole: Outcome, lanes: Any, part: Outcome) -> Outcome:
        for all_lanes, some in zip(whole, part, strict=True):
            all_lanes.index_copy_(-1, lanes, some)
        return whole

    def host(self, array: Any) -> Any:
        return array.cpu().numpy()

    # What the front door asks for

    def fitting(self, array: Any) -> _Torch:
        return BACKEND if array.device.type == "cpu" else _ACCELERATED

    def is_array(self, value: object) -> bool:
        return isinstance(value, torch.Tensor)

    def as_start(self, array: Any) -> Any:
        return array.detach()

    def check_starts(self, leaves: Sequence[Any]) -> None:
        if not all(bool(torch.isfinite(leaf).all()) for leaf in leaves):
            check_finite([leaf.cpu().numpy() for leaf in leaves])

    def from_numpy(self, array: Any, like: Any) -> Any:
        return torch.as_tensor(array, device=like.device)

    def same_device(self, array: Any, other: Any) -> bool:
        return array.device == other.device

    def dtype_of(self, array: Any) -> str:
        return str(array.dtype).removeprefix("torch.")


class _Accelerated(_Torch):
    """Tensors of an accelerator: nothing waits for a mask."""

    patience = 16

    def __init__(self) -> None:
        super().__init__(resums=False)

    def select(
        self,
        mask: Any,
        function: Callable[..., Arrays],
        given: Sequence[Any],
        otherwise: Sequence[Any],
    ) -> Arrays:
        made = function(*given)
        return tuple(torch.where(mask, *both) for both in zip(made, otherwise, strict=True))


def _index(rows: Any, slot: Any) -> Any:
    return slot.to(torch.int64).expand(1, rows.shape[1], rows.shape[2])


BACKEND = _Torch()
_ACCELERATED = _Accelerated()
