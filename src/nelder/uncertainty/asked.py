"""What is asked of a `Result`: its Hessian, its covariance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError
from nelder.parameters import Parameters
from nelder.result import Result, Status
from nelder.uncertainty.covariance import Covariance, covariance_of
from nelder.uncertainty.evaluated import Evaluated
from nelder.uncertainty.hessian import Hessian, estimate_hessian
from nelder.uncertainty.residuals import gauss_newton
from nelder.uncertainty.scale import MEANING, check_scale, least_squares_scale

__all__ = ["covariance_at", "hessian_at"]

Array = NDArray[np.float64]


def hessian_at(result: Result, *, evaluate: bool = False) -> Hessian:
    """Return `Result.hessian`, which see.

    Parameters
    ----------
    result : Result
    evaluate : bool
    """
    if not isinstance(evaluate, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(f"evaluate={evaluate!r}: expected True or False")
    if not np.isfinite(result.fun):
        raise InvalidArgumentError("the search found no finite value: there is no minimum")
    if result.status is Status.UNBOUNDED:
        raise InvalidArgumentError("the objective falls without end: there is no minimum")
    measure = None
    if evaluate:
        measure = None if result.origin is None else result.origin.measure
        if measure is None:
            raise InvalidArgumentError(
                "evaluate=True: this result cannot evaluate. Only what nelder.minimize returns "
                "can, in the process that called it"
            )
    found: Hessian | None = result.memory.get(("hessian", evaluate))
    if found is None:
        found = estimate_hessian(_evaluated(result), measure)
        result.memory["hessian", evaluate] = found
    return found


def covariance_at(
    result: Result,
    scale: float | None = None,
    *,
    evaluate: bool = False,
    residuals: Callable[[Any], Any] | None = None,
) -> Covariance:
    """Return `Result.covariance`, which see.

    Parameters
    ----------
    result : Result
    scale : float, optional
    evaluate : bool
    residuals : callable, optional
    """
    if scale is None and residuals is None:
        raise InvalidArgumentError(f"scale is missing: expected {MEANING}; or give the residuals")
    number = None if scale is None else check_scale(scale)
    restore = _restore(result)
    if residuals is None:
        assert number is not None
        found = covariance_of(hessian_at(result, evaluate=evaluate), number, restore)
    else:
        if not callable(residuals):
            raise InvalidArgumentError(
                f"residuals={residuals!r}: expected a function of x that returns them"
            )
        given = residuals
        squares = gauss_newton(
            _evaluated(result), given if restore is None else lambda x: given(restore(x))
        )
        if number is None:
            number = least_squares_scale(squares.residual_sum, squares.m, squares.p)
        found = covariance_of(squares.hessian, number, restore)
    result.memory["covariance"] = found
    return found


def _evaluated(result: Result) -> Evaluated:
    """Return what a result tells of its minimum: the whole search, or what is left of it."""
    points, values = result.history or result.final_simplex
    x, origin = result.flat, result.origin
    open_ended = np.full(len(x), np.inf)
    return Evaluated(
        x,
        result.fun,
        points,
        values,
        -open_ended if origin is None else origin.lower,
        open_ended if origin is None else origin.upper,
        result.names,
        result.noise or 0.0,
        result.success or bool(result.noise),  # under noise, every search ends with its budget
    )


def _restore(result: Result) -> Callable[[Array], Any] | None:
    """Return what gives an array the structure of x; None where that is flat."""
    if not result.names:
        return None
    if result.origin is not None and result.origin.restore is not None:
        return result.origin.restore
    return Parameters.read(result.x, None).restore  # of a pickle
