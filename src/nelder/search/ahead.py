"""What a search may ask for next, before the values it waits for are known.

Clones of the search are told the few kinds of value that lead to different moves, the most frequent
first, and what they then wait for is what may be needed. The search itself never knows: a guess
costs an evaluation at worst, and decides nothing.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.search.search import Search

__all__ = ["LEAST", "Planned", "plan"]

Array = NDArray[np.float64]

LATER = 0.9  # the share of what parts of a search need that it has not come to yet
LEAST = 1e-3  # a point less probable than this is not worth an evaluation
FARTHEST = 100  # evaluations ahead: a simplex that has closed up may want the same points for ever


class Planned(NamedTuple):
    """A point that is needed or may be.

    Attributes
    ----------
    share : float
        How probable it is that it will be needed: 1 where it is needed now.
    x : ndarray of shape (dim,)
    """

    share: float
    x: Array


def plan(
    search: Search,
    known: Mapping[bytes, float],
    points: int,
    evaluations: float = math.inf,
    least: float = LEAST,
) -> dict[bytes, Planned]:
    """Return the points whose values `search` needs now, then those it may need next.

    Parameters
    ----------
    search : Search
        It is left as it is; the searches that it says come later are told what is known.
    known : mapping
        Values that are known already, by the bytes of their points.
    points : int
        At most so many, the most probable first.
    evaluations : float
        How many more the search may make: nothing beyond is looked at.
    least : float, default 1e-3
        Nothing less probable is looked at; 1 gives what is needed now.

    Returns
    -------
    dict
        By the bytes of the point, in the order of need and then of probability.
    """
    planned: dict[bytes, Planned] = {}
    number = count()
    # By falling share: what the search, or a clone, waits for; `told` is what a clone is told
    # first, and `left` the evaluations it may then make. Or, as `told`, a point that is foreseen.
    nodes: list[tuple[float, int, Search, float | Array | None, float]] = [
        (-1.0, next(number), search, None, min(evaluations, max(FARTHEST, search.stage.waiting)))
    ]
    if least < LATER:
        left = evaluations - search.stage.waiting
        for part in search.later(points):
            _catch_up(part, known)
            left -= part.nfev
            if left <= 0:
                break
            nodes.append((-LATER, next(number), part, None, min(left, FARTHEST)))
            left -= part.stage.waiting
    while nodes and len(planned) < points:
        minus, _, node, told, left = heapq.heappop(nodes)
        if isinstance(told, np.ndarray):
            if told.tobytes() not in known:
                planned.setdefault(told.tobytes(), Planned(-minus, told))
            continue
        if told is not None:
            node = node.clone()
            left -= 1 + _tell(node, told, known, left - 1)
        if left <= 0 or node.done or node.stage.done:
            continue
        waiting = node.stage.needed()
        for x in waiting[: int(min(left, len(waiting)))]:
            key = x.tobytes()
            if key not in known and len(planned) < points:
                planned.setdefault(key, Planned(-minus, x))
        begins = told is None or node.stage.between  # else what it foresees is known by now
        foreseen = node.stage.foreseen() if begins and left > len(waiting) else []
        for what, share in [*foreseen, *node.stage.branches()]:
            if -minus * share >= least:
                heapq.heappush(nodes, (minus * share, next(number), node, what, left))
    return planned


def _catch_up(search: Search, known: Mapping[bytes, float]) -> None:
    """Tell a search all that is known."""
    while not search.done:
        value = known.get(search.stage.x.tobytes())
        if value is None:
            return
        search.stage.tell(value)
        if search.stage.done or search.pauses:
            search.advance()


def _tell(search: Search, value: float, known: Mapping[bytes, float], left: float) -> int:
    """Tell a clone `value` and then all that is known; return how many were known."""
    told = -1
    given: float | None = value
    while given is not None and told < left:
        search.stage.tell(given)
        told += 1
        if search.stage.done:
            search.advance()
            if search.done:
                break
        given = known.get(search.stage.x.tobytes())
    return told
