"""How large the noise is, and what noisy values are worth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROUNDING", "Spread", "deviation", "differ_by_noise", "mean_of", "shrunk"]

Array = NDArray[np.float64]

ROUNDING = 64 * 2.220446049250313e-16  # of a value: differences of no other cause
ENOUGH = 1.5  # times the noise: a simplex whose values spread less is led by noise
PROPER = 4  # values at one point say enough of the noise there to stand for themselves,
OTHER = 4.0  # where it is so many times larger or smaller than the noise before
MEMORY = 40.0  # degrees of freedom that the estimate rests on, at most


def mean_of(values: Array) -> float:
    """Return the mean of values (m,); +inf where one is a failure."""
    if not np.isfinite(values).all():
        return math.inf
    first = float(values[0])
    with np.errstate(over="ignore"):
        return first + float(np.mean(values - first))


def deviation(values: Array) -> float:
    """Return the standard deviation of finite values (m,), m >= 2; their squares may overflow."""
    with np.errstate(over="ignore"):
        offsets = values - values[0]
    scale = float(np.abs(offsets).max())
    return scale * float(np.std(offsets / scale, ddof=1)) if 0.0 < scale < math.inf else scale


class Spread:
    """The standard deviation of one evaluation, from repeated ones.

    Attributes
    ----------
    noise : float
        The estimate; 0 before any.
    """

    def __init__(self) -> None:
        self.noise = 0.0
        self._freedom = 0.0

    def learn(self, values: Array) -> None:
        """Take in several values (k,) of one point; the old ones count for less and less.

        Failures among them tell nothing. Noise of another order than before is another noise: it
        may depend on the place, and then the latest counts.
        """
        values = values[np.isfinite(values)]
        if len(values) < 2:
            return
        new, freedom = deviation(values), len(values) - 1.0
        kept = min(self._freedom, MEMORY)
        if (
            len(values) >= PROPER
            and new > 0.0
            and not self.noise / OTHER <= new <= OTHER * self.noise
        ):
            kept = 0.0
        self._freedom = kept + freedom
        self.noise = math.hypot(
            self.noise * math.sqrt(kept / self._freedom), new * math.sqrt(freedom / self._freedom)
        )


def differ_by_noise(values: Array, noise: float) -> bool:
    """Return whether the values (n + 1,) of a simplex spread by less than `ENOUGH` times `noise`.

    Not while one of them is a failure.
    """
    return bool(np.isfinite(values).all()) and deviation(values) < ENOUGH * noise


def shrunk(values: Array, noise: float) -> tuple[float, float]:
    """Return what to think of the lowest of `values` (m,), and how sure that is.

    The lowest of several noisy values is too low. It is drawn to their mean by the part of their
    variance that is noise (after James & Stein 1961): all the way where they differ by noise alone.

    Returns
    -------
    value, error : float
        The estimate and its standard error.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return math.inf, math.inf
    lowest, spread = float(finite.min()), deviation(finite) if len(finite) > 1 else math.inf
    kept = max(0.0, 1.0 - (noise / spread) ** 2) if spread > noise else 0.0
    error = noise * math.sqrt(max(kept, 1.0 / len(finite)))
    return (1.0 - kept) * mean_of(finite) + kept * lowest, error
