"""The least value of a quadratic within a ball.

One eigendecomposition, then Newton's method on the secular equation (Moré & Sorensen 1983; Conn,
Gould & Toint 2000, ch. 7). It is written in the distance from the pole at the lowest eigenvalue, so
that a gradient with next to nothing in that direction, the nearly hard case, costs no digits.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["minimum_within"]

Array = NDArray[np.float64]

NEWTON_STEPS = 60  # it takes 2 to 6; the bound is for what rounding may do
CLOSE = 1e-13  # relative error of the step's length


def minimum_within(gradient: Array, hessian: Array, radius: float = 1.0) -> Array:
    """Return the global minimiser of gradient·s + s·hessian·s/2 over all s with |s| <= radius.

    Parameters
    ----------
    gradient : ndarray of shape (n,)
    hessian : ndarray of shape (n, n)
        Symmetric, of any sign; only its lower triangle is read. Both must be finite.
    radius : float, default 1
        Above 0.

    Returns
    -------
    ndarray of shape (n,)
        Where it is not unique, one of them: the shortest where the surface is flat, and along the
        lowest curvature the one whose largest coordinate there is positive.

    References
    ----------
    Moré & Sorensen, SIAM Journal on Scientific and Statistical Computing 4:553-572 (1983).
    """
    curvatures, axes = np.linalg.eigh(hessian)
    bends: list[float] = curvatures.tolist()
    steps, missing = _steps((gradient @ axes).tolist(), bends, radius)
    if missing > 0.0 > bends[0]:  # the hard case: to the boundary along the lowest curvature
        axis = axes[:, 0]
        steps[0] += math.copysign(missing, axis[np.abs(axis).argmax()])
    return axes @ np.array(steps)


def _steps(slopes: list[float], bends: list[float], radius: float) -> tuple[list[float], float]:
    """Return the step along each axis of curvature, and what it lacks to the boundary.

    ``-slope / (bend + shift)`` with the least shift >= 0 for which no bend + shift is negative and
    the step is within the radius. The unknown is ``up``, the least bend + shift.
    """
    lowest = bends[0]
    gaps = [bend - lowest for bend in bends]
    least = max(lowest, 0.0)
    # At the boundary no step is longer than the radius: each axis gives a lower bound.
    up = max(least, *(abs(a) / radius - gap for a, gap in zip(slopes, gaps, strict=True)))
    steps: list[float] = []
    square = 0.0
    for _ in range(NEWTON_STEPS):
        steps, square, curved = [], 0.0, 0.0
        for a, gap in zip(slopes, gaps, strict=True):
            s = -a / (gap + up) if a else 0.0
            steps.append(s)
            square += s * s
            if s:
                curved += s * s / (gap + up)
        length = math.sqrt(square)
        if length <= radius * (1.0 + CLOSE):
            break
        # Newton on 1/radius - 1/length: concave, so it comes from below and never beyond.
        up += (length / radius - 1.0) * square / curved
    lack = math.sqrt(max(radius * radius - square, 0.0)) if up == least else 0.0
    return steps, lack
