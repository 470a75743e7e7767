"""The Hessian from what a search has evaluated.

A simplex search closes in on its minimum by a constant factor, so that it leaves about as many
points in each decade of rise above the minimum: near it, all rounding; far away, all higher terms.
Quadratics are fitted to three decades at a time, and the surface is taken that changes least when
an eighth of its points, consecutive ones, are left out: a delete-a-group jackknife (Kott 2001).
Consecutive points lie together, so that it also shows what comes of them lying on one side.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.core.quadratic import Quadratic, Regression
from nelder.uncertainty.estimate import Estimate, round_axes

__all__ = ["fitted", "needed", "principal_axes"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

DECADES = 3.0  # of rise in a window
ENOUGH = 1.2  # points for each coefficient of a quadratic, at least
SPARE = 3  # more than coefficients, at least: fewer agree by accident
PLENTY = 4.0  # at most: more are thinned out
FEW = 10  # coordinates; with more, half as many points, as a fit costs their sixth power
MANY = 30  # with more, nothing is fitted
SETTLED = 0.1  # a deviation that is no accident
WORSE = 30.0
STEP = 10.0  # from one window's highest rise to the next
NOISY_STEP = 2.0
MOST = 60  # windows
GAP = 10.0  # times as far as the next nearer: another minimum's
BLOCKS = 8
STRENGTH = 1e-4  # of the ridge, which pulls towards the identity
NEAREST = 1e-2  # of the largest squared distance: nearer points weigh no more
TURNS = 3  # of the axes
MISFIT = 1.2  # times the noise: then there is more than a quadratic
LOUD = 10.0  # standard deviations of noise: what rises less says nothing by itself


def needed(k: int) -> int:
    """Return how many points a fit in k coordinates needs."""
    terms = (k + 1) * (k + 2) // 2
    return max(math.ceil(ENOUGH * terms), terms + SPARE)


def fitted(steps: Array, rises: Array, noise: float = 0.0) -> Estimate | None:
    """Return the surface that agrees best with itself; None for lack of points.

    Parameters
    ----------
    steps : ndarray of shape (m, k)
        Points less the minimum, in the order of evaluation.
    rises : ndarray of shape (m,)
        Their values less the minimum's; NaN or infinite where there is none.
    noise : float, default 0
        Standard deviation of a value.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # far points may overflow; they do not fit
        return _best(steps, rises, noise)


def _best(steps: Array, rises: Array, noise: float) -> Estimate | None:
    known = np.isfinite(rises) & ((rises > 0.0) | (noise > 0.0))
    steps, rises = steps[known], rises[known]
    least, best, smaller = math.inf, None, None
    for rows in _windows(steps, rises, noise):
        found = _estimate(steps[rows], rises[rows], noise)
        if found is None:
            continue
        # Noise asks for far points, where higher terms count; these grow with the rise.
        estimate = found.against(smaller, 1.0 / (1.0 - 1.0 / NOISY_STEP)) if noise else found
        deviation = estimate.deviation
        if deviation < least:
            least, best = deviation, estimate
        elif least < SETTLED and deviation > WORSE * least:
            break  # higher terms
        smaller = found
    return best


def _windows(steps: Array, rises: Array, noise: float) -> list[Rows]:
    """Return the rows of each window that has enough points, in the order of evaluation."""
    k = steps.shape[1]
    enough = needed(k)
    plenty = round((PLENTY if k <= FEW else 0.5 * PLENTY) * (k + 1) * (k + 2) / 2)
    windows: list[Rows] = []
    if len(rises) < enough or k > MANY:
        return windows
    order = np.argsort(rises, kind="stable")
    sorted_rises = rises[order]
    highest = float(sorted_rises[-1])
    lowest = max(LOUD * noise, float(rises[rises > 0.0].min(initial=highest)))
    if not 0.0 < lowest <= highest:
        return windows
    step = NOISY_STEP if noise else STEP
    count = min(MOST, 1 + int((math.log(highest) - math.log(lowest)) / math.log(step)))
    for top in np.minimum(highest, lowest * step ** np.arange(1.0, 1.0 + count)):
        # Of noisy values, those below the minimum's belong to it too.
        low = -math.inf if noise else top * 10.0**-DECADES
        first, last = np.searchsorted(sorted_rises, (low, top), side="right").tolist()
        if last - first < enough:
            continue
        rows = order[first:last]
        if not noise:
            rows = rows[_near(steps[rows])]
        if len(rows) > plenty and not noise:
            rows = rows[np.linspace(0, len(rows) - 1, plenty).astype(np.intp)]
        if len(rows) >= enough:
            windows.append(np.sort(rows))
    return windows


