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

__all__ = ["Samples", "Surface", "fit_surface", "most_fitted", "terms"]

Array = NDArray[np.float64]

MOST, SOME = 20, 300  # times the coefficients of a quadratic, or so many: points fitted at most,
PART = 0.5  # or this part of all, so that more evaluations are of more use
REACH = 3.0  # times √n: how far from the centre points are fitted, in units of their second moment
RIDGE = 1e-4
STRONGER = 1e-2  # with fewer points than FEW times the coefficients
FEW = 1.3
HIGH = 100.0  # times the level: values above are as good as equal
FLAT = 1e-14  # of the largest second moment of scaled coordinates: the least along any axis


def terms(n: int) -> int:
    """Return how many coefficients a quadratic in n coordinates has."""
    return (n + 1) * (n + 2) // 2


def most_fitted(n: int, known: int) -> int:
    """Return how many of so many points `known` are fitted at most."""
    return max(MOST * terms(n), SOME, int(PART * known))


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
    """A quadratic of u, with z = centre + axes·u: value = base + noise·quadratic(u).

    Attributes
    ----------
    centre : ndarray of shape (n,)
    axes : ndarray of shape (n, n)
        Columns: the principal axes of the points, each as long as their second moment.
    base : float
    noise : float
        Standard deviation of one value: the unit in which the quadratic is.
    quadratic : Quadratic
    scatter : float
        Root of the weighted mean square of what values differ from the surface, in this unit.
    count : int
        Points fitted.
    """

    centre: Array
    axes: Array
    base: float
    noise: float
    quadratic: Quadratic
    scatter: float
    count: int

    @property
    def here(self) -> float:
        """The value at the centre."""
        return self.base + self.noise * self.quadratic.constant

    def lowest(self, radius: float) -> tuple[Array, float]:
        """Return the z (n,) of the least value within `radius` of the centre, and that value."""
        u = minimum_within(self.quadratic.gradient, self.quadratic.hessian, radius)
        return self.centre + self.axes @ u, self.base + self.noise * float(
            self.quadratic(u[None])[0]
        )

    def within(self, z: Array, rise: float, reach: float, radii: Array, directions: Array) -> Array:
        """Return points of the ellipsoid around `z` in which the surface rises by `rise` noise.

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
        What is thought to be the value there; the lowest value known where that is higher.
    noise : float
        Standard deviation of one value, above 0.
    level : float
        Values up to so many times the noise above `value` count in full.
    """
    n = len(centre)
    least = terms(n) + n + 1
    if len(samples.values) < least:
        return None
    value = max(value, float(samples.values.min()))  # else nothing would be near it
    with np.errstate(over="ignore"):
        rises = (samples.values - value) / noise
    good = rises <= level + 2.0
    if np.count_nonzero(good) < least:
        good = np.zeros(len(rises), dtype=np.bool_)
        good[np.argsort(rises, kind="stable")[:least]] = True
    offsets = samples.points[good] - centre
    scales = np.sqrt(np.mean(offsets * offsets, axis=0))
    if not scales.max() > 0.0:
        return None
    scales[scales == 0.0] = scales.max()
    scaled = offsets / scales  # first, so that units differ as they like
    moments, directions = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    lengths = np.sqrt(np.maximum(moments, FLAT * moments[-1]))
    u = scaled @ directions / lengths
    squares = np.sum(u * u, axis=1)
    nearest = np.argsort(squares, kind="stable")[: most_fitted(n, len(samples.values))]
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
    axes = scales[:, None] * directions * lengths
    return Surface(centre, axes, value, noise, fit.quadratic, scatter, len(u))
