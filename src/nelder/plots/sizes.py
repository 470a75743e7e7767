"""How large the simplex was along the way: a search told its recorded values once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nelder.search.search import Search

__all__ = ["sizes"]

Array = NDArray[np.float64]


def sizes(search: Search, points: Array, values: Array) -> tuple[Array, Array]:
    """Return after how many evaluations the simplex changed, and its size then.

    Nothing is evaluated: a search depends on nothing but what it is told. One that asks for
    another point than was recorded (its stopping rule may remember things) is followed that far.

    Parameters
    ----------
    search : Search
        As it began.
    points : ndarray of shape (m, dim)
    values : ndarray of shape (m,)
        The history, in order; NaN where the objective failed.

    Returns
    -------
    after : ndarray of shape (k,)
    size : ndarray of shape (k,)
        Largest distance of a vertex from the best one in any coordinate.
    """
    after: list[int] = []
    size: list[float] = []
    nit = -1
    for i, (x, value) in enumerate(zip(points, values.tolist(), strict=True)):
        if search.done or search.stage.x.tobytes() != x.tobytes():
            break
        search.stage.tell(value)
        if search.stage.done or search.pauses:
            search.advance()
        if search.begun and search.nit != nit:
            nit = search.nit
            vertices = search.simplex.vertices
            if len(vertices) > 1:
                after.append(i + 1)
                size.append(float(np.abs(vertices - vertices[0]).max()))
    return np.array(after, dtype=np.float64), np.array(size)
