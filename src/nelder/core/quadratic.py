"""Quadratic surfaces, and how they are fitted to values at scattered points.

The fit is a ridge regression on the second-order terms, after Frobenius-norm models (Conn,
Scheinberg & Toint 1997; Powell 2004): of n + 1 points or of thousands, it is determined. How good
it is says its leave-one-out error, which costs no further fit: with h_i the leverage of a point,
the surface fitted without it misses r_i/(1 - h_i) there (Allen 1974).

The linear terms, which have no penalty, are projected out first. What is left is one symmetric
matrix of the points or of the terms, whichever are fewer, so that each strength of the ridge costs
one factorisation of it, and a small one is decomposed once for all strengths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "Quadratic", "Regression", "fit_quadratic"]

Array = NDArray[np.float64]

LARGEST = 1e294  # value: of larger ones the coefficients might overflow
RANK = 1e-13  # least by greatest extent of the points, below which they lie in a hyperplane
SMALL = 24  # rows; up to so many, one eigendecomposition is quicker than a factorisation for each
BLOCK = 48  # rows of a factor at a time
# Multiplications in a product. Beyond these OpenBLAS takes several threads, which gain little here
# and, where the other cores are busy, wait for each other a hundred times as long as one works.
PRODUCT = 2**18


@dataclass(frozen=True)
class Quadratic:
    """The surface constant + gradient·z + z·hessian·z/2.

    Parameters
    ----------
    constant : float
    gradient : ndarray of shape (n,)
    hessian : ndarray of shape (n, n)
        Symmetric.
    """

    constant: float
    gradient: Array
    hessian: Array

    def __call__(self, Z: Array) -> Array:  # noqa: N803
        """Return the values at the points `Z` (m, n): an array (m,)."""
        return self.constant + Z @ self.gradient + 0.5 * np.sum((Z @ self.hessian) * Z, axis=1)


class _Terms(NamedTuple):
    """The second-order terms c_k·z_i·z_j, i <= j, and the way from their coefficients to a Hessian.

    c is 1, and 1/√2 where i = j, so that the sum of squares of the coefficients is half that of the
    Hessian's entries.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    scale: Array
    place: NDArray[np.intp]
    unfold: Array


@cache
def _terms(n: int) -> _Terms:
    first, second = np.triu_indices(n)
    square = first == second
    place = np.empty((n, n), dtype=np.intp)
    place[first, second] = place[second, first] = np.arange(len(first))
    scale = np.where(square, math.sqrt(0.5), 1.0)[:, None]
    return _Terms(first, second, scale, place, np.where(square, math.sqrt(2.0), 1.0))


class Fit:
    """A fitted surface.

    Attributes
    ----------
    loo : float
        Leave-one-out error: the root of the weighted sum of squares of what the surface fitted
        without a point misses there, relative to that of the values (of their deviations from their
        weighted mean, with a constant). inf where the fit is unusable: too few points, points in a
        hyperplane, values that are not finite, are beyond 1e294 or do not differ. Then the surface
        is flat.
    strength : float
        Of the ridge.
    """

    __slots__ = ("_left", "_regression", "loo", "strength")

    def __init__(
        self, regression: Regression, strength: float, loo: float, left: Array | None
    ) -> None:
        self.loo = loo
        self.strength = strength
        self._regression = regression
        self._left = left

    @property
    def quadratic(self) -> Quadratic:
        """The surface, solved for when it is asked for."""
        return self._regression.surface(None if self._left is None else self.strength)

    @property
    def residuals(self) -> Array:
        """Value less surface at each point, (m,)."""
        return self._regression.residuals(self._left)


