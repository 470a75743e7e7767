"""When a simplex has converged.

Each rule is settings only; the comparison itself stands in ``machine.py``. A rule of one's own is
any callable ``rule(simplex, values) -> bool`` of the vertices (n+1, n), best first, and their
values (n+1,); it is asked before every iteration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.options import check_reals

__all__ = ["Convergence", "EitherTolerance", "StandardError", "Test", "Tolerance"]


class Test(NamedTuple):
    """What the machine compares at the end of an iteration.

    ``kind`` names the rule, and the tolerances are inclusive.
    """

    kind: str
    xatol: float = 0.0
    fatol: float = 0.0
    ulps: float = 0.0


def _check(rule: object, *names: str) -> None:
    below = math.nextafter(0.0, -math.inf)  # 0 itself is allowed
    check_reals(rule, names, below, math.inf, "a finite number, 0 or above")


@dataclass(frozen=True)
class Tolerance:
    """Both the simplex and its values are small; the default.

    Parameters
    ----------
    xatol : float, default 1e-8
        Largest distance, in any coordinate of x, of a vertex from the best one.
    fatol : float, default 1e-8
        Largest difference of a value from the best one.
    ulps : float, default 4
        Neither tolerance is below this many units of rounding of the best x and value, so that a
        search of large numbers ends too; a simplex that has shrunk to so few units of rounding in x
        has converged whatever its values. 0 takes the tolerances as they stand, as SciPy does.

    Raises
    ------
    InvalidArgumentError
        One of them is negative, infinite or not a number.
    """

    xatol: float = 1e-8
    fatol: float = 1e-8
    ulps: float = 4.0

    def __post_init__(self) -> None:
        _check(self, "xatol", "fatol", "ulps")

    @property
    def test(self) -> Test:
        """What the machine compares."""
        return Test("both", self.xatol, self.fatol, self.ulps)


@dataclass(frozen=True)
class StandardError:
    """The values' standard error √(Σ(f-f̄)²/(n+1)) is at most `tolerance` (Nelder & Mead 1965).

    Optim.jl's rule, where the tolerance is called ``g_abstol``.

    Parameters
    ----------
    tolerance : float, default 1e-8

    Raises
    ------
    InvalidArgumentError
        It is negative, infinite or not a number.
    """

    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        _check(self, "tolerance")

    @property
    def test(self) -> Test:
        """What the machine compares."""
        return Test("standard error", 0.0, self.tolerance, 0.0)


@dataclass(frozen=True)
class EitherTolerance:
    """The simplex or its values are small: TensorFlow Probability's rule.

    Parameters
    ----------
    func_tolerance : float, default 1e-8
        Worst minus best value is below this.
    position_tolerance : float, default 1e-8
        The largest distance, in any coordinate, of a vertex from the best one is below this.

    Raises
    ------
    InvalidArgumentError
        One of them is negative, infinite or not a number.
    """

    func_tolerance: float = 1e-8
    position_tolerance: float = 1e-8

    def __post_init__(self) -> None:
        _check(self, "func_tolerance", "position_tolerance")

    @property
    def test(self) -> Test:
        """What the machine compares; it asks ``<=``, this rule ``<``."""
        below = math.nextafter
        return Test(
            "either",
            below(self.position_tolerance, -math.inf),
            below(self.func_tolerance, -math.inf),
            0.0,
        )


Convergence = (
    Tolerance
    | StandardError
    | EitherTolerance
    | Callable[[NDArray[np.float64], NDArray[np.float64]], bool]
)
