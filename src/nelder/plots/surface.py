"""A surface over two parameters, from the points that happened to be evaluated.

In two dimensions all points lie in the plane that is drawn, so a spline goes through them. In more
there is nothing in that plane but the best point: there the surface is a quadratic of all free
parameters, fitted around that point, as far out as one fits well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.core.quadratic import Quadratic, Regression
from nelder.plots.course import Course

__all__ = ["Surface", "Window", "fitted", "interpolated"]

Array = NDArray[np.float64]

GRID = 91  # points drawn along each side
CELLS = 60  # along each side; of points in the same one the lowest counts
REACH = 0.03, 0.1  # of the window: so far from a point what is drawn is half faded: least, most
SPACINGS = 1.5  # ... and in distances to the point's fourth neighbour
MARGIN = 0.08  # of the window around what it holds
SMOOTHINGS = 10.0 ** np.arange(-7.0, 0.0)

RADII = 2.0 ** np.arange(6, -31, -1)  # in first steps, around the best point
RIDGES = 10.0 ** np.arange(-10.0, -1.0)
BEYOND = 1.4  # times as far as the points in it a fit is drawn
WELL = 0.03  # leave-one-out error of a fit that describes what it was fitted to
POORLY = 0.5  # ... from which on there is nothing to be seen
POINTS = 300  # in a fit, at most
RESOLVED = 1e5  # units of rounding that values must differ by


@dataclass(frozen=True)
class Window:
    """What is seen of a plane: low and high of its two parameters."""

    low: Array
    high: Array

    @property
    def empty(self) -> bool:
        """Whether it has no area, or is beyond what numbers hold."""
        extent = self.high - self.low
        return not bool((np.isfinite(extent) & (extent > 0.0)).all())


@dataclass(frozen=True)
class Surface:
    """Values over a plane.

    Attributes
    ----------
    window : Window
    heights : ndarray of shape (GRID, GRID)
        What they are above the lowest; second parameter first.
    known : ndarray of shape (GRID, GRID)
        How far points support it: from 1 to 0.
    kind : str
        What it is, in words.
    error : float
        Leave-one-out error of the fit, relative.
    """

    window: Window
    heights: Array
    known: Array
    kind: str
    error: float


# Two parameters


def whole(course: Course, pair: tuple[int, int]) -> Window:
    """Return a window that holds the path of the best point, and nearly all points."""
    plane = course.points[:, pair]
    path = plane[course.better] if course.better.size else plane
    with np.errstate(over="ignore", invalid="ignore"):
        low = np.minimum(np.quantile(plane, 0.03, axis=0), path.min(axis=0))
        high = np.maximum(np.quantile(plane, 0.97, axis=0), path.max(axis=0))
        return Window(low - MARGIN * (high - low), high + MARGIN * (high - low))


def interpolated(course: Course, pair: tuple[int, int]) -> Surface | None:
    """Return a thin-plate spline through the evaluated points, or None where there are too few.

    It is that of the root of the gap, which keeps it above the best value and is not dominated by
    what is high. Its smoothing is that with the least leave-one-out error.

    Parameters
    ----------
    course : Course
    pair : (int, int)
        The two free parameters.

    References
    ----------
    Wahba, *Spline Models for Observational Data* (1990), sections 2.4 and 4.2.
    """
    window = whole(course, pair)
    if window.empty:
        return None
    plane = (course.points[:, pair] - window.low) / (window.high - window.low)
    near = ((plane > -0.5) & (plane < 1.5)).all(axis=1) & np.isfinite(course.values)
    some = np.flatnonzero(near)
    some = some[_lowest_of_cells(plane[some], course.values[some])][:POINTS]
    if some.size < 4:
        return None
    roots_known = np.sqrt(np.maximum(course.values[some] - course.lowest, 0.0))
    spline = _spline(plane[some], roots_known)
    if spline is None:
        return None
    nodes, forces, error = spline
    grid = _grid(np.zeros(2), np.ones(2))
    distances = _squares(grid, nodes)
    roots = _thin_plate(distances) @ forces[3:] + _lines(grid) @ forces[:3]
    known = (0.5 ** (distances / _reaches(nodes) ** 2)).max(axis=1)
    known *= 0.5 ** ((_outside(grid, nodes) / REACH[0]) ** 2)
    missed = error * float(np.ptp(roots_known))
    known *= 0.5 ** (np.maximum(-roots - missed, 0.0) / missed)  # lower than it could be
    heights = np.maximum(roots, missed) ** 2
    return Surface(window, _square(heights), _square(known), "spline through the points", error)


def _reaches(nodes: Array) -> Array:
    """Return how far what is drawn can be believed around each node, (m,)."""
    spacings = np.sqrt(np.sort(_squares(nodes, nodes), axis=1)[:, min(4, len(nodes) - 1)])
    return np.clip(SPACINGS * spacings, *REACH)


def _outside(points: Array, nodes: Array) -> Array:
    """Return how far points are outside the convex hull of nodes, about; 0 inside."""
    hull = _hull(nodes)
    edges = np.roll(hull, -1, axis=0) - hull
    normals = np.column_stack([edges[:, 1], -edges[:, 0]])
    normals /= np.hypot(*normals.T)[:, None]
    return np.maximum((points @ normals.T - (hull * normals).sum(axis=1)).max(axis=1), 0.0)


def _hull(nodes: Array) -> Array:
    """Return the corners of the convex hull, counterclockwise (Andrew 1979)."""
    ordered: list[list[float]] = sorted(nodes.tolist())
    corners: list[list[float]] = []
    for along in (ordered, ordered[::-1]):
        side: list[list[float]] = []
        for corner in along:
            while len(side) > 1 and _turn(side[-2], side[-1], corner) <= 0.0:
                side.pop()
            side.append(corner)
        corners += side[:-1]
    return np.array(corners)


def _turn(a: list[float], b: list[float], c: list[float]) -> float:
    """Return twice the area of a triangle, positive where it turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _lowest_of_cells(plane: Array, values: Array) -> NDArray[np.intp]:
    """Return which point is the lowest in each cell, the lowest first."""
    order = np.argsort(values, kind="stable")
    _, first = np.unique(np.floor(plane[order] * CELLS), axis=0, return_index=True)
    return order[np.sort(first)]


