"""Directions that a search learns: conjugate ones, by the BFGS formula.

The rows of Z are directions, and Z'Z is an estimate of the inverse Hessian: in coordinates a, where
a point is z + a·Z, the estimate of the Hessian is 1, and with the slopes c along the directions the
quasi-Newton step is a = -c. When a step a has changed the slopes by y, the formula

    Z <- Z + w (a·Z)',    c <- c + w (a·c),    w = a / √(a·y a·a) - y / a·y

makes the estimate fit (Brodlie, Gourlay & Greenstadt 1973; Powell 1987). So nothing is solved for,
and slopes are all that is needed. They come from n points beside the best one, the simplex gradient
of Bortz & Kelley (1998), less half the curvature, which is 1.

Pure functions of numbers; the points are evaluated by `subspace_course`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["combined", "first_directions", "shorter", "simplex_gradient", "updated"]

Array = NDArray[np.float64]

POSITIVE = 1e-4  # curvature along a step, by the estimated one: with less, nothing is learned
LEAST_SHARE, LARGEST_SHARE = 0.1, 0.5  # of a step that was too long


def first_directions(curvatures: Array, unit: Array) -> Array:
    """Return directions along the axes, (n, n), of the length that makes the curvature 1.

    Parameters
    ----------
    curvatures : ndarray of shape (n,)
        Second derivatives along the axes. For one that is not positive, or not known, the median of
        the others is taken, measured in `unit`; 1 where there are none.
    unit : ndarray of shape (n,)
        A length of each axis, above 0.
    """
    bends = curvatures * unit**2
    known = np.isfinite(bends) & (bends > 0.0)
    middle = float(np.median(bends[known])) if known.any() else 1.0
    return np.diag(unit / np.sqrt(np.where(known, bends, middle)))


def combined(step: Array, directions: Array) -> Array:
    """Return how far a step in directions (n, n) goes along each axis, (n,).

    Not by BLAS, whose sums may depend on the number of its threads: a search must be repeatable.
    """
    return np.einsum("i,ij->j", step, directions)


def simplex_gradient(best: float, values: Array, lengths: Array) -> Array:
    """Return the slopes at a point along directions of curvature 1, (n,); 0 where a value failed.

    Parameters
    ----------
    best : float
        The value at the point.
    values : ndarray of shape (n,)
        Those at ``lengths[i]`` along direction i.
    lengths : ndarray of shape (n,)
        Not 0.
    """
    slopes = (values - best) / lengths - 0.5 * lengths
    return np.where(np.isfinite(slopes), slopes, 0.0)


def updated(directions: Array, before: Array, step: Array, after: Array) -> tuple[Array, Array]:
    """Return directions (n, n) and the slopes along them (n,) after a step.

    Where the slopes have not risen along the step, both stay what they are.

    Parameters
    ----------
    directions : ndarray of shape (n, n)
    before, after : ndarray of shape (n,)
        The slopes along `directions` before and after the step.
    step : ndarray of shape (n,)
        In directions.
    """
    change = after - before
    bend, square = float(step @ change), float(step @ step)
    if bend > POSITIVE * square:
        weights = step / math.sqrt(bend * square) - change / bend
        learned = directions + np.outer(weights, combined(step, directions))
        if np.isfinite(learned).all():
            return learned, after + weights * float(step @ after)
    return directions, after


def shorter(share: float, slope: float, rise: float) -> float:
    """Return the share of a step to try next where `share` of it was not lower.

    The minimum of the parabola through what is known, between a tenth and a half of `share`.

    Parameters
    ----------
    share : float
    slope : float
        Of the whole step at its beginning; negative.
    rise : float
        The value at `share` of it, less that at its beginning.
    """
    bend = 2.0 * (rise - share * slope)
    lowest = -slope * share**2 / bend if 0.0 < bend < math.inf else 0.0
    return min(max(lowest, LEAST_SHARE * share), LARGEST_SHARE * share)
