"""The surface of two parameters: every point lies in their plane, so a spline goes through them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nelder.plots.course import Course
from nelder.plots.surface import Surface, grid, square, whole

__all__ = ["interpolated"]

Array = NDArray[np.float64]

POINTS = 300  # that the spline goes through, at most
CELLS = 60  # along each side of the window; of points in the same one the lowest counts
REACH = 0.03, 0.1  # of the window: so far from a point what is drawn is half faded: least, most
SPACINGS = 1.5  # ... and in distances to the point's fourth neighbour
SMOOTHINGS = 10.0 ** np.arange(-7.0, 0.0)


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
    points = grid(np.zeros(2), np.ones(2))
    distances = _squares(points, nodes)
    roots = _thin_plate(distances) @ forces[3:] + _lines(points) @ forces[:3]
    known = (0.5 ** (distances / _reaches(nodes) ** 2)).max(axis=1)
    known *= 0.5 ** ((_outside(points, nodes) / REACH[0]) ** 2)
    missed = max(error, 1e-9) * float(np.ptp(roots_known))
    known *= 0.5 ** (np.maximum(-roots - missed, 0.0) / missed)  # lower than it could be
    heights = np.maximum(roots, missed) ** 2
    return Surface(window, square(heights), square(known), "spline through the points", error)


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