def _near(steps: Array) -> NDArray[np.bool_]:
    """Return which points belong to this minimum: a gap divides them from another one's."""
    sizes = np.sqrt((steps * steps).mean(axis=0))
    distances = np.linalg.norm(steps / np.where(sizes > 0.0, sizes, 1.0), axis=1)
    rising = np.sort(distances)[steps.shape[1] :]
    gaps = np.flatnonzero(rising[1:] > GAP * rising[:-1])
    return distances <= (rising[gaps[0]] if gaps.size else math.inf)


class _Data(NamedTuple):
    """Points (m, k) in some axes, values (m,) in some unit, squares of how far off they may be."""

    points: Array
    values: Array
    spread: Array
    noisy: bool

    def surface(self) -> Quadratic | None:
        """Return the quadratic fitted to the values; None if there is none."""
        fit = Regression(self.points, self.values, self.spread, self.noisy).fit(STRENGTH)
        return fit.quadratic if fit.loo < math.inf else None

    def left(self, surface: Quadratic) -> Array:
        """Return the values less the surface, (m,)."""
        return self.values - surface(self.points)

    def blocks(self) -> Rows:
        """Return a number for each point, the same for consecutive ones that are left out together.

        Of noisy values, few may be far enough apart to tell anything: these are divided evenly.
        """
        if self.noisy:
            worth = (self.points * self.points).sum(axis=1) ** 2 / self.spread
        else:
            worth = np.ones(len(self.values))
        before = np.cumsum(worth) - 0.5 * worth
        return (BLOCKS * before / worth.sum()).astype(np.intp)

    def only(self, rows: NDArray[np.bool_]) -> _Data:
        """Return some of the points."""
        return _Data(self.points[rows], self.values[rows], self.spread[rows], self.noisy)


def _estimate(steps: Array, rises: Array, noise: float) -> Estimate | None:
    """Return the surface through all these points, beside those through all but a block of them."""
    unit = float(rises.max())
    # Higher terms grow as the cube of the distance; noise does not.
    least = max(NEAREST, (LOUD * noise / unit) ** (2.0 / 3.0))

    def data(axes: Array) -> _Data:
        points = np.asarray(np.linalg.solve(axes, steps.T).T, dtype=np.float64)
        squares = (points * points).sum(axis=1)
        spread = np.maximum(least, squares / squares.max()) ** 3
        return _Data(points, rises / unit, spread, noise > 0.0)

    axes = principal_axes(steps)
    if axes is None:
        return None
    for _ in range(TURNS):
        surface = data(axes).surface()
        if surface is None:
            return None
        axes = axes @ round_axes(surface.hessian)
    known = data(axes)
    surface, blocks = known.surface(), known.blocks()
    if surface is None:
        return None
    others = [known.only(blocks != block).surface() for block in range(BLOCKS)]
    curvatures = tuple(other.hessian for other in others if other is not None)
    if len(curvatures) < BLOCKS:
        return None
    # Few points more than coefficients follow them too willingly.
    k, m = len(axes), len(rises)
    over = max(m - k * (k + 3) / 2, 1.0)
    if noise and np.linalg.norm(known.left(surface)) > MISFIT * math.sqrt(over) * noise / unit:
        return None
    longer = math.sqrt(m / over)
    others = tuple(surface.hessian + longer * (c - surface.hessian) for c in curvatures)
    return Estimate(axes, surface.hessian, unit, surface.gradient, others, m)


def principal_axes(steps: Array) -> Array | None:
    """Return axes, in columns, in which points are spread alike; None if they lie in a hyperplane.

    Parameters
    ----------
    steps : ndarray of shape (m, k)
        From where their spread is measured.
    """
    with np.errstate(over="ignore"):
        sizes = np.sqrt((steps * steps).mean(axis=0))
    if not ((sizes > 0.0) & (sizes < math.inf)).all():
        return None
    scaled = steps / sizes
    spreads, turn = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    return (sizes[:, None] * turn) * np.sqrt(np.maximum(spreads, 1e-14 * spreads[-1]))
