"""nelder as a method of ``scipy.optimize.minimize``."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np

from nelder.core.coefficients import Adaptive, Standard
from nelder.core.convergence import Tolerance
from nelder.drive.callback import read_callback
from nelder.errors import InvalidArgumentError, missing_extra
from nelder.minimize import minimize
from nelder.parameters import Parameters
from nelder.result import IntermediateResult, Result, Status
from nelder.search.nelder_mead import NelderMead

try:
    from scipy.optimize import OptimizeResult, OptimizeWarning
except ImportError as error:
    raise missing_extra("nelder.scipy_method", "scipy") from error

__all__ = ["scipy_method"]


def scipy_method(
    fun: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    bounds: Any = None,
    callback: Callable[..., Any] | None = None,
    tol: float | None = None,
    maxiter: int | None = None,
    maxfev: int | None = None,
    xatol: float | None = None,
    fatol: float | None = None,
    adaptive: bool | None = None,
    initial_simplex: Any = None,
    return_all: bool = False,
    disp: bool = False,
    like: str | None = None,
    constraints: Any = (),
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    **unknown: Any,
) -> Any:
    """Minimise as ``scipy.optimize.minimize(fun, x0, method=nelder.scipy_method)``.

    Parameters
    ----------
    fun, x0, args, bounds, callback, tol
        As in ``scipy.optimize.minimize``; `tol` sets both tolerances. Both callback conventions
        are kept.
    maxiter, maxfev : int, optional
        Budgets; defaults as in `nelder.minimize`.
    xatol, fatol : float, default 1e-8
        As in `nelder.Tolerance`.
    adaptive : bool, optional
        Gao & Han's coefficients, or the standard ones; by default `nelder.NelderMead`'s.
    initial_simplex : array_like of shape (n + 1, n), optional
    return_all : bool, default False
        Whether to give the best point after each iteration in ``allvecs``.
    disp : bool, default False
        Whether to print how the search ended.
    like : {None, "scipy"}
        "scipy" takes SciPy's decisions and defaults instead: its first simplex, coefficients,
        tolerances (1e-4), budgets (200·n), clipped bounds, counts and messages.
    constraints
        Must be empty.
    jac, hess, hessp
        Not used, with a warning.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With ``final_simplex`` as SciPy's Nelder-Mead gives it.

    Raises
    ------
    InvalidArgumentError
        Constraints are given, or an argument is not what is expected.
    """
    if constraints is not None and np.size(constraints):
        raise InvalidArgumentError(f"constraints={constraints!r}: expected none, only bounds")
    for name, value in (("jac", jac), ("hess", hess), ("hessp", hessp)):
        if value is not None and value is not False:
            _warn(f"Method nelder does not use {name}.")
    if unknown:
        _warn(f"Unknown solver options: {', '.join(unknown)}")
    if like not in _DECISIONS:
        raise InvalidArgumentError(f"like={like!r}: expected None or 'scipy'")
    decisions = _DECISIONS[like]
    x0 = np.atleast_1d(x0).ravel()
    method = decisions.method(
        _first_given(xatol, tol), _first_given(fatol, tol), adaptive, initial_simplex
    )
    maxiter, maxfev = decisions.budgets(x0, bounds, maxiter, maxfev)
    if x0.dtype.kind == "f" and x0.dtype != np.float64:
        fun = _in_dtype(fun, x0.dtype)

    vectors: list[Any] = [x0 if initial_simplex is None else np.array(initial_simplex)[0]]
    observe = read_callback(callback)

    def watch(intermediate_result: IntermediateResult) -> None:
        vectors.append(intermediate_result.x)
        if observe is not None:
            observe(cast("Any", OptimizeResult(dict(intermediate_result))))

    result = minimize(
        fun,
        x0,
        args,
        bounds=bounds,
        method=method,
        maxfev=maxfev,
        maxiter=maxiter,
        callback=watch if return_all or observe is not None else None,
    )
    scipys = decisions.result(result)
    if return_all:
        scipys["allvecs"] = vectors
    if disp:
        _display(scipys)
    return scipys


# Decisions and conventions, nelder's own and SciPy's


class _Own:
    """nelder's decisions, counts and messages."""

    @staticmethod
    def method(
        xatol: float | None, fatol: float | None, adaptive: bool | None, simplex: Any
    ) -> NelderMead:
        default = NelderMead()
        tolerance = Tolerance()
        coefficients = default.coefficients
        if adaptive is not None:
            coefficients = Adaptive() if adaptive else Standard()
        return NelderMead(
            coefficients=coefficients,
            initial_simplex=default.initial_simplex if simplex is None else simplex,
            convergence=Tolerance(
                _first_given(xatol, tolerance.xatol), _first_given(fatol, tolerance.fatol)
            ),
        )

    @staticmethod
    def budgets(
        x0: Any, bounds: Any, maxiter: int | None, maxfev: int | None
    ) -> tuple[int | None, int | None]:
        return maxiter, maxfev

    @staticmethod
    def result(result: Result) -> Any:
        vertices, values = result.final_simplex
        return OptimizeResult(
            x=result.x,
            fun=result.fun,
            success=result.success,
            status=int(result.status),
            message=_MESSAGES.get(result.status, result.message),
            nfev=result.nfev,
            nit=result.nit,
            final_simplex=(vertices, values),
        )


