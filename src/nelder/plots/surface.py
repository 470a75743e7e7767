"""A surface over two parameters, and the part of their plane that is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.plots.course import Course

__all__ = ["GRID", "Surface", "Window", "grid", "square", "whole"]

Array = NDArray[np.float64]

GRID = 91  # points drawn along each side
MARGIN = 0.08  # of the window around what it holds


@dataclass(frozen=True)
class Window:
    """What is seen of a plane: low and high of its two parameters."""

    low: Array
    high: Array

    @property
    def x(self) -> tuple[float, float]:
        """Low and high of the first parameter."""
        return float(self.low[0]), float(self.high[0])

    @property
    def y(self) -> tuple[float, float]:
        """Low and high of the second parameter."""
        return float(self.low[1]), float(self.high[1])

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


def whole(course: Course, pair: tuple[int, int]) -> Window:
    """Return a window that holds the path of the best point, and nearly all points."""
    plane = course.points[:, pair]
    path = plane[course.better] if course.better.size else plane
    with np.errstate(over="ignore", invalid="ignore"):
        low = np.minimum(np.quantile(plane, 0.03, axis=0), path.min(axis=0))
        high = np.maximum(np.quantile(plane, 0.97, axis=0), path.max(axis=0))
        return Window(low - MARGIN * (high - low), high + MARGIN * (high - low))


def grid(low: Array, high: Array) -> Array:
    """Return the GRID² points of a rectangle, row by row."""
    x, y = np.linspace(low, high, GRID).T
    return np.column_stack([np.tile(x, GRID), np.repeat(y, GRID)])


def square(values: Array) -> Array:
    """Return values at these points as (GRID, GRID)."""
    return values.reshape(GRID, GRID)
