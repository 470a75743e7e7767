"""Flat buffers: memoryviews, so that compiled and uncompiled code read plain numbers from them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["array_of", "doubles", "indices"]


def doubles(values: Any) -> memoryview[float]:
    """Return a new buffer with the float64 `values`, flat."""
    return cast("memoryview[float]", memoryview(np.array(values, dtype=np.float64).ravel()))  # type: ignore[arg-type]


def indices(values: Any) -> memoryview[int]:
    """Return a new buffer with the whole numbers `values`, flat."""
    return cast("memoryview[int]", memoryview(np.array(values, dtype=np.intp).ravel()))  # type: ignore[arg-type]


def array_of(buffer: memoryview[Any]) -> NDArray[Any]:
    """Return an array on the memory of `buffer`."""
    return np.asarray(buffer)
