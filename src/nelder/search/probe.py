"""The restart probe: whether anything is lower right beside the point found.

After O'Neill (1971, AS 47): look at x_b ± 1e-3·step_i·e_i. A lower value there unmasks a simplex
that has collapsed where there is no minimum, as on McKinnon's functions. Where neither side of an
axis differs at all from the best value the step was too small to be seen: it is widened to the
scale of the coordinate, half of abs(x_i) or of 1, so that a start such as 1e-20 does not pass for
converged.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["below", "first_radii", "larger_steps", "probe_points", "unseen", "wider_radii"]

Array = NDArray[np.float64]

FIRST = 1e-3  # of the first steps
WIDER = 1e3  # than a radius at which nothing was seen
GROWTH = 1e2  # of the steps from one restart to the next
ULPS = 4 * 2.220446049250313e-16


def below(value: float) -> float:
    """Return what a probed value must undercut: `value`, less a few units of its rounding."""
    return value - ULPS * abs(value) if abs(value) < math.inf else value


def unseen(values: Array, best: float | Array) -> NDArray[np.bool_]:
    """Return which `values` differ from `best` by little more than its rounding."""
    return (values == best) | (np.abs(values - best) <= 16.0 * ULPS * abs(best))


def first_radii(steps: Array) -> Array:
    """Return how far to look along each axis, (n,), for the first steps (n,)."""
    return FIRST * steps


def wider_radii(x: Array, steps: Array, radii: Array, unseen: NDArray[np.bool_]) -> Array:
    """Return the next radii, (n,): 0 where an axis needs no further look.

    Parameters
    ----------
    x, steps, radii : ndarray of shape (n,)
        The best point, the first steps, and the radii just looked at.
    unseen : ndarray of bool, shape (n,)
        Axes along which no value differed from the best.
    """
    scale = _scale(x, steps)
    wider = np.minimum(np.maximum(WIDER * radii, FIRST * scale), scale)
    return np.where(unseen & (wider > radii), wider, 0.0)


def larger_steps(x: Array, steps: Array, radii: Array) -> Array:
    """Return the steps, (n,), for the next restart, after a look at `radii` found a lower value.

    A hundred times the last ones, so that a search that began far too small does not creep, and no
    more than the coordinate's scale. The scale itself where a radius had to be widened to be seen.
    """
    scale = _scale(x, steps)
    return np.where(radii > FIRST * steps, scale, np.minimum(GROWTH * steps, scale))


def _scale(x: Array, steps: Array) -> Array:
    return np.maximum(steps, 0.5 * np.maximum(1.0, np.abs(x)))


def probe_points(
    x: Array, axes: NDArray[np.intp], radii: Array, lower: Array, upper: Array
) -> tuple[Array, NDArray[np.intp]]:
    """Return the points x ± radii[i]·e_axes[i] inside the bounds, and the i of each.

    Parameters
    ----------
    x, lower, upper : ndarray of shape (dim,)
    axes, radii : ndarray of shape (n,)

    Returns
    -------
    points : ndarray of shape (m, dim), m <= 2n
    which : ndarray of int, shape (m,)
    """
    points, moved = beside(x, axes, radii, lower, upper)
    return points[moved], np.nonzero(moved)[0]


def beside(
    x: Array, axes: NDArray[np.intp], radii: Array, lower: Array, upper: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Return the points on both sides of `x` along each axis, and which are other than `x`.

    Parameters
    ----------
    x : ndarray of shape (..., dim)
    lower, upper : ndarray of shape (dim,)
    axes : ndarray of shape (n,)
    radii : ndarray of shape (..., n)

    Returns
    -------
    points : ndarray of shape (..., n, 2, dim)
    moved : ndarray of bool, shape (..., n, 2)
    """
    n = len(axes)
    at = x[..., axes, None]
    with np.errstate(over="ignore"):
        ends = at + np.stack([radii, -radii], axis=-1)
    ends = np.minimum(np.maximum(ends, lower[axes, None]), upper[axes, None])
    points = np.empty((*x.shape[:-1], n, 2, x.shape[-1]))
    points[:] = x[..., None, None, :]
    for i, axis in enumerate(axes.tolist()):
        points[..., i, :, axis] = ends[..., i, :]
    return points, (ends != at) & np.isfinite(ends)
