"""Initial simplexes.

A builder is any callable ``builder(x0, lower, upper) -> (n+1, n)``: the start and its bounds (each
(n,), infinite where there is none) in, the vertices out, the first of them x0. Those here also take
many starts (..., n) at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError
from nelder.options import check_reals

__all__ = [
    "AffineSimplex",
    "AxisSimplex",
    "FminsearchSimplex",
    "RegularSimplex",
    "SimplexBuilder",
    "StepSimplex",
    "axis_steps",
]

Array = NDArray[np.float64]
SimplexBuilder = Callable[[Array, Array, Array], Array]


def _positive(builder: object, *names: str) -> None:
    check_reals(builder, names, 0.0, math.inf, "a finite number above 0")


def _finite(builder: object, *names: str) -> None:
    check_reals(builder, names, -math.inf, math.inf, "a finite number")


def axis_steps(x0: Array, steps: Array, lower: Array, upper: Array) -> Array:
    """Return the simplex x0, x0 + steps[i]·e_i; a step that leaves the bounds turns round.

    A step that fits on neither side goes to the farther bound. One that rounding would take away is
    a few units of it.

    Parameters
    ----------
    x0, steps : ndarray of shape (..., n)
    lower, upper : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (..., n + 1, n)
    """
    return _axes(x0, _ends(x0, steps, lower, upper))


def _ends(x0: Array, steps: Array, lower: Array, upper: Array) -> Array:
    """Return x0 + steps, (..., n), turned round where that leaves the bounds; as `axis_steps`."""
    with np.errstate(over="ignore"):
        least = 4.0 * np.spacing(np.abs(x0))
        steps = np.where(np.abs(steps) < least, np.copysign(least, steps), steps)
        ahead, back = x0 + steps, x0 - steps
        fits = (lower <= ahead) & (ahead <= upper) & np.isfinite(ahead)
        if fits.all():
            return ahead
        farther = np.where(upper - x0 >= x0 - lower, upper, lower)
    back = np.where((lower <= back) & (back <= upper), back, farther)
    return np.where(fits, ahead, back)


def _axes(x0: Array, ends: Array) -> Array:
    """Return x0 and, for each i, x0 with its coordinate i replaced by ends[i]."""
    n = x0.shape[-1]
    simplex = np.empty((*x0.shape[:-1], n + 1, n))
    simplex[:] = x0[..., None, :]
    simplex.reshape(*x0.shape[:-1], -1)[..., n :: n + 1] = ends
    return simplex


@dataclass(frozen=True)
class AxisSimplex:
    """Vertex i is x0 with x_i + relative·abs(x_i), or x_i + absolute where x_i = 0; the default.

    With two finite bounds the step is a quarter of their distance. A step that would leave the
    bounds goes the other way.

    Parameters
    ----------
    relative : float, default 0.5
        On 47 Moré-Garbow-Hillstrom problems 0.5 solves more than any smaller figure tried.
    absolute : float, default 0.5

    Raises
    ------
    InvalidArgumentError
        One of them is not a finite number above 0.
    """

    relative: float = 0.5
    absolute: float = 0.5

    def __post_init__(self) -> None:
        _positive(self, "relative", "absolute")

    def __call__(self, x0: Array, lower: Array, upper: Array) -> Array:
        """Return the simplex (..., n+1, n) at `x0` (..., n)."""
        return axis_steps(x0, self.steps(x0, lower, upper), lower, upper)

    def steps(self, x0: Array, lower: Array, upper: Array) -> Array:
        """Return the lengths of the steps, (..., n), before any is turned round."""
        relative = self.relative * np.abs(x0)
        steps = np.where(relative == 0.0, self.absolute, relative)
        quarter = 0.25 * upper - 0.25 * lower
        return np.where(quarter < math.inf, quarter, steps)


@dataclass(frozen=True)
class AffineSimplex:
    """Vertex i is x0 with x_i·(1 + b) + a: Optim.jl's ``AffineSimplexer``.

    Parameters
    ----------
    a : float, default 0.025
    b : float, default 0.5
    """

    a: float = 0.025
    b: float = 0.5

    def __post_init__(self) -> None:
        _finite(self, "a", "b")

    def __call__(self, x0: Array, lower: Array, upper: Array) -> Array:
        """Return the simplex (..., n+1, n) at `x0` (..., n)."""
        return _axes(x0, (1.0 + self.b) * x0 + self.a)


@dataclass(frozen=True)
class FminsearchSimplex:
    """Vertex i is x0 with x_i·(1 + b), or a where x_i = 0: MATLAB, SciPy and TFP.

    Parameters
    ----------
    a : float, default 0.00025
    b : float, default 0.05
    """

    a: float = 0.00025
    b: float = 0.05

    def __post_init__(self) -> None:
        _finite(self, "a", "b")

    def __call__(self, x0: Array, lower: Array, upper: Array) -> Array:
        """Return the simplex (..., n+1, n) at `x0` (..., n)."""
        return _axes(x0, np.where(x0 == 0.0, self.a, (1.0 + self.b) * x0))


@dataclass(frozen=True)
class StepSimplex:
    """Vertex i is x0 with x_i + steps[i]; a step that would leave the bounds goes the other way.

    Parameters
    ----------
    steps : float or sequence of n floats
        Finite, none of them 0; in the units of x.

    Raises
    ------
    InvalidArgumentError
        A step is 0 or not finite, or there are not n of them.
    """

    steps: float | Sequence[float]

    def __post_init__(self) -> None:
        expected = "expected finite numbers other than 0, one or n of them"
        try:
            steps = np.asarray(self.steps, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(f"steps={self.steps!r}: {expected}") from error
        if steps.ndim > 1 or not np.all(np.isfinite(steps) & (steps != 0.0)):
            raise InvalidArgumentError(f"steps={self.steps!r}: {expected}")
        object.__setattr__(self, "steps", tuple(steps.tolist()) if steps.ndim else float(steps))

    def __call__(self, x0: Array, lower: Array, upper: Array) -> Array:
        """Return the simplex (..., n+1, n) at `x0` (..., n)."""
        steps = np.asarray(self.steps, dtype=np.float64)
        if steps.ndim and len(steps) != x0.shape[-1]:
            raise InvalidArgumentError(
                f"steps has {len(steps)} entries: expected {x0.shape[-1]}, one for each coordinate"
            )
        return axis_steps(x0, np.broadcast_to(steps, x0.shape), lower, upper)


@dataclass(frozen=True)
class RegularSimplex:
    """All edges have the same length (Spendley, Hext & Himsworth 1962).

    Parameters
    ----------
    edge : float, optional
        That length, in the units of x. By default each coordinate is measured in its own step, that
        of `AxisSimplex`, and the edges are as long as those between that simplex's outer vertices,
        √2 steps. The default of `KWorst`.

    Raises
    ------
    InvalidArgumentError
        It is not a finite number above 0.
    """

    edge: float | None = None

    def __post_init__(self) -> None:
        if self.edge is not None:
            _positive(self, "edge")

    def __call__(self, x0: Array, lower: Array, upper: Array) -> Array:
        """Return the simplex (..., n+1, n) at `x0` (..., n)."""
        n = x0.shape[-1]
        shift = (math.sqrt(n + 1.0) - 1.0) / n  # of all vertices but x0, in steps along each axis
        if self.edge is None:
            longest = (1.0 + shift) * AxisSimplex().steps(x0, lower, upper)
            steps = (_ends(x0, longest, lower, upper) - x0) / (1.0 + shift)
        else:
            steps = np.full(x0.shape, self.edge / math.sqrt(2.0))
        simplex = np.repeat(x0[..., None, :], n + 1, axis=-2)
        simplex[..., 1:, :] += steps[..., None, :] * (shift + np.eye(n))
        return simplex
