"""The settings of a search by subspaces."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from nelder.core.convergence import Tolerance
from nelder.core.simplexes import AxisSimplex, SimplexBuilder
from nelder.errors import InvalidArgumentError
from nelder.search.course import CourseSearch
from nelder.search.method import Method
from nelder.search.space import Space
from nelder.search.start import first_simplex
from nelder.search.subspace_course import subspaces

if TYPE_CHECKING:
    from nelder.core.bounds import Box

__all__ = ["Subspaces"]

Array = NDArray[np.float64]

CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "initial_simplex": (
        callable,
        "a builder such as nelder.AxisSimplex() or nelder.StepSimplex(steps)",
    ),
    "convergence": (lambda value: isinstance(value, Tolerance), "nelder.Tolerance(...)"),
    "probe": (lambda value: isinstance(value, (bool, np.bool_)), "True or False"),
    "bounds_method": (lambda value: value in ("transform", "clip"), "'transform' or 'clip'"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Subspaces(Method):
    """Rowan's subplex with pattern and model steps, and learned directions; from n = 12.

    A simplex of n + 1 vertices has to be dragged along as a whole; this searches in subspaces of
    few dimensions instead. Three kinds take turns:

    - A *sweep* searches along one axis after the other, those that moved most first: two points,
      and the minimum of the parabola through three. Each axis has a step of its own, which follows
      what it moved. These are Rowan's subspaces, of one dimension.
    - The *pattern* is Nelder & Mead in the span of the last three sweeps' moves, the edges of its
      first simplex, and then the minimum of a quadratic through the points nearest to the best.
    - *Learned directions* are conjugate. Their slopes are measured by n points beside the best one,
      all of which can be evaluated at the same time; a quasi-Newton step follows, and the BFGS
      formula updates the directions. That goes on while the steps bring what the slopes promise, as
      they do on smooth objectives, and else gives way to sweeps.

    Parameters
    ----------
    initial_simplex : callable, default AxisSimplex()
        A builder ``builder(x0, lower, upper) -> (n + 1, n)``. Its extent along each axis is the
        first step there: ``StepSimplex(steps)`` gives them.
    convergence : Tolerance, default Tolerance()
        ``xatol`` and ``fatol`` compare the last points, those of a sweep or beside the best one,
        with the best one: it is asked after each sweep and each step in learned directions.
    probe : bool, default True
        As in `NelderMead`: whether to look beside the point found before calling it converged, and
        to restart where that finds a lower value (O'Neill 1971).
    bounds_method : {"transform", "clip"}, default "transform"
        As in `NelderMead`.

    Raises
    ------
    InvalidArgumentError
        A setting is of the wrong type or out of range.

    Notes
    -----
    An iteration is a sweep with its pattern, or a step in learned directions. Work is O(n) for each
    evaluation, and the directions take n² numbers of memory.
    ``Result.final_simplex`` is the best point and one beside it for each axis or direction, as
    evaluated last.

    References
    ----------
    T. Rowan, *Functional stability analysis of numerical algorithms*, PhD thesis, University of
    Texas at Austin (1990). M. J. D. Powell, Mathematical Programming 38:29-46 (1987), for the
    directions; their formula is that of Brodlie, Gourlay & Greenstadt, IMA Journal of Applied
    Mathematics 11:73-82 (1973). D. M. Bortz & C. T. Kelley, *The simplex gradient and noisy
    optimization problems*, in Computational Methods for Optimal Design and Control, 77-90 (1998).
    """

    initial_simplex: SimplexBuilder = field(default_factory=AxisSimplex)
    convergence: Tolerance = field(default_factory=Tolerance)
    probe: bool = True
    bounds_method: Literal["transform", "clip"] = "transform"

    def __post_init__(self) -> None:
        for name, (right, expected) in CHECKS.items():
            value: object = getattr(self, name)
            if not right(value):
                raise InvalidArgumentError(f"{name}={value!r}: expected {expected}")

    @property
    def clips(self) -> bool:
        """Whether points are moved to the nearest bound."""
        return self.bounds_method == "clip"

    def start(self, x0: Array, box: Box | None, maxfev: float = math.inf) -> CourseSearch:
        """Return a search from `x0` (dim,) in `box`; as `Method.start`."""
        space = Space(x0, box)
        steps = np.zeros(0)
        if space.n:
            made = first_simplex(self.initial_simplex, space.x0[space.free], *space.free_bounds())
            steps = np.abs(made[1:] - made[0]).max(axis=0)
        return CourseSearch(
            space,
            lambda search: subspaces(
                search, steps, self.convergence.test, bool(self.probe), self.clips
            ),
        )
