"""The settings of a parallel simplex search."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nelder.core.k_worst import KWorstMachine
from nelder.core.simplexes import RegularSimplex, SimplexBuilder
from nelder.errors import InvalidArgumentError
from nelder.options import is_whole
from nelder.search.nelder_mead import NelderMead

if TYPE_CHECKING:
    from nelder.core.bounds import Box
    from nelder.core.machine import Machine

__all__ = ["KWorst"]

Array = NDArray[np.float64]

LARGEST_SHARE = 4  # of n, that the rule lets move: n/4
FEWEST = 3  # vertices: moving two at once was never quicker than moving one and looking ahead


@dataclass(frozen=True, eq=False)
class KWorst(NelderMead):
    """The parallel simplex of Lee & Wiswall: an iteration moves the k worst vertices at once.

    Each is reflected through the centroid of the n + 1 - k vertices kept and decides as the worst
    vertex does in `NelderMead`, compared with the vertex that ranks just before it; the simplex is
    shrunk only if none of them moved. So 2k evaluations or fewer make an iteration, k at a time.
    The larger k, the fewer directions a move knows of: iterations do less good each, and beyond
    about n/3 more workers buy nothing. With k = 1 it decides as `NelderMead`.

    It is for time, and begins more boldly: with a `RegularSimplex`. On the Moré-Garbow-Hillstrom
    problems that takes 39 evaluations/(n + 1) in the middle rather than 48, and solves as many; but
    of the 54 NIST fits 47 rather than 51.

    Parameters
    ----------
    k : int, optional
        How many vertices move, below n; 1 always will do. By default `rule_of_thumb` picks it.
    workers : int, optional
        The number that `rule_of_thumb` reckons with where `k` is not given. By default that of
        `minimize`, so that `k`, and with it the trajectory, depends on it; without one, as in
        `Optimizer`, there is taken to be no lack of them.
    initial_simplex : callable or array_like of shape (n + 1, n), default RegularSimplex()
    **settings
        All others are those of `NelderMead`, by name, with its defaults.

    Raises
    ------
    InvalidArgumentError
        A setting is of the wrong type or out of range; at the start, `k` is not below n.

    Warns
    -----
    UserWarning
        At the start, `k` is above n/3.

    References
    ----------
    Lee & Wiswall, Computational Economics 30:171-187 (2007). The centroid there is printed with
    divisor n, which is wrong for k > 1.
    """

    k: int | None = None
    initial_simplex: SimplexBuilder | Any = field(default_factory=RegularSimplex, kw_only=True)
    workers: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("k", "workers"):
            value: object = getattr(self, name)
            if value is not None and not (is_whole(value) and value >= 1):
                raise InvalidArgumentError(
                    f"{name}={value!r}: expected a whole number, 1 or above, or None"
                )

    @staticmethod
    def rule_of_thumb(n: int, workers: int | None = None) -> int:
        """Return how many vertices to move: n/4, a worker for each; 1 where that is below 3.

        More workers than that look ahead. Four for each vertex know all that it may need next: with
        its reflection its expansion and both contractions.

        Parameters
        ----------
        n : int
            Coordinates searched.
        workers : int, optional
            None: as many as are of use.
        """
        most = n // LARGEST_SHARE
        k = most if workers is None else min(workers, most)
        return k if k >= FEWEST else 1

    def for_workers(self, workers: int) -> KWorst:
        """Return this method; where it leaves `k` to the number of workers, with `workers`."""
        if self.k is not None or self.workers is not None:
            return self
        return replace(self, workers=workers)

    def k_for(self, n: int) -> int:
        """Return `k` for dimension `n`.

        Raises
        ------
        InvalidArgumentError
            `k` is not below `n`.
        """
        if self.k is None:
            return self.rule_of_thumb(n, self.workers)
        if self.k >= max(n, 2):
            raise InvalidArgumentError(
                f"k={self.k}: expected fewer vertices than the {n} coordinates searched, or 1"
            )
        if self.k > max(n / 3, 1):
            warnings.warn(
                f"k={self.k} is above a third of the {n} coordinates searched: iterations are "
                "likely to do little good",
                UserWarning,
                stacklevel=_outside(),
            )
        return int(self.k)

    def machine(self, simplex: Array, box: Box | None, points: Array | None) -> Machine:
        """Return the machine that begins with `simplex`; as `NelderMead.machine`."""
        n = simplex.shape[1]
        return KWorstMachine(
            simplex,
            self.coefficients_for(n),
            self.test,
            self.equal_outside,
            self.equal_inside,
            box,
            points,
            self.k_for(n),
        )


def _outside() -> int:
    """Return which caller of who calls this is the first outside of the package."""
    package = __name__.partition(".")[0] + "."
    frame, level = inspect.currentframe(), 0
    while frame is not None and f"{frame.f_globals.get('__name__')}.".startswith(package):
        frame, level = frame.f_back, level + 1
    return level
