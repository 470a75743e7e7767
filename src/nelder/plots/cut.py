"""The surface of two parameters among more: a cut through a quadratic of all of them.

In their plane through the best point there is no other point. But around it all points tell of a
quadratic, which is fitted as far out as one fits well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelder.core.quadratic import Quadratic, Regression
from nelder.plots.course import Course
from nelder.plots.surface import Surface, Window, grid, square

__all__ = ["fitted"]

Array = NDArray[np.float64]

RADII = 2.0 ** np.arange(6, -31, -1)  # in first steps, around the best point
RIDGES = 10.0 ** np.arange(-10.0, -1.0)
POINTS = 300  # in a fit, at most
RESOLVED = 1e5  # units of rounding that values must differ by
WELL = 0.03  # leave-one-out error of a fit that describes what it was fitted to
POORLY = 0.5  # ... from which on there is nothing to be seen
BEYOND = 1.4  # times as far as the points in it a fit is drawn


def fitted(course: Course, pair: tuple[int, int]) -> Surface | None:
    """Return a quadratic of all free parameters, cut through the best point; None where none fits.

    Parameters
    ----------
    course : Course
    pair : (int, int)
        Two of the free parameters; the others are those of the best point.
    """
    if course.answer is None:
        return None
    x, fun = course.answer
    free = course.free
    units = course.units[free]
    with np.errstate(over="ignore"):
        offsets = (course.points[:, free] - x[free]) / units
        distances = np.sqrt((offsets**2).sum(axis=1))
    found = _widest(offsets, distances, course.values - fun, abs(fun))
    if found is None:
        return None
    quadratic, radius, error = found
    at = np.searchsorted(free, pair)
    seen = np.abs(offsets[distances <= radius][:, at]).max(axis=0) / radius
    reach = np.minimum(1.5, BEYOND * seen)
    points = grid(-reach, reach)
    plane = np.zeros((len(points), len(free)))
    plane[:, at] = points
    known = 0.5 ** (2.0 * np.maximum((points**2).sum(axis=1) - 1.0, 0.0))
    centre = x[list(pair)]
    extent = reach * radius * course.units[list(pair)]
    window = Window(centre - extent, centre + extent)
    if window.empty:
        return None
    gaps = quadratic(plane)
    heights = gaps - min(float(gaps.min()), 0.0)
    return Surface(window, square(heights), square(known), "quadratic around the best", error)


def _widest(
    offsets: Array, distances: Array, gaps: Array, size: float
) -> tuple[Quadratic, float, float] | None:
    """Return the quadratic in units of the widest radius that it fits well, radius and error.

    Where none fits well, the one that fits best.
    """
    n = offsets.shape[1]
    terms = (n + 1) * (n + 2) // 2
    least = max(RESOLVED * 2.3e-16 * size, 1e-300)
    best: tuple[Quadratic, float, float] | None = None
    for radius in RADII.tolist():
        inside = np.flatnonzero(
            (distances <= radius) & (distances > radius / 30.0) & np.isfinite(gaps)
        )
        if inside.size < n + 2:
            continue
        inside = inside[-min(3 * terms, POINTS) :]
        if gaps[inside].max() < least:
            break
        extent = float(distances[inside].max())
        regression = Regression(offsets[inside] / extent, gaps[inside])
        fit = min((regression.fit(ridge) for ridge in RIDGES.tolist()), key=lambda fit: fit.loo)
        if best is None or fit.loo < best[2]:
            best = fit.quadratic, extent, fit.loo
        if fit.loo < WELL:
            break
    return best if best is not None and best[2] < POORLY else None
