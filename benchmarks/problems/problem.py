"""What a test problem is: a function, where to start, and the value to reach."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Residuals = Callable[[Array], Array]
Objective = Callable[[Array], float]


@dataclass(frozen=True)
class SumOfSquares:
    """The objective f(x) = sum_i r_i(x)^2.

    Overflow and invalid operations give inf or nan without a warning.

    Parameters
    ----------
    residuals : callable
        The residual vector r, a function of x alone.
    """

    residuals: Residuals

    @np.errstate(all="ignore")
    def __call__(self, x: Array) -> float:
        """Return f(x)."""
        r = self.residuals(x)
        return float(r @ r)


@dataclass(frozen=True)
class Slow:
    """An objective that takes its time, but no processor.

    Parameters
    ----------
    fun : callable
        The objective.
    seconds : float
        How long it sleeps first.
    """

    fun: Objective
    seconds: float

    def __call__(self, x: Array) -> float:
        """Return f(x)."""
        time.sleep(self.seconds)
        return self.fun(x)


@dataclass(frozen=True, eq=False)
class Problem:
    """An unconstrained minimisation problem.

    Parameters
    ----------
    name : str
        Name, as in the source.
    fun : callable
        The objective: a 1-D float64 array to a float.
    x0 : ndarray
        Starting point.
    f_star : float
        The minimum to reach. A local minimum where the literature uses one.
    """

    name: str
    fun: Objective
    x0: Array
    f_star: float

    @property
    def n(self) -> int:
        """Number of variables."""
        return self.x0.size
