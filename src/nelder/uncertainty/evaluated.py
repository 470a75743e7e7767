"""A minimum, and what was evaluated on the way to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evaluated"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

AT_BOUND = 1e-7  # of what the search has covered of a coordinate
UNKNOWN = 1e-5  # covered, where that is not known
ULPS = 4.0 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A minimum, and what was evaluated on the way to it.

    Parameters
    ----------
    x : ndarray of shape (n,)
    fun : float
        Its value.
    points : ndarray of shape (m, n)
        In the order of evaluation.
    values : ndarray of shape (m,)
        NaN or infinite where there is none.
    lower, upper : ndarray of shape (n,)
        Infinite where there is no bound. Coordinates with lower = upper are fixed.
    names : tuple of str, default ()
        Empty, or one for each coordinate.
    noise : float, default 0
        Standard deviation of a value.
    converged : bool, default True
        Whether the search was sure of its minimum.
    """

    x: Array
    fun: float
    points: Array
    values: Array
    lower: Array
    upper: Array
    names: tuple[str, ...] = ()
    noise: float = 0.0
    converged: bool = True

    @property
    def free(self) -> Mask:
        """Which coordinates are not fixed."""
        return self.lower < self.upper

    @property
    def gap(self) -> Array:
        """How far each coordinate of x is from its nearer bound, (n,)."""
        return np.minimum(self.x - self.lower, self.upper - self.x)

    def at_bound(self) -> Mask:
        """Which free coordinates are at a bound, by the measure of what the search has covered."""
        covered = np.abs(self.points - self._bound).max(axis=0, initial=0.0)
        if len(self.points) <= 2 * len(self.x) + 2:  # no more than the last simplex
            covered = np.maximum(covered, UNKNOWN)
        nearest = np.maximum(AT_BOUND * covered, ULPS * np.abs(self.x))
        return self.free & np.isfinite(self.gap) & (self.gap <= nearest)

    def steps(self, held: Mask) -> Array:
        """Return the points less x in all free coordinates, (m, k).

        At a minimum at a bound the objective rises linearly from it, so that with the root of the
        distance as the coordinate it is a minimum like others. So it is for those that are `held`.
        """
        steps = self.points - self.x
        steps[:, held] = np.sqrt(np.abs(self.points - self._bound)[:, held])
        return steps[:, self.free]

    @property
    def _bound(self) -> Array:
        """The nearer bound of each coordinate; x itself where there is none."""
        below = self.x - self.lower <= self.upper - self.x
        bound = np.where(below, self.lower, self.upper)
        return np.where(np.isfinite(bound), bound, self.x)
