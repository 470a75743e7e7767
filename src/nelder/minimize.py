"""The front door: the only place that wires the parts together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nelder.drive.callback import read_callback
from nelder.drive.loop import Observers
from nelder.drive.progress import read_progress
from nelder.evaluate.objective import read_objective
from nelder.means import Means
from nelder.options import Budget, OnFailure
from nelder.parameters import Parameters
from nelder.result import Progress, Result
from nelder.search.method import Method, check_method
from nelder.search.nelder_mead import NelderMead

if TYPE_CHECKING:
    import os
    from concurrent.futures import Executor

    from nelder.search.search import Search

__all__ = ["minimize"]

_DEFAULT = NelderMead()


def minimize(
    fun: Callable[..., Any] | Any,
    x0: Any,
    args: Any = (),
    *,
    bounds: Any = None,
    method: Method = _DEFAULT,
    maxfev: int | None = None,
    maxiter: int | None = None,
    maxtime: float | None = None,
    target: float | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool | Callable[[Progress], object] = False,
    history: bool = False,
    on_failure: OnFailure = "raise",
    retries: int = 0,
    timeout: float | None = None,
    workers: int | Executor | tuple[Executor, int] | None = None,
    vectorized: bool = False,
    journal: str | os.PathLike[str] | tuple[str | os.PathLike[str], str] | None = None,
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
    method : NelderMead, KWorst or Subspaces, default NelderMead()
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
    progress : bool or callable, default False
        Whether to show a progress line (needs ``nelder[progress]``), or what to call about ten
        times a second, and at the end, with a `Progress`.
    history : bool, default False
        Whether to keep every evaluated point and value in ``result.history``.
    on_failure : {"raise", "worst", "stop"}, default "raise"
        When `fun` raises an exception, takes too long, or takes its worker with it: raise
        `EvaluationError`, rank the point worst and go on, or end the search with its result.
    retries : int, default 0
        How often a failed evaluation is made again before it counts as one.
    timeout : float, optional
        Seconds that one evaluation may take. It is made in a process of its own, which is ended. A
        native objective takes none.
    workers : int, Executor or (Executor, int), optional
        Evaluate on so many processes (needs ``nelder[parallel]``), or on any
        `concurrent.futures.Executor`: threads, loky, dask, MPI; with the number of its workers
        where it does not tell. What is sent to other processes has to be picklable, by cloudpickle.
        Workers that have nothing to do evaluate what may be needed next, so the number of workers
        does not show in the result. A native objective runs in threads.
    vectorized : bool, default False
        Whether `fun` takes points (m, n) and returns their values (m,). A call gets all that can be
        evaluated at the same time; with ``workers=m`` up to m points, some of which may turn out
        not to be needed.
    journal : path, or (path, name of the study), optional
        A file in which every evaluation is recorded before its value is used. The same call again
        goes on where the last one ended, however it did.

    Returns
    -------
    Result
        ``x``, ``fun``, ``success``, ``status``, ``message``, ``nfev``, ``nit`` and more.

    Raises
    ------
    InvalidArgumentError
        Before the first evaluation: an argument is not what is expected. A `ValueError`.
    EvaluationError
        `fun` raised, or there was no value for another reason. ``error.x`` is the point,
        ``error.result`` the search so far.
    ExecutorError
        The executor broke, or a program cannot be run. ``error.result`` is the search so far.
    JournalError
        The journal cannot be read or written (`JournalError`), is open in another process
        (`JournalLockedError`), or belongs to something else (`JournalMismatchError`).
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
    objective = read_objective(fun, args, parameters.restore if parameters.structured else None)
    box = parameters.box(method.clips)
    n = len(parameters.x0) if box is None else box.n
    budget = Budget(maxfev, maxiter, maxtime, target, n)
    means = Means.read(workers, vectorized, timeout, retries, on_failure, journal)

    def begin(chosen: Method | None = None) -> Search:
        nonlocal method
        method = chosen or method
        return method.start(parameters.x0, box, budget.maxfev)

    observers = Observers(
        parameters.restore,
        parameters.names,
        read_callback(callback),
        read_progress(progress),
        bool(history),
        means.origin(objective, parameters, begin),
    )
    return means.run(objective, method, begin, budget, observers, parameters.problem(fun, args))
