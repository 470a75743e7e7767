"""The search of a whole box: best point, and all minima found on the way to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from nelder.boxes import check_finite, read_box
from nelder.drive.callback import read_callback
from nelder.drive.loop import Observers
from nelder.drive.progress import read_progress
from nelder.errors import InvalidArgumentError
from nelder.evaluate.objective import read_objective
from nelder.means import Means
from nelder.minima import APART, Minimum, distinct_minima
from nelder.options import Budget, OnFailure
from nelder.parameters import Parameters
from nelder.result import Progress, Result
from nelder.search.whole_box import WholeBox, WholeBoxSearch

if TYPE_CHECKING:
    import os
    from concurrent.futures import Executor

__all__ = ["GlobalResult", "minimize_global"]

SHOWN = 10  # minima in the repr


@dataclass(frozen=True, eq=False, repr=False)
class GlobalResult(Result):
    """The outcome of a search of a whole box: a `Result`, and what else was found.

    Attributes
    ----------
    success : bool
        Whether the best point is one that a local search converged to, or reached the target.
        Nothing tells whether it is the lowest of the box.
    nrestart : int
        Simplexes begun around a new best point.
    final_simplex : Simplex
        The last one of the local search that found the best point.
    minima : tuple of Minimum
        All distinct minima that local searches converged to, lowest first, each with the ``count``
        and indices (``searches``) of these. Two within a thousandth of the box in every coordinate
        are the same.
    nlocal : int
        Local searches that have ended.
    nabandoned : int
        Those of them that were left because they closed up above the best point known.
    """

    minima: tuple[Minimum, ...] = ()
    nlocal: int = 0
    nabandoned: int = 0

    def _rows(self) -> list[tuple[str, str]]:
        lowest = [f"{m.fun:.8g} found by {m.count}" for m in self.minima[:SHOWN]]
        if len(self.minima) > SHOWN:
            lowest.append(f"and {len(self.minima) - SHOWN} more")
        return [
            *super()._rows(),
            ("nlocal", f"{self.nlocal}, {self.nabandoned} abandoned"),
            ("minima", "\n".join([f"{len(self.minima)}", *lowest])),
        ]


def minimize_global(
    fun: Callable[..., Any] | Any,
    bounds: Any,
    args: Any = (),
    *,
    x0: Any = None,
    seed: int = 0,
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
) -> GlobalResult:
    """Search a whole box for the lowest of many minima, without derivatives.

    Parameters
    ----------
    fun : callable, Numba ``cfunc``, ``scipy.LowLevelCallable`` or NativeObjective
        As `minimize` takes it.
    bounds : scipy.optimize.Bounds, sequence of n pairs (low, high), or by name
        The box, finite on all sides. By name, as a nested dict with a pair for each number or
        array, it gives the structure of what `fun` gets. low = high fixes a variable.
    args : tuple, default ()
        Further arguments of `fun`.
    x0 : optional
        A point to be looked at first, as `minimize` takes it; bounds by name then have its
        structure.
    seed : int, default 0
        Of the random points. The same seed gives the same search.
    maxfev : int, default 1000·(n + 1)
        Evaluations at most. The search does not end by itself: the more, the more certain.
    maxiter, maxtime, target
        As `minimize` takes them: iterations at most, seconds, and a value at which it ends.
    callback, progress, history
        As `minimize` takes them.
    on_failure, retries, timeout, workers, vectorized, journal
        As `minimize` takes them. The number of workers does not show in the result.

    Returns
    -------
    GlobalResult
        A `Result`, with all distinct ``minima`` that were found. ``success`` says that the best
        point is a minimum, or at the target, not that there is no lower one.

    Raises
    ------
    InvalidArgumentError, EvaluationError, ReturnValueError, ExecutorError, JournalError
        As `minimize` does; ``error.result`` holds what has been found so far.
    KeyboardInterrupt
        Ctrl-C, with ``result``.

    Notes
    -----
    Each local search begins at the lowest of 2n uniform points in the inner 80 % of the box, with
    steps of a quarter of it and the coefficients of Gao & Han (2012). Every third iteration it is
    looked whether its simplex has closed up, to a tenth of its distance from the best value known:
    then it is abandoned. A new best is searched around up to three times, while that gains, each
    time with 0.3 of the steps and to the other side. Points outside the box are moved to its
    nearest point.

    The first start is also looked at along each axis, by eight values. If the lowest coordinate of
    each axis together gain what the axes gained each, to a tenth, as they do where the objective
    is a sum of functions of one coordinate, the axes are searched on, up to 128 values each
    (Swarzberg, Seront & Bersini 1994); else that is all it has cost.

    Examples
    --------
    >>> import math
    >>> import nelder
    >>> def rastrigin(x):
    ...     return sum(t * t - 10 * math.cos(2 * math.pi * t) + 10 for t in x)
    >>> result = nelder.minimize_global(rastrigin, [(-4.0, 5.0)] * 3, target=1e-8)
    >>> result.x.round(4) + 0.0
    array([0., 0., 0.])
    """
    parameters = _read(bounds, x0)
    objective = read_objective(fun, args, parameters.restore if parameters.structured else None)
    method = WholeBox(seed=seed, from_start=x0 is not None)
    box = parameters.box(method.clips)
    n = len(parameters.x0) if box is None else box.n
    budget = Budget(maxfev, maxiter, maxtime, target, n)
    if not _ends(budget):
        raise InvalidArgumentError(
            f"maxfev={maxfev}: expected a whole number, or maxiter, maxtime or target, as the "
            "search does not end by itself"
        )
    means = Means.read(workers, vectorized, timeout, retries, on_failure, journal)
    search = method.start(parameters.x0, box)
    observers = Observers(
        parameters.restore,
        parameters.names,
        read_callback(callback),
        read_progress(progress),
        bool(history),
        means.origin(objective, parameters, lambda: method.start(parameters.x0, box)),
    )
    problem = parameters.problem(fun, args)
    try:
        result = means.run(objective, method, lambda _: search, budget, observers, problem)
    except BaseException as error:
        if isinstance(result := getattr(error, "result", None), Result):
            error.result = _with_minima(result, search, parameters)  # type: ignore[attr-defined]
        raise
    return _with_minima(result, search, parameters)


def _read(bounds: Any, x0: Any) -> Parameters:
    """Return the parameters, with finite bounds."""
    why = "as the whole box is searched"
    if x0 is None:
        return read_box(bounds, why)
    parameters = Parameters.read(x0, bounds)
    check_finite(parameters, why)
    return parameters


def _ends(budget: Budget) -> bool:
    """Whether anything but -inf ends a search that does not end by itself."""
    limits = (budget.maxfev, budget.maxiter, budget.maxtime, -budget.target)
    return any(limit < math.inf for limit in limits)


def _with_minima(result: Result, search: WholeBoxSearch, parameters: Parameters) -> GlobalResult:
    """Return `result` with what the local searches of `search` have found."""
    ended = search.locals
    converged = np.array(
        [local.converged and local.f < math.inf for local in ended], dtype=np.bool_
    )
    values = np.array([local.f for local in ended])
    points = np.array([local.x for local in ended]).reshape(len(ended), len(parameters.x0))
    apart = APART * (parameters.upper - parameters.lower)
    known = {f.name: getattr(result, f.name) for f in fields(Result)}
    best_is_one = bool((values[converged] <= result.fun).any()) or search.done
    known["success"] = result.fun < math.inf and (result.status.success or best_is_one)
    if result.fun in values:
        known["final_simplex"] = ended[int(values.argmin())].simplex
    return GlobalResult(
        **known,
        minima=tuple(
            Minimum(
                parameters.restore(points[group[0]].copy()),
                float(values[group[0]]),
                len(group),
                group,
            )
            for group in distinct_minima(points, values, converged, apart)
        ),
        nlocal=len(ended),
        nabandoned=int((~converged).sum()),
    )
