"""How large the noise is, and what noisy values are worth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROUNDING", "Spread", "differ_by_noise", "shrunk"]

Array = NDArray[np.float64]

ROUNDING = 64 * 2.220446049250313e-16  # of a value: differences of no other cause
ENOUGH = 1.5  # times the noise: a simplex whose values spread less is led by noise
PROPER = 4  # values at one point say enough of the noise there to stand for themselves,
OTHER = 4.0  # where it is so many times larger or smaller than the noise before
MEMORY = 40.0  # degrees of freedom that the estimate rests on, at most


class Spread:
    """The standard deviation of one evaluation, from repeated ones."""

    def __init__(self) -> None:
        self._squares = self._freedom = 0.0

    @property
    def noise(self) -> float:
        """The estimate; 0 before any."""
        return math.sqrt(self._squares / self._freedom) if self._freedom else 0.0

    def learn(self, values: Array) -> None:
        """Take in several values (k,) of one point; the old ones count for less and less.

        Failures among them tell nothing. Noise of another order than before is another noise: it
        may depend on the place, and then the latest counts.
        """
        values = values[np.isfinite(values)]
        if len(values) < 2:
            return
        squares, freedom = float(np.sum((values - values.mean()) ** 2)), len(values) - 1.0
        if len(values) >= PROPER and squares > 0.0 and self.noise > 0.0:
            ratio = math.sqrt(squares / freedom) / self.noise
            if not 1.0 / OTHER <= ratio <= OTHER:
                self._squares = self._freedom = 0.0
        kept = min(1.0, MEMORY / self._freedom) if self._freedom else 0.0
        self._squares = kept * self._squares + squares
        self._freedom = kept * self._freedom + freedom


def differ_by_noise(values: Array, noise: float) -> bool:
    """Return whether the values (n + 1,) of a simplex spread by less than `ENOUGH` times `noise`.

    Not while one of them is a failure.
    """
    if not np.isfinite(values).all():
        return False
    with np.errstate(over="ignore"):
        return float(np.std(values, ddof=1)) < ENOUGH * noise


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
    lowest = float(finite.min())
    if len(finite) == 1:
        return lowest, noise
    with np.errstate(over="ignore"):
        variance = float(np.var(finite, ddof=1))
        kept = max(0.0, 1.0 - noise * noise / variance) if variance > 0.0 else 0.0
        value = float(np.mean(finite + kept * (lowest - finite)))
    return value, noise * math.sqrt(max(kept, 1.0 / len(finite)))
