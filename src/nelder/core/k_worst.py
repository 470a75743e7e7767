"""The parallel simplex of Lee & Wiswall (2007): an iteration moves the k worst vertices at once.

Each of them, a *mover*, is reflected through the same centroid c, that of the n + 1 - k vertices
kept. All k reflections are needed together, and then the second points of all movers that want one.
A mover decides on its own, by the machine's table (`core.machine`) with x_w the mover itself, x_s
the vertex that ranks just before it, and x_b the best. The simplex is shrunk only if none of the k
moved. With k = 1 all that is the `Machine`, to the last bit.

Lee and Wiswall let a mover whose outside contraction is refused become its reflection where others
move. That is rare, changed nothing on test problems, and would be one more rule: here it stays.

The values of a batch are told one at a time, in the order of rank. A move is a function of the
values that are known (`_choice`), and no flags say which are: the others are NaN, and no comparison
with NaN is true.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.core.buffers import array_of, indices

try:
    import cython
except ImportError:  # uncompiled, and Cython is not a runtime dependency
    from nelder.core import uncompiled as cython

if not cython.compiled:
    from nelder.core.machine import (
        EXPAND,
        INITIAL,
        INSIDE,
        OUTSIDE,
        REFLECT,
        REFRESH,
        SHRINK,
        UNBOUNDED,
        Machine,
    )

if TYPE_CHECKING:
    from nelder.core.bounds import Box
    from nelder.core.coefficients import Coefficients
    from nelder.core.convergence import Test

INF = math.inf
NAN = math.nan

# How often a second point was wanted on the Moré-Garbow-Hillstrom problems.
SHARES = ((EXPAND, 0.3), (INSIDE, 0.2), (OUTSIDE, 0.03))


class KWorstMachine(Machine):
    """A machine that moves the `k` worst vertices at once.

    Parameters
    ----------
    simplex, coefficients, test, equal_outside, equal_inside, box, points
        As for `Machine`.
    k : int, default 1
        From 1 to n: one vertex at least is kept.

    Attributes
    ----------
    k : int
    """

    def __init__(
        self,
        simplex: NDArray[np.float64],
        coefficients: Coefficients,
        test: Test,
        equal_outside: bool = True,
        equal_inside: bool = False,
        box: Box | None = None,
        points: NDArray[np.float64] | None = None,
        k: int = 1,
    ) -> None:
        self.k = k
        # By mover, which is a vertex of the k worst: rows of its reflection and its second point,
        # and of what it becomes. By place in the queue: what the point is, and whose.
        self._reflections = indices(np.zeros(k))
        self._seconds = indices(np.zeros(k))
        self._chosen = indices(np.zeros(k))
        self._kinds = indices(np.zeros(k))
        self._movers = indices(np.zeros(k))
        Machine.__init__(
            self, simplex, coefficients, test, equal_outside, equal_inside, box, points, k
        )

    @property
    def between(self) -> bool:
        """Whether the pending point begins an iteration."""
        return self._phase == REFLECT and self._head == 0 and not self.done

    @property
    def waiting(self) -> int:
        """How many points `needed` gives."""
        return 0 if self.done else self._queued - self._head

    def needed(self) -> NDArray[np.float64]:
        """Return the points whose values are needed now, (m, dim), in the order of need."""
        if self.done:
            return self._rows()[:0]
        return self._rows()[array_of(self._queue)[self._head : self._queued]]

    def restart(
        self,
        simplex: NDArray[np.float64],
        values: NDArray[np.float64],
        points: NDArray[np.float64] | None = None,
    ) -> None:
        """Go on from another simplex; as `Machine.restart`."""
        i: cython.Py_ssize_t
        for i in range(self.k):
            self._reflections[i] = simplex.shape[0] + 2 * i
            self._seconds[i] = simplex.shape[0] + 2 * i + 1
            self._f[self._reflections[i]] = NAN
            self._f[self._seconds[i]] = NAN
        Machine.restart(self, simplex, values, points)

    def clone(self) -> KWorstMachine:
        """Return an independent machine in the same state."""
        copy: KWorstMachine = KWorstMachine.__new__(KWorstMachine)
        self._copy_to(copy)
        copy.k = self.k
        copy._reflections = indices(array_of(self._reflections))
        copy._seconds = indices(array_of(self._seconds))
        copy._chosen = indices(array_of(self._chosen))
        copy._kinds = indices(array_of(self._kinds))
        copy._movers = indices(array_of(self._movers))
        return copy

    def _compared(self) -> tuple[float, float, float, float]:
        """Return what values of the pending mover are compared with; as `Machine._compared`."""
        if self.done or self._phase == INITIAL or self._phase == SHRINK:
            return Machine._compared(self)  # no mover is pending
        order, f = self._order, self._f
        i: cython.Py_ssize_t = self._movers[self._head]
        rank: cython.Py_ssize_t = self._kept + i
        return f[order[0]], f[order[rank - 1]], f[order[rank]], f[self._reflections[i]]

    def foreseen(self) -> list[tuple[NDArray[np.float64], float]]:
        """Return the second points that movers may want, and their shares, before all is known.

        What one mover wants does not depend on the others: an expansion or either contraction,
        or once its reflection is known one of them or none.
        """
        if self.done or self._phase != REFLECT:
            return []
        found: list[tuple[NDArray[np.float64], float]] = []
        clone: KWorstMachine = self.clone()
        i: cython.Py_ssize_t
        kind: cython.Py_ssize_t
        for i in range(self.k):
            known = i < self._head
            for kind, share in SHARES:
                if not known or kind == self._wanted(i):
                    clone._write(i, self._seconds[i], self._factor(kind))
                    found.append((clone._rows()[self._seconds[i]].copy(), 1.0 if known else share))
        return found

    def _ranks(self) -> NDArray[np.intp]:
        """Rows of the vertices, best first; moves that are certain count already."""
        if self._phase == INITIAL or self._phase == SHRINK:
            return Machine._ranks(self)
        order, f = array_of(self._order), array_of(self._f)
        movers = order[self._kept :]
        choices = np.array([self._choice(i) for i in range(self.k)])
        stay = choices == movers
        ranked = np.concatenate([order[: self._kept], movers[stay]])
        for row in choices[~stay]:
            ranked = np.insert(ranked, np.searchsorted(f[ranked], f[row], "right"), row)
        return ranked

    def _best_row(self):
        # type: () -> int
        i: cython.Py_ssize_t
        row: cython.Py_ssize_t
        best: cython.Py_ssize_t
        if self._phase == INITIAL or self._phase == SHRINK:
            return self._order[0] if self._ranked > 0 else self._queue[0]
        best = self._order[0]
        for i in range(self.k):
            row = self._choice(i)
            if self._f[row] < self._f[best]:
                best = row
        return best

    # The decisions

    def _take(self, f: cython.double):
        if self._phase == INITIAL or self._phase == SHRINK:
            Machine._take(self, f)
            return
        self._f[self._pending] = f
        self._head += 1
        if f == -INF:
            self._settle()
            self._phase = REFLECT
            self._finish(UNBOUNDED)
        elif self._head < self._queued:
            self._wait_at_head()
        elif self._phase == REFLECT:
            self._look_again()
        else:
            self._move()

    def _choice(self, i):
        # type: (int) -> int
        """Return the row that takes the place of mover `i`, as far as values are known."""
        rank: cython.Py_ssize_t = self._kept + i
        r: cython.Py_ssize_t = self._reflections[i]
        second: cython.Py_ssize_t = self._seconds[i]
        reflected: cython.double = self._f[r]
        f: cython.double = self._f[second]
        worst: cython.double = self._f[self._order[rank]]
        if reflected < self._f[self._order[rank - 1]]:
            return second if f < reflected else r
        if reflected < worst:
            if f < reflected or (self._equal_outside and f == reflected):
                return second
        elif f < worst or (self._equal_inside and f == worst):
            return second
        return self._order[rank]

    def _reflect(self):
        """Set the centroid and queue the reflections of the k worst vertices."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        for j in range(self.n):
            self._centroid[j] = self._sum[j] * self._per_kept
        self._queued = 0
        for i in range(self.k):
            self._add(REFLECT, i, self._reflections[i])
        self._begin(REFLECT)

    def _look_again(self):
        """Queue the second points of the movers that want one."""
        i: cython.Py_ssize_t
        kind: cython.Py_ssize_t
        self._queued = 0
        for i in range(self.k):
            kind = self._wanted(i)
            if kind != REFLECT:
                self._add(kind, i, self._seconds[i])
        if self._queued == 0:
            self._move()
        else:
            self._begin(self._kinds[0])

    def _wanted(self, i):
        # type: (int) -> int
        """Return what mover `i` wants after its reflection; REFLECT is no more."""
        rank: cython.Py_ssize_t = self._kept + i
        f: cython.double = self._f[self._reflections[i]]
        if f < self._f[self._order[0]]:
            return EXPAND
        if f < self._f[self._order[rank - 1]]:
            return REFLECT
        return OUTSIDE if f < self._f[self._order[rank]] else INSIDE

    def _factor(self, kind):
        # type: (int) -> float
        """Return t of the point c + t·(c - x)."""
        if kind == REFLECT:
            return self._reflection
        if kind == EXPAND:
            return self._expansion * self._reflection
        return self._contraction * self._reflection if kind == OUTSIDE else -self._contraction

    def _write(self, i, row, factor):
        # type: (int, int, float) -> None
        """Write c + factor·(c - x) of mover `i` into `row`."""
        j: cython.Py_ssize_t
        x: cython.Py_ssize_t = self._order[self._kept + i] * self.n
        z: cython.Py_ssize_t = row * self.n
        for j in range(self.n):
            self._z[z + j] = self._centroid[j] + factor * (self._centroid[j] - self._z[x + j])
        self._place(row)

    def _add(self, kind, i, row):
        # type: (int, int, int) -> None
        """Queue the point of this `kind` of mover `i` in `row`."""
        self._write(i, row, self._factor(kind))
        self._queue[self._queued] = row
        self._kinds[self._queued] = kind
        self._movers[self._queued] = i
        self._queued += 1

    def _begin(self, phase):
        # type: (int) -> None
        """Wait for what is queued, unless a point is so far away that there is no minimum."""
        i: cython.Py_ssize_t
        self._head = 0
        self._phase = phase
        if self._huge:
            for i in range(self._queued):
                if self._is_far(self._queue[i]):
                    self._finish(UNBOUNDED)
                    return
        self._wait_at_head()

    def _wait_at_head(self):
        self._pending = self._queue[self._head]
        self._phase = self._kinds[self._head]

    def _move(self):
        """End the iteration, with all its values known."""
        if self._settle() > 0:
            self._end_iteration()
        else:
            self._shrink()

    def _settle(self):
        # type: () -> int
        """Let movers become what they chose, rank them, and return how many moved.

        Those that stay rank as before, after the vertices kept; the others are ranked as new ones.
        """
        i: cython.Py_ssize_t
        row: cython.Py_ssize_t
        moved: cython.Py_ssize_t = 0
        for i in range(self.k):
            row = self._choice(i)
            self._chosen[i] = row
            if row != self._order[self._kept + i]:
                moved += 1
        self._stale += moved
        self._ranked = self._kept
        for i in range(self.k):
            row = self._order[self._kept + i]
            if self._chosen[i] == row:
                self._order[self._ranked] = row
                self._ranked += 1
                self._chosen[i] = -1
            elif self._chosen[i] == self._reflections[i]:
                self._reflections[i] = row
            else:
                self._seconds[i] = row
            self._f[self._reflections[i]] = NAN
            self._f[self._seconds[i]] = NAN
        for i in range(self.k):
            if self._chosen[i] >= 0:
                self._enter(self._chosen[i])
        if self._stale > REFRESH * self.n:
            self._refresh()
        return moved

    def _enter(self, row):
        # type: (int) -> None
        """Rank a new vertex; where it is among those kept it takes one's place in their sum."""
        j: cython.Py_ssize_t
        into: cython.Py_ssize_t
        out: cython.Py_ssize_t = self._order[self._kept - 1]
        self._insert(row)
        if self._order[self._kept - 1] == out:
            return
        into = row * self.n
        out = out * self.n
        for j in range(self.n):
            self._sum[j] += self._z[into + j] - self._z[out + j]
