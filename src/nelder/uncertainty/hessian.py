"""The Hessian of an objective at its minimum, with reasons for doubt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.uncertainty.differences import Neighbourhood, level, nearer_to
from nelder.uncertainty.doubts import Doubt
from nelder.uncertainty.estimate import Estimate
from nelder.uncertainty.evaluated import Evaluated
from nelder.uncertainty.fitted import fitted, principal_axes

__all__ = ["Hessian", "as_hessian", "estimate_hessian", "helpful", "moving", "outset"]

Array = NDArray[np.float64]
Measure = Callable[[Array], Array]

TOLERANCE = 5e-3  # estimated relative error of standard errors: the true one may be twice that
REACH = 1e-2  # of what differences need: a bound so near is as good as reached
LOUD = 100.0  # standard deviations of noise that differences rise, at least
POOR = 0.3  # the same: such a surface is no help
CLOSER = 0.1  # the rise of differences in that of a fit: else both would err alike
APART = 30.0  # the rises of two levels of differences, one in terms of the other
SMALL = 1e-6  # of the value: a rise well above rounding
CLOSE = 1e-5  # of the value: a rise below it is nearer to rounding than to higher terms
TINY = float(np.finfo(np.float64).tiny)
SQRT2 = math.sqrt(2.0)
ROUGH = 1e-6  # relative step, at least, where the surface is not known


@dataclass(frozen=True, eq=False, repr=False)
class Hessian:
    """Second derivatives at a minimum: an array, with what there is to be said about it.

    Attributes
    ----------
    matrix : ndarray of shape (n, n)
        NaN for coordinates that are fixed or at a bound, and everywhere if nothing could be
        estimated. ``numpy.asarray(hessian)`` gives it.
    inverse : ndarray of shape (n, n)
        Of the part that is not NaN, with more digits than inverting the matrix gives; NaN where it
        is not positive definite.
    offset : ndarray of shape (n,)
        From x to where the surface is lowest.
    error : float
        The largest relative error of a standard error, estimated; inf where there is none.
    doubts : tuple of Doubt
        Empty where it is sound.
    nfev : int
        Values that it rests on; of residuals, how often these were computed.
    nnew : int
        Points that were evaluated for it.
    gauss_newton : bool
        Whether it is 2·J'J of residuals, rather than of the objective's values.
    evaluated : Evaluated
        The minimum, without the points.
    """

    matrix: Array
    inverse: Array
    offset: Array
    error: float
    doubts: tuple[Doubt, ...]
    nfev: int
    nnew: int
    gauss_newton: bool
    evaluated: Evaluated = field(repr=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.matrix, dtype=dtype) if copy else np.asarray(self.matrix, dtype=dtype)

    @property
    def origin(self) -> str:
        """What it comes from, in words."""
        if self.gauss_newton:
            return f"the residuals at {self.nfev} points: Gauss-Newton, 2·J'J"
        return f"{self.nfev} values; {self.nnew} evaluated for this"

    def __repr__(self) -> str:
        lines = [f"nelder.Hessian, from {self.origin}"]
        lines += [f"doubt: {doubt.value}" for doubt in self.doubts]
        return "\n".join([*lines, np.array2string(self.matrix, precision=6)])


def estimate_hessian(evaluated: Evaluated, measure: Measure | None = None) -> Hessian:
    """Return the Hessian at a minimum.

    Parameters
    ----------
    evaluated : Evaluated
    measure : callable, optional
        Points (m, n) to their values (m,), NaN or infinite where there is none. It is called where
        what was evaluated does not give standard errors to half a per cent, for at most
        2(k + 1)(k + 2) points, k the coordinates that are not fixed.
    """
    moved, found = moving(evaluated)
    known = helpful(found)
    if measure is None or not moved.size or (known is not None and known.error <= TOLERANCE):
        return as_hessian(evaluated, moved, found, 0, False)
    return _topped_up(evaluated, moved, known, measure)


def moving(evaluated: Evaluated) -> tuple[NDArray[np.intp], Estimate | None]:
    """Return the coordinates that are neither fixed nor at a bound, and the surface in them.

    Parameters
    ----------
    evaluated : Evaluated
    """
    free, held = evaluated.free, evaluated.at_bound()
    moved = np.flatnonzero(free & ~held)
    if not moved.size:
        return moved, None
    surface = fitted(evaluated.steps(held), evaluated.values - evaluated.fun, evaluated.noise)
    return moved, None if surface is None else surface.on(np.flatnonzero(~held[free]))


def helpful(found: Estimate | None) -> Estimate | None:
    """Return the surface if others may begin with it.

    Parameters
    ----------
    found : Estimate or None
    """
    return found if found is not None and found.definite and found.error < POOR else None


def _topped_up(
    evaluated: Evaluated, moved: NDArray[np.intp], known: Estimate | None, measure: Measure
) -> Hessian:
    """Return the Hessian by differences, of one level where it agrees with what is known."""
    start, order = outset(evaluated, moved, known)
    least = max(SMALL * abs(evaluated.fun), LOUD * evaluated.noise, TINY)
    gap = evaluated.gap[moved[order]]
    reach = SQRT2 * np.linalg.norm(start.axes, axis=1)
    # No further than to a bound, but for rounding.
    unit = max(min(1.0, float((gap / reach).min())) ** 2 * start.unit, min(start.unit, least))
    if known is not None:
        unit *= CLOSER
    unit = max(unit, LOUD * evaluated.noise)
    near_enough = gap >= REACH * math.sqrt(unit / start.unit) * reach
    if not near_enough.all():
        rest = np.sort(order[near_enough])
        if not rest.size:
            return as_hessian(evaluated, moved[rest], None, 0, False)
        return _topped_up(
            evaluated, moved[rest], None if known is None else known.on(rest), measure
        )
    k = int(evaluated.free.sum())
    near = Neighbourhood(evaluated, moved[order], measure, 2 * (k + 1) * (k + 2))
    found = level(near, start, unit)
    if not (near.failed or (known is not None and found.definite and found.error <= TOLERANCE)):
        # Further from rounding, or from higher terms.
        apart = APART if unit < CLOSE * abs(evaluated.fun) else 1.0 / APART
        turned = found.rounded().on(np.arange(len(moved)))
        found = level(near, turned, unit if evaluated.noise else apart * unit)
        if not (near.failed or evaluated.noise):
            found = nearer_to(near, turned, found)
    found = None if near.failed else found.on(np.argsort(order))
    if known is not None and (found is None or not found.error < known.error):
        found = known
    return as_hessian(evaluated, moved, found, near.used, near.failed)


def outset(
    evaluated: Evaluated, moved: NDArray[np.intp], known: Estimate | None
) -> tuple[Estimate, NDArray[np.intp]]:
    """Return the surface to begin with, in coordinates in the order that is returned with it.

    The axes are triangular, and the coordinate that is next to a bound comes last: it shortens the
    steps on one axis only.

    Parameters
    ----------
    evaluated : Evaluated
    moved : ndarray of int, shape (k,)
    known : Estimate or None
        The surface in these coordinates, as far as it is known.
    """
    start = _rough(evaluated, moved) if known is None else known.rounded()
    order = np.argsort(-evaluated.gap[moved] / np.linalg.norm(start.axes, axis=1), kind="stable")
    return start.on(order), order


def _rough(evaluated: Evaluated, moved: NDArray[np.intp]) -> Estimate:
    """Return what the lowest points tell about the surface: the shape of the simplex."""
    x, values = evaluated.x, evaluated.values
    k = len(moved)
    lowest = np.argsort(np.where(np.isfinite(values), values, math.inf))[: 2 * (k + 1)]
    sizes = np.abs(x[moved])
    sizes[sizes == 0.0] = 1.0
    axes = principal_axes(evaluated.points[np.ix_(lowest, moved)] - x[moved])
    if axes is None:
        axes = np.diag(sizes)
    axes *= np.maximum(1.0, ROUGH / np.abs(axes / sizes[:, None]).max(axis=0))
    rises = values[lowest] - evaluated.fun
    spread = float(rises[np.isfinite(rises)].max(initial=0.0))
    unit = max(SMALL * abs(evaluated.fun), spread, TINY)
    return Estimate(axes, np.eye(k), unit, np.zeros(k), (), 0)


def as_hessian(
    evaluated: Evaluated,
    moved: NDArray[np.intp],
    found: Estimate | None,
    new: int,
    failed: bool,
    gauss_newton: bool = False,
) -> Hessian:
    """Return a surface as users see it, with all that is doubtful.

    Parameters
    ----------
    evaluated : Evaluated
    moved : ndarray of int, shape (k,)
        The coordinates of the surface.
    found : Estimate or None
        The surface; None where there is none.
    new : int
        Evaluations made for it.
    failed : bool
        Whether one of these had no value.
    gauss_newton : bool, default False
        Whether the surface is that of a linearised model.
    """
    n = len(evaluated.x)
    matrix, inverse = np.full((n, n), math.nan), np.full((n, n), math.nan)
    offset = np.full(n, math.nan)
    definite = found is not None and found.definite
    error = found.error if found is not None and definite else math.inf
    if found is not None:
        block = np.ix_(moved, moved)
        matrix[block] = found.hessian
        if definite:
            inverse[block] = found.inverse
            offset[moved] = found.offset
    if not moved.size:
        error = 0.0
    raised = {
        Doubt.FEW_POINTS: found is None and moved.size > 0 and not failed,
        Doubt.NO_VALUE: failed,
        Doubt.NOT_POSITIVE_DEFINITE: found is not None and not definite,
        Doubt.NOT_CONVERGED: not evaluated.converged,
        Doubt.INEXACT: definite and not error <= TOLERANCE,
        Doubt.AT_BOUND: moved.size < evaluated.free.sum(),
        Doubt.NOISY: evaluated.noise > 0.0,
    }
    doubts = tuple(doubt for doubt, there in raised.items() if there)
    points = 0 if found is None else found.points
    minimum = replace(evaluated, points=np.empty((0, n)), values=np.empty(0))
    return Hessian(matrix, inverse, offset, error, doubts, points, new, gauss_newton, minimum)
