"""A machine in a subspace: it moves in k coordinates y, and the objective sees T(base + y·basis).

Compiled by Cython where there is a compiler (types in ``spanned.pxd``); the same file runs without
one. Work per evaluation is O(k·n).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.core.buffers import array_of, doubles

try:
    import cython
except ImportError:  # uncompiled, and Cython is not a runtime dependency
    from nelder.core import uncompiled as cython

if not cython.compiled:
    from math import fabs

    from nelder.core.machine import UNBOUNDED, Machine, Stage

if TYPE_CHECKING:
    from nelder.core.bounds import Box

INF = math.inf


class Spanned(Stage):
    """A machine that sees a subspace of the search.

    Parameters
    ----------
    machine : Machine
        In k coordinates, without a box; nothing else may tell it values.
    base : ndarray of shape (n,)
        Where y = 0 is, in the coordinates the search moves in.
    basis : ndarray of shape (k, n)
        What a unit of each y adds.
    box : Box, optional
        Maps the search's coordinates (n,) to the objective's (dim,).

    Attributes
    ----------
    machine : Machine
    """

    def __init__(
        self,
        machine: Machine,
        base: NDArray[np.float64],
        basis: NDArray[np.float64],
        box: Box | None = None,
    ) -> None:
        n = len(base)
        Stage.__init__(self, n if box is None else box.dim, 1)
        self.machine = machine
        self.box = box
        self.n = n
        self._base = doubles(base)
        self._basis = doubles(basis)
        if box is None:
            self._z = self._x
        else:
            self._z = doubles(np.zeros(n))
            array_of(self._x)[:] = box.lower  # stays where low = high
        self._follow()

    @property
    def between(self) -> bool:
        """Whether the pending point begins an iteration."""
        return self.machine.between

    @property
    def nshrink(self) -> int:
        """Shrinks done."""
        return self.machine.nshrink

    @property
    def best(self) -> tuple[NDArray[np.float64], float]:
        """The best point evaluated (dim,), as the objective sees it, and its value."""
        y, f = self.machine.best
        return self._seen(y.reshape(1, -1))[0], f

    @property
    def waiting(self) -> int:
        """How many points `needed` gives."""
        return self.machine.waiting

    def needed(self) -> NDArray[np.float64]:
        """Return the points whose values are needed now, (m, dim), in the order of need."""
        return self._seen(self.machine.needed())

    def at(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where y (k,) is in the coordinates the search moves in, (n,).

        To the last bit where it is evaluated, which ``base + y @ basis`` need not be: a library may
        add in another order.
        """
        twin: Spanned = self.clone()
        twin._place(doubles(y), 0)
        return array_of(twin._z).copy()

    def clone(self) -> Spanned:
        """Return an independent stage in the same state."""
        copy: Spanned = Spanned.__new__(Spanned)
        self._copy_stage(copy)
        copy.machine = self.machine.clone()
        copy.box = self.box
        copy.n = self.n
        copy._base = self._base  # these two are never written to
        copy._basis = self._basis
        copy._z = copy._x if self.box is None else doubles(array_of(self._z))
        return copy

    def branches(self) -> list[tuple[float, float]]:
        """Return values of the pending point that lead to different moves, and their shares."""
        return self.machine.branches()

    def _seen(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points y (m, k) as the objective sees them, (m, dim)."""
        seen = np.empty((len(y), self.dim))
        twin: Spanned = self.clone()
        for i, row in enumerate(y):
            twin._place(doubles(row), 0)
            seen[i] = array_of(twin._x)
        return seen

    def _take(self, f: cython.double):
        self.machine._receive(f)
        self._follow()

    def _follow(self):
        """Wait for what the machine waits for."""
        self.nit = self.machine.nit
        self.done = self.machine.done
        if not self.done:
            self._place(self.machine._x, self.machine._pending * self.machine.n)
            if not self._is_finite():  # so far away there is no minimum
                self.machine._finish(UNBOUNDED)  # pyright: ignore[reportPrivateUsage]
                self.done = True

    def _is_finite(self):
        # type: () -> bool
        """Return whether every coordinate of the pending point is finite."""
        j: cython.Py_ssize_t
        finite: cython.bint = True
        for j in range(self.dim):
            finite &= fabs(self._x[j]) < INF
        return finite

    def _place(self, y, at):
        # type: (memoryview[float], int) -> None
        """Write the point at y[at : at + k] as the pending one."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t = self.machine.n
        n: cython.Py_ssize_t = self.n
        for j in range(n):
            self._z[j] = self._base[j]
        for i in range(k):
            for j in range(n):
                self._z[j] += y[at + i] * self._basis[i * n + j]
        if self.box is not None:
            self.box.place(self._z, 0, self._x, 0)