class Regression:
    """Points and values to which quadratics are fitted, with ridges of any strength.

    Parameters
    ----------
    Z : ndarray of shape (m, n)
        The points, in units in which they are about 1 apart.
    y : ndarray of shape (m,)
        Their values.
    spread : ndarray of shape (m,), optional
        How much the square of each residual may be, relative to the others': its weight is
        1/spread. All 1 by default.
    constant : bool, default True
        Whether the surface has a constant term; else it is 0 at the origin.

    Attributes
    ----------
    usable : bool
        Whether there are points enough, not all in a hyperplane, of values that differ.
    """

    def __init__(
        self,
        Z: Array,  # noqa: N803
        y: Array,
        spread: Array | None = None,
        constant: bool = True,
    ) -> None:
        self._y, self._constant = y, constant
        self._n: int = Z.shape[1]
        self.usable = len(Z) > self._n + constant
        if self.usable:
            with np.errstate(all="ignore"):  # what is not finite shows in the end
                self._scale = float(np.abs(y).max())
                try:
                    self.usable = 0.0 < self._scale < LARGEST and self._prepare(Z, spread)
                except np.linalg.LinAlgError:
                    self.usable = False

    def _prepare(self, points: Array, spread: Array | None) -> bool:
        """Project the linear terms out of values and second-order terms, all in weighted rows."""
        terms = _terms(self._n)
        weighted = z = points.T
        values = self._y / self._scale
        self._roots = None if spread is None else 1.0 / np.sqrt(spread)
        if self._roots is not None:
            weighted = z * self._roots
            values *= self._roots
        second = weighted[terms.first]
        second *= z[terms.second]
        second *= terms.scale
        base = values
        if self._constant:
            ones = np.ones(len(values)) if self._roots is None else self._roots
            weighted = np.vstack([ones, weighted])
            base = values - ones * (values @ ones / (ones @ ones))
        self._sum = float(base @ base)
        q, sizes, axes = cast(
            "tuple[Array, Array, Array]", np.linalg.svd(weighted.T, full_matrices=False)
        )
        if not sizes[-1] > RANK * sizes[0]:
            return False
        self._back = axes.T / sizes
        self._linear = values @ q
        self._mixed = _product(second, q)
        self._left = values - q @ self._linear
        second -= _product(self._mixed, q.T)
        self._second = second
        self._leverage = np.einsum("ij,ij->i", q, q)
        # The linear terms have taken as many dimensions of the points as they are.
        self._dual = len(values) - q.shape[1] < len(second)
        self._gram = _gram(np.hstack([second.T, q]) if self._dual else second)
        self._curved: Array | None = None
        if len(self._gram) <= SMALL:
            curved, directions = cast("tuple[Array, Array]", np.linalg.eigh(self._gram))
            self._curved, self._directions = curved, directions
            self._factor = directions.T if self._dual else directions.T @ second
            self._squared = self._factor * self._factor
            self._turned = self._factor @ self._left
        return self._sum > 0.0

    def fit(self, *strengths: float) -> Fit:
        """Return the fit with a ridge: Σ r²/spread + strength·Σ H²/2 is least.

        Parameters
        ----------
        *strengths : float
            Above 0. Of several, the one whose fit has the least leave-one-out error.
        """
        best = Fit(self, strengths[0], math.inf, None)
        if self.usable:
            with np.errstate(all="ignore"):
                for strength in strengths:
                    fit = self._fit(strength)
                    if fit.loo < best.loo:
                        best = fit
        return best

    def _fit(self, strength: float) -> Fit:
        try:
            left, free = self._left_and_free(strength)
        except np.linalg.LinAlgError:
            return Fit(self, strength, math.inf, None)
        if not free.min() > 0.0:
            return Fit(self, strength, math.inf, None)
        missed = left / free
        return Fit(self, strength, math.sqrt(float(missed @ missed) / self._sum), left)

    def _left_and_free(self, strength: float) -> tuple[Array, Array]:
        """Return the residuals and 1 less the leverages, in weighted rows."""
        if self._curved is not None:
            weights = 1.0 / (self._curved + strength)
            turned, squared = (self._turned * weights) @ self._factor, weights @ self._squared
        else:
            right = np.eye(len(self._gram)) if self._dual else self._second
            half = _forward(_factor(self._ridged(strength)), right)
            turned, squared = (half @ self._left) @ half, np.einsum("ij,ij->j", half, half)
        if self._dual:  # the linear terms are 1 in the matrix, not inf
            squared -= self._leverage / (1.0 + strength)
            return strength * turned, strength * squared
        return self._left - turned, 1.0 - self._leverage - squared

    def _ridged(self, strength: float) -> Array:
        gram = self._gram.copy()
        gram.reshape(-1)[:: len(gram) + 1] += strength
        return gram

    def _solved(self, right: Array, strength: float) -> Array:
        """Return the inverse of the matrix with its ridge times a vector."""
        if self._curved is not None:
            return self._directions @ (right @ self._directions / (self._curved + strength))
        factor = _factor(self._ridged(strength))
        return _backward(factor, _forward(factor, right[:, None])[:, 0])

    def surface(self, strength: float | None) -> Quadratic:
        """Return the surface for a ridge of this `strength`; a flat one for None."""
        n = self._n
        if strength is None:
            return Quadratic(0.0, np.zeros(n), np.zeros((n, n)))
        terms, second = _terms(n), self._second
        if self._dual:
            coefficients = second @ self._solved(self._left, strength)
        else:
            coefficients = self._solved(second @ self._left, strength)
        linear = self._back @ (self._linear - coefficients @ self._mixed) * self._scale
        hessian = (terms.unfold * coefficients * self._scale)[terms.place]
        if self._constant:
            return Quadratic(float(linear[0]), linear[1:], hessian)
        return Quadratic(0.0, linear, hessian)

    def residuals(self, left: Array | None) -> Array:
        """Return what is `left` in weighted rows as residuals; of a flat surface, all."""
        if left is None:
            return self._y.copy()
        return self._scale * (left if self._roots is None else left / self._roots)


