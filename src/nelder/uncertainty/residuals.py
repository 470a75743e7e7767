"""Gauss and Newton's Hessian of a sum of squares, from its residuals.

The Hessian of Σ r² is 2(J'J + Σ r·r''). The second part is what the errors of the observations
happen to add. Without it the covariance s²·(J'J)⁻¹ is that of the linearised model, and what
SciPy's ``curve_fit``, lmfit and NIST report. Values of the sum alone do not tell the two parts
apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError
from nelder.uncertainty.differences import Neighbourhood
from nelder.uncertainty.estimate import Estimate
from nelder.uncertainty.evaluated import Evaluated
from nelder.uncertainty.hessian import Hessian, as_hessian, helpful, moving, outset

__all__ = ["SumOfSquares", "gauss_newton"]

Array = NDArray[np.float64]

LENGTHS = (1.0, 2.0)  # of steps on the axes


@dataclass(frozen=True, eq=False)
class SumOfSquares:
    """A sum of squares at its minimum.

    Attributes
    ----------
    hessian : Hessian
        2·J'J.
    residual_sum : float
        Σ r² at the minimum.
    m : int
        How many residuals there are.
    p : int
        How many coordinates are fitted: neither fixed nor at a bound.
    """

    hessian: Hessian
    residual_sum: float
    m: int
    p: int


def gauss_newton(evaluated: Evaluated, residuals: Callable[[Array], Any]) -> SumOfSquares:
    """Return Gauss and Newton's Hessian, by central differences of the residuals.

    They are called 4k + 1 times, with two lengths of step on each of k axes, which tell how exact
    it is.

    Parameters
    ----------
    evaluated : Evaluated
        A minimum of Σ r².
    residuals : callable
        x (n,) to the residuals (m,), of any shape.

    Raises
    ------
    InvalidArgumentError
        They are not real and finite at the minimum, or not always as many.
    """
    first = _read(residuals, evaluated.x)
    if not np.isfinite(first).all():
        raise InvalidArgumentError("residuals: not all of them are finite at the minimum")
    moved, found = moving(evaluated)
    total = float(first @ first)
    if not moved.size:
        hessian = as_hessian(evaluated, moved, None, 1, False, True)
        return SumOfSquares(hessian, total, first.size, 0)
    start, order = outset(evaluated, moved, helpful(found))

    def changes(points: Array) -> Array:
        rows = np.array([_read(residuals, point, first.size) for point in points])
        return rows.reshape(len(points), first.size)

    near = Neighbourhood(evaluated, moved[order])
    jacobians: list[Array] = []
    for length in LENGTHS:
        steps = length * start.axes.T
        shares = near.room(steps)
        steps *= shares[:, None]
        forth, back = changes(near.points(steps)), changes(near.points(-steps))
        jacobians.append((forth - back) / (2.0 * length * shares[:, None]))
    points = 1 + 2 * len(LENGTHS) * len(moved)
    failed = not all(np.isfinite(jacobian).all() for jacobian in jacobians)
    surface = None
    if not failed:
        curvature, *others = (2.0 * (j @ j.T) / start.unit for j in jacobians)
        slope = 2.0 * (jacobians[0] @ first) / start.unit
        surface = Estimate(start.axes, curvature, start.unit, slope, tuple(others), points)
        surface = surface.on(np.argsort(order))
    return SumOfSquares(
        as_hessian(evaluated, moved, surface, points, failed, True), total, first.size, len(moved)
    )


def _read(residuals: Callable[[Array], Any], x: Array, m: int | None = None) -> Array:
    """Return the residuals at x as one array (m,)."""
    given = residuals(x.copy())
    try:
        values = np.asarray(given)
        if values.dtype.kind == "c":
            raise TypeError(f"their dtype is {values.dtype}")
        values = values.astype(np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"residuals: expected real numbers ({error})") from error
    if not values.size:
        raise InvalidArgumentError("residuals: expected at least one, got an empty array")
    if m is not None and values.size != m:
        raise InvalidArgumentError(f"residuals: {values.size} of them at {x}, {m} at the minimum")
    return values
