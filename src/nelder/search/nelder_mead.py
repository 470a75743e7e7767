"""The settings of a simplex search, and other libraries' as presets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from nelder.core.coefficients import Adaptive, Balanced, Coefficients, CoefficientsRule, Standard
from nelder.core.convergence import (
    Convergence,
    EitherTolerance,
    StandardError,
    Test,
    Tolerance,
)
from nelder.core.machine import Machine
from nelder.core.simplexes import (
    AffineSimplex,
    AxisSimplex,
    FminsearchSimplex,
    SimplexBuilder,
)
from nelder.errors import InvalidArgumentError
from nelder.options import is_whole
from nelder.search.course import CourseSearch
from nelder.search.method import Method
from nelder.search.simplex_search import SimplexSearch
from nelder.search.space import Space

if TYPE_CHECKING:
    from nelder.core.bounds import Box
    from nelder.search.search import Search

__all__ = ["NelderMead"]

Array = NDArray[np.float64]

LATER = {"later": True}  # settings that studies of the first version do not know
SWITCHES = ("probe", "equal_outside", "equal_inside", "final_centroid", "model", "noise")


@dataclass(frozen=True, kw_only=True, eq=False)
class NelderMead(Method):
    """How a simplex search decides. Frozen; checked on construction.

    Parameters
    ----------
    coefficients : callable or Coefficients, default Balanced()
        ``Balanced()``, ``Adaptive()`` (Gao & Han 2012), ``Standard()``, a fixed
        ``Coefficients(...)``, or any callable of the dimension n that returns ``Coefficients``.
    initial_simplex : callable or array_like of shape (n + 1, n), default AxisSimplex()
        A builder ``builder(x0, lower, upper) -> (n + 1, n)`` or the vertices themselves. Vertices
        outside the bounds are moved inside.
    convergence : rule or callable, default Tolerance()
        ``Tolerance``, ``StandardError``, ``EitherTolerance``, or a callable
        ``(simplex, values) -> bool`` asked before every iteration.
    probe : bool, default True
        Whether to look beside the point found before calling it converged, and to restart where
        that finds a lower value (O'Neill 1971). At most 2n evaluations, more only along axes where
        the objective does not change at all.
    bounds_method : {"transform", "clip"}, default "transform"
        Search in coordinates in which the box has no edges, or move points to the nearest bound.
    model : bool, default False
        Whether to step to the minimum of a quadratic model of the values known, now and then: on
        smooth objectives half the evaluations. A fit costs more than a cheap objective.
    noise : bool, default False
        Whether values may differ from call to call. The objective is asked twice at one point; if
        the values differ, the search reckons with it.
    seed : int, default 0
        Of the random numbers that a search under noise draws.
    equal_outside : bool, default True
        Whether an outside contraction as high as the reflection is taken. Optim.jl: False.
    equal_inside : bool, default False
        Whether an inside contraction as high as the worst vertex is taken. TFP: True.
    final_centroid : bool, default False
        Whether the centroid is evaluated at the end, and returned if lower, as Optim.jl does.

    Raises
    ------
    InvalidArgumentError
        A setting is of the wrong type or out of range.

    References
    ----------
    Nelder & Mead, Computer Journal 7:308-313 (1965). Gao & Han, Computational Optimization and
    Applications 51:259-277 (2012). O'Neill, Applied Statistics 20:338-345 (1971).
    """

    coefficients: CoefficientsRule | Coefficients = field(default_factory=Balanced)
    initial_simplex: SimplexBuilder | Any = field(default_factory=AxisSimplex)
    convergence: Convergence = field(default_factory=Tolerance)
    probe: bool = True
    bounds_method: Literal["transform", "clip"] = "transform"
    equal_outside: bool = True
    equal_inside: bool = False
    final_centroid: bool = False
    model: bool = field(default=False, metadata=LATER)
    noise: bool = field(default=False, metadata=LATER)
    seed: int = field(default=0, metadata=LATER)

    def __post_init__(self) -> None:
        put = object.__setattr__
        if not callable(self.coefficients):
            raise InvalidArgumentError(
                f"coefficients={self.coefficients!r}: expected Balanced(), Adaptive(), Standard(), "
                "Coefficients(...) or a callable n -> Coefficients"
            )
        if not callable(self.initial_simplex):
            put(self, "initial_simplex", _vertices(self.initial_simplex))
        if not callable(self.convergence) and not hasattr(self.convergence, "test"):
            raise InvalidArgumentError(
                f"convergence={self.convergence!r}: expected Tolerance(...), StandardError(...), "
                "EitherTolerance(...) or a callable (simplex, values) -> bool"
            )
        if self.bounds_method not in ("transform", "clip"):
            raise InvalidArgumentError(
                f"bounds_method={self.bounds_method!r}: expected 'transform' or 'clip'"
            )
        for name in SWITCHES:
            value: object = getattr(self, name)
            if not isinstance(value, (bool, np.bool_)):
                raise InvalidArgumentError(f"{name}={value!r}: expected True or False")
        if not (is_whole(self.seed) and self.seed >= 0):
            raise InvalidArgumentError(f"seed={self.seed!r}: expected a whole number, 0 or above")
        if self.probe and self.final_centroid:
            raise InvalidArgumentError(
                "probe=True and final_centroid=True exclude each other: expected at most one"
            )

    def coefficients_for(self, n: int) -> Coefficients:
        """Return the coefficients for dimension `n`.

        Raises
        ------
        InvalidArgumentError
            A user's own rule returned something else.
        """
        made = cast("object", self.coefficients(n))
        if isinstance(made, Coefficients):
            return made
        raise InvalidArgumentError(
            f"coefficients({n}) returned {made!r}: expected nelder.Coefficients(...)"
        )

    @property
    def test(self) -> Test:
        """What the machine compares; nothing where the rule is a user's own callable."""
        return getattr(self.convergence, "test", Test("none"))

    @property
    def rule(self) -> Callable[[Array, Array], bool] | None:
        """The user's own rule, where it is one."""
        rule = self.convergence
        return rule if callable(rule) and not hasattr(rule, "test") else None

    @property
    def clips(self) -> bool:
        """Whether points are moved to the nearest bound."""
        return self.bounds_method == "clip"

    def machine(self, simplex: Array, box: Box | None, points: Array | None) -> Machine:
        """Return the machine that begins with `simplex`.

        Parameters
        ----------
        simplex : ndarray of shape (n + 1, n)
            In the coordinates the search moves in.
        box : Box or None
        points : ndarray of shape (n + 1, dim) or None
            With a box: the vertices as the objective is to see them.
        """
        return Machine(
            simplex,
            self.coefficients_for(simplex.shape[1]),
            self.test,
            self.equal_outside,
            self.equal_inside,
            box,
            points,
        )

    def start(self, x0: Array, box: Box | None, maxfev: float = math.inf) -> Search:
        """Return a search from `x0` (dim,) in `box`; as `Method.start`."""
        space = Space(x0, box)
        if self.noise:
            from nelder.search.noise import noisy

            search = CourseSearch(space, lambda search: noisy(search, self, maxfev))
            search.fleeting = True
            return search
        return SimplexSearch(self, space)

    @classmethod
    def scipy(
        cls, *, adaptive: bool = False, xatol: float = 1e-4, fatol: float = 1e-4
    ) -> NelderMead:
        """SciPy's decisions: ``scipy.optimize.minimize(method="Nelder-Mead")``.

        One is not kept: where a first vertex below its lower bound would be moved onto the start,
        which freezes that coordinate in SciPy 1.17, it is mirrored, as SciPy does at upper bounds.

        Parameters
        ----------
        adaptive : bool, default False
            Gao & Han's coefficients rather than the standard ones.
        xatol, fatol : float, default 1e-4
            SciPy's tolerances, and its defaults.
        """
        return cls(
            coefficients=Adaptive() if adaptive else Standard(),
            initial_simplex=FminsearchSimplex(),
            convergence=Tolerance(xatol, fatol, ulps=0.0),
            probe=False,
            bounds_method="clip",
        )

    @classmethod
    def fminsearch(cls, *, tolx: float = 1e-4, tolfun: float = 1e-4) -> NelderMead:
        """MATLAB's ``fminsearch``: its decisions, tolerances and floor of ten units of rounding.

        Parameters
        ----------
        tolx, tolfun : float, default 1e-4
            ``TolX`` and ``TolFun``.
        """
        return cls(
            coefficients=Standard(),
            initial_simplex=FminsearchSimplex(),
            convergence=Tolerance(tolx, tolfun, ulps=10.0),
            probe=False,
        )

    @classmethod
    def optim(cls, *, g_abstol: float = 1e-8) -> NelderMead:
        """Optim.jl's ``NelderMead()``.

        Parameters
        ----------
        g_abstol : float, default 1e-8
            Tolerance of the values' standard error.
        """
        return cls(
            coefficients=Adaptive(),
            initial_simplex=AffineSimplex(),
            convergence=StandardError(g_abstol),
            probe=False,
            equal_outside=False,
            final_centroid=True,
        )

    @classmethod
    def tfp(cls, *, func_tolerance: float = 1e-8, position_tolerance: float = 1e-8) -> NelderMead:
        """TensorFlow Probability's ``nelder_mead_minimize``.

        Parameters
        ----------
        func_tolerance, position_tolerance : float, default 1e-8
            Either ends the search.
        """
        return cls(
            coefficients=Adaptive(),
            initial_simplex=FminsearchSimplex(),
            convergence=EitherTolerance(func_tolerance, position_tolerance),
            probe=False,
            equal_inside=True,
        )


def _vertices(given: Any) -> Array:
    try:
        simplex = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"initial_simplex={given!r}: expected an array of shape (n + 1, n) or a builder"
        ) from error
    if simplex.ndim != 2 or simplex.shape[0] != simplex.shape[1] + 1:
        raise InvalidArgumentError(
            f"initial_simplex has shape {simplex.shape}: expected (n + 1, n)"
        )
    simplex.flags.writeable = False
    return simplex