def fit_quadratic(
    Z: Array,  # noqa: N803
    y: Array,
    strength: float,
    spread: Array | None = None,
    constant: bool = True,
) -> Fit:
    """Return the quadratic that minimises Σ r²/spread + strength·Σ H²/2, H the Hessian's entries.

    Parameters
    ----------
    Z : ndarray of shape (m, n)
        The points, in units in which they are about 1 apart, from where the surface is wanted.
    y : ndarray of shape (m,)
        Their values.
    strength : float
        Of the ridge, above 0.
    spread : ndarray of shape (m,), optional
        How much the square of each residual may be, relative to the others'. All 1 by default.
    constant : bool, default True
        Whether the surface has a constant term; else it is 0 at the origin, so that `y` are
        differences from the value there.

    Returns
    -------
    Fit
        With ``quadratic``, ``loo`` and ``residuals``; ``loo`` is inf where nothing can be fitted.
    """
    return Regression(Z, y, spread, constant).fit(strength)


def _product(left: Array, right: Array) -> Array:
    """Return left·right in tiles, each of which BLAS computes in this thread."""
    inner, width = right.shape
    if left.size * width <= PRODUCT:
        return left @ right
    made = np.empty((len(left), width))
    rows = min(max(math.isqrt(PRODUCT // inner), 1), len(left))
    columns = max(PRODUCT // (rows * inner), 1)
    for i in range(0, len(left), rows):
        for j in range(0, width, columns):
            np.matmul(
                left[i : i + rows],
                right[:, j : j + columns],
                out=made[i : i + rows, j : j + columns],
            )
    return made


def _gram(rows: Array) -> Array:
    """Return the products of all rows with each other, in the lower triangle."""
    if rows.size * len(rows) <= PRODUCT:
        return rows @ rows.T
    made = np.zeros((len(rows), len(rows)))
    for at in range(0, len(rows), BLOCK):
        to = min(at + BLOCK, len(rows))
        made[at:to, :to] = _product(rows[at:to], rows[:to].T)
    return made


def _factor(matrix: Array) -> Array:
    """Return the Cholesky factor of a lower triangle, in its place, diagonal blocks inverted."""
    for at in range(0, len(matrix), BLOCK):
        to = at + BLOCK
        if at:
            matrix[at:, at:to] -= _product(matrix[at:, :at], matrix[at:to, :at].T)
        inverse = cast("Array", np.linalg.inv(np.linalg.cholesky(matrix[at:to, at:to])))
        matrix[at:to, at:to] = inverse
        if to < len(matrix):
            matrix[to:, at:to] = _product(matrix[to:, at:to], inverse.T)
    return matrix


def _forward(factor: Array, right: Array) -> Array:
    """Return the solution of lower·x = right, with the lower triangle as `_factor` gives it."""
    x = np.empty_like(right)
    for at in range(0, len(factor), BLOCK):
        rows = slice(at, at + BLOCK)
        rest = right[rows] - _product(factor[rows, :at], x[:at]) if at else right[rows]
        x[rows] = _product(factor[rows, rows], rest)
    return x


def _backward(factor: Array, right: Array) -> Array:
    """Return the solution of upper·x = right, where upper is the transposed lower triangle."""
    x = np.empty_like(right)
    for at in range((len(factor) - 1) // BLOCK * BLOCK, -1, -BLOCK):
        rows, below = slice(at, at + BLOCK), slice(at + BLOCK, None)
        x[rows] = (right[rows] - x[below] @ factor[below, rows]) @ factor[rows, rows]
    return x
