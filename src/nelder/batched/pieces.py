"""Lanes in pieces, each the work of one thread.

Where a compiler shares each operation among the cores, every operation waits for the slowest core
and reads what another core has written; how long that takes depends on where the cores are. Lanes
do not depend on each other. So a core can have some for itself, few enough to stay in its cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from nelder.batched.settings import Settings

__all__ = ["Pieces", "joined", "mapped", "pieces_of"]

NUMBERS = 49_152  # in the state of a piece: 384 KiB in double precision
LEAST = 32  # lanes, below which a piece is not worth its thread
EVEN = 8  # pieces are a multiple of this or, fewer, a power of 2, so that cores end together


class Pieces(NamedTuple):
    """Where pieces of the same size begin; the last may begin within the one before it."""

    size: int
    starts: tuple[int, ...]


def pieces_of(lanes: int, settings: Settings) -> Pieces:
    """Return the pieces of so many lanes, the same on any machine."""
    n = settings.n
    width = n if settings.box is None else 2 * n
    numbers = (n + 1) * (width + 2) + 6 * n + 20  # in the state of a lane, roughly
    most = max(NUMBERS // numbers, LEAST)
    count = max(-(-lanes // most), min(2, lanes // (2 * LEAST)), 1)
    count = -(-count // EVEN) * EVEN if count > EVEN else 1 << (count - 1).bit_length()
    size = max(-(-lanes // count), 1)
    return Pieces(size, tuple(min(k * size, lanes - size) for k in range(-(-lanes // size))))


def mapped(function: Callable[[int], Any], starts: Sequence[int]) -> list[Any]:
    """Return ``[function(start) for start in starts]``, as many at once as there are cores."""
    threads = min(_cores(), len(starts))
    if threads < 2:
        return [function(start) for start in starts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, starts))


def joined(parts: Sequence[Any], pieces: Pieces) -> np.ndarray[Any, Any]:
    """Return what the pieces gave, arrays with the lanes first, as one."""
    arrays = [np.asarray(part) for part in parts]
    if len(arrays) > 1:
        seen = pieces.starts[-2] + pieces.size - pieces.starts[-1]
        arrays[-1] = arrays[-1][seen:]
    return np.concatenate(arrays)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
