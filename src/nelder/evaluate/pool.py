"""Which pool evaluates an objective."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InvalidArgumentError, missing_extra
from nelder.evaluate.batch import BatchPool
from nelder.evaluate.executors import ExecutorPool, read_executor
from nelder.evaluate.inline import InlinePool
from nelder.evaluate.native import NativeObjective
from nelder.evaluate.python import PythonObjective
from nelder.evaluate.threads import ThreadPool
from nelder.evaluation import Pool
from nelder.options import check_whole, is_whole

__all__ = ["Objective", "make_pool"]

Objective = Callable[[NDArray[np.float64]], Any]

UNLIMITED = sys.maxsize  # points of a call


def make_pool(fun: Objective, workers: Any, vectorized: bool, timeout: float | None) -> Pool:
    """Return what evaluates `fun`.

    ============================  ====================  =================================
    workers                       objective             evaluated
    ============================  ====================  =================================
    None, without a timeout       any                   in the calling thread
    None, with a timeout          any                   as with ``workers=1``
    int                           any                   in processes of our own
    int                           ``runs_in_threads``   in threads of our own
    Executor or (Executor, int)   any                   there
    None or int                   vectorised            in the calling thread, all at once
    ============================  ====================  =================================

    Parameters
    ----------
    fun : callable
        ``fun(x)`` of x (dim,) -> real scalar, or of X (m, dim) -> (m,). One whose attribute
        `runs_in_threads` is true works without the GIL, and may have a ``stop(x=None)``: without a
        point it ends all calls, as for Ctrl-C, with one it has those at that point end, as after
        `timeout`, without waiting. It may be told so again.
    workers : int, Executor, tuple of Executor and int, or None
    vectorized : bool
        `workers` is the number of points per call then; None for no limit.
    timeout : float or None
        Seconds for one task.

    Raises
    ------
    InvalidArgumentError
        These do not fit together, `fun` cannot be sent to the workers, or cannot be stopped in its
        threads and there is a `timeout`.
    MissingExtraError
        Packages are not installed.
    """
    if vectorized:
        return _batches(fun, workers, timeout)
    if workers is None and timeout is None:
        return InlinePool(fun)
    if workers is not None and not is_whole(workers):
        executor, count = read_executor(workers)
        return ExecutorPool(executor, fun, count, timeout)
    count = 1 if workers is None else check_whole("workers", workers, 1)
    if getattr(fun, "runs_in_threads", False):
        if timeout is not None and getattr(fun, "stop", None) is None:
            raise InvalidArgumentError(
                f"timeout={timeout!r}: expected none with fun={fun!r}, which runs in threads and "
                "cannot be stopped; a Python function that calls it would run in processes"
            )
        return ThreadPool(fun, count, timeout)
    try:
        from nelder.evaluate.processes import ProcessPool

        return ProcessPool(fun, count, timeout)
    except ImportError as error:
        feature = f"timeout={timeout!r}" if workers is None else f"workers={workers!r}"
        raise missing_extra(feature, "parallel") from error


def _batches(fun: Objective, workers: Any, timeout: float | None) -> BatchPool:
    if timeout is not None:
        raise InvalidArgumentError(
            f"timeout={timeout!r}: expected none with vectorized=True, as nothing can end the call"
        )
    if workers is not None and not is_whole(workers):
        raise InvalidArgumentError(
            f"workers={workers!r}: expected the number of points per call with vectorized=True"
        )
    if isinstance(fun, PythonObjective) and fun.restore is not None:
        raise InvalidArgumentError(
            "vectorized=True: expected a flat x0 (n,), as the objective takes an array (m, n)"
        )
    if isinstance(fun, NativeObjective):
        raise InvalidArgumentError(
            "vectorized=True: expected False with a native objective, which takes one point"
        )
    return BatchPool(fun, UNLIMITED if workers is None else check_whole("workers", workers, 1))
