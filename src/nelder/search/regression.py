"""Regression under noise: a quadratic fitted to all that is known around a centre.

Points that lie high, or far away, tell of another part of the surface and are left out or count for
less. Lengths are measured in the points' own second moment, so that a narrow valley is as round as
a ball; the quadratic is that of `core.quadratic`, with a light ridge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.core.quadratic import Quadratic, Regression
from nelder.core.trust_region import minimum_within

__all__ = ["Samples", "Surface", "fit_surface", "terms"]

Array = NDArray[np.float64]

MOST = 20  # times the coefficients of a quadratic: points fitted at most
REACH = 3.0  # times √n: how far from the centre points are fitted, in units of their second moment
RIDGE = 1e-4
STRONGER = 1e-2  # with fewer points than FEW times the coefficients
FEW = 1.3
HIGH = 100.0  # times the level: values above are as good as equal
FLAT = 1e-14  # of the largest second moment: the least along any axis


def terms(n: int) -> int:
    """Return how many coefficients a quadratic in n coordinates has."""
    return (n + 1) * (n + 2) // 2


class Samples:
    """Every point evaluated, z (m, n), and its value (m,); repeated points stand repeatedly."""

    def __init__(self, n: int) -> None:
        self.points: Array = np.empty((0, n))
        self.values: Array = np.empty(0)

    def add(self, points: Array, values: Array) -> None:
        """Take in points (k, n) and values (k,); those without a finite value tell nothing."""
        finite = np.isfinite(values)
        self.points = np.concatenate([self.points, points[finite]])
        self.values = np.concatenate([self.values, values[finite]])


@dataclass(frozen=True)
class Surface:
    """A quadratic of u, with z = centre + axes·u.

    Attributes
    ----------
    centre : ndarray of shape (n,)
    axes : ndarray of shape (n, n)
        Columns: the principal axes of the points, each as long as their second moment.
    quadratic : Quadratic
    scatter : float
        Root of the weighted mean square of what values differ from the surface.
    count : int
        Points fitted.
    """

    centre: Array
    axes: Array
    quadratic: Quadratic
    scatter: float
    count: int

    def lowest(self, radius: float) -> tuple[Array, float]:
        """Return the z (n,) of the least value within `radius` of the centre, and that value."""
        u = minimum_within(self.quadratic.gradient, self.quadratic.hessian, radius)
        return self.centre + self.axes @ u, float(self.quadratic(u[None])[0])

    def within(self, z: Array, rise: float, reach: float, radii: Array, directions: Array) -> Array:
        """Return points of the ellipsoid around `z` in which the surface rises by `rise`.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Taken for the minimum; a curvature that is not positive counts as the least one.
        rise : float
        reach : float
            Longest half-axis.
        radii : ndarray of shape (k,)
            Relative to the ellipsoid's: 1 is on its surface.
        directions : ndarray of shape (k, n)
            Of any length but 0.

        Returns
        -------
        ndarray of shape (k, n)
        """
        curvatures, axes = np.linalg.eigh(self.quadratic.hessian)
        halves = np.sqrt(2.0 * rise / np.maximum(curvatures, 2.0 * rise / reach**2))
        unit = directions / np.linalg.norm(directions, axis=1)[:, None]
        return z + (radii[:, None] * unit * halves) @ axes.T @ self.axes.T


def fit_surface(
    samples: Samples, centre: Array, value: float, noise: float, level: float
) -> Surface | None:
    """Return the quadratic around `centre`; None where there are too few points.

    Parameters
    ----------
    samples : Samples
    centre : ndarray of shape (n,)
    value : float
        What is thought to be the value there.
    noise : float
        Standard deviation of one value, above 0.
    level : float
        Values up to so many times the noise above `value` count in full.
    """
    n = len(centre)
    least = terms(n) + n + 1
    if len(samples.values) < least:
        return None
    rises = (samples.values - value) / noise
    good = rises <= level + 2.0
    if np.count_nonzero(good) < least:
        good = np.zeros(len(rises), dtype=np.bool_)
        good[np.argsort(rises, kind="stable")[:least]] = True
    offsets = samples.points[good] - centre
    moments, directions = np.linalg.eigh(offsets.T @ offsets / len(offsets))
    if not moments[-1] > 0.0:
        return None
    lengths = np.sqrt(np.maximum(moments, FLAT * moments[-1]))
    u = offsets @ directions / lengths
    squares = np.sum(u * u, axis=1)
    nearest = np.argsort(squares, kind="stable")[: MOST * terms(n)]
    count = max(least, int(np.count_nonzero(squares[nearest] <= REACH**2 * n)))
    nearest = nearest[:count]
    u, squares, rises = u[nearest], squares[nearest], rises[good][nearest]
    far = np.maximum(squares / n - 2.0, 0.0)
    high = np.minimum(np.maximum(rises - level, 0.0) / level, HIGH)
    spread = (1.0 + far * far) * (1.0 + high) ** 2
    strength = RIDGE if len(u) >= FEW * terms(n) else STRONGER
    fit = Regression(u, np.minimum(rises, HIGH * level), spread, constant=True).fit(strength)
    if fit.loo == math.inf:
        return None
    scatter = math.sqrt(float(np.sum(fit.residuals**2 / spread) / np.sum(1.0 / spread)))
    made = fit.quadratic
    surface = Quadratic(value + noise * made.constant, noise * made.gradient, noise * made.hessian)
    return Surface(centre, directions * lengths, surface, noise * scatter, len(u))
