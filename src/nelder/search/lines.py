"""Search along all axes at once, for objectives that are, or nearly are, a sum over coordinates.

The values along each axis through a point are looked at alone. The next place is the middle of the
interval between two known ones in which a parabola of the least curvature gets below the lowest
value: the easiest point (STEP: Swarzberg, Seront & Bersini, IEEE Conference on Evolutionary
Computation 1994, pp. 519-524). So a hundred values find the lowest of dozens of minima. Whether the
coordinates have to do with each other is seen at the point that has the lowest coordinate of each
axis: in a sum, what the axes promise adds up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lines"]

Array = NDArray[np.float64]

BELOW = 1e-8  # of the values' range along an axis: by how much the lowest is to be undercut
LEAST = 1e-12  # of the width: an interval below this is not cut again


class Lines:
    """What is known along the axes through a point.

    Parameters
    ----------
    x : ndarray of shape (n,)
        The point, in the box.
    f : float
        Its value, finite.
    lower, upper : ndarray of shape (n,)
        The box, lower < upper. Its edges are the first places.

    Attributes
    ----------
    count : int
        Places known on each axis, the point itself included.
    """

    def __init__(self, x: Array, f: float, lower: Array, upper: Array) -> None:
        self._x, self._f = x, f
        self._edges = [upper, lower]
        self._least = LEAST * (upper - lower)
        self._places = x.reshape(-1, 1)
        self._values = np.full((len(x), 1), f)

    @property
    def count(self) -> int:
        """Places known on each axis, the point itself included."""
        return self._places.shape[1]

    def following(self) -> Array:
        """Return the next place on each axis, (n,)."""
        if self._edges:
            return self._edges[-1]
        lowest = self._values.min(axis=1, keepdims=True)
        finite = np.where(np.isfinite(self._values), self._values, lowest)
        highest = finite.max(axis=1, keepdims=True)
        # Where there is no value the objective may be as low as at the highest that is known.
        above = np.where(np.isfinite(self._values), self._values, highest) - lowest
        roots = np.sqrt(above + np.maximum(BELOW * (highest - lowest), np.finfo(float).tiny))
        width = np.diff(self._places, axis=1)
        curvature = np.full(width.shape, np.inf)
        wide = width > self._least[:, None]
        np.divide(roots[:, :-1] + roots[:, 1:], width, out=curvature, where=wide)
        easiest = curvature.argmin(axis=1)[:, None]
        ends = [np.take_along_axis(self._places, easiest + side, axis=1) for side in (0, 1)]
        return (0.5 * ends[0] + 0.5 * ends[1])[:, 0]

    def points(self, places: Array) -> Array:
        """Return the points (n, n) that differ from x in one coordinate each."""
        points = np.tile(self._x, (len(places), 1))
        np.fill_diagonal(points, places)
        return points

    def take(self, places: Array, values: Array) -> None:
        """Take the values (n,) at `places` (n,), one on each axis; +inf where there is none."""
        if self._edges:
            self._edges.pop()
        joined = np.column_stack([self._places, places])
        order = joined.argsort(axis=1, kind="stable")
        self._places = np.take_along_axis(joined, order, axis=1)
        self._values = np.take_along_axis(np.column_stack([self._values, values]), order, axis=1)

    @property
    def lowest(self) -> tuple[Array, Array]:
        """The place of the lowest value on each axis, (n,), and these values, (n,)."""
        at = self._values.argmin(axis=1)[:, None]
        return (
            np.take_along_axis(self._places, at, axis=1)[:, 0],
            np.take_along_axis(self._values, at, axis=1)[:, 0],
        )

    @property
    def promised(self) -> float:
        """What the axes have gained in all: what `lowest` gains where the objective is a sum."""
        return float((self._f - self.lowest[1]).sum())

    @property
    def gaps(self) -> Array:
        """Half of the distance between the neighbours of the lowest place on each axis, (n,)."""
        at = self._values.argmin(axis=1)[:, None]
        after = np.minimum(at + 1, self.count - 1)
        ends = [np.take_along_axis(self._places, k, axis=1) for k in (np.maximum(at - 1, 0), after)]
        return 0.5 * (ends[1] - ends[0])[:, 0]
