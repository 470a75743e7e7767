"""Where a search moves: its coordinates z (n,), and the points x (dim,) that the objective sees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nelder.core.convergence import Test
from nelder.core.machine import Machine, Points
from nelder.core.simplexes import axis_steps
from nelder.core.spanned import Spanned

if TYPE_CHECKING:
    from nelder.core.bounds import Box
    from nelder.core.coefficients import Coefficients

__all__ = ["ENDLESS", "Space"]

Array = NDArray[np.float64]

ENDLESS = Test("none")


class Space:
    """A start, and the box around it.

    Parameters
    ----------
    x0 : ndarray of shape (dim,)
        Moved into the box where it is outside.
    box : Box, optional
        Bounds; without it every coordinate is free and z is x.

    Attributes
    ----------
    x0 : ndarray of shape (dim,)
        The start, in the box.
    box : Box or None
    free : ndarray of int, shape (n,)
        The coordinates that are searched.
    lower, upper : ndarray of shape (dim,)
        The bounds, ``-inf`` and ``inf`` where there is none.
    """

    def __init__(self, x0: Array, box: Box | None) -> None:
        self.box = box
        if box is None:
            self.x0 = x0
            self.free = np.arange(len(x0))
            self.lower, self.upper = np.full(len(x0), -math.inf), np.full(len(x0), math.inf)
        else:
            self.x0 = box.inside(x0)
            self.free, self.lower, self.upper = box.free, box.lower, box.upper

    @property
    def n(self) -> int:
        """Coordinates searched."""
        return len(self.free)

    @property
    def z0(self) -> Array:
        """The start in the coordinates of the search, (n,)."""
        return self.enter(self.x0)

    def free_bounds(self) -> tuple[Array, Array]:
        """Return the bounds of the searched coordinates, (n,) each."""
        return self.lower[self.free], self.upper[self.free]

    def embed(self, points: Array) -> Array:
        """Return points (m, n) of the searched coordinates with those that are fixed, (m, dim)."""
        if self.box is None:
            return points
        whole = np.tile(self.lower, (len(points), 1))
        whole[:, self.free] = points
        return whole

    def enter(self, x: Array) -> Array:
        """Return z (..., n) with T(z) = x for points x (..., dim) in the box."""
        if self.box is None:
            return x.copy()
        free = x[..., self.free]
        return self.box.enter(free.reshape(-1, self.n)).reshape(free.shape)

    def leave(self, z: Array) -> Array:
        """Return x = T(z) (dim,) for z (n,); a new array."""
        return z.copy() if self.box is None else self.box.leave(z)

    def leave_all(self, z: Array) -> Array:
        """Return x = T(z) (m, dim) for z (m, n); a new array."""
        if self.box is None:
            return z.copy()
        return np.array([self.box.leave(row) for row in z]).reshape(len(z), len(self.x0))

    def steps(self, x: Array, steps: Array) -> Array:
        """Return what moves z (n,) by a step along each axis from a point.

        Parameters
        ----------
        x : ndarray of shape (dim,)
            In the box.
        steps : ndarray of shape (n,)
            In the units of x; one that leaves the bounds turns round.
        """
        simplex = self.embed(axis_steps(x[self.free], steps, *self.free_bounds()))
        z = self.enter(simplex)
        return np.diagonal(z[1:] - z[0]).copy()

    def points(self, z: Array) -> Points:
        """Return the stage that evaluates all z (m, n), which are needed at the same time."""
        return Points(self.leave_all(z), -math.inf)

    def machine(
        self,
        simplex: Array,
        values: Array | None = None,
        *,
        coefficients: Coefficients,
        test: Test = ENDLESS,
    ) -> Machine:
        """Return a machine that begins with the vertices z (n + 1, n).

        Parameters
        ----------
        simplex : ndarray of shape (n + 1, n)
        values : ndarray of shape (n + 1,), optional
            NaN where a value is not known.
        coefficients : Coefficients
        test : Test, default none
            When it has converged.
        """
        made = Machine(simplex, coefficients, test, box=self.box)
        if values is not None:
            made.restart(simplex, values)
        return made

    def spanned(
        self,
        base: Array,
        basis: Array,
        simplex: Array,
        values: Array | None = None,
        *,
        coefficients: Coefficients,
        test: Test = ENDLESS,
    ) -> Spanned:
        """Return a machine of k coordinates y that moves at z = base + y·basis.

        Parameters
        ----------
        base : ndarray of shape (n,)
        basis : ndarray of shape (k, n)
        simplex : ndarray of shape (k + 1, k)
            The first vertices y.
        values : ndarray of shape (k + 1,), optional
            NaN where a value is not known.
        coefficients, test
            As for `machine`; tolerances are in units of y.
        """
        machine = Machine(simplex, coefficients, test)
        if values is not None:
            machine.restart(simplex, values)
        return Spanned(machine, base, basis, self.box)
