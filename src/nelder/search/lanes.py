"""Many searches with a C objective, where nothing but the machine has to decide.

That is nearly always so: the machine converges, the probe sees nothing lower, and that is the end.
Then the whole of it is done for many starts at once, the machine's loop without the GIL and the
rest by array operations. What does not end like this is said to be unsettled, and is for `Search`,
from its start. So the decisions are those of `Search`, to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from nelder.core.bounds import Box
from nelder.core.machine import ENDS, Points
from nelder.core.simplexes import AffineSimplex, AxisSimplex, FminsearchSimplex, StepSimplex
from nelder.result import Status
from nelder.search.method import Method
from nelder.search.nelder_mead import NelderMead
from nelder.search.probe import beside, first_radii, unseen
from nelder.search.space import Space

__all__ = ["Lanes", "Settled"]

Array = NDArray[np.float64]
Whole = NDArray[np.intp]

BUILDERS = (AffineSimplex, AxisSimplex, FminsearchSimplex, StepSimplex)
CONVERGED = ENDS.index("converged")


@dataclass(frozen=True)
class Settled:
    """What became of m searches.

    Attributes
    ----------
    statuses : ndarray of int, shape (m,)
        ``RUNNING`` where it is not settled.
    points : ndarray of shape (m, dim)
    values : ndarray of shape (m,)
    nfevs : ndarray of int, shape (m,)
    """

    statuses: Whole
    points: Array
    values: Array
    nfevs: Whole


class Lanes:
    """Searches of one method in one box, for one thread.

    Parameters
    ----------
    method : NelderMead
        One of those that `fits`.
    dim : int
    box : Box or None
    """

    def __init__(self, method: NelderMead, dim: int, box: Box | None) -> None:
        self._method = method
        self._box = box
        space = Space(np.zeros(dim), box)
        self._free, self._lower, self._upper = space.free, space.lower, space.upper
        n = space.n
        self._machine = method.machine(np.zeros((n + 1, n)), box, None)

    @staticmethod
    def fits(method: Method, box: Box | None) -> TypeGuard[NelderMead]:
        """Whether searches of `method` are such that the machine and the probe are all."""
        return (
            type(method) is NelderMead
            and type(method.initial_simplex) in BUILDERS
            and method.rule is None
            and not (method.final_centroid or method.model or method.noise)
            and (box is None or box.n > 0)
        )

    def run(self, starts: Array, address: int, data: int, maxfev: float, target: float) -> Settled:
        """Search from each of `starts` (m, dim).

        Parameters
        ----------
        starts : ndarray of shape (m, dim)
        address, data : int
            Of the C function, and what it gets.
        maxfev, target : float
            The budget of each search.
        """
        free = self._free
        x0s: Array = starts if self._box is None else self._box.inside(starts)
        m = len(x0s)
        lower, upper = self._lower[free], self._upper[free]
        simplexes: Array = self._method.initial_simplex(x0s[:, free], lower, upper)
        edges = np.einsum("mii->mi", simplexes[:, 1:] - simplexes[:, :1])
        whole = (
            np.isfinite(simplexes).all(axis=(1, 2))
            & (simplexes >= lower).all(axis=(1, 2))
            & (simplexes <= upper).all(axis=(1, 2))
            & (edges != 0.0).all(axis=1)
        )
        settled = Settled(
            np.full(m, int(Status.RUNNING)),
            x0s.copy(),
            np.full(m, math.nan),
            np.zeros(m, dtype=np.intp),
        )
        if whole.any():
            run = self._run(simplexes[whole], np.abs(edges[whole]), address, data, maxfev, target)
            settled.statuses[whole] = run.statuses
            settled.points[whole] = run.points
            settled.values[whole] = run.values
            settled.nfevs[whole] = run.nfevs
        return settled

    def _run(
        self, simplexes: Array, steps: Array, address: int, data: int, maxfev: float, target: float
    ) -> Settled:
        """Search from simplexes (m, n + 1, n) that `Search` would take as they are."""
        box = self._box
        m, _, n = simplexes.shape
        dim = len(self._lower)
        best, values = np.empty((m, dim)), np.empty(m)
        counts = np.zeros((m, 5), dtype=np.intp)
        z, points = simplexes, None
        if box is not None:
            z = box.enter(simplexes.reshape(-1, n)).reshape(simplexes.shape)
            points = np.tile(self._lower, (m, n + 1, 1))
            points[:, :, self._free] = simplexes
        limit = int(min(maxfev, 2**62))
        self._machine.run_each_native(address, data, limit, target, z, points, best, values, counts)
        nfevs = counts[:, 1].copy()
        statuses = np.full(m, int(Status.RUNNING))
        ordinary = (values > target) & np.isfinite(values)
        ended = ordinary & (counts[:, 0] == CONVERGED)
        if self._method.probe:
            room = ended & (nfevs + 2 * n <= maxfev)
            ended = np.zeros(m, dtype=bool)
            ended[room] = self._nothing_beside(best[room], values[room], steps[room], address, data)
            nfevs[ended] += 2 * n
        statuses[ended] = Status.CONVERGED
        statuses[ordinary & (counts[:, 0] == 0) & (nfevs == maxfev)] = Status.MAXFEV
        return Settled(statuses, best, values, nfevs)

    def _nothing_beside(
        self, x: Array, f: Array, steps: Array, address: int, data: int
    ) -> NDArray[np.bool_]:
        """Return for which of the points (m, dim) the probe ends the search at its first look.

        It does too where it sees a value that is lower by rounding only. That is the best point
        then, and left to `Search`.
        """
        around, moved = beside(x, self._free, first_radii(steps), self._lower, self._upper)
        points = Points(around.reshape(-1, x.shape[1]), -math.inf)
        points.run_native(address, data, 2**62, 2**62, -math.inf)
        values = points.values.reshape(moved.shape)
        with np.errstate(invalid="ignore"):  # infinite values
            seen = ~unseen(values, f.reshape(-1, 1, 1))
        higher = moved & (values >= f.reshape(-1, 1, 1))
        return np.all(higher, axis=(1, 2)) & np.all(np.any(seen, axis=2), axis=1)