def _spline(nodes: Array, values: Array) -> tuple[Array, Array, float] | None:
    """Return nodes, coefficients (3 of lines, m of nodes) and the leave-one-out error."""
    m = len(nodes)
    spread = float(np.ptp(values))
    lines = _lines(nodes)
    if not 0.0 < spread < math.inf or np.linalg.matrix_rank(lines) < 3:
        return None
    kernel = _thin_plate(_squares(nodes, nodes))
    system = np.zeros((m + 3, m + 3))
    system[:3, 3:], system[3:, :3] = lines.T, lines
    best: tuple[Array, Array, float] | None = None
    for smoothing in SMOOTHINGS.tolist():
        system[3:, 3:] = kernel + smoothing * np.eye(m)
        inverse = np.linalg.inv(system)
        forces = inverse[:, 3:] @ values
        pivots = inverse.diagonal()[3:]
        if not (pivots > 0.0).all():
            continue
        missed = forces[3:] / pivots
        error = float(np.sqrt(np.mean(missed**2))) / spread
        if best is None or error < best[2]:
            best = nodes, forces, error
    return best


def _thin_plate(squares: Array) -> Array:
    """Return r² log r of squared distances."""
    return 0.5 * squares * np.log(np.where(squares > 0.0, squares, 1.0))


def _lines(points: Array) -> Array:
    return np.column_stack([np.ones(len(points)), points])


def _squares(one: Array, other: Array) -> Array:
    """Return squared distances (len(one), len(other))."""
    return ((one[:, None, :] - other[None, :, :]) ** 2).sum(axis=2)


# More parameters


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
    grid = _grid(-reach, reach)
    plane = np.zeros((len(grid), len(free)))
    plane[:, at] = grid
    known = 0.5 ** (2.0 * np.maximum((grid**2).sum(axis=1) - 1.0, 0.0))
    center = x[list(pair)]
    extent = reach * radius * course.units[list(pair)]
    window = Window(center - extent, center + extent)
    if window.empty:
        return None
    gaps = quadratic(plane)
    heights = gaps - min(float(gaps.min()), 0.0)
    return Surface(window, _square(heights), _square(known), "quadratic around the best", error)


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


# Both


def _grid(low: Array, high: Array) -> Array:
    """Return the points of a square, row by row."""
    x, y = np.linspace(low, high, GRID).T
    return np.column_stack([np.tile(x, GRID), np.repeat(y, GRID)])


def _square(values: Array) -> Array:
    return values.reshape(GRID, GRID)