class _Scipy(_Own):
    """SciPy's; it counts the first simplex as an iteration."""

    @staticmethod
    def method(
        xatol: float | None, fatol: float | None, adaptive: bool | None, simplex: Any
    ) -> NelderMead:
        preset = NelderMead.scipy(
            adaptive=bool(adaptive),
            xatol=_first_given(xatol, 1e-4),
            fatol=_first_given(fatol, 1e-4),
        )
        return preset if simplex is None else replace(preset, initial_simplex=simplex)

    @staticmethod
    def budgets(
        x0: Any, bounds: Any, maxiter: int | None, maxfev: int | None
    ) -> tuple[int | None, int | None]:
        if bounds is not None:
            parameters = Parameters.read(x0, bounds)
            if np.any((x0 < parameters.lower) | (x0 > parameters.upper)):
                _warn("Initial guess is not within the specified bounds")
        default = 200 * len(x0)
        if maxiter is None and maxfev is None:
            maxiter = maxfev = default
        unlimited = cast("int", np.inf)
        if maxiter is None:
            maxiter = default if maxfev == np.inf else unlimited
        if maxfev is None:
            maxfev = default if maxiter == np.inf else unlimited
        if np.isfinite(maxiter):
            maxiter = max(math.ceil(maxiter) - 1, 0)  # SciPy takes fractions too
        return maxiter, maxfev

    @staticmethod
    def result(result: Result) -> Any:
        scipys = _Own.result(result)
        scipys["nit"] += 1
        return scipys


_DECISIONS: dict[str | None, type[_Own]] = {None: _Own, "scipy": _Scipy}

_MESSAGES = {
    Status.CONVERGED: "Optimization terminated successfully.",
    Status.MAXFEV: "Maximum number of function evaluations has been exceeded.",
    Status.MAXITER: "Maximum number of iterations has been exceeded.",
    Status.CALLBACK: "`callback` raised `StopIteration`.",
}


def _first_given(value: float | None, default: Any) -> Any:
    return default if value is None else value


def _in_dtype(fun: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    def in_dtype(x: Any, *args: Any) -> Any:
        return fun(x.astype(dtype), *args)

    return in_dtype


def _warn(message: str) -> None:
    warnings.warn(message, OptimizeWarning, stacklevel=4)


def _display(result: Any) -> None:
    if result.status in (Status.MAXFEV, Status.MAXITER):
        warnings.warn(result.message, RuntimeWarning, stacklevel=3)
        return
    print(result.message)
    print(f"         Current function value: {result.fun:f}")
    print(f"         Iterations: {result.nit:d}")
    print(f"         Function evaluations: {result.nfev:d}")
