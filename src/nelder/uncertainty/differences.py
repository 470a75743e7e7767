"""The Hessian from new points: central differences along axes in which the surface is round.

Pairs on either side of the minimum cancel what is odd, slope and third derivatives. For k
coordinates a level takes k(k + 1) points: a pair on each axis, and on the diagonal of each two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nelder.uncertainty.estimate import Estimate
from nelder.uncertainty.evaluated import Evaluated

__all__ = ["Neighbourhood", "level", "nearer_to"]

Array = NDArray[np.float64]

SQRT2 = math.sqrt(2.0)
CHANGES = 2  # of the lengths, at most
CLEARLY = 2.0  # times nearer
LARGEST_CHANGE = 1e3  # of a length, at a time


class Neighbourhood:
    """What may be evaluated near a minimum.

    Parameters
    ----------
    evaluated : Evaluated
        The minimum and its bounds.
    coordinates : ndarray of int, shape (k,)
        Those that are moved.
    measure : callable, optional
        Points (m, n) to their values (m,); NaN or infinite where there is none.
    most : int, default 0
        Evaluations.

    Attributes
    ----------
    used, left : int
        Evaluations made, and still to be had.
    failed : bool
        Whether one of them had no finite value, or one that is beyond all measure.
    noise : float
        Standard deviation of a value.
    """

    def __init__(
        self,
        evaluated: Evaluated,
        coordinates: NDArray[np.intp],
        measure: Callable[[Array], Array] | None = None,
        most: int = 0,
    ) -> None:
        self.used, self.left, self.failed = 0, most, False
        self._evaluated, self._coordinates, self._measure = evaluated, coordinates, measure
        self._nearer = evaluated.gap[coordinates]
        self.noise = evaluated.noise

    def points(self, steps: Array) -> Array:
        """Return the points ``x + steps``, (m, k) to (m, n)."""
        minimum = self._evaluated
        points = np.repeat(minimum.x[None], len(steps), axis=0)
        points[:, self._coordinates] += steps
        return np.clip(points, minimum.lower, minimum.upper)  # rounding

    def rises(self, steps: Array) -> Array:
        """Return the values at ``x + steps`` less that at x, (m, k) to (m,); NaN for failures."""
        assert self._measure is not None
        self.used += len(steps)
        self.left -= len(steps)
        values = np.asarray(self._measure(self.points(steps)), dtype=np.float64)
        finite = np.isfinite(values)
        self.failed |= not bool(finite.all())
        with np.errstate(over="ignore"):
            return np.where(finite, values, math.nan) - self._evaluated.fun

    def room(self, steps: Array) -> Array:
        """Return what share of each step (m, k) the bounds leave room for, both ways: (m,)."""
        sizes = np.abs(steps)
        beyond = sizes > self._nearer
        shares = np.where(beyond, self._nearer, 1.0) / np.where(beyond, sizes, 1.0)
        return shares.min(axis=1, initial=1.0)


def level(near: Neighbourhood, rough: Estimate, unit: float) -> Estimate:
    """Return the surface by central differences of a rise of about `unit`.

    Its axes are those of `rough`, and the curvature of `rough` is the other one that it is held
    against, where there is one. NaN where an evaluation failed.

    Parameters
    ----------
    near : Neighbourhood
        Has k(k + 1) evaluations left. What it has beyond these may go into better lengths.
    rough : Estimate
        Its curvature may be anything.
    unit : float
    """
    with np.errstate(over="ignore", invalid="ignore"):  # it shows in the end
        estimate = _level(near, rough, unit)
    near.failed |= not bool(np.isfinite(estimate.curvature).all())
    return estimate


def _level(near: Neighbourhood, rough: Estimate, unit: float) -> Estimate:
    k = len(rough.axes)
    used = near.used
    spare = near.left - k * (k + 1)
    axes = rough.axes * math.sqrt(unit / rough.unit)
    lengths = _within(near, axes, np.full(k, SQRT2))
    forth, back = _pairs(near, axes, lengths, unit)
    for _ in range(CHANGES):
        better = _within(near, axes, lengths * _change(0.5 * (forth + back)))
        wrong = np.flatnonzero(np.abs(np.log10(better / lengths)) > 0.5)
        if not wrong.size or 2 * wrong.size > spare:
            break
        spare -= 2 * wrong.size
        lengths[wrong] = better[wrong]
        forth[wrong], back[wrong] = _pairs(near, axes[:, wrong], better[wrong], unit)
    own = 0.5 * (forth + back)
    curvature = np.diag(2.0 * own / lengths**2)
    slope = 0.5 * (forth - back) / lengths
    first, second = np.triu_indices(k, 1)
    steps = (axes[:, first] * lengths[first] + axes[:, second] * lengths[second]).T / SQRT2
    shares = near.room(steps)
    steps *= shares[:, None]
    both = near.rises(np.concatenate([steps, -steps])) / unit
    twice = (both[: len(steps)] + both[len(steps) :]) / shares**2
    mixed = (twice - own[first] - own[second]) / (lengths[first] * lengths[second])
    curvature[first, second] = curvature[second, first] = mixed
    # Of a second difference, half: √6/2 standard deviations of noise.
    others = (rough.curvature, curvature + math.sqrt(1.5) * near.noise / unit * np.eye(k))
    return Estimate(axes, curvature, unit, slope, others, near.used - used)


def nearer_to(near: Neighbourhood, first: Estimate, second: Estimate) -> Estimate:
    """Return the better of two levels, by a third between them on the axes alone.

    Rounding errors fall with the rise, those of higher terms grow with it. Where the level between
    is clearly nearer to one of the two, that one is right, and about as far from it as this level
    would be: by the root of the ratio of their rises.

    Parameters
    ----------
    near : Neighbourhood
    first, second : Estimate
        Of rises of different size, in axes of the same directions.
    """
    k = len(second.axes)
    if near.left < 2 * k:
        return second
    unit = math.sqrt(first.unit) * math.sqrt(second.unit)
    axes = second.axes * math.sqrt(unit / second.unit)
    lengths = _within(near, axes, np.full(k, SQRT2))
    with np.errstate(over="ignore", invalid="ignore"):
        forth, back = _pairs(near, axes, lengths, unit)
        between = (forth + back) / lengths**2
    levels = [replace(level, points=level.points + 2 * k) for level in (first, second)]
    off = [float(np.abs(between - level.curvature.diagonal()).max()) for level in levels]
    share = math.sqrt(first.unit / second.unit)
    for better, worse in ((0, 1), (1, 0)):
        if CLEARLY * off[better] < off[worse]:
            right, wrong = levels[better].curvature, levels[worse].curvature
            other = right + (wrong - right) * min(share, 1.0 / share)
            return replace(levels[better], others=(other,))
    return second


def _pairs(near: Neighbourhood, axes: Array, lengths: Array, unit: float) -> tuple[Array, Array]:
    """Return the rises to both sides on each axis, in units."""
    steps = (axes * lengths).T
    both = near.rises(np.concatenate([steps, -steps])) / unit
    return both[: len(steps)], both[len(steps) :]


def _within(near: Neighbourhood, axes: Array, lengths: Array) -> Array:
    """Return the lengths, less where a bound is nearer."""
    return lengths * near.room((axes * lengths).T)


def _change(rises: Array) -> Array:
    """Return by what to multiply lengths for a rise of 1; a failed one is to be shorter."""
    with np.errstate(divide="ignore"):
        change = np.where(np.isnan(rises), 0.1, 1.0 / np.sqrt(np.abs(rises)))
    return np.clip(change, 1.0 / LARGEST_CHANGE, LARGEST_CHANGE)
