"""What sweeps along the axes and patterns of moves decide: where to look, and how far next time.

Pure functions of numbers; the points are evaluated by `subspace_course`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.core.quadratic import fit_quadratic
from nelder.core.trust_region import minimum_within

__all__ = [
    "UNKNOWN",
    "Parabola",
    "independent",
    "next_signs",
    "next_steps",
    "parabola",
    "quadratic_step",
]

Array = NDArray[np.float64]

LINE_REACH, SPAN_REACH = 2.0, 4.0  # of a model's step, in distances of its farthest point
LEAST_GAIN = 1e-14  # of the value: a model must promise more
NEAR = 1e-3  # distances: a point so close to the best one tells nothing
INTERPOLATION = 1e-10  # strength of the ridge: the surface goes through the points
SHRINKAGE, GROWTH = 0.1, 10.0  # of a step from one sweep to the next, at most
SLOWEST = 1e-2  # of the mean step: no less, so that an axis that has waited can still move
INDEPENDENT = 1e-3  # of a move: what must be left of it by those before


class Parabola(NamedTuple):
    """What three values on a line say.

    Attributes
    ----------
    step : float
        From the lowest of the three points to the least value within reach; 0 if it promises
        nothing.
    curvature : float
        NaN where a value is not finite.
    """

    step: float
    curvature: float


UNKNOWN = Parabola(0.0, math.nan)


def parabola(offsets: Sequence[float], values: Sequence[float]) -> Parabola:
    """Return where the parabola through three points of a line is lowest, within reach.

    Parameters
    ----------
    offsets : three floats
        Where they are, that of the lowest value first.
    values : three floats
    """
    best = values[0]
    d1, d2 = offsets[1] - offsets[0], offsets[2] - offsets[0]
    rise1, rise2 = values[1] - best, values[2] - best
    if not (rise1 < math.inf and rise2 < math.inf and d1 and d2 and d1 != d2):
        return UNKNOWN
    curvature = 2.0 * (rise1 / d1 - rise2 / d2) / (d1 - d2)
    slope = rise1 / d1 - 0.5 * curvature * d1
    reach = LINE_REACH * max(abs(d1), abs(d2))
    if curvature > 0.0 and abs(slope) <= reach * curvature:
        step = -slope / curvature
    else:
        step = math.copysign(reach, -slope)
    gain = -(slope + 0.5 * curvature * step) * step
    promises = gain > LEAST_GAIN * abs(best) and abs(step) > NEAR * min(abs(d1), abs(d2))
    return Parabola(step if promises else 0.0, curvature)


def quadratic_step(points: Array, values: Array, best: Array, lowest: float) -> Array | None:
    """Return the step (k,) from the best point to the least value of a quadratic, within reach.

    It goes through as many of the nearest points as it has coefficients.

    Parameters
    ----------
    points : ndarray of shape (m, k)
    values : ndarray of shape (m,)
    best : ndarray of shape (k,)
        The best point.
    lowest : float
        Its value.

    Returns
    -------
    ndarray of shape (k,) or None
        None if it promises nothing.
    """
    k = len(best)
    known = np.isfinite(values)
    offsets = points[known] - best
    near = np.argsort(np.abs(offsets).max(axis=1), kind="stable")[: (k + 1) * (k + 2) // 2]
    offsets = offsets[near]
    radius = float(np.linalg.norm(offsets, axis=1).max(initial=0.0))
    if radius == 0.0:
        return None
    rises = values[known][near] - lowest
    surface = fit_quadratic(offsets / radius, rises, INTERPOLATION, constant=False).quadratic
    step = minimum_within(surface.gradient, surface.hessian, SPAN_REACH)
    gain = -float(surface(step[None])[0])
    return radius * step if gain > LEAST_GAIN * abs(lowest) else None


def next_steps(steps: Array, move: Array, unit: Array) -> Array:
    """Return how far to look along each axis in the next sweep, (n,): as far as the last one moved.

    Between a tenth of and ten times the last step, and no less than a hundredth of the mean move.

    Parameters
    ----------
    steps : ndarray of shape (n,)
        The last steps, above 0.
    move : ndarray of shape (n,)
        What the last sweep and its pattern have moved.
    unit : ndarray of shape (n,)
        A length of each axis, above 0, so that moves can be compared.
    """
    moved = np.abs(move)
    steps = np.clip(moved, SHRINKAGE * steps, GROWTH * steps)
    return np.maximum(steps, SLOWEST * float(np.mean(moved / unit)) * unit)


def next_signs(signs: Array, move: Array) -> Array:
    """Return on which side to look first, (n,): that of the move; the other one if there was none.

    Rowan's (1990).
    """
    return np.where(move == 0.0, -signs, np.sign(move))


def independent(moves: Sequence[Array], unit: Array) -> list[Array]:
    """Return those of `moves` that do not lie, nearly, in the span of those before them.

    Parameters
    ----------
    moves : sequence of ndarray of shape (n,)
        None of them 0.
    unit : ndarray of shape (n,)
        A length of each axis, above 0.
    """
    kept: list[Array] = []
    axes: list[Array] = []
    for move in moves:
        rest = move / unit
        rest = rest / np.linalg.norm(rest)
        for axis in axes:
            rest = rest - (axis @ rest) * axis
        length = float(np.linalg.norm(rest))
        if length > INDEPENDENT:
            kept.append(move)
            axes.append(rest / length)
    return kept
