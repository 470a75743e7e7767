"""The box: how a search without bounds stays inside bounds.

The search moves freely in ``z``; the objective sees ``x = T(z)``, coordinate by coordinate:

===========  =============================  ==========================
bounds       x                              method
===========  =============================  ==========================
none         z
low only     low + z²                       ``"transform"``
high only    high - z²                      ``"transform"``
both         low + (high-low)·(1-cos z)/2   ``"transform"``
any          z, moved to the nearest bound  ``"clip"`` (z moves with it)
low = high   low; the coordinate is not     both
             searched
===========  =============================  ==========================

The two-sided form is the sine transform of D'Errico's ``fminsearchbnd`` with z counted from the
lower bound; written with squares of sin(z/2) and cos(z/2) it keeps full precision at either bound.

Compiled by Cython where there is a compiler; the same file runs without one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.core.buffers import array_of, doubles, indices

try:
    import cython
except ImportError:  # uncompiled, and Cython is not a runtime dependency
    from nelder.core import uncompiled as cython

if not cython.compiled:
    from math import cos, sin

FREE = 0
LOWER = 1
UPPER = 2
BOTH = 3
CLIP = 4


class Box:
    """Bounds of a search, the way into them and the way out.

    Parameters
    ----------
    lower, upper : ndarray of shape (dim,)
        Bounds of each coordinate, ``-inf`` and ``inf`` where there is none; ``lower <= upper``.
    clips : bool
        Whether points are moved to the nearest bound (``bounds_method="clip"``) rather than
        transformed.

    Attributes
    ----------
    dim : int
        Coordinates of a point that the objective sees.
    n : int
        Coordinates that are searched: those with ``lower < upper``.
    free : ndarray of shape (n,)
        Their indices.
    """

    def __init__(self, lower: NDArray[np.float64], upper: NDArray[np.float64], clips: bool) -> None:
        self.dim = len(lower)
        self.lower = np.array(lower, dtype=np.float64)
        self.upper = np.array(upper, dtype=np.float64)
        self.free = np.flatnonzero(self.lower < self.upper)
        self.n = len(self.free)
        self._clips = clips
        low, high = self.lower[self.free], self.upper[self.free]
        kind = np.isfinite(low) * LOWER + np.isfinite(high) * UPPER
        if clips:
            kind[kind != FREE] = CLIP
        self._low = doubles(low)
        self._high = doubles(high)
        self._free = indices(self.free)
        self._kind = indices(kind)

    def place(self, z, row, x, at):
        # type: (memoryview[float], int, memoryview[float], int) -> None
        """Write T(z[row : row + n]) into the free coordinates of x[at : at + dim]."""
        j: cython.Py_ssize_t
        kind: cython.Py_ssize_t
        t: cython.double
        v: cython.double
        low: cython.double
        high: cython.double
        for j in range(self.n):
            v = z[row + j]
            kind = self._kind[j]
            if kind != FREE:
                low = self._low[j]
                high = self._high[j]
                if kind == BOTH:
                    t = sin(0.5 * v)
                    t = 2.0 * t * t  # 1 - cos v
                    if t <= 1.0:
                        v = low + (0.5 * high - 0.5 * low) * t
                    else:
                        t = cos(0.5 * v)
                        v = high - (0.5 * high - 0.5 * low) * (2.0 * t * t)
                elif kind == LOWER:
                    v = low + v * v
                elif kind == UPPER:
                    v = high - v * v
                if not v >= low:  # neither rounding nor NaN may leave the box
                    v = low
                elif v > high:
                    v = high
                if kind == CLIP:
                    z[row + j] = v
            x[at + self._free[j]] = v

    def enter(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return z with T(z) = x for points of the free coordinates.

        Parameters
        ----------
        x : ndarray of shape (m, n)
            Points in the box, free coordinates only.

        Returns
        -------
        ndarray of shape (m, n)
        """
        z = np.array(x, dtype=np.float64)
        for j in range(self.n):
            kind, low, high = self._kind[j], self._low[j], self._high[j]
            v = z[:, j]
            if kind == LOWER:
                z[:, j] = np.sqrt(v - low)
            elif kind == UPPER:
                z[:, j] = np.sqrt(high - v)
            elif kind == BOTH:
                unit = 1.0 if np.isfinite(high - low) else 0.5  # a range may overflow
                width = unit * high - unit * low
                from_low = (unit * v - unit * low) / width
                from_high = (unit * high - unit * v) / width
                z[:, j] = np.where(
                    from_low <= from_high,
                    2.0 * np.arcsin(np.sqrt(from_low)),
                    np.pi - 2.0 * np.arcsin(np.sqrt(from_high)),
                )
        return z

    def leave(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return x = T(z) for one point z (n,); a new array (dim,)."""
        x = doubles(self.lower)  # stays where low = high
        self.place(doubles(z), 0, x, 0)
        return array_of(x)

    def inside(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the point of the box nearest to `x`; shape (..., dim) in and out."""
        return np.clip(x, self.lower, self.upper)
