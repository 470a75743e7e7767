"""The front door: the only place that wires the parts together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nelder.drive.callback import read_callback
from nelder.drive.loop import Observers, drive
from nelder.drive.progress import read_progress
from nelder.evaluate.objective import read_objective
from nelder.options import Budget, OnFailure, check_on_failure
from nelder.parameters import Parameters
from nelder.result import Result
from nelder.search.nelder_mead import NelderMead, check_method

__all__ = ["minimize"]

_DEFAULT = NelderMead()


def minimize(
    fun: Callable[..., Any] | Any,
    x0: Any,
    args: Any = (),
    *,
    bounds: Any = None,
    method: NelderMead = _DEFAULT,
    maxfev: int | None = None,
    maxiter: int | None = None,
    maxtime: float | None = None,
    target: float | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool = False,
    on_failure: OnFailure = "raise",
) -> Result:
    """Minimise a function of several variables without derivatives.

    Parameters
    ----------
    fun : callable, Numba ``cfunc``, ``scipy.LowLevelCallable`` or NativeObjective
        ``fun(x, *args)`` of x (n,), or of the structure of `x0`, returning a real scalar. NaN and
        +inf rank worst, -inf ends the search. It may keep or change the array it is given. The
        native kinds, C functions ``double f(int64_t n, const double *x, void *data)``, are called
        without the GIL.
    x0 : array_like of shape (n,), or a nested dict, list or tuple of numbers and arrays
        The start; n >= 1. A number counts as (1,). A start outside `bounds` is moved to the nearest
        point inside.
    args : tuple, default ()
        Further arguments of `fun`.
    bounds : scipy.optimize.Bounds, sequence of n pairs (low, high), or by name, optional
        None stands for no bound. By name: the structure of `x0`, parts of which may be left out,
        with a pair for each number or array. Every point evaluated is inside. low = high fixes a
        variable. A bound so far away that it only means "none" costs precision: leave it out.
    method : NelderMead, default NelderMead()
        How the search decides.
    maxfev : int, default 1000·(n + 1)
        Evaluations at most.
    maxiter : int, optional
        Iterations at most.
    maxtime : float, optional
        Seconds; no evaluation begins later. A native objective is looked after about 50 times a
        second.
    target : float, optional
        End at the first value at or below it.
    callback : callable, optional
        Called once per iteration, as ``callback(intermediate_result)`` where that is the name of
        its only parameter (an `IntermediateResult`), else as ``callback(xk)``. `StopIteration` ends
        the search with its result.
    progress : bool, default False
        Whether to show a progress line (needs ``nelder[progress]``).
    history : bool, default False
        Whether to keep every evaluated point and value in ``result.history``.
    on_failure : {"raise", "worst", "stop"}, default "raise"
        When `fun` raises an exception: raise `EvaluationError` from it, rank the point worst and go
        on, or end the search with its result.

    Returns
    -------
    Result
        ``x``, ``fun``, ``success``, ``status``, ``message``, ``nfev``, ``nit`` and more.

    Raises
    ------
    InvalidArgumentError
        Before the first evaluation: an argument is not what is expected. A `ValueError`.
    EvaluationError
        `fun` raised. ``error.x`` is the point, ``error.result`` the search so far.
    ReturnValueError
        `fun` returned something that is not a real scalar. An `EvaluationError` and a `TypeError`.
    KeyboardInterrupt
        Ctrl-C; its ``result`` is the search so far.
    MissingExtraError
        An optional package is not installed. An `ImportError`.

    Notes
    -----
    The simplex method of Nelder & Mead (1965) with coefficients that depend on the dimension, as
    Gao & Han (2012) proposed, a first simplex of half of each coordinate of `x0`, and a look around
    the point found before it is called converged (O'Neill 1971). Threads may run searches at the
    same time, and `fun` may itself call `minimize`.

    Examples
    --------
    >>> import nelder
    >>> result = nelder.minimize(lambda x: (x[0] - 1) ** 2 + (x[1] + 2) ** 2, [0.0, 0.0])
    >>> result.success
    True
    >>> result.x.round(6)
    array([ 1., -2.])
    """
    method = check_method(method)
    parameters = Parameters.read(x0, bounds)
    evaluator = read_objective(fun, args, parameters.restore if parameters.structured else None)
    box = parameters.box(method.clips)
    n = len(parameters.x0) if box is None else box.n
    budget = Budget(maxfev, maxiter, maxtime, target, n)
    failure = check_on_failure(on_failure)
    observers = Observers(
        parameters.restore,
        parameters.names,
        read_callback(callback),
        read_progress(progress),
        bool(history),
    )
    return drive(method.start(parameters.x0, box), evaluator, budget, failure, observers)
