"""A Hessian, in axes in which it is nearly the identity, and how far it may be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "round_axes"]

Array = NDArray[np.float64]

FLATTEST = 1e-6  # of the largest curvature: what is less is no longer straightened in one go


@dataclass(frozen=True, eq=False)
class Estimate:
    """The quadratic surface unit·(slope·y + y·curvature·y/2) at x = minimum + axes·y.

    Strongly correlated parameters have a Hessian of huge condition, whose small curvatures would
    drown in the rounding of the large ones. In these axes all are about 1.

    Parameters
    ----------
    axes : ndarray of shape (k, k)
        In columns.
    curvature : ndarray of shape (k, k)
        The Hessian in these axes: near the identity.
    unit : float
        Of the values.
    slope : ndarray of shape (k,)
        The gradient in these axes.
    others : tuple of ndarray of shape (k, k)
        The curvature from other data. Their deviations from `curvature` add up as squares.
    points : int
        How many values it rests on.
    """

    axes: Array
    curvature: Array
    unit: float
    slope: Array
    others: tuple[Array, ...]
    points: int

    @property
    def definite(self) -> bool:
        """Whether the surface rises in every direction."""
        return _root(self.curvature) is not None

    @property
    def hessian(self) -> Array:
        """The Hessian in x (k, k)."""
        back = np.linalg.inv(self.axes)
        with np.errstate(over="ignore"):
            hessian = self.unit * (back.T @ self.curvature @ back)
            return 0.5 * (hessian + hessian.T)

    @property
    def inverse(self) -> Array:
        """The inverse of the Hessian (k, k); NaN where the surface is not definite.

        inf where the surface is so flat that a number overflows.
        """
        spread = _spread(self.axes, self.curvature)
        with np.errstate(over="ignore"):
            return (spread.T @ spread) / self.unit

    @property
    def offset(self) -> Array:
        """Where the surface is lowest, from x (k,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return -(self.axes @ np.linalg.solve(self.curvature, self.slope))

    @property
    def deviation(self) -> float:
        """How far the other curvatures are from this one: the spectral norm, as one is 1."""
        squares = [float(np.linalg.norm(c - self.curvature, 2)) ** 2 for c in self.others]
        return math.sqrt(sum(squares))

    @property
    def error(self) -> float:
        """The largest relative error of a standard error, as the other curvatures have it."""
        with np.errstate(all="ignore"):  # of a surface that is too flat or too steep
            errors = np.linalg.norm(_spread(self.axes, self.curvature), axis=0)
            squares = np.zeros(len(errors))
            for other in self.others:
                others = np.linalg.norm(_spread(self.axes, other), axis=0)
                squares += (others / errors - 1.0) ** 2
        worst = math.sqrt(squares.max(initial=0.0))
        return worst if worst == worst else math.inf

    def against(self, smaller: Estimate | None, times: float) -> Estimate:
        """Return this with so many times the change from another surface as one more error."""
        if smaller is None:
            return self
        turn = np.linalg.solve(smaller.axes, self.axes)
        there = (smaller.unit / self.unit) * (turn.T @ smaller.curvature @ turn)
        other = self.curvature + times * (there - self.curvature)
        return replace(self, others=(*self.others, other))

    def on(self, coordinates: NDArray[np.intp]) -> Estimate:
        """Return the surface in some coordinates, the others held, in triangular axes.

        Only the last axis moves the last of `coordinates`, only the last two that before it.
        """
        back = np.linalg.inv(self.axes)[:, coordinates]
        turn, triangle = np.linalg.qr(back)
        return replace(
            self,
            axes=np.linalg.inv(triangle),
            curvature=turn.T @ self.curvature @ turn,
            slope=turn.T @ self.slope,
            others=tuple(turn.T @ other @ turn for other in self.others),
        )

    def rounded(self) -> Estimate:
        """Return the same surface in axes in which its curvature is the identity, or ±1."""
        turn = round_axes(self.curvature)
        return replace(
            self,
            axes=self.axes @ turn,
            curvature=turn.T @ self.curvature @ turn,
            slope=turn.T @ self.slope,
            others=tuple(turn.T @ other @ turn for other in self.others),
        )


def round_axes(curvature: Array) -> Array:
    """Return axes, in columns, in which the curvatures are 1 in size.

    Parameters
    ----------
    curvature : ndarray of shape (k, k)
    """
    bends, turn = np.linalg.eigh(curvature)
    sizes = np.abs(bends)
    largest = sizes.max(initial=0.0)
    return turn / np.sqrt(np.maximum(sizes, FLATTEST * largest)) if largest > 0.0 else turn


def _spread(axes: Array, curvature: Array) -> Array:
    """Return what is, times itself, the inverse of a curvature on these axes; NaN for none."""
    root = _root(curvature)
    if root is None:
        return np.full(axes.shape, math.nan)
    return np.asarray(np.linalg.solve(root, axes.T), dtype=np.float64)


def _root(curvature: Array) -> Array | None:
    """Return the lower triangle whose square is the curvature; None if it is not definite."""
    try:
        return np.asarray(np.linalg.cholesky(curvature), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
